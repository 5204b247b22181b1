/**
 * The rejects of an import as a file: a row each, what is wrong with it in columns before it. Rows of canonical CSV stand as
 * they came, under their own header; others as one column, `text`. Mended in place, the file can be read back. Pure.
 */
import { Refusal } from '../kernel/refusal.ts';
import { linesOf } from './formats/lines.ts';

/** The line of a reject, and its row as it is now. */
export interface MendedReject {
  line: number;
  text: string;
}

const ROWS_MAX = 100_000;
/** The line of a reject, three cells that say what is wrong, and its row. */
const LINE = /^"?([1-9]\d{0,14})"?,(?:(?:"(?:[^"]|"")*"|[^",]*),){3}(.*)$/s;
const QUOTED = /^"((?:[^"]|"")*)"$/s;

/** `header`: of canonical CSV. */
export function headOf(header: string | undefined): string {
  return `reject_line,reject_reason,reject_field,reject_detail,${header ?? 'text'}`;
}

export function lineOf(
  { line, reason, field, detail, text }: MendedReject & Record<'reason' | 'field' | 'detail', string>,
  header: string | undefined,
): string {
  const cells = [String(line), reason, field, detail].map(quoted);
  return [...cells, header === undefined ? quoted(text) : text].join(',');
}

/** Reads such a file back. @throws Refusal bad_header, bad_rejects: the whole is refused */
export async function mendedRejects(bytes: AsyncIterable<Buffer>, header: string | undefined): Promise<MendedReject[]> {
  const mended = new Map<number, string>();
  const head = headOf(header);
  let begun = false;
  for await (const { text, line: at } of linesOf(bytes)) {
    if (!begun) {
      if (text !== head) break;
      begun = true;
      continue;
    }
    const [, line, row] = LINE.exec(text) ?? [];
    if (row === undefined) throw bad(`line ${at} does not begin with the four cells that say what was wrong`);
    const number = Number(line);
    if (mended.has(number)) throw bad(`line ${at} is the reject of line ${number} once more`);
    mended.set(number, header === undefined ? unquoted(row, at) : row);
    if (mended.size > ROWS_MAX)
      throw bad(`it has more than ${ROWS_MAX} rows; send them in parts, each under the first line`);
  }
  if (!begun) {
    const form = head.length > 200 ? `${head.slice(0, 200)}…` : head;
    throw new Refusal('invalid', 'bad_header', `the first line is not that of this import's rejects: "${form}"`);
  }
  if (mended.size === 0) throw bad('it has no row');
  return [...mended].map(([line, text]) => ({ line, text }));
}

function bad(why: string): Refusal {
  return new Refusal('invalid', 'bad_rejects', `${why}; nothing of it was sent again`);
}

function unquoted(cell: string, at: number): string {
  const inner = QUOTED.exec(cell)?.[1];
  if (inner === undefined && /[",]/.test(cell)) throw bad(`line ${at}: the row in it is not quoted as one cell`);
  return inner === undefined ? cell : inner.replaceAll('""', '"');
}

/** A cell of CSV (RFC 4180). */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
