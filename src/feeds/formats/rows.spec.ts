import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Refusal } from '../../kernel/refusal.ts';
import type { ParsedRow, Reject, UsageRecord } from '../usage-record.ts';
import { COLUMNS, type Column } from './canonical.ts';
import { readRows, type Format } from './rows.ts';

const HEADER = COLUMNS.join(',');
const GOOD: Record<Column, string> = {
  record_id: 'r1',
  account_id: '1001',
  service_id: 'trunk-1',
  started_at: '2010-03-14T02:40:00+01:00',
  duration_s: '60',
  kind: 'voice',
  units: '',
  a_number: '+31433493098',
  b_number: '+252612345678',
  amount: '50.12',
  currency: 'EUR',
  state: 'final',
  revision: '',
  cost: '',
  origin_country: 'RO',
  received_at: '',
  tariff: '',
};
const line = (values: Partial<Record<Column, string>> = {}) =>
  COLUMNS.map((column) => ({ ...GOOD, ...values })[column]).join(',');
const ndjson = (values: Record<string, unknown> = {}) => JSON.stringify({ ...GOOD, ...values });

async function* inChunks(bytes: Buffer, cuts: readonly number[] = []): AsyncGenerator<Buffer> {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  for (let i = 1; i < places.length; i++) yield bytes.subarray(places[i - 1], places[i]);
}

async function read(
  input: string | Buffer,
  format: Format = 'csv',
  cuts: readonly number[] = [],
  batchRows = 3,
): Promise<ParsedRow[]> {
  const rows: ParsedRow[] = [];
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  for await (const batch of readRows(inChunks(bytes, cuts), format, batchRows)) {
    expect(batch.length).toBeGreaterThan(0);
    expect(batch.length).toBeLessThanOrEqual(batchRows);
    rows.push(...batch);
  }
  return rows;
}

const recordOf = (row: ParsedRow | undefined): UsageRecord => {
  if (!row || 'reject' in row) throw new Error(`no record: ${row && row.reject.detail}`);
  return row.record;
};
const rejectOf = (row: ParsedRow | undefined): Reject => {
  if (!row || 'record' in row) throw new Error('no reject');
  return row.reject;
};
/** Each row in short: the record's id, or `line field reason` of the reject. */
const inShort = (rows: readonly ParsedRow[]) =>
  rows.map((row) =>
    'record' in row ? row.record.recordId : `${row.reject.line} ${row.reject.field} ${row.reject.reason}`,
  );

async function refusalOf(reading: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refusal)) throw new Error(`no refusal but ${String(error)}`);
  return error;
}

