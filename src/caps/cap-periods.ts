/** In which periods a cap counts: calendar periods as the account is cut, or rolling windows. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import { isNameOf, periodNamed, rollingHours, rollingName, type CalendarPeriod } from '../kernel/period.ts';
import type { Cap } from './cap.ts';

const HOUR_MS = 3_600_000;
/** A period may be called as one that ended a month before, where the account's cycle day has moved. */
const NAMESAKE_MS = 32 * 24 * HOUR_MS;

/**
 * What of a cap's crossings bears on what moves at `start`, or is held then: those whose periods end after this. A window
 * that ends at `start` or later may fall; that lets one rise that ends up to a length before it, unless another has acted
 * that ends less than a length before that one.
 */
export function bearingSince(start: Instant, { period }: Pick<Cap, 'period'>): Instant {
  const hours = rollingHours(period);
  return start - (hours === undefined ? NAMESAKE_MS : 2 * hours * HOUR_MS);
}

/**
 * A rolling window as a period. It is named by the instant at which it ends and acts once until everything in it has
 * left again: its `to` is a full length after that instant.
 */
export function windowPeriod(end: Instant, hours: number, account: Account): CalendarPeriod {
  return { name: rollingName(end, account), from: end - hours * HOUR_MS, to: end + hours * HOUR_MS };
}

/** Whether a period is one of those in which a cap counts now. */
export function isPeriodOf(cap: Cap, { name, from, to }: CalendarPeriod): boolean {
  const hours = rollingHours(cap.period);
  return isNameOf(cap.period, name) && (hours === undefined || to - from === 2 * hours * HOUR_MS);
}

/** The period of the same name as the account is cut now. */
export function cutNow({ period }: Cap, was: CalendarPeriod, account: Account): CalendarPeriod {
  return period === 'day' || period === 'week' || period === 'month' ? periodNamed(period, was.name, account) : was;
}

/** The instant at which a window ends: halfway between its `from` and the `to` up to which it acts. */
export function endOf(period: CalendarPeriod): Instant {
  return (period.from + period.to) / 2;
}

export function inWindow(startedAt: Instant, period: CalendarPeriod): boolean {
  return startedAt > period.from && startedAt <= endOf(period);
}
