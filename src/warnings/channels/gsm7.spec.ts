import { describe, expect, it } from '@jest/globals';
import { isGsm7, smsParts, splitSms, toGsm7 } from './gsm7.ts';

describe('the length of an SMS', () => {
  it.each([
    ['an empty text is one message', '', true, 1],
    ['160 characters of the basic alphabet fit one message', 'a'.repeat(160), true, 1],
    ['the 161st makes it two', 'a'.repeat(161), true, 2],
    ['two parts hold 306 characters', 'a'.repeat(306), true, 2],
    ['the 307th makes it three', 'a'.repeat(307), true, 3],
    ['a euro sign counts twice', `${'a'.repeat(158)}€`, true, 1],
    ['a euro sign that no longer fits makes it two', `${'a'.repeat(159)}€`, true, 2],
    ['an escaped character is not cut in two at the end of a part', `${'a'.repeat(152)}€${'a'.repeat(152)}`, true, 3],
    ['70 characters fit one message outside the alphabet', 'ë'.repeat(70), false, 1],
    ['the 71st makes it two', 'ë'.repeat(71), false, 2],
    ['two parts hold 134 of them', 'ë'.repeat(134), false, 2],
    ['the 135th makes it three', 'ë'.repeat(135), false, 3],
    ['an emoji counts twice', '📞'.repeat(35), false, 1],
    ['an emoji is not cut in two at the end of a part', `${'ë'.repeat(66)}📞${'ë'.repeat(66)}`, false, 3],
  ])('%s', (_sentence, text, gsm7, parts) => {
    expect(isGsm7(text)).toBe(gsm7);
    expect(smsParts(text)).toBe(parts);
    expect(splitSms(text).join('')).toBe(text);
  });
});

describe('the text in the alphabet of phones', () => {
  it.each([
    ['what is in it stays', 'Één café? €5 [ja]', 'Één café? €5 [ja]'],
    ['a letter with a mark it lacks loses the mark', 'Somalië, Curaçao', 'Somalie, Curacao'],
    ['a letter written in two characters is read as one', 'cafe\u0301', 'café'],
    ['typographic marks become plain', '‘a’ “b” – c…', '\'a\' "b" - c...'],
    ['a non-breaking space becomes a space', '€\u00A050', '€ 50'],
    ['what has no counterpart is left out', 'Łódź 東京', 'Lodz '],
  ])('%s', (_sentence, text, expected) => {
    expect(toGsm7(text)).toBe(expected);
    expect(isGsm7(expected)).toBe(true);
  });
});