describe('a CSV delivery', () => {
  it.each([
    ['lines that end in a line feed', `${HEADER}\n${line()}\n`, ['r1']],
    ['lines that end in carriage return and line feed', `${HEADER}\r\n${line()}\r\n`, ['r1']],
    ['a last line without a line break', `${HEADER}\n${line()}`, ['r1']],
    ['a last line that breaks off after the carriage return', `${HEADER}\r\n${line()}\r`, ['r1']],
    ['a byte-order mark before the header', `\ufeff${HEADER}\n${line()}\n`, ['r1']],
    ['empty lines before the header, between rows and at the end', `\n\r\n${HEADER}\n\n${line()}\n\r\n\n`, ['r1']],
    ['a header alone', `${HEADER}\n`, []],
    ['a header alone, without a line break', HEADER, []],
    [
      'quoted values, with commas and doubled quotes inside',
      `${HEADER}\n${line({ record_id: '"r,""1"""', account_id: '"1001"' })}\n`,
      ['r,"1"'],
    ],
    [
      'names of columns in quotes and with blanks around them',
      `"record_id",${HEADER.slice(10).replaceAll(',', ' , ')}\n${line()}`,
      ['r1'],
    ],
    [
      'a stray quote costs its own line and no other',
      `${HEADER}\n${line({ record_id: 'r"1' })}\n${line({ record_id: 'r2' })}\n`,
      ['2  unreadable_row', 'r2'],
    ],
    [
      'a quote that is not closed costs its own line and no other',
      `${HEADER}\n${line({ record_id: '"r1' })}\n${line({ record_id: 'r2' })}\n`,
      ['2  unreadable_row', 'r2'],
    ],
    [
      'what follows a carriage return inside a line is not dropped silently',
      `${HEADER}\n"r1",${line().slice(3)}\rand,more\n${line({ record_id: 'r2' })}\n`,
      ['2  unreadable_row', 'r2'],
    ],
    ['a line with a value too few', `${HEADER}\n${line().slice(0, -1)}\n`, ['2  unreadable_row']],
    ['a line with a value too many', `${HEADER}\n${line()},\n`, ['2  unreadable_row']],
    ['a line of blanks', `${HEADER}\n   \n${line()}\n`, ['2  unreadable_row', 'r1']],
    [
      'a NUL byte where an identifier stands',
      `${HEADER}\n${line({ record_id: 'r\u00001' })}\n${line()}\n`,
      ['2 record_id bad_record_id', 'r1'],
    ],
    ['columns of other names are left alone', `colour,${HEADER},note\nred,${line()},"see, there"\n`, ['r1']],
    ['an unknown column may stand twice', `note,${HEADER},note\na,${line()},b\n`, ['r1']],
  ])('%s', async (_, text, rows) => expect(inShort(await read(text))).toEqual(rows));

  it('counts lines as an editor does, empty ones and the header too', async () => {
    const rows = await read(`${HEADER}\n\n${line()}\nbad\n\n${line()}`);
    expect(rows.map((row) => ('record' in row ? row.record.line : row.reject.line))).toEqual([3, 4, 6]);
  });

  it('reads columns in whatever order they stand', async () => {
    const columns = COLUMNS.toReversed();
    const [row] = await read(`${columns.join(',')}\n${columns.map((column) => GOOD[column]).join(',')}\n`);
    expect(recordOf(row)).toMatchObject({
      recordId: 'r1',
      accountId: '1001',
      amount: 50_120_000n,
      originCountry: 'RO',
      tariff: '',
    });
  });

  it('sets a header that comes again aside, as where files were joined', async () => {
    const rows = await read(`${HEADER}\n${line()}\n\ufeff${HEADER}\n${line({ record_id: 'r2' })}\n`);
    expect(inShort(rows)).toEqual(['r1', '3 started_at bad_started_at', 'r2']);
  });

  it('reads no further where another header comes, by which the rows behind it would mean something else', async () => {
    const other = HEADER.replace('amount,', '').replace('cost,', 'amount,').replace('currency,', 'cost,currency,');
    for (const header of [other, `\ufeff${other}`, other.replaceAll(',', ' , '), `"${other.replaceAll(',', '","')}"`]) {
      const refusal = await refusalOf(read(`${HEADER}\n${line()}\n${header}\n${line({ record_id: 'r2' })}\n`));
      expect(refusal).toMatchObject({
        code: 'bad_header',
        message: expect.stringMatching(/^line 3 is another header/),
      });
    }
  });

  it('reads a row that has the required columns alone', async () => {
    const text = `record_id,account_id,started_at,kind,amount,currency,state\nd1,1001,2010-03-14T02:40:00Z,data,1,EUR,final`;
    expect(recordOf((await read(text))[0])).toMatchObject({ recordId: 'd1', durationSeconds: 0, revision: 0 });
  });

  it('sets a line in Latin-1 aside, and only that one', async () => {
    const text = `${HEADER},place\n${line()},Z\u00fcrich\n${line({ record_id: 'r2' })},Bern\n`;
    const rows = await read(Buffer.from(text, 'latin1'));
    expect(inShort(rows)).toEqual(['2  unreadable_row', 'r2']);
    expect(rejectOf(rows[0]).detail).toBe('is not UTF-8');
  });

  it('keeps of a line of 10 MB its beginning, and goes on after it', async () => {
    const long = 'x'.repeat(10_000_000);
    const cuts = Array.from({ length: 150 }, (_, index) => index * 65_536);
    const rows = await read(`${HEADER}\n${long}\n${line()}\n`, 'csv', cuts);
    expect(inShort(rows)).toEqual(['2  unreadable_row', 'r1']);
    expect(rejectOf(rows[0]).text).toBe('x'.repeat(1024));
  });

  it('takes a line for what it is at whatever place it is cut, also just at the longest that is read', async () => {
    const note = 'x'.repeat(65_536 - line().length - 1);
    const text = `${HEADER},note\n${line()},${note}\r\n${line({ record_id: 'r2' })},${note}\ryz\n${line()},${note}x\n`;
    const whole = await read(text);
    expect(inShort(whole)).toEqual(['r1', '3  unreadable_row', '4  unreadable_row']);
    const end = text.indexOf('\ryz');
    for (const cut of [end - 1, end, end + 1, end + 2, end + 3]) expect(await read(text, 'csv', [cut])).toEqual(whole);
  });

  it('keeps no NUL in the text of a reject, since PostgreSQL can not', async () => {
    const [row] = await read(`${HEADER}\nbad\u0000line\n`);
    expect(rejectOf(row).text).toBe('bad\ufffdline');
  });

  it('hands the header over once, as it stood', async () => {
    const headers: string[] = [];
    const bytes = inChunks(Buffer.from(`\ufeff${HEADER},nöte\r\n${line()},x\r\n`));
    for await (const _ of readRows(bytes, 'csv', 10, (header) => headers.push(header)));
    expect(headers).toEqual([`${HEADER},nöte`]);
  });
});

