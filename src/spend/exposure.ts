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
  const alike = new AlikeCalls(interims);
  const taken = new Set<RunningCall>();
  const merged: RunningCall[] = [];
  for (const call of calls) {
    if (call.source.startsWith('feed:')) continue;
    const interim = alike.take(call, () => 0);
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

/** Calls of each account to each number, in the order of their starts: of thousands to one number few begin together. */
class AlikeCalls<Call extends StartedCall> {
  readonly #byNumber = new Map<string, Call[]>();

  constructor(calls: readonly Call[]) {
    for (const call of calls.toSorted((a, b) => a.startedAt - b.startedAt)) {
      const key = numberKey(call);
      const alike = this.#byNumber.get(key);
      if (alike) alike.push(call);
      else this.#byNumber.set(key, [call]);
    }
  }

  /** Of those that may be the same call and were not taken before, takes the one that is least apart by `apartOf`, of equal ones the first. */
  take(same: StartedCall, apartOf: (call: Call) => number): Call | undefined {
    const alike = this.#byNumber.get(numberKey(same)) ?? [];
    let nearest = -1;
    let leastApart = Infinity;
    for (let at = firstSince(alike, same.startedAt - SAME_START_MS); at < alike.length && leastApart > 0; at++) {
      if (alike[at]!.startedAt > same.startedAt + SAME_START_MS) break;
      const apart = apartOf(alike[at]!);
      if (apart < leastApart) [nearest, leastApart] = [at, apart];
    }
    return nearest < 0 ? undefined : alike.splice(nearest, 1)[0];
  }
}

function numberKey({ accountId, number }: StartedCall): string {
  return `${accountId}\u0000${number}`;
}

/** The place of the first call that begins at `start` or later. */
function firstSince(calls: readonly StartedCall[], start: Instant): number {
  let low = 0;
  let high = calls.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (calls[middle]!.startedAt < start) low = middle + 1;
    else high = middle;
  }
  return low;
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
  const alike = new AlikeCalls(calls.filter(({ endedAt }) => endedAt !== undefined));
  for (const record of records) {
    const endedAt = record.startedAt + record.seconds * 1000;
    const call = alike.take(record, (each) => Math.abs(each.endedAt! - endedAt));
    if (call) settled.set(call, record);
  }
  return settled;
}
