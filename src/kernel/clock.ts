/**
 * The only place that reads the machine's time. Instants are epoch milliseconds; a zone is named wherever one is shown.
 */
import { DateTime } from 'luxon';

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;

/** Tells what time it is. Live it is the machine's clock; a demo, a replay or a test drives its own. */
export abstract class Clock {
  abstract now(): Instant;
}

/** The machine's clock. */
export class SystemClock extends Clock {
  now(): Instant {
    return Date.now();
  }
}

/**
 * Tells how long something lasts, in whole milliseconds since some moment: it goes on evenly where the machine's clock is put
 * forward or back, or the one that drives Plafond stands still.
 */
export class Stopwatch {
  now(): number {
    return Math.round(performance.now());
  }
}

/** A clock that stands at an instant, and runs on from there only where it is told to. */
export class DrivenClock extends Clock {
  #at: Instant;
  #runningSince: Instant | undefined;

  constructor(at: Instant) {
    super();
    this.#at = at;
  }

  now(): Instant {
    return this.#runningSince === undefined ? this.#at : this.#at + (Date.now() - this.#runningSince);
  }

  /** Moves to `at`; never backwards. */
  advanceTo(at: Instant): void {
    this.#at = Math.max(this.now(), at);
    if (this.#runningSince !== undefined) this.#runningSince = Date.now();
  }

  /** From here on time passes as on the machine. */
  run(): void {
    this.#at = this.now();
    this.#runningSince = Date.now();
  }
}

/** What {@link parseInstant} reads, for whoever wrote something else. */
export const INSTANT_WANTED =
  'must be RFC 3339 with an offset, from the year 1000 to before 9999, such as 2010-03-14T02:41:00+01:00';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads an RFC 3339 instant with an offset; `undefined` where it is not one, names a day that does not exist, or lies
 * before the year 1000 or in 9999: what is reckoned from it, a year off at most, has a year of four digits as well. A leap
 * second is read as the one before it, so that it stays in the day and the month that it ends.
 */
export function parseInstant(text: string): Instant | undefined {
  if (!RFC_3339.test(text)) return undefined;
  const year = digits(text, 0) * 100 + digits(text, 2);
  if (year < 1000 || year === 9999) return undefined;
  const month = digits(text, 5);
  const day = digits(text, 8);
  const leap = month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month < 1 || month > 12 || day < 1 || (day > DAYS_IN_MONTH[month - 1]! && !leap)) return undefined;
  const instant =
    readUsual(text, year, month, day) ??
    readLeapSecond(text) ??
    Date.parse(text.charCodeAt(10) === 32 ? text.replace(' ', 'T') : text);
  return Number.isNaN(instant) ? undefined : instant;
}

const MINUTE_MS = 60_000;

/** The forms that nearly all records have: whole seconds, with `Z` or an offset. `undefined`: some other one. */
function readUsual(text: string, year: number, month: number, day: number): Instant | undefined {
  const sign = text.charCodeAt(19);
  const isUtc = text.length === 20 && sign === 90;
  if (!isUtc && text.length !== 25) return undefined;
  const hour = digits(text, 11);
  const minute = digits(text, 14);
  const second = digits(text, 17);
  const offset = isUtc ? 0 : digits(text, 20) * 60 + digits(text, 23);
  // What lies outside, such as 24:00, is for Date.parse to accept or refuse.
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (!isUtc && (digits(text, 20) > 23 || digits(text, 23) > 59)) return undefined;
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  return sign === 45 ? local + offset * MINUTE_MS : local - offset * MINUTE_MS;
}

/** RFC 3339 §5.6 has a 60th second, and clocks have had it before midnight of the first of a month (UTC) alone. */
function readLeapSecond(text: string): Instant | undefined {
  if (digits(text, 17) !== 60) return undefined;
  const before = parseInstant(`${text.slice(0, 17)}59${text.slice(19)}`);
  return before !== undefined && isLastOfMonth(before) ? before : undefined;
}

/** Whether an instant lies in the last second of a month (UTC). */
export function isLastOfMonth(instant: Instant): boolean {
  const next = new Date(instant + 1_000);
  return next.getUTCDate() === 1 && next.getUTCHours() + next.getUTCMinutes() + next.getUTCSeconds() === 0;
}

/** The number that two digits make, read where they stand: no substring a field, for this runs for every record. */
function digits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;
}

/** Writes an instant as RFC 3339 with the zone's offset: `2010-03-14T02:41:00+01:00`. Milliseconds only where there are some. */
export function formatInstant(instant: Instant, zone = 'UTC'): string {
  const local = DateTime.fromMillis(instant, { zone });
  return local.toISO({ suppressMilliseconds: true }) ?? new Date(instant).toISOString();
}

/** The same instant as a `Date`, for drivers and libraries that ask for one. */
export function toDate(instant: Instant): Date {
  return new Date(instant);
}
