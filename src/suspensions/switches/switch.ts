/** Where calls are barred. Plafond tells it what it wants and reads back what is; the two are never taken for each other. */
import { parseBarScope, type BarScope } from '../../caps/barring.ts';
import type { Instant } from '../../kernel/clock.ts';

/** `<account_id>:<scope>`, such as `1001:international` or `1001:country:SO`, as it stands on the switch. */
export type BarKey = string;

/** `allow:+31…`: this number may be called whatever is barred. It stands beside the bars, and is looked up before them. */
export type AllowScope = `allow:+${string}`;

/** What a node's table holds a key for. */
export interface TableEntry {
  accountId: string;
  scope: BarScope | AllowScope;
}

export interface Bar extends TableEntry {
  scope: BarScope;
}

/** The value of what is allowed; a bar's is its suspension's id. */
export const ALLOWED = 'allowed';

/** A call that is in progress. */
export interface LiveCall {
  callId: string;
  accountId: string;
  /** as the switch knows it, in E.164 where it can be */
  number: string;
  startedAt: Instant;
  /** whether it was answered; one that still rings costs nothing yet */
  answered: boolean;
}

/** What a first look at a node shows. */
export interface NodeLook {
  /** Whether it holds what it was once filled with: false after a restart, until {@link SwitchNode.markFilled}. */
  filled: boolean;
  /** how many bars it holds */
  count: number;
  /** all of them with the ids they bear; undefined where they are too many to be listed at once */
  bars: Map<BarKey, string> | undefined;
}

/**
 * One node of a switch. Each call may be made again, and any number at a time. A call resolves only when the node has
 * answered for it, and throws {@link SwitchFailure} within seconds where it does not: no answer is ever taken for "no bars".
 */
export interface SwitchNode {
  /** for logs and evidence, and told apart by: such as `kamailio 10.0.0.1:5080` */
  readonly name: string;
  look(): Promise<NodeLook>;
  /** Those of these that stand, with the ids they bear. */
  read(entries: readonly TableEntry[]): Promise<Map<BarKey, string>>;
  /** Bars what the scope names of an account's calls, or allows it. What stands already bears the new value from now on. */
  bar(entry: TableEntry, value: string): Promise<void>;
  /** Takes it away, whatever it bears. Where there is none, nothing happens. */
  unbar(entry: TableEntry): Promise<void>;
  /** Remembers, on the node itself, that it was filled: whatever empties it takes that away too. */
  markFilled(): Promise<void>;
  /**
   * Ends the account's calls in progress that the scope covers, ringing ones too, but for those to `spared` numbers, and
   * looks again until none is left; how many it ended. Throws {@link SwitchFailure} where some stay.
   */
  endCalls(bar: Bar, spared?: ReadonlySet<string>): Promise<number>;
  /** All calls in progress; undefined where this kind of switch does not tell. */
  liveCalls(): Promise<LiveCall[] | undefined>;
  close(): Promise<void>;
}

/**
 * `away`: no answer, or one that says "later"; asked again with growing pauses. `wrong`: an answer that shows that this is
 * not the switch that was meant, or not set up as it has to be; a person must look.
 */
export class SwitchFailure extends Error {
  constructor(
    readonly kind: 'away' | 'wrong',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function barKey(account: string, scope: TableEntry['scope']): BarKey {
  return `${account}:${scope}`;
}

export function keyOf({ accountId, scope }: TableEntry): BarKey {
  return barKey(accountId, scope);
}

// An account's id may hold colons and words of a scope; a scope is told by its end.
const BAR_KEY = /^(.+):([a-z]+|country:[A-Z]{2}|prefix:\+\d{1,15})$/s;

/** The account of a key and what it bars; `undefined` for a key that is none of Plafond's making. */
export function parseBarKey(key: BarKey): { account: string; class: BarScope } | undefined {
  const [, account, word] = BAR_KEY.exec(key) ?? [];
  const scope = word === undefined ? undefined : parseBarScope(word);
  return scope && { account: account!, class: scope };
}

const ALLOW_KEY = /^(.+):(allow:\+\d{3,15})$/s;

/** The account and number of a key that allows one; `undefined` for any other. */
export function parseAllowKey(key: BarKey): TableEntry | undefined {
  const [, accountId, scope] = ALLOW_KEY.exec(key) ?? [];
  return accountId === undefined ? undefined : { accountId, scope: scope as AllowScope };
}
