/**
 * When a hold does not help: unusual spend goes on past what it bars, or past a switch that does not bar it; or what is called
 * at home goes on to ranges that it does not bar. Pure.
 */
import type { Instant } from '../kernel/clock.ts';
import type { Traffic } from '../destinations/traffic.ts';
import type { Micros } from '../kernel/money.ts';
import { isAtHome, type Deviation } from './deviation.ts';
import { microsPerEuro } from './norms.ts';
import { RANGES } from './signature.ts';

/** A hold that is in force: what it was about, and what that had cost when it was decided. */
export interface Held {
  /** since when it is in force */
  at: Instant;
  family: string;
  money: Micros;
  /** what it bars, with what holds of the same case had barred before it */
  bars: readonly string[];
}

/** Calls that had begun, and a switch that is told, take their time. */
const GRACE_MS = 15 * 60_000;
/** As much again as before the hold, and no less than this (euros' worth). */
const EUROS_MIN = 10;

export function ignoresHold(
  now: Pick<Deviation, 'family' | 'since' | 'money'>,
  held: Held,
  record: { startedAt: Instant },
  currency: string,
): boolean {
  if (record.startedAt < held.at + GRACE_MS || now.family !== held.family || now.since > held.at) return false;
  // What is spent at home suspends nothing.
  if (isAtHome(now.family)) return false;
  const least = BigInt(EUROS_MIN * microsPerEuro(currency));
  return now.money - held.money >= (held.money > least ? held.money : least);
}

/** The ranges at home that have become clear since a hold barred others, as far as it bars fewer than a hold may. */
export function furtherRanges({ family, bars }: Pick<Deviation, 'family' | 'bars'>, held: Held): Traffic[] {
  if (family !== held.family || !isAtHome(family) || held.bars.length === 0) return [];
  return bars.filter((bar) => !held.bars.includes(bar)).slice(0, Math.max(0, RANGES - held.bars.length));
}
