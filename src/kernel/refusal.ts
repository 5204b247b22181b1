import './plain-words.ts';

/** One wrong field of what was asked, for the person who asked. */
export interface Fault {
  /** path of the field, such as `thresholds.0.percent`; empty: the whole */
  field: string;
  detail: string;
}

/** A fault of a file: the line, counted from 1 with the header, beside the field. */
export interface LineFault extends Fault {
  line: number;
}

/** The faults that a schema found, each with the path of its field. */
export function faultsOf(issues: readonly { message: string; path?: readonly unknown[] }[]): Fault[] {
  return issues.flatMap((issue) => {
    const path = (issue.path ?? []).map((part) =>
      String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part),
    );
    const unknown = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys : undefined;
    return unknown
      ? unknown.map((key) => ({ field: [...path, String(key)].join('.'), detail: 'is not known here' }))
      : [{ field: path.join('.'), detail: issue.message }];
  });
}

export type RefusalKind =
  /** there is no such thing */
  | 'not-found'
  /** it stands in the way of something that is there */
  | 'conflict'
  /** it was changed meanwhile: read it again */
  | 'changed-meanwhile'
  /** the request can't be read at all */
  | 'unreadable'
  /** readable, but wrong in the fields named */
  | 'invalid'
  /** more than is taken at once */
  | 'too-large'
  /** a part that it needs is away for the moment: try again */
  | 'unavailable';

/** Something asked from outside that is not done, with its reason. Nothing has been changed, but for what `beside` says. */
export class Refusal extends Error {
  readonly kind: RefusalKind;
  /** a stable word for programs, such as `unknown_account` */
  readonly code: string;
  readonly faults: readonly Fault[];
  /** what else a program is told, by name */
  readonly beside: Readonly<Record<string, unknown>>;

  constructor(
    kind: RefusalKind,
    code: string,
    detail: string,
    faults: readonly Fault[] = [],
    beside: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
    this.kind = kind;
    this.code = code;
    this.faults = faults;
    this.beside = beside;
  }
}

/** What an error says, whatever it was that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
