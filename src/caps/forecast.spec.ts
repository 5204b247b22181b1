import { describe, expect, it } from '@jest/globals';
import { array, assert, bigInt, double, integer, property, record } from 'fast-check';
import { DAYS_MIN, foresee, type Forecast, type ForecastQuestion, type PastDay } from './forecast.ts';

const EUR = 1_000_000n;
/** A small linear congruential generator: the same numbers in every run. */
const seeded = (seed: number) => {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
};
const days = (amounts: readonly bigint[], lastWeekday = 7): PastDay[] =>
  amounts.map((amount, at) => ({
    weekday: ((((lastWeekday - 1 - (amounts.length - 1 - at)) % 7) + 7 * 20) % 7) + 1,
    amount,
  }));
const steady = days(Array.from({ length: 56 }, () => 4n * EUR));

const QUESTION: ForecastQuestion = {
  past: steady,
  spend: 40n * EUR,
  limit: 100n * EUR,
  today: 1,
  daysLeft: 20,
  passed: 0,
};
const foreseen = (change: Partial<ForecastQuestion>) =>
  foresee({ ...QUESTION, ...change }) as Extract<Forecast, { outcome: 'foreseen' }>;

describe('a forecast', () => {
  it('of an account that spends the same each day names the day, within one', () => {
    const { probability, likely, earliest, latest, atEnd } = foreseen({});
    expect(probability).toBeGreaterThan(0.99);
    for (const day of [earliest, likely, latest]) expect(Math.abs(day! - 14)).toBeLessThanOrEqual(1);
    expect(atEnd.low > 110n * EUR && atEnd.high < 130n * EUR).toBe(true);
    expect(atEnd.middle > 115n * EUR && atEnd.middle < 125n * EUR).toBe(true);
  });

  it('is wider of an account whose weeks have differed, though their days come to as much', () => {
    const uneven = days(Array.from({ length: 56 }, (_, at) => (Math.floor(at / 7) % 2 === 0 ? 1n : 7n) * EUR));
    const widthOf = ({ atEnd }: { atEnd: { low: bigint; high: bigint } }) => atEnd.high - atEnd.low;
    expect(widthOf(foreseen({ past: uneven }))).toBeGreaterThan(3n * widthOf(foreseen({})));
  });

  it('holds what came eight times in ten, and is right eight times in ten where it would warn', () => {
    const random = seeded(20_260_310);
    let [made, within, warned, reached] = [0, 0, 0, 0];
    for (let customer = 0; customer < 300; customer++) {
      // What a customer spends a day, its level moving from week to week by itself.
      const amounts: bigint[] = [];
      for (let day = 0, level = 1; day < 76; day++) {
        if (day % 7 === 0) level = Math.exp(0.6 * (random() - 0.5));
        amounts.push(BigInt(Math.round(level * random() ** 2 * 12 * 1e6)));
      }
      const spend = 10n * EUR;
      const limit = spend + BigInt(Math.round((40 + 60 * random()) * 1e6));
      const asked = { past: days(amounts.slice(0, 56)), spend, limit, daysLeft: 20 };
      const { atEnd, probability } = foreseen(asked);
      const end = amounts.slice(56).reduce((sum, amount) => sum + amount, spend);
      made++;
      if (end >= atEnd.low && end <= atEnd.high) within++;
      if (probability < 0.8) continue;
      warned++;
      if (end >= limit) reached++;
    }
    expect(within / made).toBeGreaterThan(0.74);
    expect(within / made).toBeLessThan(0.92);
    expect(warned).toBeGreaterThan(40);
    expect(reached / warned).toBeGreaterThan(0.8);
  });

  it.each<[string, Partial<ForecastQuestion>, object]>([
    ['is none where the limit is reached', { spend: 100n * EUR }, { outcome: 'reached' }],
    [
      'is none where too few days are known, and says how many are needed',
      { past: steady.slice(-DAYS_MIN + 1) },
      { outcome: 'too-few-days', days: DAYS_MIN - 1, needed: DAYS_MIN },
    ],
    ['sees that it does not last that long', { daysLeft: 6 }, { likely: undefined, latest: undefined }],
    [
      'of an account that never spends is that it never will',
      { past: days(Array.from({ length: 30 }, () => 0n)) },
      { probability: 0 },
    ],
  ])('%s', (_, change, expected) => expect(foresee({ ...QUESTION, ...change })).toMatchObject(expected));

  it('counts only what is left of today', () => {
    const at = (passed: number) => foreseen({ spend: 96n * EUR, daysLeft: 1, passed }).probability;
    expect([at(0) > 0.3, at(0.5) < 0.1, at(1) === 0]).toEqual([true, true, true]);
  });

  it('knows the weekend from the week', () => {
    const office = days(Array.from({ length: 84 }, (_, at) => (at % 7 >= 5 ? 0n : 10n * EUR)));
    const inTwoDays = (today: number) => foreseen({ past: office, today, daysLeft: 2 }).atEnd.middle - QUESTION.spend;
    expect(inTwoDays(1)).toBeGreaterThan(14n * EUR);
    expect(inTwoDays(6)).toBeLessThan(6n * EUR);
  });

  it('is wide where days differ, and narrower where more of them are known', () => {
    const wild = days(Array.from({ length: 91 }, (_, at) => (at % 5 === 0 ? 20n * EUR : 0n)));
    const { atEnd } = foreseen({ past: wild });
    expect(atEnd.high - atEnd.low).toBeGreaterThan(20n * EUR);
    const young = foreseen({ past: wild.slice(-15) });
    expect(young.atEnd.high - young.atEnd.low).toBeGreaterThan(atEnd.high - atEnd.low - 20n * EUR);
  });

  it('follows an account that has changed', () => {
    const grown = days(Array.from({ length: 91 }, (_, at) => (at < 61 ? 0n : 5n * EUR)));
    expect(foreseen({ past: grown }).atEnd.middle).toBeGreaterThan(85n * EUR);
  });

  const question = record({
    past: array(bigInt({ min: 0n, max: 50n * EUR }), { minLength: 14, maxLength: 100 }).map((amounts) => days(amounts)),
    spend: bigInt({ min: 0n, max: 99n * EUR }),
    today: integer({ min: 1, max: 7 }),
    daysLeft: integer({ min: 1, max: 31 }),
    passed: double({ min: 0, max: 1, noNaN: true }),
  });

  it('keeps its range in order, and does not change when it is made again', () => {
    assert(
      property(question, (asked) => {
        const made = foreseen(asked);
        const never = (day: number | undefined) => day ?? Infinity;
        expect(never(made.earliest)).toBeLessThanOrEqual(never(made.likely));
        expect(never(made.likely)).toBeLessThanOrEqual(never(made.latest));
        expect(made.atEnd.low <= made.atEnd.middle && made.atEnd.middle <= made.atEnd.high).toBe(true);
        expect(made.atEnd.low).toBeGreaterThanOrEqual(asked.spend);
        expect(made.likely === undefined).toBe(made.probability < 0.5);
        expect(foreseen(asked)).toEqual(made);
      }),
      { numRuns: 60 },
    );
  });

  it('is less likely of a higher limit, and no sooner', () => {
    assert(
      property(question, bigInt({ min: 1n, max: 400n * EUR }), (asked, more) => {
        const [low, high] = [foreseen(asked), foreseen({ ...asked, limit: 100n * EUR + more })];
        expect(high.probability).toBeLessThanOrEqual(low.probability);
        expect(high.likely ?? Infinity).toBeGreaterThanOrEqual(low.likely ?? Infinity);
      }),
      { numRuns: 60 },
    );
  });
});