describe('a delivery that can not be read at all is refused', () => {
  const without = (...columns: Column[]) =>
    `${COLUMNS.filter((column) => !columns.includes(column)).join(',')}\n${line()}\n`;
  it.each([
    ['an empty file', '', 'csv', 'invalid', 'empty_file', []],
    ['a file of line breaks', '\n\r\n\n', 'csv', 'invalid', 'empty_file', []],
    ['a file that is a byte-order mark', '\ufeff', 'csv', 'invalid', 'empty_file', []],
    ['a required column missing', without('amount'), 'csv', 'invalid', 'bad_header', ['amount']],
    [
      'several missing, each named',
      without('record_id', 'currency', 'cost'),
      'csv',
      'invalid',
      'bad_header',
      ['record_id', 'currency'],
    ],
    ['an array where a line has an object', `[${ndjson()},${ndjson()}]`, 'ndjson', 'invalid', 'not_ndjson', []],
    ['an array over several lines', `\n [\n${ndjson()},\n${ndjson()}]`, 'ndjson', 'invalid', 'not_ndjson', []],
    ['a column twice', `${HEADER},amount\n`, 'csv', 'invalid', 'bad_header', ['amount']],
    [
      'a column missing and another twice',
      `${without('state').split('\n')[0]},kind\n`,
      'csv',
      'invalid',
      'bad_header',
      ['state', 'kind'],
    ],
    ['a header of 10 MB', `${HEADER},${'x'.repeat(10_000_000)}\n${line()}\n`, 'csv', 'invalid', 'bad_header', []],
    ['lines ending in CR alone', `${HEADER},note\r${line()},x\r`, 'csv', 'invalid', 'bad_header', []],
    ['a body that is no JSON', '{"record_id": ', 'json', 'unreadable', 'not_json', []],
    ['an empty body', '', 'json', 'unreadable', 'not_json', []],
  ] as const)('%s', async (_, text, format, kind, code, fields) => {
    const refusal = await refusalOf(read(text, format));
    expect([refusal.kind, refusal.code, refusal.faults.map((fault) => fault.field)]).toEqual([kind, code, fields]);
    expect(refusal.message.length).toBeLessThan(300);
  });

  it('a JSON array beyond 64 MB', async () => {
    const bytes = (async function* () {
      for (let i = 0; i < 65; i++) yield Buffer.alloc(1024 * 1024, ' ');
    })();
    const reading = (async () => {
      for await (const _ of readRows(bytes, 'json', 10));
    })();
    expect((await refusalOf(reading)).kind).toBe('too-large');
  });
});

