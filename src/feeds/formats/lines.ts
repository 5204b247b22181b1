/** From bytes to lines, and what of a line can't be used. Pure. */
import { Refusal } from '../../kernel/refusal.ts';
import type { Reject } from '../usage-record.ts';

export const LINE_LENGTH_MAX = 64 * 1024;
const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/** How the bytes of a text stand for characters; `latin1` is read as browsers do, as Windows-1252. */
export type Encoding = 'utf-8' | 'latin1';

export interface Line {
  text: string;
  /** from 1 */
  line: number;
}

/** Lines with their numbers from 1; empty ones are passed over, the last needs no line break, a byte-order mark is dropped. */
export async function* linesOf(bytes: AsyncIterable<Buffer>, encoding: Encoding = 'utf-8'): AsyncGenerator<Line> {
  for await (const lines of chunksOfLines(bytes, encoding)) yield* lines;
}

/** The same lines, as many at once as came with a chunk of bytes: waiting for each by itself would cost more than reading it. */
export async function* chunksOfLines(
  bytes: AsyncIterable<Buffer>,
  encoding: Encoding = 'utf-8',
): AsyncGenerator<Line[]> {
  const decoder = new TextDecoder(encoding);
  let rest = '';
  let line = 0;
  const lineOf = (text: string) => ({ text: text.endsWith('\r') ? text.slice(0, -1) : text, line });
  for await (const chunk of bytes) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const lines: Line[] = [];
    let from = 0;
    for (let to = text.indexOf('\n', from); to >= 0; to = text.indexOf('\n', from)) {
      line++;
      if (to > from && !(to === from + 1 && text.charCodeAt(from) === 13)) lines.push(lineOf(text.slice(from, to)));
      from = to + 1;
    }
    rest = text.slice(from);
    // Of a line that never ends only what shows that it is too long is held, even where that ends in a carriage return.
    if (rest.length > LINE_LENGTH_MAX) rest = rest.slice(0, LINE_LENGTH_MAX + 2);
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  line++;
  if (rest !== '' && rest !== '\r') yield [lineOf(rest)];
}

/** @throws Refusal too_large beyond 64 MB */
export async function wholeOf(bytes: AsyncIterable<Buffer>, tooLarge: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > WHOLE_BYTES_MAX) throw new Refusal('too-large', 'too_large', tooLarge);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const BEGINNINGS: readonly [begins: Buffer, what: string][] = [
  [Buffer.from([0x1f, 0x8b]), 'gzipped, though neither its name nor its header says so'],
  [Buffer.from('PK\u0003\u0004'), 'a ZIP archive'],
  [Buffer.from('BZh'), 'packed with bzip2'],
  [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'packed with zstd'],
  [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), 'packed with xz'],
  [Buffer.from([0xff, 0xfe]), 'text in UTF-16; it must be UTF-8 or Latin-1'],
  [Buffer.from([0xfe, 0xff]), 'text in UTF-16; it must be UTF-8 or Latin-1'],
  [Buffer.from('%PDF-'), 'a PDF'],
  [Buffer.from('\u0089PNG', 'latin1'), 'a picture: no text'],
];
const LOOKED_AT_BYTES = 8 * 1024;

/**
 * The same bytes, once their beginning has been seen to be text. `nulMeans`: whether a NUL shows that it is none, or is a
 * fault of the row that it stands in.
 * @throws Refusal binary_file, with what it is as far as that shows
 */
export async function* textOnly(
  bytes: AsyncIterable<Buffer>,
  nulMeans: 'binary' | 'bad-row' = 'binary',
): AsyncGenerator<Buffer> {
  let beginning: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (beginning === undefined) {
      yield chunk;
      continue;
    }
    beginning = beginning.length === 0 ? chunk : Buffer.concat([beginning, chunk]);
    if (beginning.length < LOOKED_AT_BYTES) continue;
    refuseBinary(beginning, nulMeans);
    yield beginning;
    beginning = undefined;
  }
  if (beginning !== undefined && beginning.length > 0) {
    refuseBinary(beginning, nulMeans);
    yield beginning;
  }
}

function refuseBinary(beginning: Buffer, nulMeans: 'binary' | 'bad-row'): void {
  const known = BEGINNINGS.find(([begins]) => beginning.subarray(0, begins.length).equals(begins));
  const hasNul = nulMeans === 'binary' && beginning.subarray(0, LOOKED_AT_BYTES).includes(0);
  const what = known?.[1] ?? (hasNul ? 'no text' : undefined);
  if (what !== undefined) throw new Refusal('invalid', 'binary_file', `the file is ${what}`);
}

const LONE_RETURN = /\r[^\r]/;
const LONE_RETURNS = 'the lines of the file end in carriage returns alone; end them in line feeds (LF or CRLF)';

/**
 * A first line of a file without a header that is no row (`isRow`): it would be a single reject for all that the file holds.
 * @throws Refusal bad_lines, with what to do
 */
export function refuseLoneReturns(text: string, isRow: boolean): void {
  if (!isRow && LONE_RETURN.test(text)) throw new Refusal('invalid', 'bad_lines', LONE_RETURNS);
}

/**
 * A first line that is no header of anything: lines that end in a way that is not read here would all stand in it, and be lost.
 * @throws Refusal bad_header, with what to do
 */
export function refuseControls(text: string, names: readonly string[] | undefined): void {
  const why = LONE_RETURN.test(text)
    ? LONE_RETURNS
    : text.includes('\u0000')
      ? 'it holds NUL bytes; the file must be text in UTF-8 or Latin-1'
      : names?.some((name) => /\p{Cc}/u.test(name)) && 'a name in it holds a control character; take it out';
  if (why) throw new Refusal('invalid', 'bad_header', `the first line is no header: ${why}`);
}

/**
 * A line that names the columns once more, at other places than the first (`places`): files were joined, and rows behind it
 * would be read by the wrong names.
 * @throws Refusal bad_header
 */
export function refuseOtherHeader(cells: readonly string[], line: number, places: ReadonlyMap<string, number>): void {
  let moved = false;
  for (const [name, place] of places) {
    const at = cells.findIndex((cell) => cell.trim() === name);
    if (at < 0) return;
    moved ||= at !== place;
  }
  if (!moved) return;
  throw new Refusal(
    'invalid',
    'bad_header',
    `line ${line} is another header than the first: files that were joined have to be sent each by itself`,
  );
}

export function unreadable(text: string, line: number, detail: string): { reject: Reject } {
  return { reject: { line, text: bounded(text), field: '', reason: 'unreadable_row', detail } };
}

export function tooLong(): string {
  return `has more than ${LINE_LENGTH_MAX} characters`;
}

/** PostgreSQL keeps no NUL in a text; a line beyond all measure keeps its beginning. */
export function bounded(text: string): string {
  return (text.length > LINE_LENGTH_MAX ? text.slice(0, 1024) : text).replaceAll('\u0000', '\ufffd');
}

export function* inBatches<T>(rows: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
