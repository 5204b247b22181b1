/** From the bytes of a peer's delivery to its rows, in batches. Each line that is not empty has its outcome. */
import { Refusal } from '../../kernel/refusal.ts';
import type { FeedRow } from '../usage-record.ts';
import { REQUIRED_COLUMNS, type Column } from './canonical.ts';
import { cellsOf } from './cells.ts';
import { parseExactly } from './exact-json.ts';
import { jsonLineReader, readJsonDocument, readJsonLine, type JsonReading } from './json-rows.ts';
import {
  bounded,
  inBatches,
  LINE_LENGTH_MAX,
  linesOf,
  refuseControls,
  refuseLoneReturns,
  refuseOtherHeader,
  textOnly,
  tooLong,
  unreadable,
  wholeOf,
  type Line,
} from './lines.ts';
import type { Mapping, PeerFormat } from './mapping.ts';
import { checkSeal, FIRST_LINE, LAST_LINE } from './seal.ts';
import { translation, type Translation } from './translate.ts';

export interface PeerReading {
  format: PeerFormat;
  mapping: Mapping;
}

export interface PeerOptions {
  /** JSON: one object a line */
  byLine: boolean;
  /** whether the seal has been checked before; where not, the whole is held in memory for it, up to 64 MB */
  sealChecked: boolean;
  batchRows: number;
  onHeader?: (header: string) => void;
}

type LineReader = (line: Line) => FeedRow;

/** @throws Refusal where the whole can't be read: binary, a column missing, no JSON, a broken seal */
export async function* readPeerRows(
  bytes: AsyncIterable<Buffer>,
  { format, mapping }: PeerReading,
  { byLine, sealChecked, batchRows, onHeader = () => {} }: PeerOptions,
): AsyncGenerator<FeedRow[]> {
  const translate = translation(format, mapping);
  let text = textOnly(bytes);
  if (format.syntax === 'json') {
    const reading = jsonReading(format, translate);
    if (byLine) yield* collected(linesOf(text, mapping.encoding), jsonLineReader(reading), batchRows);
    else yield* inBatches(readJsonDocument(await wholeText(text, mapping), reading), batchRows);
    return;
  }
  if (format.sealed && !sealChecked) text = await sealed(text);
  const lines = format.sealed ? unsealed(linesOf(text, mapping.encoding)) : linesOf(text, mapping.encoding);
  let read = mapping.header && csvReader(mapping.header, mapping, translate);
  let isFirst = true;
  const rows = async function* (): AsyncGenerator<Line> {
    for await (const line of lines) {
      if (isFirst && mapping.header)
        refuseLoneReturns(line.text, cellsOf(line.text, mapping)?.length === mapping.header.length);
      isFirst = false;
      if (read) {
        yield line;
        continue;
      }
      onHeader(bounded(line.text));
      read = csvReader(headerOf(line.text, mapping), mapping, translate);
    }
    if (!read) throw new Refusal('invalid', 'empty_file', 'the file is empty; it needs a header row');
  };
  yield* collected(rows(), (line) => read!(line), batchRows);
}

/** Reads rows that stand by themselves, under the header they came with; their lines are counted from `firstLine`. */
export function readPeerLines(
  texts: readonly string[],
  { format, mapping }: PeerReading,
  header: string,
  firstLine = 1,
): FeedRow[] {
  const translate = translation(format, mapping);
  const reading = jsonReading(format, translate);
  const read: LineReader =
    format.syntax === 'json'
      ? (line) => readJsonLine(line, reading)
      : csvReader(mapping.header ?? headerOf(header, mapping), mapping, translate);
  return texts.map((text, index) => read({ text, line: firstLine + index }));
}

