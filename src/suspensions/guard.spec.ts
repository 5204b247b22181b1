import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { guardLimit, guardVerdict, type GuardSettings } from './guard.ts';

const settings: GuardSettings = { perHour: 100, percent: 2, atLeast: 25 };

describe('how many an hour rules may suspend', () => {
  it.each([
    ['a large provider is held to the number', 100_000, settings, 100],
    ['a middling one to the share of its accounts', 3_000, settings, 60],
    ['a small one is not asked about each', 20, settings, 25],
    ['a share is rounded down', 3_333, { ...settings, percent: 1.5 }, 49],
    ['a number below what the share allows holds', 20, { ...settings, perHour: 3 }, 3],
    ['none, where the number is none: everything waits for a person', 5_000, { ...settings, perHour: 0 }, 0],
    [
      'none, where the share is none and nothing is allowed at least',
      5_000,
      { perHour: 100, percent: 0, atLeast: 0 },
      0,
    ],
  ])('%s', (_, accounts, each, allowed) => {
    expect(guardLimit(each, accounts)).toMatchObject({ allowed });
  });
});

describe('what passes the guard', () => {
  it.each([
    ['all, where there is room', [1, 1, 1], 97, 3],
    ['as many as there is room for, in their order', [1, 1, 1], 98, 2],
    ['none, where the hour is full', [1], 100, 0],
    ['none, where somebody lowered the number meanwhile', [1], 250, 0],
    ['one that wants two bars, only where there is room for both', [1, 2, 1], 98, 1],
    ['nothing asked, nothing passes', [], 0, 0],
  ])('%s', (_, sizes, made, passing) => {
    expect(guardVerdict(sizes, settings, { made, activeAccounts: 100_000 })).toMatchObject({ passing });
  });

  it('never brings an hour beyond its limit, and holds nothing for which there is room', () => {
    const natural = fc.nat(500);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 3 })),
        natural,
        natural,
        natural,
        (sizes, perHour, made, active) => {
          const own = { ...settings, perHour };
          const { passing, allowed } = guardVerdict(sizes, own, { made, activeAccounts: active });
          const sum = (count: number) => sizes.slice(0, count).reduce((total, size) => total + size, 0);
          if (passing > 0) expect(made + sum(passing)).toBeLessThanOrEqual(allowed);
          if (passing < sizes.length) expect(made + sum(passing + 1)).toBeGreaterThan(allowed);
        },
      ),
    );
  });
});
