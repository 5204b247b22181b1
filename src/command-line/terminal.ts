/** How the command line writes for people. */

/** Takes one line, without its end. */
export type Out = (line: string) => void;

export function count(number: number): string {
  return number.toLocaleString('en-GB');
}

/** `1 account`, `2 accounts` */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Rows in columns, indented; the last column is as long as it is. */
export function table(rows: readonly (readonly string[])[], out: Out): void {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  for (const row of rows) {
    const cells = row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!)));
    out(`  ${cells.join('  ')}`);
  }
}