/** The names of a header row. @throws Refusal bad_header, with the columns that are missing */
function headerOf(text: string, mapping: Mapping): string[] {
  const names = text.length > LINE_LENGTH_MAX ? undefined : cellsOf(text, mapping)?.map((name) => name.trim());
  refuseControls(text, names);
  const begins = `"${text.slice(0, 80)}${text.length > 80 ? '…' : ''}"`;
  if (!names) throw new Refusal('invalid', 'bad_header', `the first line is no header: ${begins}`);
  const faults = [];
  for (const [column, theirs] of Object.entries(mapping.columns) as [Column, readonly string[]][]) {
    const needed = mapping.named.has(column) || (REQUIRED_COLUMNS.includes(column) && !hasConstant(column, mapping));
    const found = theirs.filter((name) => names.includes(name));
    if (needed && found.length === 0) {
      faults.push({ field: column, detail: `the column "${theirs.join('" or "')}" is missing in the header` });
    }
    for (const name of found) {
      if (names.indexOf(name) !== names.lastIndexOf(name)) {
        faults.push({ field: column, detail: `the column "${name}" stands twice in the header` });
      }
    }
  }
  if (mapping.only && !names.includes(mapping.only.column)) {
    const detail = `the column "${mapping.only.column}" is missing, which tells the rows that count from others`;
    faults.push({ field: 'only', detail });
  }
  if (faults.length > 0) {
    throw new Refusal('invalid', 'bad_header', `the header is not what the feed expects: ${begins}`, faults);
  }
  return names;
}

function hasConstant(column: Column, mapping: Mapping): boolean {
  return (
    column === 'state' ||
    (column === 'kind' && mapping.kind !== '') ||
    (column === 'currency' && mapping.currency !== '')
  );
}

function csvReader(names: readonly string[], mapping: Mapping, translate: Translation): LineReader {
  const places = new Map(names.map((name, place) => [name, place]));
  const asked = new Map([...places].filter(([name]) => isAsked(name, mapping)));
  return ({ text, line }) => {
    if (text.length > LINE_LENGTH_MAX) return unreadable(text, line, tooLong());
    const cells = cellsOf(text, mapping);
    if (!cells) return unreadable(text, line, 'a quote is not closed or stands inside a value');
    if (cells.length !== names.length) {
      return unreadable(text, line, `has ${cells.length} values where ${names.length} are expected`);
    }
    if (text.includes('\ufffd')) return unreadable(text, line, notIn(mapping));
    const row = translate((name) => cells[places.get(name) ?? -1] ?? '', line, text);
    if (!('record' in row)) refuseOtherHeader(cells, line, asked);
    return row;
  };
}

function isAsked(name: string, { columns, only }: Mapping): boolean {
  return only?.column === name || Object.values(columns).some((theirs) => theirs.includes(name));
}

function notIn({ encoding }: Mapping): string {
  return encoding === 'utf-8' ? 'is not UTF-8; the encoding of the feed may be latin1' : 'is not Latin-1';
}

function jsonReading({ rowOf }: PeerFormat, translate: Translation): JsonReading<FeedRow> {
  return {
    parse: parseExactly,
    // The answer of an API has its list within.
    listIn: (document) =>
      typeof document === 'object' && document !== null && 'result' in document ? document.result : document,
    read: (fields, line, text) => translate(rowOf!(fields), line, text),
  };
}

async function wholeText(bytes: AsyncIterable<Buffer>, { encoding }: Mapping): Promise<string> {
  const whole = await wholeOf(
    bytes,
    'a JSON document may have 64 MB; send one object a line (NDJSON), which may be larger',
  );
  return new TextDecoder(encoding).decode(whole);
}

/** The same bytes, once their seal has been seen. */
async function sealed(bytes: AsyncIterable<Buffer>): Promise<AsyncGenerator<Buffer>> {
  const whole = await wholeOf(
    bytes,
    'a file with a checksum may have 64 MB here; put a larger one into the drop folder',
  );
  const again = async function* () {
    yield whole;
  };
  await checkSeal(again());
  return again();
}

/** The lines between the first and the last, which are no rows. */
async function* unsealed(lines: AsyncIterable<Line>): AsyncGenerator<Line> {
  let held: Line | undefined;
  for await (const line of lines) {
    if (held) yield held;
    held = line.line === 1 && FIRST_LINE.test(line.text) ? undefined : line;
  }
  if (held && !LAST_LINE.test(held.text)) yield held;
}

async function* collected(lines: AsyncIterable<Line>, read: LineReader, batchRows: number): AsyncGenerator<FeedRow[]> {
  let batch: FeedRow[] = [];
  for await (const line of lines) {
    batch.push(read(line));
    if (batch.length === batchRows) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
