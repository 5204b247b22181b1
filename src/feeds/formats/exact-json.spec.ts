import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { elementsOf, NamedTwice, parseExactly, parseJson } from './exact-json.ts';

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
    ['a string of quotes that nothing closes', `"${'\\"'.repeat(4_000_000)}`],
  ])('%s, of eight million characters, are none', (_, text) => {
    expect(() => parseExactly(text)).toThrow();
  });

  it.each([
    ['empty strings', `[${'"",'.repeat(2_500_000)}""]`, 2_500_001],
    ['digits', '1'.repeat(8_000_000), 8_000_000],
    ['escapes', `"${'\\n'.repeat(4_000_000)}"`, 4_000_000],
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

  it.each([
    ['at the top', '{"a":"1","b":":","a":"2"}', 'a'],
    ['with the same value', '{"a":1,"a":1}', 'a'],
    ['of which one is written with an escape', '{"amount":"1","am\\u006funt":"2"}', 'amount'],
    ['within', '[{"a":{"b":[{"c":null,"d":0,"c":[]}]}}]', 'c'],
    ['that objects have by themselves', '{"__proto__":1,"__proto__":2}', '__proto__'],
    ['that is empty', '{"":1,"":2}', ''],
  ])('that says a name twice is told by it: %s', (_, text, name) => {
    for (const parse of [parseJson, parseExactly]) expect(() => parse(text)).toThrow(new NamedTwice(name));
  });

  it('may say a name again in another object', () => {
    const text = '{"a":[{"a":"{\\"a\\":1,\\"a\\":2}"},{"a":{"a":"a"}}],"__proto__":"","toString":""}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('has the elements of an array as they are written', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, '\t'), (values, space) => {
        const text = JSON.stringify(values, undefined, space);
        const elements = values.length === 0 ? [] : elementsOf(` ${text}`);
        expect(elements.map((element) => JSON.parse(element) as unknown)).toEqual(JSON.parse(text));
      }),
    );
    expect(elementsOf('{"a":[1,2]}')).toEqual(['{"a":[1,2]}']);
  });
});
