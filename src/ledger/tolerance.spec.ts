import { describe, expect, it } from '@jest/globals';
import type { Comparison, ReconciliationLine } from './reconciliation.ts';
import { canCompare, DEFAULT_TOLERANCE, isBeyond, totalsOf } from './tolerance.ts';

const line = (comparison: Comparison, records: number, near: bigint, nightly: bigint): ReconciliationLine => ({
  day: '2026-03-10',
  currency: 'EUR',
  country: 'SO',
  tariff: '',
  feed: 'near',
  comparison,
  records,
  near: near * 1_000_000n,
  nightly: nightly * 1_000_000n,
  apart: (near > nightly ? near - nightly : nightly - near) * 1_000_000n,
});

describe('near-real-time and nightly usage of a day', () => {
  it.each([
    ['that agree are within tolerance', [line('equal', 100, 100n, 100n)], false],
    ['may differ by 1 %', [line('equal', 99, 900n, 900n), line('different', 1, 4n, 9n)], false],
    [
      'are beyond where more than 1 % of the records differ',
      [line('equal', 98, 98n, 98n), line('only-near', 2, 0n, 0n)],
      true,
    ],
    [
      'are beyond where more than 1 % of the money differs',
      [line('equal', 999, 99n, 99n), line('only-near', 1, 2n, 0n)],
      true,
    ],
    [
      'are beyond by more than the amount, however little of the whole',
      [line('equal', 9_999, 9_999n, 9_999n), line('different', 1, 1n, 12n)],
      true,
    ],
    [
      'do not make up for one another',
      [line('equal', 9_998, 9_998n, 9_998n), line('only-near', 1, 9n, 0n), line('only-nightly', 1, 0n, 9n)],
      true,
    ],
    ['that are all nightly are beyond', [line('only-nightly', 1, 0n, 1n)], true],
  ])('%s', (_, lines, beyond) => {
    expect(totalsOf(lines).some((totals) => isBeyond(totals, DEFAULT_TOLERANCE))).toBe(beyond);
  });

  it('can be compared only where near real time had something', () => {
    expect(totalsOf([line('only-nightly', 5, 0n, 5n)]).some(canCompare)).toBe(false);
    expect(totalsOf([line('only-nightly', 5, 0n, 5n), line('only-near', 1, 1n, 0n)]).some(canCompare)).toBe(true);
  });
});
