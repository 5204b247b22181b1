/**
 * From how unusual something is to how often a harmless account shows the like: the score is the number of account-months in which
 * it is to be expected once. Fitted from the highest statistics that accounts reached in a time that was (mostly) harmless. Pure.
 *
 * Above a high quantile the excess of a logarithm is taken for exponential (a Pareto tail; B. Hill, Annals of Statistics 3, 1975).
 */
import { SCALE } from './scales.ts';
import { AT, SCALES, type Signature } from './signature.ts';

/** Above `from`, which `rate` per account-month reach, the rate falls by e for each `slope`. */
export interface Tail {
  from: number;
  rate: number;
  slope: number;
  /** by how many observations the slope is known */
  seen: number;
}

export interface Tails {
  accountMonths: number;
  /** one for each scale of evidence */
  scales: Tail[];
  /** of the rarest scale, as minus the logarithm of its rate: scales go together, so their rates don't simply add up */
  together: Tail;
}

/** Segments differ in what they do at their worst, so each is held against its own. */
export interface Cohort {
  everyone: Tails;
  segments: Record<string, Tails>;
}

/** Plain data, to be stored as JSON. Of an account that is new everything is new: it is held against others as they were at first. */
export interface Calibration {
  fresh: Cohort;
  settled: Cohort;
}

/** Days of learning (as they count after forgetting) below which an account is new. */
export const FRESH_DAYS = 18;

/** The tail is fitted to this share of the account-months. */
const TAIL_RATE = 0.01;
const TAIL_COUNT_MIN = 12;
/** So many account-months have a tail of their own. */
export const OWN_TAIL_MONTHS = TAIL_COUNT_MIN / TAIL_RATE;
/** Where hardly anyone gets above 0, those who do are the tail, if they are so many. */
const RARE_COUNT_MIN = 5;
/** What hardly anyone reaches, is reached once more than it was seen at the most. */
const FEW = 4;
/** A built-in slope weighs as much as so many observations of the tail. */
const SLOPE_WEIGHT = 16;
/** Where a segment is too small for a tail of its own, everyone's rate weighs as much as so many that were seen beyond. */
const RATE_WEIGHT = 3;
/** The few very highest may be fraud that nobody noticed: the slope is fitted with them cut to what this share reaches. */
const TRUSTED_RATE = 0.0015;
/** The highest of so many is about their number's logarithm above the lowest, in slopes; so many more are seldom chance (1 in 8). */
const OUTLYING = 2;
/** Account-months are not independent of each other, nor those to come quite like those seen: each tells half of the slope. */
const SEEN_SHARE = 0.5;

const SLOPE_MIN = 0.05;
/** What is built in, of money and of calls. */
const SLOPE_USUAL = 0.35;
/**
 * Of what hardly anyone does, a few weeks promise nothing: use from abroad is the logarithm of a likelihood ratio, and by chance gets
 * to x as often as e to the minus x, at most (J. Ville, 1939); a fax machine that calls the whole night comes in no time of learning.
 */
const SLOPE_LEAST = SCALE.map(({ family }) =>
  family === 'roaming' ? 1 : family === 'calls' ? SLOPE_USUAL : SLOPE_MIN,
);

const UNFITTED_TAILS: Tails = {
  accountMonths: 0,
  scales: Array.from({ length: SCALES }, (_, scale) => ({
    from: scale < 3 || scale === SCALES - 1 ? 1 : 0.8,
    rate: 0.02,
    // Use from abroad is a log-likelihood itself.
    slope: scale === SCALES - 1 ? 1 : scale < 3 ? 0.6 : SLOPE_USUAL,
    seen: SLOPE_WEIGHT,
  })),
  together: { from: Math.log(50), rate: 0.06, slope: 1, seen: SLOPE_WEIGHT },
};

/** From simulated populations; holds until a provider's own history does. */
export const UNFITTED_CALIBRATION: Calibration = {
  fresh: { everyone: UNFITTED_TAILS, segments: {} },
  settled: { everyone: UNFITTED_TAILS, segments: {} },
};

/** The highest that each scale was within a month or so. */
export type Maxima = readonly number[];

export const NOTHING_NOTED: Maxima = Array.from({ length: SCALES }, () => 0);

export function maximaOf(signature: Signature): Maxima {
  return Array.from(signature.f.subarray(AT.maxima, AT.maxima + SCALES));
}

/** Begins to note maxima anew, of what starts from `since` on (epoch seconds). */
export function resetMaxima(signature: Signature, since: number): void {
  signature.u[AT.maximaSince] = since;
  signature.f.fill(0, AT.maxima, AT.maxima + SCALES);
}

/** The highest statistics of one account, and how many months it was watched. */
export interface Watched {
  segment: string;
  months: number;
  maxima: Maxima;
  /** it was held or suspended for it, and nobody has said what it was */
  isUnjudged?: boolean;
}

