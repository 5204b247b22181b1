/** Months of ordinary usage of made-up small businesses, from a seed, and attacks on them. */
import { formatInstant, type Instant } from '../../src/kernel/clock.ts';
import type { UsageRow } from '../harness/plafond.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A small linear congruential generator: the same numbers in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

export interface Call {
  /** when it ended, and is sent */
  at: Instant;
  row: Partial<UsageRow>;
}

/** A call as it is sent, at its end. */
export function call(
  record: string,
  account: string,
  start: Instant,
  seconds: number,
  number: string,
  amount: number,
): Call {
  const row = {
    record_id: record,
    account_id: account,
    started_at: formatInstant(start),
    duration_s: seconds,
    b_number: number,
    amount: amount.toFixed(4),
  };
  return { at: start + seconds * 1_000, row };
}

/** Office hours of a business that calls home numbers, and now and then a partner in Germany. */
export function officeDays(account: string, from: Instant, days: number, seed: number): Call[] {
  const random = seeded(seed);
  const calls: Call[] = [];
  for (let day = 0; day < days; day++) {
    const midnight = from + day * DAY_MS;
    const weekday = new Date(midnight).getUTCDay();
    if (weekday === 0 || weekday === 6) continue;
    for (let each = 0; each < 6; each++) {
      const start = midnight + 8 * HOUR_MS + Math.floor(random() * 9 * 3_600) * 1_000;
      const seconds = 30 + Math.floor(random() * 400);
      const abroad = random() < 0.12;
      const number = abroad ? `+4930123450${Math.floor(random() * 4)}` : `+3120123456${Math.floor(random() * 9)}`;
      calls.push(
        call(`${account}-${day}-${each}`, account, start, seconds, number, (seconds / 60) * (abroad ? 0.09 : 0.03)),
      );
    }
  }
  return calls.toSorted((a, b) => a.at - b.at);
}

/** The court case's shape: calls to Somalia and Zimbabwe at night, a few each night, over three weeks. */
export function courtCase(account: string, from: Instant, seed: number): Call[] {
  const random = seeded(seed);
  const calls: Call[] = [];
  for (let night = 0; night < 21; night++) {
    for (let each = 0; each < 7; each++) {
      const start = from + night * DAY_MS + Math.floor(random() * 4 * 3_600) * 1_000;
      const seconds = 240 + Math.floor(random() * 700);
      const somalia = random() < 0.6;
      const number = somalia
        ? `+25261234${Math.floor(random() * 900 + 100)}`
        : `+26377123${Math.floor(random() * 9000 + 1000)}`;
      calls.push(call(`x-${night}-${each}`, account, start, seconds, number, (seconds / 60) * (somalia ? 0.68 : 0.45)));
    }
  }
  return calls.toSorted((a, b) => a.at - b.at);
}

export function inBatches<T>(all: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let from = 0; from < all.length; from += size) batches.push(all.slice(from, from + size));
  return batches;
}
