/**
 * From the bytes of a delivery to its rows, a few thousand at a time. CSV, NDJSON or a JSON array, in the canonical names.
 *
 * A row is a line: no canonical field holds a line break, so a stray quote costs its own line and no other. A line
 * without quotes is split at its commas; one with quotes goes to the CSV library.
 */
import { parse as parseCsv } from 'csv-parse/sync';
import { Refusal } from '../../kernel/refusal.ts';
import type { ParsedRow, RejectReason } from '../usage-record.ts';
import { COLUMNS, readRow, REQUIRED_COLUMNS, type Column } from './canonical.ts';
import { parseJson } from './exact-json.ts';
import { jsonLineReader, readJsonDocument, readJsonLine, type Fields, type JsonReading } from './json-rows.ts';
import {
  bounded,
  chunksOfLines,
  inBatches,
  LINE_LENGTH_MAX,
  refuseControls,
  refuseOtherHeader,
  textOnly,
  tooLong,
  unreadable,
  wholeOf,
} from './lines.ts';

export type Format = 'csv' | 'ndjson' | 'json';

/**
 * Reads a delivery in batches of at most `batchRows`.
 * @throws Refusal where the whole can't be read: no header, a required column missing, no JSON.
 */
export async function* readRows(
  bytes: AsyncIterable<Buffer>,
  format: Format,
  batchRows: number,
  onHeader: (header: string) => void = () => {},
): AsyncGenerator<ParsedRow[]> {
  const seen = textOnly(bytes, 'bad-row');
  if (format === 'json') {
    const whole = await wholeOf(seen, 'a JSON array may have 64 MB; send NDJSON, which may be larger');
    yield* inBatches(readJsonDocument(new TextDecoder('utf-8').decode(whole), JSON_ROWS), batchRows);
    return;
  }
  const readJson = jsonLineReader(JSON_ROWS);
  let columns: CsvColumns | undefined;
  let batch: ParsedRow[] = [];
  for await (const lines of chunksOfLines(seen)) {
    for (const { text, line } of lines) {
      if (format === 'csv' && !columns) {
        columns = readHeader(text);
        onHeader(text);
        continue;
      }
      batch.push(columns ? readCsvLine(text, line, columns) : readJson({ text, line }));
      if (batch.length === batchRows) {
        yield batch;
        batch = [];
      }
    }
  }
  if (format === 'csv' && !columns)
    throw new Refusal('invalid', 'empty_file', 'the file is empty; it needs a header row');
  if (batch.length > 0) yield batch;
}

/** Reads rows that stand by themselves, under the header they came with; their lines are counted from `firstLine`. */
export function readLines(texts: readonly string[], format: Format, header: string, firstLine: number): ParsedRow[] {
  const columns = format === 'csv' ? readHeader(header) : undefined;
  return texts.map((text, index) =>
    columns
      ? readCsvLine(text, firstLine + index, columns)
      : readJsonLine({ text, line: firstLine + index }, JSON_ROWS),
  );
}

export interface CsvColumns {
  count: number;
  /** for each canonical column its place in the line, −1 where the file does not have it */
  places: number[];
  /** and by name those that it has */
  named: ReadonlyMap<string, number>;
  /** whether the columns are the first canonical ones, in their order, so that a line's cells are a row's values */
  inOrder: boolean;
}

/** Where a CSV's header puts the canonical columns. Columns of other names are left alone. */
export function readHeader(text: string): CsvColumns {
  const names = text.length > LINE_LENGTH_MAX ? undefined : (splitCsv(text)?.map((name) => name.trim()) ?? []);
  refuseControls(text, names);
  if (!names) {
    throw new Refusal('invalid', 'bad_header', `the first line ${tooLong()}; a header of canonical usage is short`);
  }
  const missing = REQUIRED_COLUMNS.filter((column) => !names.includes(column));
  const twice = COLUMNS.filter((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (missing.length + twice.length > 0) {
    const begins = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    const words = [
      `the first line is no header of canonical usage: "${begins}"`,
      ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
      ...(twice.length > 0 ? [`twice: ${twice.join(', ')}`] : []),
    ];
    throw new Refusal('invalid', 'bad_header', words.join('; '), [
      ...missing.map((field) => ({ field, detail: 'this column is missing in the header' })),
      ...twice.map((field) => ({ field, detail: 'this column stands twice in the header' })),
    ]);
  }
  const places = COLUMNS.map((column) => names.indexOf(column));
  const named = new Map(COLUMNS.flatMap((column, at) => (places[at]! < 0 ? [] : [[column, places[at]!]])));
  return { count: names.length, places, named, inOrder: names.every((name, index) => name === COLUMNS[index]) };
}

/** Reads a line under the header that its columns were read from. @throws Refusal bad_header where it is another header */
export function readCsvLine(text: string, line: number, columns: CsvColumns): ParsedRow {
  const cells = text.length > LINE_LENGTH_MAX ? undefined : splitCsv(text);
  if (!cells)
    return unreadable(
      text,
      line,
      text.length > LINE_LENGTH_MAX ? tooLong() : 'a quote is not closed or stands inside a value',
    );
  if (cells.length !== columns.count) {
    return unreadable(text, line, `has ${cells.length} values where the header has ${columns.count} columns`);
  }
  // Most lines hold nothing odd at all, which one look tells; only of others each value is looked at.
  const plain = PLAIN.test(text);
  if (!plain && text.includes('\ufffd')) return unreadable(text, line, 'is not UTF-8');
  const values = columns.inOrder ? cells : columns.places.map((place) => (place < 0 ? '' : cells[place]!));
  const row = readRow(values, line, text, plain);
  if ('reject' in row) refuseOtherHeader(cells, line, columns.named);
  return row;
}

const PLAIN = /^[ -~]*$/;

function splitCsv(text: string): string[] | undefined {
  if (!text.includes('"')) return text.split(',');
  try {
    return parseCsv(text, { relax_column_count: true, record_delimiter: '\n' })[0] as string[] | undefined;
  } catch {
    return undefined;
  }
}

const JSON_ROWS: JsonReading<ParsedRow> = { parse: parseJson, read: readFields };

function readFields(fields: Fields, line: number, text: string): ParsedRow {
  const values: string[] = [];
  for (const column of COLUMNS) {
    const field = fields[column];
    if (field === undefined || field === null) values.push('');
    else if (typeof field === 'string') values.push(field);
    else if (typeof field === 'number' && WHOLE_NUMBER_COLUMNS[column]) {
      if (Math.abs(field) > Number.MAX_SAFE_INTEGER) {
        const detail = 'is more than a number in JSON keeps to the last digit; write it as a string';
        return { reject: { line, text: bounded(text), field: column, reason: WHOLE_NUMBER_COLUMNS[column], detail } };
      }
      values.push(String(field));
    } else {
      const detail =
        column === 'amount' || column === 'cost' ? 'must be a decimal string, never a number' : 'must be a string';
      const reason = column === 'amount' ? 'bad_amount' : column === 'cost' ? 'bad_cost' : 'unreadable_row';
      return { reject: { line, text: bounded(text), field: column, reason, detail } };
    }
  }
  return readRow(values, line, text);
}

/** Columns that may be numbers in JSON, and what is wrong with a row whose number is none. */
const WHOLE_NUMBER_COLUMNS: Partial<Record<Column, RejectReason>> = {
  duration_s: 'bad_duration',
  units: 'bad_units',
  revision: 'bad_revision',
};
