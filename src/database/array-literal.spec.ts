import { describe, expect, it } from '@jest/globals';
import { integerArray, integersOrNull, textArray } from './array-literal.ts';

describe('an array literal', () => {
  it.each([
    ['nothing is an empty array', [], '{}'],
    ['each text is quoted, so that NULL is a word', ['NULL', 'a'], '{"NULL","a"}'],
    ['commas and braces stand for themselves', ['a,b', '{}'], '{"a,b","{}"}'],
    ['quotes and backslashes are escaped', ['a"b', 'c\\'], '{"a\\"b","c\\\\"}'],
    ['an empty text stays one', [''], '{""}'],
  ])('%s', (_, texts, literal) => expect(textArray(texts)).toBe(literal));

  it('writes bigints to the last digit', () =>
    expect(integerArray([1n, -9_007_199_254_740_993n])).toBe('{1,-9007199254740993}'));

  it('is the same with NULL for what is undefined', () =>
    expect(integersOrNull([1n, undefined, -2])).toBe('{1,NULL,-2}'));
});
