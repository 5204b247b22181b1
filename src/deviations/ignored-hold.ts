/** When a hold did not help: unusual spend goes on past what it bars, or past a switch that does not bar it. Pure. */
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { isAtHome, type Deviation } from './deviation.ts';
import { microsPerEuro } from './norms.ts';

/** A hold that is in force: what it was about, and what that had cost when it was decided. */
export interface Held {
  /** since when it is in force */
  at: Instant;
  family: string;
  money: Micros;
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
