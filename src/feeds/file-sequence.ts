/** Numbers that a feed's file names carry, and those that are missing among them. Pure. */

/** Numbers that did not come, from the first to the last, as they would stand in a name. */
export interface SequenceGap {
  first: string;
  last: string;
}

/**
 * The gaps in the numbers of `names`, which are in the order in which they came. `pattern` is a regular expression whose
 * first group is the number; names that it does not match carry none. A number of a fixed width that begins again after
 * its highest goes on, so that `999` is followed by `000`.
 */
export function sequenceGaps(names: readonly string[], pattern: RegExp): SequenceGap[] {
  const seen = new Set<number>();
  let highest: number | undefined;
  let width = 1;
  for (const name of names) {
    const digits = pattern.exec(name)?.[1];
    if (digits === undefined || !/^\d{1,15}$/.test(digits)) continue;
    width = digits.length;
    const round = 10 ** width;
    let number = Number(digits);
    // The turn of the counter that lies nearest to the highest number so far.
    if (highest !== undefined) number += Math.round((highest - number) / round) * round;
    seen.add(number);
    highest = Math.max(highest ?? number, number);
  }
  const ordered = [...seen].toSorted((a, b) => a - b);
  const written = (number: number) => String(((number % 10 ** width) + 10 ** width) % 10 ** width).padStart(width, '0');
  return ordered.flatMap((number, index) => {
    const before = ordered[index - 1];
    if (before === undefined || number === before + 1) return [];
    return [{ first: written(before + 1), last: written(number - 1) }];
  });
}

/** `17, 20 to 24`; of many gaps the first. */
export function gapsInWords(gaps: readonly SequenceGap[]): string {
  const shown = gaps.slice(0, 10).map(({ first, last }) => (first === last ? first : `${first} to ${last}`));
  return shown.join(', ') + (gaps.length > shown.length ? ` and ${gaps.length - shown.length} more gaps` : '');
}
