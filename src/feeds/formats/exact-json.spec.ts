import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseExactly, STRING_OR_NUMBER } from './exact-json.ts';

describe('JSON with its numbers as they were written', () => {
  it.each<[string, string, unknown]>([
    ['a price', '{"Cost":123456789012.345678}', { Cost: '123456789012.345678' }],
    ['an exponent', '[1e-07, -1, 0]', ['1e-07', '-1', '0']],
    ['digits within a string', '{"a1":"2\\" 3\\\\","b":4}', { a1: '2" 3\\', b: '4' }],
    ['other values', '[true, null, "", {}]', [true, null, '', {}]],
    ['a number alone', ' 12 ', '12'],
  ])('%s', (_, text, expected) => {
    expect(parseExactly(text)).toEqual(expected);
  });

  it.each(['', '{', '"', '"\\"', '{"a":}', '[1 2]', '1 2', 'NaN', '01', '[-007.5]'])('%s is none', (text) => {
    expect(() => parseExactly(text)).toThrow(SyntaxError);
  });

  // What is looked at anew is what was looked through in vain: the end of a string that had begun, or of a number.
  it('is passed once, whatever it is: where a string or a number begins, one is taken', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '\n', '1', '0', '-', '.', 'e', 'x') }), (text) => {
        const between = text.replace(STRING_OR_NUMBER, ' ');
        expect(between).not.toMatch(/["\d]/);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['quotes alone', '"'.repeat(8_000_000)],
    ['a string of quotes that nothing closes', `"${'\\"'.repeat(4_000_000)}`],
  ])('%s, of eight million characters, are none', (_, text) => {
    expect(() => parseExactly(text)).toThrow();
  });

  it.each([
    ['empty strings', `[${'"",'.repeat(2_500_000)}""]`, 2_500_001],
    ['digits', '1'.repeat(8_000_000), 8_000_000],
  ])('%s are read, however many', (_, text, length) => {
    expect(parseExactly(text)).toHaveLength(length);
  });

  it('is otherwise as JSON.parse reads it', () => {
    const asText = (_: string, value: unknown) => (typeof value === 'number' ? JSON.stringify(value) : value);
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseExactly(text)).toEqual(JSON.parse(text, asText));
      }),
    );
  });
});
