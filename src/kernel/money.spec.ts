import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatAmount, parseAmount, percentOf } from './money.ts';

describe('an amount', () => {
  it.each([
    ['1028.06', 1_028_060_000n],
    ['0.000001', 1n],
    ['-3.5', -3_500_000n],
    ['999999999999.999999', 999_999_999_999_999_999n],
    ['0.0000001', undefined],
    ['1,50', undefined],
    ['1e3', undefined],
    ['.5', undefined],
    ['+1', undefined],
    [' 1', undefined],
    ['', undefined],
    ['1234567890123', undefined],
    ['NaN', undefined],
  ])('%s reads as %s', (text, micros) => expect(parseAmount(text)).toBe(micros));

  it('comes back as it was written, whatever it is', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }), (micros) => {
        expect(parseAmount(formatAmount(micros))).toBe(micros);
      }),
    );
  });

  it.each([
    [1_028_060_000n, '1028.06'],
    [100_000_000n, '100.00'],
    [-50_120_001n, '-50.120001'],
    [0n, '0.00'],
  ])('%s is written %s', (micros, text) => expect(formatAmount(micros)).toBe(text));

  it.each([
    ['half of 100.00', 100_000_000n, 50, 50_000_000n],
    ['33.33 % of 0.000001 needs the whole micro', 1n, 33.33, 1n],
    ['1000 % of 1.00', 1_000_000n, 1000, 10_000_000n],
  ])('%s', (_, micros, percent, part) => expect(percentOf(micros, percent)).toBe(part));
});
