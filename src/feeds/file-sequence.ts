/** Numbers that a feed's file names carry, and those that are missing among them. Pure. */

/** Numbers that did not come, from the first to the last, as they would stand in a name. */
export interface SequenceGap {
  first: string;
  last: string;
}

/**
 * The gaps in the numbers of `names`, which are in the order in which they came. `pattern` is a regular expression whose
 * first group is the number; names that it does not match carry none. Numbers of one width that is filled with zeros begin
 * again after their highest: `999` is followed by `000`. Others only grow: `9` is followed by `10`.
 */
export function sequenceGaps(names: readonly string[], pattern: RegExp): SequenceGap[] {
  const numbers = names
    .map((name) => pattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined && /^\d{1,15}$/.test(digits)) as string[];
  const width = Math.min(...numbers.map((digits) => digits.length));
  const beginsAgain =
    numbers.every((digits) => digits.length === width) && numbers.some((digits) => digits.startsWith('0'));
  const round = beginsAgain ? 10 ** width : Infinity;
  const seen = new Set<number>();
  let highest: number | undefined;
  for (const digits of numbers) {
    let number = Number(digits);
    // The turn of the counter that lies nearest to the highest number so far.
    if (beginsAgain && highest !== undefined) number += Math.round((highest - number) / round) * round;
    seen.add(number);
    highest = Math.max(highest ?? number, number);
  }
  const ordered = [...seen].toSorted((a, b) => a - b);
  const written = (number: number) =>
    String(beginsAgain ? ((number % round) + round) % round : number).padStart(width, '0');
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
