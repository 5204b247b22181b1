/**
 * On which day a cap's limit will be reached, from the account's own days. Pure, and the same for the same days.
 *
 * The days to come are drawn, many times over, from the account's past: in runs of some days as they followed each other
 * (the stationary bootstrap of Politis and Romano, 1994), each run beginning on a day like the one to come. Days that are
 * long past count less, and so do those of other weekdays: how much less grows with the weeks that are known, so that a
 * young account is shrunk to its days as a whole. Each drawing weighs the past days anew (the Bayesian bootstrap of Rubin,
 * 1981), for how an account spends is itself known only so well from so many days. What comes out is a range, or that
 * there are too few days to say anything.
 */
import { assert } from '../kernel/assert.ts';
import type { Micros } from '../kernel/money.ts';

/** With fewer days than this there is no forecast: each weekday has to be known twice. */
export const DAYS_MIN = 14;
/** Days longer ago than this say little. */
export const DAYS_MAX = 91;

const DRAWINGS = 240;
const HALF_LIFE_DAYS = 35;
const RUN_DAYS_MEAN = 3;
/**
 * How far the level at which an account spends moves by itself, as a standard deviation of its logarithm: so far at least, and
 * the further the more its weeks have differed. Set on worlds of the back-test (test/bench/forecast.ts) other than it reports.
 */
const LEVEL = { sigmaMin: 0.05, ofWeeks: 0.62 } as const;
const INTERVAL = { low: 0.1, high: 0.9 } as const;

/** A day that is over. */
export interface PastDay {
  /** 1 Monday … 7 Sunday, in the account's zone */
  weekday: number;
  amount: Micros;
}

export interface ForecastQuestion {
  /** whole days up to yesterday, the oldest first, days without usage among them */
  past: readonly PastDay[];
  /** in the running period so far */
  spend: Micros;
  limit: Micros;
  /** the weekday of today */
  today: number;
  /** days of the period that are left, today among them */
  daysLeft: number;
  /** how much of today has passed: from 0 to 1 */
  passed: number;
}

export type Forecast =
  | { outcome: 'reached' }
  | { outcome: 'too-few-days'; days: number; needed: number }
  | {
      outcome: 'foreseen';
      /** that the limit is reached within the period, from 0 to 1 */
      probability: number;
      /**
       * Days from today (0) on which the limit is reached: as likely before as after, and the ends of the range that holds
       * eight of ten; undefined: not within the period.
       */
      likely: number | undefined;
      earliest: number | undefined;
      latest: number | undefined;
      /** what will have been spent at the period's end: the middle, and the range that holds eight of ten */
      atEnd: { low: Micros; middle: Micros; high: Micros };
    };

export function foresee(question: ForecastQuestion): Forecast {
  const { spend, limit, today, daysLeft, passed } = question;
  if (spend >= limit) return { outcome: 'reached' };
  const past = question.past.slice(-DAYS_MAX);
  if (past.length < DAYS_MIN) return { outcome: 'too-few-days', days: past.length, needed: DAYS_MIN };
  assert(daysLeft >= 1 && passed >= 0 && passed <= 1, 'a forecast is made within its period');
  const random = generator();
  const sigma = levelSigma(past);
  const likeness = likenessOf(past);
  const hits: number[] = [];
  const ends: Micros[] = [];
  for (let drawing = 0; drawing < DRAWINGS; drawing++) {
    const weights = past.map((_, at) => -Math.log(1 - random()) * 2 ** ((at + 1 - past.length) / HALF_LIFE_DAYS));
    const level = BigInt(Math.round(1_000 * Math.exp(sigma * normal(random))));
    let sum = spend;
    let hit = Infinity;
    let from = -1;
    for (let day = 0; day < daysLeft; day++) {
      const goesOn = from >= 0 && from + 1 < past.length && random() < 1 - 1 / RUN_DAYS_MEAN;
      from = goesOn ? from + 1 : draw(weights, likeness[(today - 1 + day) % 7]!, past, random);
      const whole = (past[from]!.amount * level) / 1_000n;
      sum += day === 0 ? rest(whole, passed) : whole;
      if (hit === Infinity && sum >= limit) hit = day;
    }
    hits.push(hit);
    ends.push(sum);
  }
  return summarized(hits, ends);
}

/** By the whole weeks up to yesterday: how far they lie about their mean, as a share of it. */
function levelSigma(past: readonly PastDay[]): number {
  const weeks = Array.from({ length: Math.floor(past.length / 7) }, (_, back) => {
    const days = past.slice(past.length - 7 * (back + 1), past.length - 7 * back);
    return Number(days.reduce((sum, { amount }) => sum + amount, 0n));
  });
  const mean = weeks.reduce((sum, week) => sum + week, 0) / weeks.length;
  if (mean === 0) return LEVEL.sigmaMin;
  const variance = weeks.reduce((sum, week) => sum + (week - mean) ** 2, 0) / (weeks.length - 1);
  return Math.hypot(LEVEL.sigmaMin, (LEVEL.ofWeeks * Math.sqrt(variance)) / mean);
}

/** How much a past weekday says of a weekday to come: `likeness[to come - 1][past - 1]`. */
function likenessOf(past: readonly PastDay[]): number[][] {
  const weeks = past.length / 7;
  const sameKind = 1 / (1 + weeks / 3);
  const otherKind = 1 / (1 + 2 * weeks);
  const isWeekend = (weekday: number) => weekday >= 6;
  const weekdays = [1, 2, 3, 4, 5, 6, 7];
  return weekdays.map((coming) =>
    weekdays.map((known) => {
      if (known === coming) return 1;
      return isWeekend(known) === isWeekend(coming) ? sameKind : otherKind;
    }),
  );
}

/** The place of a past day, drawn by its weight and how alike it is. */
function draw(
  weights: readonly number[],
  likeness: readonly number[],
  past: readonly PastDay[],
  random: () => number,
): number {
  let total = 0;
  for (const [at, weight] of weights.entries()) total += weight * likeness[past[at]!.weekday - 1]!;
  let left = random() * total;
  for (const [at, weight] of weights.entries()) {
    left -= weight * likeness[past[at]!.weekday - 1]!;
    if (left < 0) return at;
  }
  return past.length - 1;
}

/** What is still to come of a day of which a part has passed, in whole micros. */
function rest(amount: Micros, passed: number): Micros {
  return (amount * BigInt(Math.round((1 - passed) * 10_000))) / 10_000n;
}

function summarized(hits: readonly number[], ends: readonly Micros[]): Forecast {
  const days = hits.toSorted((a, b) => a - b);
  const spends = ends.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const at = <T>(sorted: readonly T[], share: number): T => sorted[Math.ceil(share * sorted.length) - 1]!;
  const day = (share: number): number | undefined => {
    const found = at(days, share);
    return found === Infinity ? undefined : found;
  };
  return {
    outcome: 'foreseen',
    probability: days.filter((each) => each !== Infinity).length / days.length,
    likely: day(0.5),
    earliest: day(INTERVAL.low),
    latest: day(INTERVAL.high),
    atEnd: { low: at(spends, INTERVAL.low), middle: at(spends, 0.5), high: at(spends, INTERVAL.high) },
  };
}

/** A standard normal number (Box and Muller, 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Numbers from 0 to 1 that are the same each time: Mulberry32 (Tommy Ettinger, public domain), from one seed for all. */
function generator(): () => number {
  let state = 0x9e37_79b9;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
