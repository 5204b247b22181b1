/**
 * Exposure: what calls in progress will have cost so far, before any record of them has come. A call is priced by what the
 * account last paid towards its destination, from the second up to which its cost is counted already. Pure.
 */
import type { Destination } from '../destinations/classify.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';

/** What some seconds cost: a price that needs no rounding. */
export interface CallPrice {
  amount: Micros;
  seconds: number;
  from: PriceFrom;
}

/**
 * Whose price it is: an interim record's of the call itself; what the account last paid to the same range, or country; what
 * its segment, or all customers usually pay to the same range; or to the country. `unknown`: nobody was charged for such a
 * call of late, so it counts nothing until its record comes.
 */
export const PRICE_FROM = [
  'interim',
  'own-range',
  'own-country',
  'segment',
  'provider',
  'segment-country',
  'provider-country',
  'unknown',
] as const;
export type PriceFrom = (typeof PRICE_FROM)[number];

/** A call that runs, or has ended and waits for its record. */
export interface RunningCall {
  /** where it was seen, such as `switch:core` or `feed:default`, and its id there */
  source: string;
  callId: string;
  accountId: string;
  serviceId: string;
  number: string;
  country: string;
  traffic: number;
  startedAt: Instant;
  /** up to where an interim record has counted it */
  countedUntil: Instant | undefined;
  endedAt: Instant | undefined;
  price: CallPrice;
}

/** Where a call goes; of which type the number is, is not asked for any more. */
export function destinationOf({ number, country, traffic }: RunningCall): Destination {
  return { number, country, traffic, type: 'other' };
}

/** Two sources tell of one call where it begins within this time; clocks differ. */
const SAME_START_MS = 10_000;
/** Nothing new was heard of a call that a feed tells of: it is taken for ended where it was counted last. */
const INTERIM_MS_MAX = 3_600_000;

/** What a call has cost that is not counted in spend, rounded up. */
export function exposureOf(call: RunningCall, now: Instant): Micros {
  const from = call.countedUntil ?? call.startedAt;
  const isFromFeed = call.source.startsWith('feed:');
  const to = call.endedAt ?? (isFromFeed && now - from > INTERIM_MS_MAX ? from : now);
  const seconds = BigInt(Math.max(0, Math.ceil((to - from) / 1000)));
  const { amount, seconds: priced } = call.price;
  if (priced === 0 || seconds === 0n) return 0n;
  const divisor = BigInt(priced);
  return (amount * seconds + divisor - 1n) / divisor;
}

/**
 * Each call once: where a switch and a feed tell of the same one, it runs as the switch says, and is counted as far as the
 * feed has.
 */
export function eachCallOnce(calls: readonly RunningCall[]): RunningCall[] {
  const interims = calls.filter(({ source }) => source.startsWith('feed:'));
  const alike = byNumber(interims);
  const taken = new Set<RunningCall>();
  const merged: RunningCall[] = [];
  for (const call of calls) {
    if (call.source.startsWith('feed:')) continue;
    const interim = alike(call).find((each) => !taken.has(each) && isSameCall(call, each));
    if (interim) taken.add(interim);
    merged.push(interim ? { ...call, ...countedBy(interim) } : call);
  }
  return [...merged, ...interims.filter((interim) => !taken.has(interim))];
}

function countedBy({ serviceId, countedUntil, price }: RunningCall) {
  return { serviceId, countedUntil, price };
}

interface StartedCall {
  accountId: string;
  number: string;
  startedAt: Instant;
}

function isSameCall(a: StartedCall, b: StartedCall): boolean {
  return a.accountId === b.accountId && a.number === b.number && Math.abs(a.startedAt - b.startedAt) <= SAME_START_MS;
}

/** Finds the calls of the same account to the same number, in their order, without going through all others. */
function byNumber<Call extends StartedCall>(calls: readonly Call[]): (call: StartedCall) => readonly Call[] {
  const keyOf = ({ accountId, number }: StartedCall) => `${accountId}\u0000${number}`;
  const found = new Map<string, Call[]>();
  for (const call of calls) {
    const key = keyOf(call);
    const alike = found.get(key);
    if (alike) alike.push(call);
    else found.set(key, [call]);
  }
  return (call) => found.get(keyOf(call)) ?? [];
}

/** A record that has come, by which a call that has ended is settled. */
export interface SettlingRecord extends StartedCall {
  recordId: string;
  seconds: number;
}

/**
 * Which call each record settles, one to one: of several calls to one number that began together, the one whose length is
 * nearest. Only a call that has ended has a record.
 */
export function settledBy<Call extends StartedCall & { endedAt: Instant | undefined }>(
  calls: readonly Call[],
  records: readonly SettlingRecord[],
): Map<Call, SettlingRecord> {
  const settled = new Map<Call, SettlingRecord>();
  const alike = byNumber(calls.filter(({ endedAt }) => endedAt !== undefined));
  for (const record of records) {
    let nearest: Call | undefined;
    let nearest_ms = Infinity;
    for (const call of alike(record)) {
      if (settled.has(call) || !isSameCall(call, record)) continue;
      const apart_ms = Math.abs(call.endedAt! - (record.startedAt + record.seconds * 1000));
      if (apart_ms < nearest_ms) [nearest, nearest_ms] = [call, apart_ms];
    }
    if (nearest) settled.set(nearest, record);
  }
  return settled;
}
