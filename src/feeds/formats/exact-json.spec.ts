import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseExactly } from './exact-json.ts';

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

  it.each([
    ['quotes alone', '"'.repeat(8_000_000)],
    ['empty strings', `[${'"",'.repeat(2_500_000)}""]`],
    ['a string of quotes that nothing closes', `"${'\\"'.repeat(4_000_000)}`],
    ['digits', '1'.repeat(8_000_000)],
  ])('%s take no longer than their length', (_, text) => {
    const begun = performance.now();
    try {
      parseExactly(text);
    } catch {
      // Some are no JSON.
    }
    expect(performance.now() - begun).toBeLessThan(5_000);
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
