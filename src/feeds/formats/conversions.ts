/**
 * Peers' numbers in the canonical notation. Exact: digits are moved and cut as text or bigint, never by way of a float.
 * What can't be read as the peer is said to write it is `undefined`: guessing would turn `1.234` into another amount.
 */
import { parseInstant, type Instant } from '../../kernel/clock.ts';
import type { TimeReader } from '../../kernel/local-time.ts';

/** What a peer's amount is counted in. */
export const AMOUNT_UNITS = { units: 0, cents: 2, millis: 3, micros: 6, nanos: 9 } as const;
export type AmountUnit = keyof typeof AMOUNT_UNITS;

/** `go`: a Go duration such as `1m25s`, or nanoseconds where there is no unit. */
export const DURATION_UNITS = ['s', 'ms', 'us', 'ns', 'min', 'hh:mm:ss', 'go'] as const;
export type DurationUnit = (typeof DURATION_UNITS)[number];

const DECIMALS = 6;
const CANONICAL = /^-?\d{1,12}(?:\.\d{1,6})?$/;
const DECIMAL = /^([+-]?)(\d{0,24})(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,2}))?$/;

/**
 * An amount in the currency's unit. A peer that calculates in floats writes more decimals than money has: what is beyond
 * six is rounded, half away from zero.
 */
export function canonicalAmount(text: string, decimal: '.' | ',', unit: AmountUnit): string | undefined {
  if (unit === 'units' && decimal === '.' && CANONICAL.test(text)) return text;
  const point = decimal === ',' ? pointed(text) : text.trim();
  const match = point === undefined ? undefined : DECIMAL.exec(point);
  if (!match || (match[2] === '' && (match[3] ?? '') === '')) return undefined;
  const digits = BigInt((match[2] ?? '') + (match[3] ?? ''));
  // The amount is digits × 10^exponent micros.
  const exponent = Number(match[4] ?? 0) - (match[3] ?? '').length - AMOUNT_UNITS[unit] + DECIMALS;
  const micros = exponent >= 0 ? digits * 10n ** BigInt(exponent) : roundedQuotient(digits, 10n ** BigInt(-exponent));
  return decimalText(match[1] === '-' ? -micros : micros);
}

/** A German number with a point: `1.234,56` is `1234.56`. A lone point would be read as either, so it is not read. */
function pointed(text: string): string | undefined {
  const trimmed = text.trim();
  if (!trimmed.includes('.')) return trimmed.replace(',', '.');
  return /^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?$/.test(trimmed) && trimmed.includes(',')
    ? trimmed.replaceAll('.', '').replace(',', '.')
    : undefined;
}

function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}

function decimalText(micros: bigint): string {
  const digits = (micros < 0n ? -micros : micros).toString().padStart(DECIMALS + 1, '0');
  return `${micros < 0n ? '-' : ''}${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
}

/** Of a Go duration: how many nanoseconds each unit has. Longer names first, so that `ms` is not taken for minutes. */
const GO_UNITS: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const GO_DURATION = /^(?:\d{1,15}(?:\.\d{1,15})?(?:ns|us|µs|μs|ms|s|m|h))+$/;
const GO_PART = /(\d+)(?:\.(\d+))?(ns|us|µs|μs|ms|s|m|h)/g;
const NANOSECONDS_PER: Record<Exclude<DurationUnit, 'hh:mm:ss' | 'go'>, bigint> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  min: 60_000_000_000n,
};
const PLAIN = /^(\d{1,18})(?:\.(\d{1,15}))?$/;

/** A duration in whole seconds; a second that has begun counts. A comma is one where `decimal` says so; Go writes none. */
export function canonicalDuration(text: string, unit: DurationUnit, decimal: '.' | ','): string | undefined {
  const point = decimal === ',' && unit !== 'go' && text.includes(',') ? pointed(text) : text.trim();
  const nanoseconds = point === undefined ? undefined : nanosecondsOf(point, unit);
  return nanoseconds === undefined ? undefined : ((nanoseconds + 999_999_999n) / 1_000_000_000n).toString();
}

/** A duration in nanoseconds, begun ones counted; `undefined` where it is not written in `unit`. */
export function nanosecondsOf(text: string, unit: DurationUnit): bigint | undefined {
  if (unit === 'hh:mm:ss') {
    const parts = /^(?:(\d{1,6}):)?(\d{1,2}):([0-5]\d)$/.exec(text);
    if (!parts || (parts[1] !== undefined && Number(parts[2]) > 59)) return undefined;
    return BigInt(Number(parts[1] ?? 0) * 3600 + Number(parts[2]) * 60 + Number(parts[3])) * 1_000_000_000n;
  }
  if (unit === 'go' && GO_DURATION.test(text)) {
    let sum = 0n;
    for (const [, whole, fraction, part] of text.matchAll(GO_PART)) sum += scaled(whole!, fraction, GO_UNITS[part!]!);
    return sum;
  }
  const plain = PLAIN.exec(text);
  return plain ? scaled(plain[1]!, plain[2], NANOSECONDS_PER[unit === 'go' ? 'ns' : unit]) : undefined;
}

function scaled(whole: string, fraction: string | undefined, factor: bigint): bigint {
  const decimals = fraction ?? '';
  const divisor = 10n ** BigInt(decimals.length);
  return (BigInt(whole + decimals) * factor + divisor - 1n) / divisor;
}

/** A whole number, without the zeros that a float's notation leaves behind its point. */
export function canonicalWhole(text: string): string {
  return text.trim().replace(/\.0+$/, '');
}

const REVISION_EPOCH: Instant = parseInstant('2000-01-01T00:00:00Z')!;

/** The revision of what was rated at an instant: whole seconds since 2000; undefined before. */
export function revisionOfRating(at: Instant): string | undefined {
  return at < REVISION_EPOCH ? undefined : String(Math.floor((at - REVISION_EPOCH) / 1000));
}

/** A revision: a whole number, or the time of the rating. What is neither stays as it is. */
export function canonicalRevision(text: string, time: TimeReader): string {
  const whole = canonicalWhole(text);
  const at = /^\d+$/.test(whole) ? undefined : time(text);
  return (at === undefined ? undefined : revisionOfRating(at)) ?? whole;
}

/** E.164 with `+` of what a peer writes without: full numbers, not short codes or what has a prefix of its own. */
export function withPlus(number: string): string {
  return /^[1-9]\d{6,14}$/.test(number) ? `+${number}` : number;
}