/**
 * Those that tell what harmless accounts do. Of accounts that were acted on, and of which nobody has said what it was, as many as are
 * promised at the most are taken for harmless, the least high ones, and for no higher than what they were acted on for; the others for
 * what they were held to be. Else a wave of fraud, by going unjudged, would teach that it is normal.
 */
export function harmless(watched: readonly Watched[], falseBudget: number, { everyone }: Cohort): Watched[] {
  const months = watched.reduce((sum, each) => sum + each.months, 0);
  const allowed = Math.ceil((falseBudget * months) / 1_000);
  const highest = heightsAt(everyone, thresholdsOf(falseBudget).hold);
  const unjudged = watched.filter(({ isUnjudged }) => isUnjudged);
  const kept = unjudged.toSorted((a, b) => rarest(everyone, a.maxima) - rarest(everyone, b.maxima)).slice(0, allowed);
  return [
    ...watched.filter(({ isUnjudged }) => !isUnjudged),
    ...kept.map((each) => ({ ...each, maxima: each.maxima.map((height, scale) => Math.min(height, highest[scale]!)) })),
  ];
}

/**
 * Fits from accounts that were watched, when they were new and later. Where a segment's are few, it leans on everyone, and everyone on
 * what is built in.
 */
export function calibrate(
  fresh: readonly Watched[],
  settled: readonly Watched[],
  before = UNFITTED_CALIBRATION,
): Calibration {
  return { fresh: fitCohort(fresh, before.fresh), settled: fitCohort(settled, before.settled) };
}

function fitCohort(watched: readonly Watched[], before: Cohort): Cohort {
  const everyone = fitTails(watched, before.everyone, false);
  const segments: Record<string, Tails> = {};
  for (const name of [...new Set(watched.map(({ segment }) => segment))].toSorted()) {
    segments[name] = fitTails(
      watched.filter(({ segment }) => segment === name),
      everyone,
      true,
    );
  }
  return { everyone, segments };
}

function fitTails(watched: readonly Watched[], before: Tails, isPart: boolean): Tails {
  const accountMonths = watched.reduce((sum, { months }) => sum + months, 0);
  if (watched.length <= TAIL_COUNT_MIN || accountMonths <= 0) return before;
  const tailOf = isPart && !hasOwnTail(accountMonths) ? leanTail : fitTail;
  const scales = before.scales.map((tail, scale) => {
    const values = watched.map(({ maxima }) => maxima[scale]!);
    const fitted = tailOf(values, accountMonths, tail);
    return { ...fitted, slope: Math.max(fitted.slope, SLOPE_LEAST[scale]!) };
  });
  const fitted: Tails = { accountMonths, scales, together: before.together };
  const together = tailOf(
    watched.map(({ maxima }) => rarest(fitted, maxima)),
    accountMonths,
    before.together,
  );
  return { ...fitted, together };
}

/** Whether a segment is large enough to be held against itself alone. */
export function hasOwnTail(accountMonths: number): boolean {
  return accountMonths >= OWN_TAIL_MONTHS;
}

function fitTail(values: readonly number[], months: number, before: Tail): Tail {
  const sorted = values.toSorted((a, b) => b - a);
  const wanted = Math.min(sorted.length - 1, Math.max(TAIL_COUNT_MIN, Math.round(months * TAIL_RATE)));
  if (wanted < TAIL_COUNT_MIN) return before;
  const above0 = sorted.findIndex((value) => value <= 0) - 1;
  const count = above0 >= RARE_COUNT_MIN ? Math.min(wanted, above0) : wanted;
  const from = sorted[count]!;
  if (from <= 0)
    return { ...before, from: Math.max(before.from, sorted[0]!), rate: Math.min(before.rate, FEW / months) };
  const { excess, above } = excessOf(sorted.slice(0, count), from, months, before.slope);
  const seen = Math.max(1, above) + SLOPE_WEIGHT;
  const slope = Math.max((excess + before.slope * SLOPE_WEIGHT) / seen, SLOPE_MIN);
  return { from, rate: count / months, slope, seen: SEEN_SHARE * seen };
}

/**
 * By how much `sorted` values, the highest first, are above `from`, with the highest cut to the highest of those that are trusted; and how
 * many are not cut. Not trusted are always some, and of the higher half those that chance would hardly reach if the lower half tells the slope.
 */
function excessOf(sorted: readonly number[], from: number, months: number, before: number): Excess {
  const most = Math.floor(sorted.length / 2);
  const lower = cutAt(sorted, most, from);
  const slope = (lower.excess + before * SLOPE_WEIGHT) / (lower.above + SLOPE_WEIGHT);
  const highest = from + slope * (Math.log(sorted.length) + OUTLYING);
  let untrusted = Math.max(1, Math.floor(months * TRUSTED_RATE));
  while (untrusted < most && sorted[untrusted]! > highest) untrusted++;
  return cutAt(sorted, untrusted, from);
}

