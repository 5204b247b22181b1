import { describe, expect, it } from '@jest/globals';
import { nextUsualShare, rejectsRise } from './reject-rise.ts';

const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;

describe('rejects of the latest imports', () => {
  it.each([
    ['rise where one in ten is rejected, usually one in a hundred', 1_000, 100, 0.01, true],
    ['are as usual', 1_000, 12, 0.01, false],
    ['are twice the usual, which is no rise yet', 10_000, 200, 0.01, false],
    ['are a few of a few rows', 9, 9, 0, false],
    ['are all of ten rows of a feed that had none', 10, 10, 0, true],
    ['are one in a thousand of a feed that had none', 100_000, 100, 0, false],
    ['are many, as always with this feed', 1_000, 400, 0.4, false],
    ['are none of no rows', 0, 0, 0, false],
  ])('%s', (_, received, rejected, usual, rises) => {
    expect(rejectsRise({ received, rejected }, usual, YEAR_MS)).toBe(rises);
  });

  it.each([
    ['while they are a little fewer than what began it', 10_000, 25, 0.001, true],
    ['until they are about as many as usual', 10_000, 15, 0.001, false],
    ['until there are none', 3, 0, 0.001, false],
  ])('have risen %s', (_, received, rejected, usual, lasts) => {
    expect(rejectsRise({ received, rejected }, usual, YEAR_MS)).toBe(false);
    expect(rejectsRise({ received, rejected }, usual, YEAR_MS, true)).toBe(lasts);
  });

  /** The days on which there is an alarm, with a file of 10,000 rows every day and a look every hour. */
  const daysOfAlarm = (rejectedOn: (day: number) => number) => {
    const days = new Set<number>();
    let usual = 0;
    for (let hour = 0, lasts = false; hour < 30 * 24; hour++) {
      const day = Math.floor(hour / 24);
      const recent = { received: 10_000, rejected: rejectedOn(day) };
      lasts = rejectsRise(recent, usual, (hour * DAY_MS) / 24, lasts);
      if (lasts) days.add(day);
      usual = nextUsualShare(usual, recent, DAY_MS / 24);
    }
    return [...days];
  };

  it.each([
    ['no rise where they are 4 in 1,000 rows from the first day', () => 40, []],
    ['no rise where they are 2 in 100 rows from the first day', () => 200, []],
    ['a rise on the first day where the feed can not be read', () => 9_000, 0],
    ['a rise where there were none, and then 4 in 1,000 rows', (day: number) => (day < 20 ? 0 : 40), 20],
    ['a rise in the first week where they are 5 in 100 rows all at once', (day: number) => (day < 3 ? 0 : 500), 3],
  ] as const)('are %s', (_, rejectedOn, first) => {
    const days = daysOfAlarm(rejectedOn);
    expect(typeof first === 'number' ? days[0] : days).toEqual(first);
  });

  it('become usual by half in a week', () => {
    expect(nextUsualShare(0, { received: 100, rejected: 10 }, 7 * 24 * 3_600_000)).toBeCloseTo(0.05);
    expect(nextUsualShare(0.02, { received: 0, rejected: 0 }, 1_000)).toBe(0.02);
  });
});
