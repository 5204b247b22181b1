/** Hours in which a phone is not to ring for what can wait until morning, in the account's own zone. Pure. */
import { formatInstant, type Instant } from '../kernel/clock.ts';

/** Minutes after midnight; where `until` is not after `from`, the hours go over midnight. */
export interface QuietHours {
  from: number;
  until: number;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

/** Reads `22:00-08:00`; `undefined` where it is not that. */
export function parseQuietHours(text: string): QuietHours | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (!match) return undefined;
  const [, fromHour, fromMinute, untilHour, untilMinute] = match.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const hours = { from: fromHour * 60 + fromMinute, until: untilHour * 60 + untilMinute };
  return hours.from === hours.until ? undefined : hours;
}

/** When a message that can wait may go out: at once, or as the quiet hours end. */
export function afterQuietHours(at: Instant, timeZone: string, hours: QuietHours | undefined): Instant {
  if (!hours) return at;
  const minute = minuteOfDay(at, timeZone);
  const length = (hours.until - hours.from + DAY_MINUTES) % DAY_MINUTES;
  const into = (minute - hours.from + DAY_MINUTES) % DAY_MINUTES;
  if (into >= length) return at;
  const end = (Math.floor(at / MINUTE_MS) + length - into) * MINUTE_MS;
  // Where clocks change within the hours, the end is an hour off: brought to the minute that is meant.
  const off = minuteOfDay(end, timeZone) - hours.until;
  const nearest = ((off + DAY_MINUTES * 1.5) % DAY_MINUTES) - DAY_MINUTES / 2;
  return end - nearest * MINUTE_MS;
}

function minuteOfDay(at: Instant, timeZone: string): number {
  const [, hour, minute] = /T(\d\d):(\d\d)/.exec(formatInstant(at, timeZone))!;
  return Number(hour) * 60 + Number(minute);
}
