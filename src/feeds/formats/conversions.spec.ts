import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatAmount, parseAmount } from '../../kernel/money.ts';
import { canonicalAmount, canonicalDuration, withPlus, type AmountUnit, type DurationUnit } from './conversions.ts';

describe("a peer's amount", () => {
  it.each<[string, string, '.' | ',', AmountUnit, string | undefined]>([
    ['is as ours', '1.0164', '.', 'units', '1.0164'],
    ['has no decimals', '12', '.', 'units', '12'],
    ['has nothing before its point', '.5', '.', 'units', '0.500000'],
    ['is rounded down beyond six decimals', '0.12345649', '.', 'units', '0.123456'],
    ['is rounded half up', '0.1234565', '.', 'units', '0.123457'],
    ['is rounded half away from zero where it is a credit', '-0.1234565', '.', 'units', '-0.123457'],
    ['is rounded across all nines', '0.9999999', '.', 'units', '1.000000'],
    ['would be lost by a float', '123456789012.345678', '.', 'units', '123456789012.345678'],
    ['has an exponent', '1.5e-05', '.', 'units', '0.000015'],
    ['is in cents', '1234.56', '.', 'cents', '12.345600'],
    ['is in cents with six decimals', '0.000049', '.', 'cents', '0.000000'],
    ['is in micros', '1500000', '.', 'micros', '1.500000'],
    ['is in nanos', '1500000500', '.', 'nanos', '1.500001'],
    ['has a comma', '1,5', ',', 'units', '1.500000'],
    ['has a comma and points between thousands', '1.234.567,89', ',', 'units', '1234567.890000'],
    ['has a point where a comma is said', '1.5', ',', 'units', undefined],
    ['might be either where a comma is said, and is not guessed', '1.500', ',', 'units', undefined],
    ['has a comma where a point is said', '1,5', '.', 'units', undefined],
    ['is empty', '', '.', 'units', undefined],
    ['is a point', '.', '.', 'units', undefined],
    ['is a word', 'NaN', '.', 'units', undefined],
    ['has two points', '1.2.3', '.', 'units', undefined],
    ['is beyond all measure', '1e999', '.', 'units', undefined],
  ])('%s: %s', (_, text, decimal, unit, expected) => {
    expect(canonicalAmount(text, decimal, unit)).toBe(expected);
  });

  it('is exact in every unit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), (micros) => {
        expect(parseAmount(canonicalAmount(formatAmount(micros), '.', 'units')!)).toBe(micros);
        expect(parseAmount(canonicalAmount(formatAmount(micros).replace('.', ','), ',', 'units')!)).toBe(micros);
        expect(parseAmount(canonicalAmount(String(micros), '.', 'micros')!)).toBe(micros);
      }),
    );
  });

  it('is never made up of a text that is none', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('.' as const, ',' as const), (text, decimal) => {
        const canonical = canonicalAmount(text, decimal, 'units');
        expect(canonical === undefined || /^-?\d+(\.\d{1,6})?$/.test(canonical)).toBe(true);
      }),
    );
  });
});

describe("a peer's duration", () => {
  it.each<[string, DurationUnit, string | undefined]>([
    ['85', 's', '85'],
    ['85.001', 's', '86'],
    ['85.000', 's', '85'],
    ['85000', 'ms', '85'],
    ['10000000000', 'ns', '10'],
    ['1.5', 'min', '90'],
    ['1:25', 'hh:mm:ss', '85'],
    ['01:01:25', 'hh:mm:ss', '3685'],
    ['01:61:25', 'hh:mm:ss', undefined],
    ['1m25s', 'go', '85'],
    ['1h0m0.5s', 'go', '3601'],
    ['250ms', 'go', '1'],
    ['1.024µs', 'go', '1'],
    ['85000000000', 'go', '85'],
    ['0', 'go', '0'],
    ['0s', 'go', '0'],
    ['-5', 's', undefined],
    ['', 's', undefined],
    ['12,5', 's', undefined],
    ['a while', 'go', undefined],
  ])('%s in %s is %s', (text, unit, expected) => {
    expect(canonicalDuration(text, unit, '.')).toBe(expected);
  });
});

describe("a peer's duration with a decimal comma", () => {
  it.each<[string, DurationUnit, string | undefined]>([
    ['85,5', 's', '86'],
    ['1,5', 'min', '90'],
    ['1.234,5', 's', '1235'],
    ['1,5m', 'go', undefined],
    ['01:01:25', 'hh:mm:ss', '3685'],
    ['1,234,567', 's', undefined],
    ['1m25.5s', 'go', '86'],
  ])('%s in %s is %s', (text, unit, expected) => {
    expect(canonicalDuration(text, unit, ',')).toBe(expected);
  });
});

describe('a number without its plus', () => {
  it.each([
    ['431234567', '+431234567'],
    ['+431234567', '+431234567'],
    ['112', '112'],
    ['0123456789', '0123456789'],
    ['anonymous', 'anonymous'],
  ])('%s is %s', (number, expected) => {
    expect(withPlus(number)).toBe(expected);
  });
});
