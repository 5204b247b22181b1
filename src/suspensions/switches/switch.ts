/** Where calls are barred. Plafond tells it what it wants and reads back what is; the two are never taken for each other. */
import { BARRING_CLASSES, type BarringClass } from '../../caps/cap.ts';

/** For injection: the one {@link Switch} of this process. */
export const SWITCH = Symbol('SWITCH');

/** `<account_id>:<class>`, as it stands on the switch (CONTRACT §7). */
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
  /** Bars a class of an account's calls. Where it is barred already, the bar bears the new id from now on. */
  bar(account: string, barringClass: BarringClass, suspensionId: string): Promise<void>;
  /** Takes the bar away, whatever id it bears. Where there is none, nothing happens. */
  unbar(account: string, barringClass: BarringClass): Promise<void>;
}

export function barKey(account: string, barringClass: BarringClass): BarKey {
  return `${account}:${barringClass}`;
}

/** The account and class of a key; `undefined` for a key that is none of Plafond's making. */
export function parseBarKey(key: BarKey): { account: string; class: BarringClass } | undefined {
  // An account's id may hold colons, a class does not.
  const colon = key.lastIndexOf(':');
  const barringClass = BARRING_CLASSES.find((each) => each === key.slice(colon + 1));
  return barringClass && colon > 0 ? { account: key.slice(0, colon), class: barringClass } : undefined;
}
