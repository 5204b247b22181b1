/** `caps apply`: makes the caps of a server those of a file. Caps that the file does not name stay as they are. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { BARRING_CLASSES, capDefinition, scopeOf, type CapDefinition } from '../caps/cap.ts';
import { parseAmount } from '../kernel/money.ts';
import { unreadable } from './file-body.ts';
import { CommandFailure, type Server } from './server.ts';
import { counted, table, type Out } from './terminal.ts';

const serverCap = capDefinition.extend({ id: z.string(), version: z.int() }).strip();
export type ServerCap = z.output<typeof serverCap>;

const preview = z.object({
  affected: z.int(),
  warned: z.int(),
  suspended: z.int(),
  accounts: z.array(
    z.object({
      account: z.string(),
      spend: z.string(),
      limit: z.string(),
      currency: z.string(),
      percent: z.number(),
      warn: z.boolean(),
      suspend: z.array(z.enum(BARRING_CLASSES)),
    }),
  ),
  truncated: z.boolean(),
});
type Preview = z.output<typeof preview>;

/** What is to be done for one cap of a file. */
export type Step =
  | { kind: 'create'; definition: CapDefinition }
  | { kind: 'change'; definition: CapDefinition; existing: ServerCap }
  | { kind: 'keep'; definition: CapDefinition };

/** Applies the caps of a file, a line each; with `dryRun` nothing changes, and it says who would be warned or suspended. */
export async function applyCaps(
  server: Server,
  file: string,
  { dryRun = false }: { dryRun?: boolean },
  out: Out,
): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const wanted = readCaps(file, text);
  const existing: ServerCap[] = [];
  for await (const cap of server.list('/v1/caps', serverCap)) existing.push(cap);
  for (const step of planCaps(wanted, existing)) await (dryRun ? foretell : take)(server, step, out);
}

async function take(server: Server, step: Step, out: Out): Promise<void> {
  switch (step.kind) {
    case 'keep':
      return out(`unchanged  ${describeCap(step.definition)}`);
    case 'create':
      await server.ask('POST', '/v1/caps', serverCap, { json: step.definition });
      return out(`created    ${describeCap(step.definition)}`);
    case 'change': {
      const { id, version } = step.existing;
      const ifMatch = `"${version}"`;
      await server.ask('PUT', `/v1/caps/${id}`, serverCap, { json: step.definition, ifMatch });
      return out(`changed    ${describeCap(step.definition)}`);
    }
  }
}

async function foretell(server: Server, step: Step, out: Out): Promise<void> {
  if (step.kind === 'keep') return out(`unchanged     ${describeCap(step.definition)}`);
  const replaces = step.kind === 'change' ? step.existing.id : undefined;
  const json = { ...step.definition, replaces };
  const found = await server.ask('POST', '/v1/caps/preview', preview, { json });
  out(`${step.kind === 'change' ? 'would change' : 'would create'}  ${describeCap(step.definition)}`);
  describePreview(found, out);
}

function describePreview(found: Preview, out: Out): void {
  if (found.affected === 0) return out('  warns and suspends nobody now');
  out(`  now warns ${counted(found.warned, 'account')} and suspends ${found.suspended}:`);
  table(
    found.accounts.map(({ account, spend, limit, currency, percent, warn, suspend }) => [
      account,
      `${spend} of ${limit} ${currency}`,
      `${percent} %`,
      [...(warn ? ['warn'] : []), ...suspend.map((barred) => `suspend:${barred}`)].join(', '),
    ]),
    out,
  );
  if (found.truncated) out('  and more accounts than are listed');
}

/** The caps that a file holds: one, or an array of them. Throws {@link CommandFailure} naming each wrong field. */
export function readCaps(file: string, text: string): CapDefinition[] {
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new CommandFailure(`${file}: not JSON: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
  const list: unknown[] = Array.isArray(content) ? content : [content];
  const faults: string[] = [];
  const caps: CapDefinition[] = [];
  const seen = new Map<string, number>();
  for (const [at, each] of list.entries()) {
    const place = Array.isArray(content) ? `cap ${at + 1}: ` : '';
    const read = capDefinition.safeParse(definitionIn(each));
    if (!read.success) {
      for (const issue of read.error.issues) faults.push(...inWords(issue).map((fault) => `  ${place}${fault}`));
      continue;
    }
    const twin = seen.get(placeOf(read.data));
    if (twin !== undefined) faults.push(`  ${place}has the scope, traffic, period and currency of cap ${twin}`);
    seen.set(placeOf(read.data), at + 1);
    caps.push(read.data);
  }
  if (faults.length > 0) throw new CommandFailure([`${file}: nothing is applied; wrong are`, ...faults].join('\n'));
  return caps;
}

function inWords(issue: z.core.$ZodIssue): string[] {
  const field = issue.path.join('.') || 'the cap';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${[...issue.path, key].join('.')} is not known here`);
  }
  return [`${field} ${issue.message}`];
}

/** What a server adds to a definition is passed over, so that what `GET /v1/caps` shows can be applied elsewhere. */
function definitionIn(shown: unknown): unknown {
  if (typeof shown !== 'object' || shown === null) return shown;
  const { id: _, version: __, created_at: ___, updated_at: ____, ...definition } = shown as Record<string, unknown>;
  return definition;
}

/** What is to be done so that each cap of `wanted` stands among `existing`; the rest of `existing` is left alone. */
export function planCaps(wanted: readonly CapDefinition[], existing: readonly ServerCap[]): Step[] {
  const standing = new Map(existing.map((cap) => [placeOf(cap), cap]));
  return wanted.map((definition) => {
    const twin = standing.get(placeOf(definition));
    if (!twin) return { kind: 'create', definition };
    return isSame(definition, twin) ? { kind: 'keep', definition } : { kind: 'change', definition, existing: twin };
  });
}

/** Where a cap stands; no two caps stand in one place. */
function placeOf(cap: CapDefinition): string {
  const { kind, value } = scopeOf(cap);
  return JSON.stringify([kind, value, cap.traffic, cap.period, cap.currency]);
}

/** Whether two caps of one place do the same: `100` is `100.00`, and the order in which thresholds are named means nothing. */
function isSame(one: CapDefinition, other: CapDefinition): boolean {
  return meaning(one) === meaning(other);
}

function meaning({ name, limit, thresholds, mode, reinstate }: CapDefinition): string {
  const rising = thresholds
    .map(({ percent, actions }) => [percent, actions.toSorted()] as const)
    .toSorted(([a], [b]) => a - b);
  return JSON.stringify([name, String(parseAmount(limit)), rising, mode, reinstate]);
}

function describeCap(cap: CapDefinition): string {
  const { kind, value } = scopeOf(cap);
  const whom = kind === 'everyone' ? kind : `${kind} ${value}`;
  return `${cap.name}: ${whom}, ${cap.traffic}, ${cap.limit} ${cap.currency} a ${cap.period}`;
}
