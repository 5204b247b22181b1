import { describe, expect, it } from '@jest/globals';
import { nextUsualShare, rejectsRise } from './reject-rise.ts';

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
    expect(rejectsRise({ received, rejected }, usual)).toBe(rises);
  });

  it.each([
    ['while they are a little fewer than what began it', 10_000, 25, 0.001, true],
    ['until they are about as many as usual', 10_000, 15, 0.001, false],
    ['until there are none', 3, 0, 0.001, false],
  ])('have risen %s', (_, received, rejected, usual, lasts) => {
    expect(rejectsRise({ received, rejected }, usual)).toBe(false);
    expect(rejectsRise({ received, rejected }, usual, true)).toBe(lasts);
  });

  it('become usual by half in a week', () => {
    expect(nextUsualShare(0, { received: 100, rejected: 10 }, 7 * 24 * 3_600_000)).toBeCloseTo(0.05);
    expect(nextUsualShare(0.02, { received: 0, rejected: 0 }, 1_000)).toBe(0.02);
  });
});
