/** A file of accounts: CSV with a header. It is good as a whole or not at all. */
import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import type { Account } from './account.ts';
import { faultsOf, Refusal, type LineFault } from '../kernel/refusal.ts';
import { accountForm, accountId, accountFrom } from './account-form.ts';

const ACCOUNT_COLUMNS = Object.keys(accountForm.shape);
const NEEDED_COLUMNS = ['account_id', 'currency', 'time_zone', 'home_country'];

const ROW_BYTES_MAX = 100_000;
/** A file that is wrong throughout is wrong in one way; nobody reads more. */
const FAULTS_MAX = 1_000;

interface ParsedRow {
  record: Record<string, string>;
  info: { lines: number };
}

const rowForm = accountForm.extend({ account_id: accountId });

/** Reads all accounts of a file. Throws a refusal that names line and field of everything that is wrong. */
export async function readAccounts(bytes: AsyncIterable<Buffer>): Promise<Account[]> {
  const accounts: Account[] = [];
  const faults: LineFault[] = [];
  let header: string[] | undefined;
  const lineOf = new Map<string, number>();
  // Text of many lines in quotes ends on a later line than it began; the line that is named is where the row ends.
  const csv = parse({
    bom: true,
    columns: (cells: string[]) => (header = headerOf(cells)),
    info: true,
    skip_empty_lines: true,
    max_record_size: ROW_BYTES_MAX,
  });
  // What goes wrong on the way in comes out of the stream that is read below.
  const rows: AsyncIterable<ParsedRow> = pipeline(bytes, csv, () => undefined);
  try {
    for await (const { record, info } of rows) {
      const read = rowForm.safeParse(fieldsOf(record));
      if (!read.success) {
        for (const fault of faultsOf(read.error.issues)) faults.push({ line: info.lines, ...fault });
      } else if (lineOf.has(read.data.account_id)) {
        const detail = `is on line ${lineOf.get(read.data.account_id)} already`;
        faults.push({ line: info.lines, field: 'account_id', detail });
      } else {
        lineOf.set(read.data.account_id, info.lines);
        accounts.push(accountFrom(read.data.account_id, read.data));
      }
      if (faults.length >= FAULTS_MAX) break;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Refusal('unreadable', 'bad_csv', `not CSV of accounts: ${error.message}`);
  }
  if (!header) headerOf([]);
  if (faults.length > 0) throw wrongRows(faults);
  return accounts;
}

function wrongRows(faults: LineFault[]): Refusal {
  const lines = new Set(faults.map((fault) => fault.line)).size;
  const detail = `${lines} ${lines === 1 ? 'line is' : 'lines are'} wrong; nothing has been changed`;
  return new Refusal('invalid', 'wrong_rows', detail, faults.slice(0, FAULTS_MAX));
}

function headerOf(cells: string[]): string[] {
  const columns = cells.map((cell) => cell.trim());
  const faults = [
    ...NEEDED_COLUMNS.filter((name) => !columns.includes(name)).map((field) => ({ field, detail: 'is missing' })),
    ...columns
      .filter((name) => !ACCOUNT_COLUMNS.includes(name))
      .map((field) => ({ field, detail: 'is not known here' })),
    ...columns.filter((name, at) => columns.indexOf(name) !== at).map((field) => ({ field, detail: 'is there twice' })),
  ].map((fault) => ({ line: 1, ...fault }));
  if (faults.length > 0)
    throw new Refusal('invalid', 'bad_header', 'the header does not name the columns of accounts', faults);
  return columns;
}

/** An empty cell is a field that is not given; a number is one when it looks like one. */
function fieldsOf(record: Record<string, string>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, cell] of Object.entries(record)) {
    if (cell === '') continue;
    fields[name] = name === 'cycle_day' && /^\d{1,3}$/.test(cell) ? Number(cell) : cell;
  }
  return fields;
}
