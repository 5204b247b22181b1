/**
 * Arrays as PostgreSQL reads them (`{"a","b"}`), for statements that take a batch's columns: several times cheaper than
 * leaving each element to the driver.
 */

const SPECIAL = /["\\]/;

/** Texts as the literal of a `text[]`. */
export function textArray(texts: readonly string[]): string {
  if (texts.length === 0) return '{}';
  const safe = texts.some((text) => SPECIAL.test(text))
    ? texts.map((text) => text.replaceAll(/["\\]/g, '\\$&'))
    : texts;
  return `{"${safe.join('","')}"}`;
}

const TEXT_OID = 25;

/**
 * Texts, as their UTF-8, as `text[]` in PostgreSQL's binary form, which it takes without looking for quotes and escapes:
 * for few and long texts, such as lines of a log. For many short ones the literal costs no more.
 */
export function binaryTextArray(texts: readonly Uint8Array[]): Buffer {
  const array = Buffer.allocUnsafe(20 + texts.reduce((bytes, text) => bytes + 4 + text.length, 0));
  // Dimensions, no nulls, the elements' type; how many there are, and that the first is the first.
  let at = 0;
  for (const word of [1, 0, TEXT_OID, texts.length, 1]) at = array.writeInt32BE(word, at);
  for (const text of texts) {
    at = array.writeInt32BE(text.length, at);
    array.set(text, at);
    at += text.length;
  }
  return array;
}

/** Whole numbers as the literal of a `bigint[]`. */
export function integerArray(numbers: readonly (bigint | number)[]): string {
  return `{${numbers.join(',')}}`;
}

/** The same, with NULL for each that is undefined. */
export function integersOrNull(numbers: readonly (bigint | number | undefined)[]): string {
  return `{${numbers.map((each) => each ?? 'NULL').join()}}`;
}
