/** What movements do to the meters of accounts, step by step: in the order in which they are held against caps. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Micros } from '../kernel/money.ts';
import { calendarPeriod, rollingHours, type CalendarPeriod } from '../kernel/period.ts';
import type { Movement, Version } from '../ledger/version.ts';
import { counterKey } from '../spend/counters.ts';
import type { WindowEntry } from '../spend/rolling-window.ts';
import type { Meter, Meters } from './meters.ts';

/** What one movement does to one meter of one account. */
export interface Step {
  account: Account;
  meter: Meter;
  /** names the counter or the window */
  key: string;
  /** the calendar period; undefined for a rolling window */
  period: CalendarPeriod | undefined;
  /** what is added; in a window, at which starts */
  delta: Micros;
  entries: readonly WindowEntry[];
  /** the version that came to hold */
  record: Version;
}

/** The steps of a movement: what it takes from the meters of the version before and gives to those of the new one. */
export function stepsOf({ from, to }: Movement, accounts: ReadonlyMap<string, Account>, meters: Meters): Step[] {
  const given = stepsBy(to, to.amount, to, accounts, meters);
  if (!from) return given;
  const steps = stepsBy(from, -from.amount, to, accounts, meters);
  for (const step of given) {
    const known = steps.find(({ key }) => key === step.key);
    if (!known) steps.push(step);
    else {
      known.delta += step.delta;
      for (const entry of step.entries) known.entries = withEntry(known.entries, entry);
    }
  }
  // A version that moved between meters touches both: where it only changed its amount, the two become one step, and
  // where not even that, none.
  return steps.filter((step) => step.delta !== 0n || step.entries.length > 0);
}

/**
 * The steps of movements, which are one batch: what is new goes on one by one. In rolling windows what corrects records that
 * were held before goes first, as one step, by the last of them: between two corrections there would be windows that were never
 * those of what held, since each that falls lets others rise.
 */
export function stepsOfBatch(
  movements: readonly Movement[],
  accounts: ReadonlyMap<string, Account>,
  meters: Meters,
): Step[] {
  const steps = movements.flatMap((movement) => stepsOf(movement, accounts, meters));
  if (steps.every(({ period }) => period)) return steps;
  const fresh = new Set(movements.filter(({ from }) => !from).map(({ to }) => to.recordId));
  const corrections = new Map<string, Step & { entries: WindowEntry[] }>();
  const inOrder = steps.flatMap((step): Step[] => {
    if (step.period) return [step];
    const known = corrections.get(step.key);
    const correction = known ?? { ...step, delta: 0n, entries: [] };
    corrections.set(step.key, correction);
    const isFresh = fresh.has(step.record.recordId);
    if (!isFresh) {
      correction.delta += step.delta;
      correction.entries.push(...step.entries);
      correction.record = step.record;
    }
    return [...(known ? [] : [correction]), ...(isFresh ? [step] : [])];
  });
  return inOrder.filter(({ period, entries }) => period || entries.length > 0);
}

/** What `delta` does to each meter of a version; each is another. */
function stepsBy(
  version: Version,
  delta: Micros,
  record: Version,
  accounts: ReadonlyMap<string, Account>,
  meters: Meters,
): Step[] {
  const account = accounts.get(version.accountId);
  // An account that was removed has no caps, so nothing of it is counted.
  if (delta === 0n || !account) return [];
  return meters.of(version, account).map((meter) => {
    const { cap, serviceId } = meter;
    const hours = rollingHours(cap.period);
    const period =
      hours === undefined
        ? calendarPeriod(cap.period as 'day' | 'week' | 'month', version.startedAt, account)
        : undefined;
    const key = counterKey(account.accountId, serviceId, cap.traffic, cap.period, period?.from);
    const entries = period ? NO_ENTRIES : [{ startedAt: version.startedAt, amount: delta }];
    return { account, meter, key, period, delta, entries, record };
  });
}

const NO_ENTRIES: readonly WindowEntry[] = [];

/** What starts at the same instant is one entry; one that comes to nothing is none. */
function withEntry(entries: readonly WindowEntry[], { startedAt, amount }: WindowEntry): WindowEntry[] {
  const others = entries.filter((each) => each.startedAt !== startedAt);
  const sum = entries.reduce((total, each) => (each.startedAt === startedAt ? total + each.amount : total), amount);
  return sum === 0n ? others : [...others, { startedAt, amount: sum }];
}
