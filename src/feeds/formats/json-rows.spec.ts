import { describe, expect, it } from '@jest/globals';
import type { ParsedRow, Reject } from '../usage-record.ts';
import { readRows, type Format } from './rows.ts';

const GOOD = {
  record_id: 'r1',
  account_id: '1001',
  started_at: '2010-03-14T02:40:00+01:00',
  duration_s: '60',
  kind: 'voice',
  b_number: '+252612345678',
  amount: '50.12',
  currency: 'EUR',
  state: 'final',
};
const ndjson = (values: Record<string, unknown> = {}) => JSON.stringify({ ...GOOD, ...values });

async function read(text: string, format: Format): Promise<ParsedRow[]> {
  const bytes = async function* () {
    yield Buffer.from(text);
  };
  const rows: ParsedRow[] = [];
  for await (const batch of readRows(bytes(), format, 3)) rows.push(...batch);
  return rows;
}

const rejectOf = (row: ParsedRow): Reject => {
  if ('record' in row) throw new Error('no reject');
  return row.reject;
};
const inShort = (rows: readonly ParsedRow[]) =>
  rows.map((row) =>
    'record' in row ? row.record.recordId : `${row.reject.line} ${row.reject.field} ${row.reject.reason}`,
  );

describe('a JSON delivery', () => {
  const twice = ndjson().replace('"amount":"50.12"', '"amount":"1.00","amount":"2.00"');
  it.each([
    ['NDJSON, a line a row', 'ndjson', `${ndjson()}\n\n${ndjson({ record_id: 'r2' })}`, ['r1', 'r2']],
    ['an array', 'json', `[${ndjson()},${ndjson({ record_id: 'r2' })}]`, ['r1', 'r2']],
    ['an empty array', 'json', '[]', []],
    ['a single object', 'json', ndjson(), ['r1']],
    ['null stands for nothing', 'json', ndjson({ cost: null, revision: null }), ['r1']],
    ['whole numbers may be numbers', 'json', ndjson({ duration_s: 60, units: 7, revision: 2 }), ['r1']],
    ['other names are left alone', 'json', ndjson({ note: { any: ['thing'] } }), ['r1']],
    [
      'a bad line between good ones',
      'ndjson',
      `${ndjson()}\n{\n${ndjson({ record_id: 'r3' })}`,
      ['r1', '2  unreadable_row', 'r3'],
    ],
    [
      'bad elements between good ones',
      'json',
      `[${ndjson()},7,null,"text",[${ndjson()}],${ndjson({ record_id: 'r6' })}]`,
      ['r1', '2  unreadable_row', '3  unreadable_row', '4  unreadable_row', '5  unreadable_row', 'r6'],
    ],
    ['an amount twice, of which either could be meant', 'ndjson', twice, ['1  unreadable_row']],
    [
      'an amount twice in an array',
      'json',
      `[${ndjson()},\n ${twice.replace(',', ',\r\n')},${ndjson({ record_id: 'r3' })}]`,
      ['r1', '2  unreadable_row', 'r3'],
    ],
    ['a single object with an amount twice', 'json', twice, ['1  unreadable_row']],
    ['an amount as a number', 'json', ndjson({ amount: 50.12 }), ['1 amount bad_amount']],
    ['a cost as a number', 'json', ndjson({ cost: 1 }), ['1 cost bad_cost']],
    ['an account as a number', 'json', ndjson({ account_id: 1001 }), ['1 account_id unreadable_row']],
    ['a duration in fractions', 'json', ndjson({ duration_s: 1.5 }), ['1 duration_s bad_duration']],
    ['bytes beyond 2^53', 'json', ndjson({ units: 7 }).replace(':7', `:${2n ** 53n}1`), ['1 units bad_units']],
    ['a duration as an object', 'json', ndjson({ duration_s: {} }), ['1 duration_s unreadable_row']],
    ['half a surrogate pair in an identifier', 'json', ndjson({ record_id: 'r\ud800' }), ['1 record_id bad_record_id']],
    ['a line of more than 64 KiB', 'ndjson', ndjson({ note: 'x'.repeat(70_000) }), ['1  unreadable_row']],
    ['an element of more than 64 KiB', 'json', `[${ndjson({ note: 'x'.repeat(70_000) })}]`, ['1  unreadable_row']],
    ['one nested too deep', 'json', '['.repeat(1_000_000) + ']'.repeat(1_000_000), ['1  unreadable_row']],
  ] as const)('%s', async (_, format, text, rows) => expect(inShort(await read(text, format))).toEqual(rows));

  it.each(['ndjson', 'json'] as const)(
    'keeps of a row that says its amount twice both, on one line: %s',
    async (format) => {
      const text = twice.replace('{', format === 'json' ? '{\r\n  ' : '{');
      const [row] = await read(text, format);
      const reject = rejectOf(row!);
      expect(reject.detail).toBe('says "amount" twice');
      expect(reject.text).toContain('"amount":"1.00","amount":"2.00"');
      expect(reject.text).not.toMatch(/[\r\n]/);
    },
  );
});