interface Excess {
  excess: number;
  above: number;
}

/** Of a censored exponential the mean excess is the whole excess over the number of values that are not cut. */
function cutAt(sorted: readonly number[], untrusted: number, from: number): Excess {
  const trusted = sorted[untrusted] ?? from;
  let excess = 0;
  let above = 0;
  for (const value of sorted) {
    excess += Math.min(value, trusted) - from;
    if (value < trusted) above++;
  }
  return { excess, above };
}

/**
 * The tail of a small segment: everyone's, unless it shows more than they do: oftener beyond where theirs begins, or further beyond (each
 * shrunk to everyone's, a rate as gamma-Poisson). That it shows less may be chance.
 */
function leanTail(values: readonly number[], months: number, everyone: Tail): Tail {
  const { from, rate, slope } = everyone;
  const beyond = values.filter((value) => value > from).toSorted((a, b) => b - a);
  const { excess, above } = excessOf(beyond, from, months, slope);
  return {
    ...everyone,
    rate: Math.max(rate, (beyond.length + RATE_WEIGHT) / (months + RATE_WEIGHT / rate)),
    slope: Math.max(slope, (excess + SLOPE_WEIGHT * slope) / (above + SLOPE_WEIGHT)),
  };
}

/** How much rarer something must be on a scale that gets less of the budget. */
const RARER = SCALE.map(({ share }) => -Math.log(share));

/** The statistics' rarest: minus the logarithm of its rate per account-month. */
function rarest({ scales }: Tails, statistics: Maxima): number {
  let rarest = 0;
  for (let scale = 0; scale < SCALES; scale++) {
    const { from, rate, slope } = scales[scale]!;
    const surprise = (statistics[scale]! - from) / slope - Math.log(rate) - RARER[scale]!;
    if (surprise > rarest) rarest = surprise;
  }
  return rarest;
}

const SCORE_MAX = 1e9;

export const NOTHING_UNUSUAL = Object.freeze({ score: 0, scale: 0 });

/** In how many account-months the like is to be expected once (0: nothing is more than was shown before), and which scale says so. */
export function scoreOf(calibration: Tails, statistics: ArrayLike<number>): { score: number; scale: number } {
  let rarest = 0;
  let scale = 0;
  for (let each = 0; each < SCALES; each++) {
    if (!(statistics[each]! > 0)) continue;
    const { from, rate, slope } = calibration.scales[each]!;
    const surprise = (statistics[each]! - from) / slope - Math.log(rate) - RARER[each]!;
    if (surprise > rarest) {
      rarest = surprise;
      scale = each;
    }
  }
  if (rarest === 0) return NOTHING_UNUSUAL;
  const { from, rate, slope, seen } = calibration.together;
  const beyond = (rarest - from) / slope;
  // The slope is an estimate: averaged over what it may be as well, an exponential tail is a Lomax one (a gamma mixture of it).
  const rarer = beyond > 0 ? seen * Math.log1p(beyond / seen) : beyond;
  const score = Math.exp(Math.min(30, rarer)) / rate;
  return { score: Math.min(score, SCORE_MAX), scale };
}

/** How high each scale is at a score: what {@link scoreOf} makes of it, the other way round. */
function heightsAt({ scales, together }: Tails, score: number): number[] {
  const rarer = Math.log(score * together.rate);
  const beyond = rarer > 0 ? together.seen * Math.expm1(rarer / together.seen) : rarer;
  const surprise = together.from + together.slope * beyond;
  return scales.map(({ from, rate, slope }, scale) => from + slope * (surprise + Math.log(rate) + RARER[scale]!));
}

/** From which score on what is done. */
export interface Thresholds {
  warn: number;
  hold: number;
  suspend: number;
}

/**
 * Nearly all of the budget goes to holds: they come first, and a suspension follows where they did not help. The reserve for times to
 * come, which are not quite like the ones that a calibration has seen, is in the tails already.
 */
const HOLD_SHARE = 0.9;
const SUSPEND_SHARE = 0.07;
const WARNINGS_PER_ACTION = 5;

/** `budget`: at most so many false holds and suspensions per 1,000 account-months. */
export function thresholdsOf(budget: number): Thresholds {
  const hold = Math.min(SCORE_MAX, 1_000 / (budget * HOLD_SHARE));
  return {
    warn: hold / WARNINGS_PER_ACTION,
    hold,
    suspend: Math.min(SCORE_MAX, 1_000 / (budget * SUSPEND_SHARE)),
  };
}
