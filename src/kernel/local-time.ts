/**
 * Times as peers write them: with or without an offset, in a zone that has to be known, in a form of their own, or as
 * seconds since 1970. Pure.
 */
import { IANAZone } from 'luxon';
import { isLastOfMonth, parseInstant, type Instant } from './clock.ts';

/** Reads a time; `undefined` where the text is none, names a day or an hour that does not exist, or has no zone and none is known. */
export type TimeReader = (text: string) => Instant | undefined;

const TOKENS: Record<string, string> = {
  yyyy: '(?<year>\\d{4})',
  MM: '(?<month>\\d{1,2})',
  dd: '(?<day>\\d{1,2})',
  HH: '(?<hour>\\d{1,2})',
  mm: '(?<minute>\\d{1,2})',
  ss: '(?<second>\\d{1,2})',
  SSS: '(?<fraction>\\d{1,9})',
  ZZ: '(?<offset>Z|[+-](?:[01]\\d|2[0-3]):?[0-5]\\d)',
};
const TOKEN = /yyyy|MM|dd|HH|mm|ss|SSS|ZZ/g;
const NEEDED = ['yyyy', 'MM', 'dd', 'HH', 'mm'];

/** `2010-03-14 02:40:00`, with `T`, a fraction and an offset where there are any (`+01:00`, `+0100`, `Z`, ` UTC`). */
const USUAL =
  /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})[T ](?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})(?:\.(?<fraction>\d{1,9}))?(?: ?(?<offset>Z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)(?: (?:[A-Z]{3,5}|[+-]\d{2}(?:\d{2})?))?)?$/;

/**
 * The form of `format`: `epoch-s`, `epoch-ms`, or `yyyy MM dd HH mm ss SSS ZZ` with whatever stands between them, such as
 * `dd.MM.yyyy HH:mm:ss`. `undefined`: the usual form, ISO 8601 with `T` or a space.
 */
export function isTimeFormat(format: string): boolean {
  if (format === 'epoch-s' || format === 'epoch-ms') return true;
  const tokens: readonly string[] = format.match(TOKEN) ?? [];
  return (
    format.length <= 64 && NEEDED.every((needed) => tokens.includes(needed)) && new Set(tokens).size === tokens.length
  );
}

/** A reader of times in `format` that are in `zone` (IANA) unless they say their offset. */
export function timeReader(format: string | undefined, zone: string | undefined): TimeReader {
  if (format === 'epoch-s' || format === 'epoch-ms') {
    const perUnit_ms = format === 'epoch-s' ? 1_000 : 1;
    return (text) => {
      const match = /^(\d{1,13})(?:\.(\d{1,9}))?$/.exec(text);
      if (!match) return undefined;
      const instant = Number(match[1]) * perUnit_ms + (perUnit_ms === 1 ? 0 : milliseconds(match[2]));
      return instant <= LATEST ? instant : undefined;
    };
  }
  const offsetIn = zone === undefined ? undefined : zoneOffsets(zone);
  if (format === undefined) {
    return (text) => parseInstant(text) ?? readParts(USUAL.exec(text)?.groups, offsetIn);
  }
  const parts = format.split(/(yyyy|MM|dd|HH|mm|ss|SSS|ZZ)/);
  const written = new RegExp(
    `^${parts
      .map((part, at) => {
        const token = TOKENS[part];
        if (token === undefined) return part.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
        // Where digits stand against others, only all of them tell which are whose.
        const touches = [-1, 1].some((side) => parts[at + side] === '' && (parts[at + 2 * side] ?? 'ZZ') !== 'ZZ');
        return touches ? token.replace(/\{1,\d\}/, `{${part.length}}`) : token;
      })
      .join('')}$`,
  );
  return (text) => readParts(written.exec(text)?.groups, offsetIn);
}

/** The last instant that four digits of a year can name. */
const LATEST = Date.UTC(9999, 11, 31);

