import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { hasMoreThan, textUpTo } from './characters.ts';

describe('a text of at most three characters', () => {
  it.each([
    ['abc', false],
    ['abcd', true],
    ['📞📞📞', false],
    ['📞📞📞📞', true],
    ['', false],
  ])('%j has more: %s', (text, more) => {
    expect(hasMoreThan(text, 3)).toBe(more);
    expect(textUpTo(3).safeParse(text).success).toBe(!more);
  });

  it('says so in the documentation of the API', () => {
    expect(z.toJSONSchema(textUpTo(3).min(1))).toMatchObject({ type: 'string', minLength: 1, maxLength: 3 });
  });
});