describe('a field that can not be used costs its row, and says why', () => {
  const long = (length: number) => 'x'.repeat(length);
  it.each([
    ['no record id', { record_id: '' }, 'record_id', 'missing_field'],
    ['a record id of 129 characters', { record_id: long(129) }, 'record_id', 'bad_record_id'],
    ['a tab in a record id', { record_id: 'r\t1' }, 'record_id', 'bad_record_id'],
    ['no account', { account_id: '' }, 'account_id', 'missing_field'],
    ['an account of 65 characters', { account_id: long(65) }, 'account_id', 'bad_account_id'],
    ['a service of 65 characters', { service_id: long(65) }, 'service_id', 'bad_service_id'],
    ['no start', { started_at: '' }, 'started_at', 'missing_field'],
    ['a start without an offset', { started_at: '2010-03-14T02:40:00' }, 'started_at', 'bad_started_at'],
    ['a start on a day that does not exist', { started_at: '2010-02-29T02:40:00Z' }, 'started_at', 'bad_started_at'],
    ['a start at the epoch', { started_at: '1970-01-01T00:00:00Z' }, 'started_at', 'bad_started_at'],
    ['a voice call without a duration', { duration_s: '' }, 'duration_s', 'bad_duration'],
    ['a negative duration', { duration_s: '-1' }, 'duration_s', 'bad_duration'],
    ['a duration of a century', { duration_s: '3153600000' }, 'duration_s', 'bad_duration'],
    ['no kind', { kind: '' }, 'kind', 'missing_field'],
    ['an unknown kind', { kind: 'mms' }, 'kind', 'bad_kind'],
    ['units with a point', { units: '1.5' }, 'units', 'bad_units'],
    ['a call to nobody', { b_number: '' }, 'b_number', 'bad_number'],
    ['a called number of 65 characters', { b_number: long(65) }, 'b_number', 'bad_number'],
    ['a calling number of 65 characters', { a_number: long(65) }, 'a_number', 'bad_number'],
    ['no amount', { amount: '' }, 'amount', 'missing_field'],
    ['a decimal comma', { amount: '"50,12"' }, 'amount', 'bad_amount'],
    ['nine decimals', { amount: '0.123456789' }, 'amount', 'bad_amount'],
    ['an exponent', { amount: '1e3' }, 'amount', 'bad_amount'],
    ['thirteen digits', { amount: '1234567890123' }, 'amount', 'bad_amount'],
    ['a negative amount that is not final', { amount: '-1', state: 'provisional' }, 'amount', 'negative_amount'],
    ['no currency', { currency: '' }, 'currency', 'missing_field'],
    ['a currency in small letters', { currency: 'eur' }, 'currency', 'bad_currency'],
    ['no state', { state: '' }, 'state', 'missing_field'],
    ['an unknown state', { state: 'rated' }, 'state', 'bad_state'],
    ['a negative revision', { revision: '-1' }, 'revision', 'bad_revision'],
    ['a revision beyond 2^31', { revision: '2147483648' }, 'revision', 'bad_revision'],
    ['a cost in words', { cost: 'two' }, 'cost', 'bad_cost'],
    ['a country by its name', { origin_country: 'Romania' }, 'origin_country', 'bad_origin_country'],
    ['an arrival without a zone', { received_at: '2010-03-14' }, 'received_at', 'bad_received_at'],
  ])('%s', async (_, values, field, reason) => {
    const rows = await read(`${HEADER}\n${line(values)}\n${line({ record_id: 'next' })}\n`);
    expect(inShort(rows)).toEqual([`2 ${field} ${reason}`, 'next']);
    expect(rejectOf(rows[0])).toMatchObject({ text: line(values) });
    expect(rejectOf(rows[0]).detail).toMatch(/^(is|has) \w|^".*" is /);
  });

  it.each([
    ['the longest identifiers', { record_id: '📞'.repeat(128), account_id: '📞'.repeat(64), service_id: long(64) }],
    ['a final credit', { amount: '-12.000001' }],
    ['an SMS without a duration', { kind: 'sms', duration_s: '' }],
    ['data to no number', { kind: 'data', duration_s: '', b_number: '', a_number: '', units: '123456789012345678' }],
    ['six decimals', { amount: '0.000001' }],
  ])('%s is used', async (_, values) => {
    expect(recordOf((await read(`${HEADER}\n${line(values)}\n`))[0]).recordId).toBe({ ...GOOD, ...values }.record_id);
  });

  it('a record became available at the end of its call, where the feed does not say otherwise', async () => {
    const [byCall, byFeed] = await read(
      `${HEADER}\n${line()}\n${line({ received_at: '2010-03-14T05:00:00+01:00' })}\n`,
    );
    expect(recordOf(byCall).receivedAt).toBe(Date.parse('2010-03-14T02:41:00+01:00'));
    expect(recordOf(byFeed).receivedAt).toBe(Date.parse('2010-03-14T05:00:00+01:00'));
  });
});

