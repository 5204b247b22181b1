/**
 * How unlike a traveller's the use from abroad is: a likelihood ratio against what this provider's travellers do. Pure.
 *
 * Records come as often as the traveller is busy (gamma-Poisson: some are many times as busy as others), each at a price whose logarithm
 * spreads about what is usual on this journey, and that about what is usual for its kind and country: who pays by the megabyte pays so
 * all the time, so a hundred dear records of one journey say hardly more than ten. Whoever abuses a subscription abroad uses it oftener, dearer, or both: three
 * alternatives, none of which says by how much, and the mean of their likelihood ratios (each a test martingale, and so is a mean of
 * them: J. Shin, A. Ramdas, A. Rinaldo, "E-detectors", 2024). Minus the logarithm of how often chance alone gets there, at most.
 */

import { KINDS, type UsageKind } from '../feeds/usage-record.ts';

/** What travellers do; plain data, to be stored as JSON. */
export interface TravelNorms {
  /** records on a day of a journey */
  perDay: number;
  /** shape of the gamma distribution of that: the lower, the more travellers differ */
  shape: number;
  /** mean logarithm of what a record is worth, by {@link worthKey} */
  worth: Record<string, number>;
  /** its standard deviation within a journey */
  spread: number;
  /** standard deviation between journeys, of the mean of a journey's records */
  between: number;
}

export const TRAVEL_UNFITTED: TravelNorms = { perDay: 3, shape: 1.5, worth: { '0': -0.7 }, spread: 1.1, between: 0.7 };

/** A journey is remembered for some days: evidence of it fades by e in so many. */
export const TRAVEL_DAYS = 4;
/** Half a day's use may come at once. */
const DAYS_AT_ONCE = 0.5;
/** How many times as busy an abuser is, in the middle of a wide (exponential) range. */
const BUSIER = 3;
/** Euros' worth that are added before a logarithm: below some cents records are alike. */
const WORTH_FLOOR = 0.05;
/** Of one record no more is believed, in standard deviations. */
const WORTH_MAX = 2.5;
/** Variance of how much dearer an abuser's records are, over that of a journey's records: a wide range about nothing. */
const DEARER = 0.5;
/** Beyond this nothing changes. */
const RATIO_MAX = 60;

/** Above all destination keys. */
const AWAY_KEYS = 8_192;

/** Of a kind of usage from a country (its destination key); `away` is 0 for everywhere. */
export function worthKey(away: number, kind: UsageKind): number {
  return away + AWAY_KEYS * KINDS.indexOf(kind);
}

/** The key of the same kind used from anywhere. */
export function everywhereOf(worthKey: number): number {
  return worthKey - (worthKey % AWAY_KEYS);
}

export function logWorth(euros: number): number {
  return Math.log(Math.max(0, euros) + WORTH_FLOOR);
}

/** How many standard deviations above the usual a record's worth is. */
export function dearness(euros: number, mean: number, spread: number): number {
  return Math.max(-WORTH_MAX, Math.min(WORTH_MAX, (logWorth(euros) - mean) / spread));
}

/** Days of a journey that pass between two records. */
export function daysBetween(seconds: number): number {
  const days = Math.min(1, seconds / 86_400);
  return days * (1 - days / (2 * TRAVEL_DAYS));
}

/**
 * Logarithm of the likelihood ratio of `records` within `days` of travelling, whose dearness adds up to `dear`; 0 where it speaks for a
 * traveller.
 */
export function unlikeTravel(records: number, dear: number, days: number, norms: TravelNorms): number {
  const { perDay, shape, spread, between } = norms;
  const time = days + DAYS_AT_ONCE;
  const oftener = busy(records, time, 1, BUSIER * perDay) - busy(records, time, shape, perDay);
  // Of a sum of dearness: normal, with this variance for a traveller and more for an abuser.
  const variance = Math.max(1, records) * (1 + records * (between / spread) ** 2);
  const more = DEARER * records * records;
  const dearer =
    (dear * Math.abs(dear) * more) / (2 * variance * (variance + more)) - 0.5 * Math.log1p(more / variance);
  const highest = Math.max(oftener, dearer, oftener + dearer);
  if (highest <= 0) return 0;
  const mean = (Math.exp(oftener - highest) + Math.exp(dearer - highest) + Math.exp(oftener + dearer - highest)) / 3;
  return Math.min(RATIO_MAX, Math.max(0, highest + Math.log(mean)));
}

/** How many times as often `records` come as of a traveller, and how many times as dear each is, at its geometric mean. */
export function asTravellers(
  records: number,
  dear: number,
  days: number,
  { perDay, spread }: TravelNorms,
): { oftener: number; dearer: number } {
  return {
    oftener: records / (perDay * (days + DAYS_AT_ONCE)),
    dearer: Math.exp((spread * dear) / Math.max(1, records)),
  };
}

/** Log-likelihood of so many records where their rate is gamma-distributed, up to what is the same for any distribution. */
function busy(records: number, days: number, shape: number, mean: number): number {
  const rate = shape / mean;
  return lnGamma(shape + records) - lnGamma(shape) + shape * Math.log(rate) - (shape + records) * Math.log(rate + days);
}

/** Stirling's series, from 7 on exact to ten digits. */
function lnGamma(value: number): number {
  let shifted = 0;
  let x = value;
  for (; x < 7; x++) shifted -= Math.log(x);
  const square = 1 / (x * x);
  return (
    shifted +
    (x - 0.5) * Math.log(x) -
    x +
    0.5 * Math.log(2 * Math.PI) +
    (1 / 12 - square * (1 / 360 - square / 1_260)) / x
  );
}
