import { describe, expect, it } from '@jest/globals';
import { calibrate, harmless, scoreOf, thresholdsOf, UNFITTED_CALIBRATION, type Watched } from './calibration.ts';
import { SCALES } from './signature.ts';

/** Draws that repeat (a linear congruence, as Numerical Recipes has it). */
function draws(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 4_294_967_296;
}

/** Accounts whose scales reach heights of an exponential tail, in part together. */
function watchedOf(count: number, seed: number, slope = 0.4): Watched[] {
  const next = draws(seed);
  return Array.from({ length: count }, () => {
    const common = -Math.log(1 - next());
    const maxima = Array.from({ length: SCALES }, () => slope * (0.5 * common - Math.log(1 - next())));
    return { segment: next() < 0.8 ? 'smb' : 'consumer', months: 1, maxima };
  });
}

const exceeding = (watched: readonly Watched[], calibration: ReturnType<typeof calibrate>, score: number): number =>
  watched.filter(({ segment, maxima }) => scoreOf(calibration.settled.segments[segment]!, maxima).score >= score)
    .length;

describe('calibration', () => {
  it.each([1, 3, 10])('keeps a promise of %s in 1,000 account-months on others of the same kind', (budget) => {
    const calibration = calibrate([], watchedOf(4_000, 7));
    const others = watchedOf(60_000, 8);
    const rate = (1_000 * exceeding(others, calibration, thresholdsOf(budget).hold)) / others.length;
    expect(rate).toBeLessThanOrEqual(1.5 * budget);
    expect(rate).toBeGreaterThan(0.2 * budget);
  });

  it('is not led astray by a few accounts that nobody knew to be attacked', () => {
    const clean = calibrate([], watchedOf(4_000, 7));
    const attacked = calibrate(
      [],
      [
        ...watchedOf(4_000, 7),
        ...watchedOf(5, 9).map((each) => ({ ...each, maxima: each.maxima.map((height) => height + 9) })),
      ],
    );
    const height = Array.from({ length: SCALES }, () => 3);
    const [before, after] = [clean, attacked].map((each) => scoreOf(each.settled.everyone, height).score) as [
      number,
      number,
    ];
    expect(after).toBeGreaterThan(before / 3);
  });

  it('is not led astray in a small segment, nor at a small provider, by one account that nobody knew to be attacked', () => {
    const ofSegment = (each: Watched): Watched => ({ ...each, segment: 'few' });
    const few = watchedOf(60, 5).map(ofSegment);
    const attacked = watchedOf(1, 9).map((each) => ({
      ...ofSegment(each),
      maxima: each.maxima.map((height) => height + 9),
    }));
    const height = Array.from({ length: SCALES }, () => 3);
    const scoreAmong = (watched: Watched[]): number =>
      scoreOf(calibrate([], watched).settled.segments['few']!, height).score;
    for (const others of [watchedOf(4_000, 7), watchedOf(500, 7)]) {
      const clean = scoreAmong([...others, ...few]);
      expect(scoreAmong([...others, ...few, ...attacked])).toBeGreaterThan(clean / 2);
    }
  });

  it.each([2_000, 4_000])('is not led astray by two attacks in 1,000 of %s account-months', (accountMonths) => {
    const ordinary = watchedOf(accountMonths, 7);
    const attacked = watchedOf(accountMonths / 500, 9).map((each) => ({
      ...each,
      maxima: each.maxima.map((height) => height + 9),
    }));
    const height = Array.from({ length: SCALES }, () => 4);
    const scoreAmong = (watched: Watched[]): number => scoreOf(calibrate([], watched).settled.everyone, height).score;
    expect(scoreAmong([...ordinary, ...attacked])).toBeGreaterThan(scoreAmong(ordinary) / 4);
  });

  it('is not taught by a wave of fraud that nobody has judged, and puts down to harmless accounts what the promise allows', () => {
    const ordinary = watchedOf(4_000, 7);
    const wave = watchedOf(200, 9).map((each, at) => ({
      ...each,
      maxima: each.maxima.map((height) => height + 4 + at / 100),
      isUnjudged: true,
    }));
    const before = calibrate([], ordinary).settled;
    const kept = harmless([...ordinary, ...wave], 1, before);
    // One in 1,000 of 4,200 account-months, and of those that were acted on the least high ones.
    expect(kept).toHaveLength(ordinary.length + 5);
    const highest = Math.max(...kept.flatMap(({ maxima }) => maxima));
    expect(highest).toBeLessThan(Math.max(...wave.flatMap(({ maxima }) => maxima)));
    const height = Array.from({ length: SCALES }, () => 3);
    const scores = [ordinary, kept, [...ordinary, ...wave]].map(
      (watched) => scoreOf(calibrate([], watched).settled.everyone, height).score,
    ) as [number, number, number];
    expect(scores[1]).toBeGreaterThan(scores[0] / 3);
    expect(scores[2]).toBeLessThan(scores[0] / 30);
    expect(harmless(ordinary, 1, before)).toEqual(ordinary);
  });

  it('holds what is built in where there is no history, or next to none', () => {
    expect(calibrate([], [])).toEqual(UNFITTED_CALIBRATION);
    expect(calibrate([], watchedOf(5, 1)).settled.everyone).toEqual(UNFITTED_CALIBRATION.settled.everyone);
  });

  it.each([
    ['is scored as everyone where it shows no more than they do', 0.2, 1, 1],
    ['is scored lower where it reaches higher than they do', 1.2, 0, 0.5],
  ])('a segment too small for a tail of its own %s', (_, slope, least, most) => {
    const few = watchedOf(100, 5, slope).map((each) => ({ ...each, segment: 'few' }));
    const { everyone, segments } = calibrate([], [...watchedOf(4_000, 7), ...few]).settled;
    const height = Array.from({ length: SCALES }, () => 3);
    const share = scoreOf(segments['few']!, height).score / scoreOf(everyone, height).score;
    expect(share).toBeGreaterThanOrEqual(least);
    expect(share).toBeLessThanOrEqual(most);
  });

  it('promises no less of use from abroad than chance allows a likelihood ratio, nor of calls than is built in, however little was seen', () => {
    const [calls, roaming] = [SCALES - 2, SCALES - 1];
    const { everyone } = calibrate([], watchedOf(4_000, 7, 0.1)).settled;
    expect(everyone.scales[roaming]!.slope).toBe(1);
    expect(everyone.scales[calls]!.slope).toBe(0.35);
    expect(everyone.scales[0]!.slope).toBeLessThan(0.3);
  });

  it('gives a higher score to what is higher at any scale', () => {
    const { everyone } = calibrate([], watchedOf(2_000, 3)).settled;
    for (let scale = 0; scale < SCALES; scale++) {
      const scores = [0, 1, 2, 4, 8].map(
        (height) =>
          scoreOf(
            everyone,
            Array.from({ length: SCALES }, (_, at) => (at === scale ? height : 0)),
          ).score,
      );
      expect(scores).toEqual(scores.toSorted((a, b) => a - b));
      expect(scores.every((score) => Number.isFinite(score))).toBe(true);
    }
  });
});
