import { expect, it } from '@jest/globals';
import { formatInstant } from '../../kernel/clock.ts';
import { COLUMNS, readRow } from './canonical.ts';
import { readHeader } from './rows.ts';

const ROW: Partial<Record<(typeof COLUMNS)[number], string>> = {
  record_id: 'r1',
  account_id: '1001',
  started_at: '2010-03-14T02:40:00Z',
  duration_s: '60',
  kind: 'voice',
  b_number: '+252612345678',
  amount: '1.00',
  currency: 'EUR',
  state: 'final',
};
const reasonOf = (change: typeof ROW) => {
  const row = readRow(
    COLUMNS.map((column) => ({ ...ROW, ...change })[column] ?? ''),
    1,
    '',
  );
  return 'reject' in row ? row.reject : undefined;
};

it.each([
  ['amount', '1000000000', undefined],
  ['amount', '-1000000000', undefined],
  ['amount', '1000000000.000001', 'bad_amount'],
  ['amount', '-1000000000.01', 'bad_amount'],
  ['cost', '1000000000.00', undefined],
  ['cost', '999999999999.99', 'bad_cost'],
])('an %s of %s: %s, since counters have to sum it up', (column, text, reason) => {
  const detail = `"${text}" is beyond 1000000000.00, the most that one record may say`;
  expect(reasonOf({ [column]: text })).toEqual(reason && expect.objectContaining({ field: column, reason, detail }));
});

it.each([
  ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59Z'],
  ['2017-01-01T00:59:60.250+01:00', '2016-12-31T23:59:59.250Z'],
  ['2015-06-30 23:59:60Z', '2015-06-30T23:59:59Z'],
])('a leap second, %s, is the second before it, in the month that it ends', (text, read) => {
  const row = readRow(
    COLUMNS.map((column) => ({ ...ROW, started_at: text })[column] ?? ''),
    1,
    '',
  );
  expect('record' in row && formatInstant(row.record.startedAt)).toBe(read);
});

it('a 60th second within a month is none', () => {
  expect(reasonOf({ started_at: '2010-03-14T23:59:60Z' })).toMatchObject({ reason: 'bad_started_at' });
});

it.each(['started_at', 'received_at'])('says of %s in 9999 which years there are', (column) => {
  expect(reasonOf({ [column]: '9999-01-01T00:00:00Z' })).toMatchObject({
    field: column,
    detail: '"9999-01-01T00:00:00Z" is no RFC 3339 instant with an offset from 2000 to before 9999',
  });
});

it.each([
  ['duration_s', '', 'is empty'],
  ['duration_s', '1.5', '"1.5" is no whole number of seconds'],
  ['duration_s', '2147483648', '"2147483648" is beyond 2147483647'],
  ['revision', '2147483648', '"2147483648" is beyond 2147483647'],
  ['units', '1000000000000000000', '"1000000000000000000" is beyond 999999999999999999'],
  ['units', 'many', '"many" is no whole number'],
])('says of a whole number what is wrong with it: %s of "%s"', (column, text, detail) => {
  expect(reasonOf({ [column]: text })).toMatchObject({ field: column, detail });
});

it.each([
  ['record_id,account_id,started_at,kind,currency', 'missing: amount, state'],
  ['record_id,account_id,started_at,kind,amount,amount,currency,state', 'twice: amount'],
  ['account_id,account_id,started_at,kind,amount,currency,state', 'missing: record_id; twice: account_id'],
])('says in its message, which is all that stands beside a file, what a header is short of: %s', (header, words) => {
  expect(() => readHeader(header)).toThrow(`the first line is no header of canonical usage: "${header}"; ${words}`);
});