function readParts(parts: Record<string, string> | undefined, offsetIn: LocalTime | undefined): Instant | undefined {
  if (!parts) return undefined;
  const year = Number(parts.year);
  const month = Number(parts.month) - 1;
  const day = Number(parts.day);
  const hour = Number(parts.hour);
  const minute = Number(parts.minute);
  const second = Number(parts.second ?? 0);
  if (second === 60) {
    const before = readParts({ ...parts, second: '59' }, offsetIn);
    return before !== undefined && isLastOfMonth(before) ? before : undefined;
  }
  if (month < 0 || month > 11 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  // The last day of the month is day 0 of the next.
  if (day > 28 && day > (Date.UTC(year, month + 1, 1) - Date.UTC(year, month, 1)) / DAY_MS) {
    return undefined;
  }
  const local = Date.UTC(year, month, day, hour, minute, second) + milliseconds(parts.fraction);
  if (parts.offset !== undefined) return local - offsetOf(parts.offset);
  return offsetIn?.(local);
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;

function milliseconds(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'));
}

function offsetOf(text: string): number {
  if (text === 'Z' || text === 'UTC') return 0;
  const digits = text.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0);
  return (text.startsWith('-') ? -minutes : minutes) * MINUTE_MS;
}

/** From a time of the clock on the wall, in milliseconds as if it were UTC, to the instant. */
type LocalTime = (local: number) => Instant | undefined;

const REMEMBERED_MAX = 10_000;

/**
 * A time that occurs twice, when clocks go back, is the earlier; one that they leave out when they go forward is none: no
 * clock of that zone writes it. Offsets change at full quarters of an hour, so each quarter's is looked up once.
 */
function zoneOffsets(name: string): LocalTime {
  const zone = IANAZone.create(name);
  const offsets = new Map<number, number>();
  const offsetAt = (instant: number) => zone.offset(instant) * MINUTE_MS;
  return (local) => {
    const quarter = Math.floor(local / QUARTER_MS);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      const begins = quarter * QUARTER_MS;
      const before = offsetAt(begins - DAY_MS);
      const after = offsetAt(begins + DAY_MS);
      const isBefore = offsetAt(begins - before) === before;
      const isAfter = offsetAt(begins - after) === after;
      offset = isBefore ? before : isAfter ? after : Number.NaN;
      if (offsets.size >= REMEMBERED_MAX) offsets.clear();
      offsets.set(quarter, offset);
    }
    return Number.isNaN(offset) ? undefined : local - offset;
  };
}

const HOUR_MS = 60 * MINUTE_MS;
/** By zone and UTC day the offset that holds all day; NaN on a day on which it changes. */
const offsetsByZone = new Map<string, Map<number, number>>();

/** What was asked for last: usage comes day by day, and mostly of one zone. */
let latest = { zone: '', day: Number.NaN, offset: 0 };

/** The hour of the week, 0 for Monday from 0:00 to 1:00 up to 167, on the clock in `zone` (IANA). Offsets are looked up once a day. */
export function hourOfWeek(zone: string, instant: Instant): number {
  const day = Math.floor(instant / DAY_MS);
  if (latest.day !== day || latest.zone !== zone) latest = { zone, day, offset: offsetOfDay(zone, day) };
  const offset = Number.isNaN(latest.offset) ? offsetAt(zone, instant) : latest.offset;
  // 1970-01-01 was a Thursday. By division: the remainder of two floating numbers takes several times as long.
  const hour = Math.floor((instant + offset) / HOUR_MS) + 72;
  return hour - 168 * Math.floor(hour / 168);
}

function offsetOfDay(zone: string, day: number): number {
  let offsets = offsetsByZone.get(zone);
  if (!offsets) offsetsByZone.set(zone, (offsets = new Map()));
  let offset = offsets.get(day);
  if (offset === undefined) {
    const begins = offsetAt(zone, day * DAY_MS);
    offset = begins === offsetAt(zone, (day + 1) * DAY_MS - 1) ? begins : Number.NaN;
    if (offsets.size >= REMEMBERED_MAX) offsets.clear();
    offsets.set(day, offset);
  }
  return offset;
}

function offsetAt(zone: string, instant: Instant): number {
  return IANAZone.create(zone).offset(instant) * MINUTE_MS;
}
