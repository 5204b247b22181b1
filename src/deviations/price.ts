/**
 * What a minute usually costs, by number range and segment, and how far a charge is above it. Pure.
 *
 * Prices are set by a tariff, so within a range and a segment they are few and seldom change; they are kept as how many
 * calls fell into each step of 10 % (`tariff_prices`), by day.
 */
import type { Version } from '../ledger/version.ts';

/** `+` and five digits: a country's mobile network, an area. Tariffs are cut about there. */
const RANGE_CHARACTERS = 6;

/** Shorter calls are dominated by minimum charges and set-up fees. */
const SECONDS_MIN = 30;

/** Fewer calls than this say nothing about what is usual. */
const CALLS_MIN = 30;

/** Of a hundred calls one may have been anything. */
const USUAL_SHARE = 0.99;

/** Steps of a price's natural logarithm, each some 10 %. */
const STEPS = 10;

/** The range of a number; `undefined` where it is no E.164 number. */
export function rangeOf(number: string): string | undefined {
  return number.startsWith('+') && number.length > RANGE_CHARACTERS ? number.slice(0, RANGE_CHARACTERS) : undefined;
}

export interface PriceCount {
  currency: string;
  segment: string;
  range: string;
  bucket: number;
  calls: number;
}

/** The micros a minute that a call was charged; `undefined` where that tells nothing of its tariff. */
export function chargedPerMinute({
  kind,
  amount,
  durationSeconds,
}: Pick<Version, 'kind' | 'amount' | 'durationSeconds'>): number | undefined {
  if (kind !== 'voice' || amount <= 0n || durationSeconds < SECONDS_MIN) return undefined;
  return (Number(amount) * 60) / durationSeconds;
}

/** The highest usual price a minute of each currency, segment and range. */
export class UsualPrices {
  readonly #highest = new Map<string, number>();

  constructor(counts: Iterable<PriceCount>) {
    const histograms = new Map<string, Map<number, number>>();
    for (const { currency, segment, range, bucket, calls } of counts) {
      // Also over all segments: a segment of which little is known goes by what the others pay.
      for (const key of [keyOf(currency, segment, range), keyOf(currency, undefined, range)]) {
        let histogram = histograms.get(key);
        if (!histogram) histograms.set(key, (histogram = new Map<number, number>()));
        histogram.set(bucket, (histogram.get(bucket) ?? 0) + calls);
      }
    }
    for (const [key, histogram] of histograms) {
      const highest = highestUsual(histogram);
      if (highest !== undefined) this.#highest.set(key, highest);
    }
  }

  /** The highest usual micros a minute; `undefined` where too little is known. */
  highest(currency: string, segment: string, range: string): number | undefined {
    return this.#highest.get(keyOf(currency, segment, range)) ?? this.#highest.get(keyOf(currency, undefined, range));
  }
}

function keyOf(currency: string, segment: string | undefined, range: string): string {
  return segment === undefined ? `${currency}\t${range}` : `${currency}\t${range}\t${segment}`;
}

/** The upper edge of the step below which the usual share of calls lies. */
function highestUsual(histogram: ReadonlyMap<number, number>): number | undefined {
  let calls = 0;
  for (const count of histogram.values()) calls += count;
  if (calls < CALLS_MIN) return undefined;
  let below = 0;
  for (const [bucket, count] of [...histogram].toSorted(([a], [b]) => a - b)) {
    below += count;
    if (below >= calls * USUAL_SHARE) return Math.exp((bucket + 0.5) / STEPS);
  }
  return undefined;
}

/** The SQL of {@link chargedPerMinute} and its step, over a row `u` of the ledger. */
export const PRICE_STEP_SQL = `round(ln(u.amount_micros * 60.0::double precision / u.duration_s) * ${STEPS})::smallint`;
export const PRICED_SQL = `u.kind = 'voice' AND u.amount_micros > 0 AND u.duration_s >= ${SECONDS_MIN}
   AND u.b_number LIKE '+%' AND length(u.b_number) > ${RANGE_CHARACTERS}`;
export const RANGE_SQL = `left(u.b_number, ${RANGE_CHARACTERS})`;
