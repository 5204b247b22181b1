/**
 * Periods in which spend is counted. A day, week or month is cut in the account's zone; a month runs from the account's
 * cycle day; an ISO week from Monday. A rolling window is `hours` long, open at its beginning, closed at its end.
 */
import { DateTime, IANAZone } from 'luxon';
import { formatInstant, type Instant } from './clock.ts';

/** The words for periods: `day`, `week`, `month`, `rolling:24h`. */
export type Period = 'day' | 'week' | 'month' | `rolling:${number}h`;

/** A calendar period: all instants with `from ≤ instant < to`. */
export interface CalendarPeriod {
  /** `2010-03` (the month in which it begins), `2010-W10`, `2010-03-14` */
  name: string;
  from: Instant;
  to: Instant;
}

/** How an account's periods are cut. */
export interface Calendar {
  /** IANA zone */
  timeZone: string;
  /** 1–28: the day on which its month begins */
  cycleDay: number;
}

/** Longer than any day, week or month, whatever clocks do in it. */
export const LONGEST_PERIOD_MS = 32 * 86_400_000;

const LONGEST_ROLLING_HOURS = 24 * 366;

/** What must be written for a period. */
export const PERIOD_WANTED = `must be day, week, month or rolling:24h (1 to ${LONGEST_ROLLING_HOURS} whole hours)`;

/** Reads the word for a period; `undefined` for anything else. */
export function parsePeriod(text: string): Period | undefined {
  if (text === 'day' || text === 'week' || text === 'month') return text;
  const hours = /^rolling:([1-9]\d{0,3})h$/.exec(text)?.[1];
  return hours !== undefined && Number(hours) <= LONGEST_ROLLING_HOURS ? (text as Period) : undefined;
}

/** The length of a rolling window in hours; `undefined` for a calendar period. */
export function rollingHours(period: Period): number | undefined {
  return period.startsWith('rolling:') ? Number(period.slice('rolling:'.length, -1)) : undefined;
}

/** Of names that differ in capitals alone there may be any number. */
const KNOWN_ZONES_MAX = 1_000;
const knownZones = new Set<string>();

/** Whether it is the name of an IANA zone, such as Europe/Amsterdam. To find out takes 30 KB that no collector sees, so it is remembered. */
export function isTimeZone(name: string): boolean {
  if (knownZones.has(name)) return true;
  if (name.length > 64 || !IANAZone.isValidZone(name)) return false;
  if (knownZones.size >= KNOWN_ZONES_MAX) knownZones.clear();
  knownZones.add(name);
  return true;
}

// Cutting a period costs some microseconds of calendar arithmetic; usage comes in runs of the same days, so each
// (rule, UTC day) remembers its one or two periods. Bounded, since zones, cycle days and days of usage are few.
const REMEMBERED_DAYS_MAX = 50_000;
const DAY_MS = 86_400_000;
/** Beside 1 to 28, the days on which months begin. */
const WEEKS = 0;
const DAYS = -1;
/** by zone, by rule, by UTC day */
const remembered = new Map<string, Map<number, Map<number, CalendarPeriod[]>>>();
let remembered_days = 0;

/** The day, week or month that holds `instant`. */
export function calendarPeriod(period: 'day' | 'week' | 'month', instant: Instant, calendar: Calendar): CalendarPeriod {
  let rules = remembered.get(calendar.timeZone);
  if (!rules) remembered.set(calendar.timeZone, (rules = new Map()));
  const rule = period === 'month' ? calendar.cycleDay : period === 'week' ? WEEKS : DAYS;
  let days = rules.get(rule);
  if (!days) rules.set(rule, (days = new Map()));
  const day = Math.floor(instant / DAY_MS);
  let periods = days.get(day);
  if (!periods) {
    if (++remembered_days > REMEMBERED_DAYS_MAX) {
      for (const each of remembered.values()) for (const known of each.values()) known.clear();
      remembered_days = 1;
    }
    days.set(day, (periods = []));
  }
  for (const known of periods) if (known.from <= instant && instant < known.to) return known;
  let cut = cutPeriod(period, instant, calendar);
  // Where clocks go back over midnight, the day before comes again for a while: the one that had begun goes on.
  while (cut.to <= instant) cut = cutPeriod(period, cut.to, calendar);
  periods.push(cut);
  return cut;
}

function cutPeriod(period: 'day' | 'week' | 'month', instant: Instant, calendar: Calendar): CalendarPeriod {
  const local = DateTime.fromMillis(instant, { zone: calendar.timeZone });
  if (period === 'day') {
    const from = local.startOf('day');
    return { name: from.toFormat('yyyy-MM-dd'), from: startOfLocalDay(from), to: startOfLocalDay(from, { days: 1 }) };
  }
  if (period === 'week') {
    const from = local.startOf('week');
    return { name: from.toFormat("kkkk-'W'WW"), from: startOfLocalDay(from), to: startOfLocalDay(from, { days: 7 }) };
  }
  const thisMonth = local.startOf('month');
  const begins = local.day >= calendar.cycleDay ? thisMonth : thisMonth.minus({ months: 1 });
  return {
    name: begins.toFormat('yyyy-MM'),
    from: startOfLocalDay(begins, { days: calendar.cycleDay - 1 }),
    to: startOfLocalDay(begins, { months: 1, days: calendar.cycleDay - 1 }),
  };
}

const NAMES = { day: 'yyyy-MM-dd', week: "kkkk-'W'WW", month: 'yyyy-MM' } as const;

/** Whether one of these periods is called so: each kind is named in a way of its own. */
export function isNameOf(period: Period, name: string): boolean {
  if (period !== 'day' && period !== 'week' && period !== 'month') return name.includes('T');
  return DateTime.fromFormat(name, NAMES[period]).isValid;
}

/** The day, week or month of this name, as it is cut now. */
export function periodNamed(period: 'day' | 'week' | 'month', name: string, calendar: Calendar): CalendarPeriod {
  const first = DateTime.fromFormat(name, NAMES[period], { zone: calendar.timeZone });
  // No month begins after the 28th; and noon is on its day wherever clocks change.
  const within = first.plus({ days: period === 'month' ? 27 : 0 }).set({ hour: 12 });
  return calendarPeriod(period, within.toMillis(), calendar);
}

/**
 * Midnight may not exist on a day when clocks go forward; the day then begins at the first instant that does. Where they
 * go back over it, it comes twice: the day begins at the first.
 */
function startOfLocalDay(local: DateTime, later: { months?: number; days?: number } = {}): Instant {
  const midnight = local.plus(later).startOf('day');
  return Math.min(...midnight.getPossibleOffsets().map((each) => each.toMillis()));
}

/** How a rolling window is named: by the instant at which it ends, in the account's zone. */
export function rollingName(end: Instant, calendar: Calendar): string {
  return formatInstant(end, calendar.timeZone);
}
