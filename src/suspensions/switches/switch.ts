/** Where calls are barred. Plafond tells it what it wants and reads back what is; the two are never taken for each other. */
import { parseBarScope, type BarScope } from '../../caps/barring.ts';

/** For injection: the one {@link Switch} of this process. */
export const SWITCH = Symbol('SWITCH');

/** `<account_id>:<scope>`, such as `1001:international` or `1001:country:SO`, as it stands on the switch (CONTRACT §7). */
export type BarKey = string;

/**
 * A switch, or all nodes of one. Calls are made one at a time, and each may be made again. A call resolves only when
 * every node has done it; it throws, within a minute, where one is out of reach or answers what can't be understood.
 */
export interface Switch {
  /** for logs and evidence */
  readonly name: string;
  /** What is barred now, of all accounts: each bar with the id it bears. Never empty because it could not be read. */
  bars(): Promise<Map<BarKey, string>>;
  /** Bars what the scope names of an account's calls. Where it is barred already, the bar bears the new id from now on. */
  bar(account: string, scope: BarScope, suspensionId: string): Promise<void>;
  /** Takes the bar away, whatever id it bears. Where there is none, nothing happens. */
  unbar(account: string, scope: BarScope): Promise<void>;
}

export function barKey(account: string, scope: BarScope): BarKey {
  return `${account}:${scope}`;
}

// An account's id may hold colons and words of a scope; a scope is told by its end.
const BAR_KEY = /^(.+):([a-z]+|country:[A-Z]{2}|prefix:\+\d{1,15})$/s;

/** The account of a key and what it bars; `undefined` for a key that is none of Plafond's making. */
export function parseBarKey(key: BarKey): { account: string; class: BarScope } | undefined {
  const [, account, word] = BAR_KEY.exec(key) ?? [];
  const scope = word === undefined ? undefined : parseBarScope(word);
  return scope && { account: account!, class: scope };
}