describe('whatever comes in', () => {
  const pieces = fc.oneof(
    fc.constantFrom(
      line(),
      ndjson(),
      HEADER,
      '"',
      ',',
      '\r',
      '\n',
      '\r\n',
      '\ufeff',
      '\u0000',
      '€',
      '😀',
      '[',
      '{',
      '}',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const text = fc.array(pieces, { maxLength: 20 }).map((all) => all.join(''));
  const cuts = fc.array(fc.nat(100_000), { maxLength: 12 });
  const outcome = (reading: Promise<ParsedRow[]>) =>
    reading.catch((error: unknown) => {
      if (error instanceof Refusal) return `${error.kind} ${error.code}`;
      throw error;
    });

  it.each([
    ['CSV', 'csv', `${HEADER}\n`],
    ['CSV without a header', 'csv', ''],
    ['NDJSON', 'ndjson', ''],
  ] as const)('each line of %s that is not empty gives one row', async (_, format, head) => {
    await fc.assert(
      fc.asyncProperty(text, async (body) => {
        const rows = await outcome(read(head + body, format));
        if (typeof rows === 'string') return expect(head).toBe('');
        // The byte-order mark that begins a text is none of its content, and a carriage return belongs to the line's end.
        const lines = Buffer.from(head + body)
          .toString()
          .replace(/^\ufeff/, '')
          .split('\n')
          .filter((each) => each !== '' && each !== '\r');
        expect(rows.length).toBe(lines.length - (format === 'csv' ? 1 : 0));
      }),
      { numRuns: 300 },
    );
  });

  it.each(['csv', 'ndjson', 'json'] as const)('%s gives the same rows, however its bytes are cut', async (format) => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), text, cuts, async (withHeader, body, places) => {
        const input = (withHeader && format === 'csv' ? `${HEADER}\n` : '') + body;
        expect(await outcome(read(input, format, places))).toEqual(await outcome(read(input, format)));
      }),
      { numRuns: 300 },
    );
  });

  it('bytes that are no text at all are set aside or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), cuts, async (bytes, places) => {
        for (const format of ['csv', 'ndjson', 'json'] as const) {
          const input = Buffer.concat([Buffer.from(format === 'csv' ? `${HEADER}\n` : ''), bytes]);
          expect(await outcome(read(input, format, places))).toEqual(await outcome(read(input, format)));
        }
      }),
      { numRuns: 200 },
    );
  });
});
