import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../kernel/clock.ts';
import { backingOf } from './backing.ts';
import { UNFITTED_CALIBRATION, type Calibration } from './calibration.ts';

const AT = parseInstant('2026-03-01T00:00:00Z')!;
const tails = (accountMonths: number) => ({ ...UNFITTED_CALIBRATION.settled.everyone, accountMonths });
const calibration = (everyone: number, smb = 0): Calibration => ({
  fresh: UNFITTED_CALIBRATION.fresh,
  settled: { everyone: tails(everyone), segments: { smb: tails(smb) } },
});

describe('what is behind a promise', () => {
  it('is nothing before anything was calibrated, and says what is done meanwhile', () => {
    const backing = backingOf(UNFITTED_CALIBRATION, undefined, undefined, 1);
    expect(backing).toMatchObject({ state: 'none', ownMonths: 0, enoughMonths: 1_200 });
    expect(backing.words).toMatch(/^Not backed by your own history yet: .*made-up customers.*nothing can be promised/);
  });

  it.each<[what: string, all: number, smb: number | undefined, budget: number, state: string, words: RegExp]>([
    [
      'three hundred accounts',
      276,
      undefined,
      1,
      'few',
      /saw 276 customer-months, and 1,200 are enough.*once in 1,111;.*later rather than wrongly/,
    ],
    [
      'as many as have a tail of their own',
      1_200,
      undefined,
      1,
      'enough',
      /^Backed by your own history: .*saw 1,200 customer-months\.$/,
    ],
    ['those, for a promise of a tenth', 1_200, undefined, 0.1, 'few', /11,111 are enough/],
    [
      'a small segment among many',
      5_000,
      90,
      1,
      'enough',
      /saw 5,000 customer-months of everyone\. Of this segment it saw 90, too few/,
    ],
    ['a small segment of a small provider', 276, 90, 1, 'few', /276 customer-months of everyone, and 1,200 are enough/],
    ['a large segment', 5_000, 2_000, 1, 'enough', /saw 2,000 customer-months\.$/],
  ])('of %s', (_what, all, smb, budget, state, words) => {
    const backing = backingOf(calibration(all, smb), AT, smb === undefined ? undefined : 'smb', budget);
    expect(backing).toMatchObject({
      state,
      ownMonths: smb ?? all,
      allMonths: all,
      words: expect.stringMatching(words),
    });
  });
});
