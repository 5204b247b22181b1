const SEPARATORS = /[\s().\-/\u2010-\u2015]/g;

/** Longer than any number with all its punctuation; what exceeds it is not looked at. */
const TEXT_LENGTH_MAX = 64;

/**
 * The digits that were dialled, with a leading `+` where one was written; `undefined` where the text is no number.
 * Spaces, dashes, dots, slashes, parentheses and a leading `tel:` (RFC 3966, with its parameters) are taken off.
 */
export function digitsDialled(text: string): string | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  let digits = text.trim();
  if (/^tel:/i.test(digits)) digits = digits.slice(4).split(';', 1)[0]!;
  digits = digits.replace(SEPARATORS, '');
  return /^\+?\d+$/.test(digits) ? digits : undefined;
}
