/** Rolling windows of which many records are corrected in one delivery: what it changes as a whole is decided, once. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { instantText, TestPlafond, type UsageRow } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const HOUR_MS = 3_600_000;
const NOON = parseInstant('2026-03-20T12:00:00+01:00')!;
let plafond: TestPlafond;
beforeEach(async () => {
  plafond = await TestPlafond.at(NOON);
  await plafond.addAccount({ accountId: '1001' });
  await plafond.addCap({
    period: 'rolling:24h',
    thresholds: [
      { percent: 80, actions: ['warn'] },
      { percent: 100, actions: ['suspend:international'] },
    ],
  });
});
afterEach(async () => {
  expect(await plafond.differences()).toEqual([]);
  await plafond.close();
});

/** The record of an hour since midnight. */
const ofHour = (hour: number, amount: string, row: Partial<UsageRow> = {}): Partial<UsageRow> => ({
  record_id: `h${hour}`,
  started_at: instantText(NOON - (12 - hour) * HOUR_MS),
  amount,
  ...row,
});
const HOURS = Array.from({ length: 12 }, (_, hour) => hour);
/** Twelve hours of 10.00: 80.00 are reached in the eighth, 100.00 in the tenth. */
const spent = async () => {
  await plafond.send(HOURS.map((hour) => ofHour(hour, '10.00')));
  expect(await decided()).toEqual(['warn cap 80 at 80.00 by h7', 'suspend cap 100 at 100.00 by h9']);
};
const decided = async (since = 0) =>
  (await plafond.decisions())
    .slice(since)
    .map(
      (each) => `${each.type} ${each.trigger} ${each.threshold} at ${formatAmount(each.spend!)} by ${each.recordId}`,
    );
const states = async () =>
  (await plafond.query<{ state: string }>('SELECT state FROM suspensions ORDER BY suspension_no')).map(
    ({ state }) => state,
  );

it('fall once where all of it comes to less', async () => {
  await spent();
  await plafond.send(HOURS.map((hour) => ofHour(hour, '1.00', { state: 'final' })));
  expect(await decided(2)).toEqual([
    'notify-operator correction 80 at 8.00 by h11',
    'restore correction 100 at 10.00 by h11',
  ]);
  expect(await states()).toEqual(['lifting']);
});

it('fall once, and act once more, where those around them still reach the threshold', async () => {
  await spent();
  await plafond.send([0, 1].map((hour) => ofHour(hour, '1.00', { revision: 1 })));
  expect(await decided(2)).toEqual([
    'notify-operator correction 80 at 62.00 by h1',
    'restore correction 100 at 82.00 by h1',
    'suspend correction 100 at 102.00 by h1',
  ]);
  expect(await states()).toEqual(['lifting', 'wanted']);
});

it.each([
  ['before', 0],
  ['among', 1],
  ['behind', 2],
])('do not act on what is new %s corrections that leave them below the threshold', async (_, place) => {
  await plafond.send([7, 8].map((hour) => ofHour(hour, '39.00')));
  const rows = [7, 8].map((hour) => ofHour(hour, '1.00', { revision: 1 }));
  await plafond.send(rows.toSpliced(place, 0, ofHour(9, '70.00')));
  expect(await decided()).toEqual([]);
});

it('act on what is new, and fall by what is new, one by one', async () => {
  await plafond.send([
    ofHour(8, '100.00'),
    ofHour(7, '-15.00', { state: 'final' }),
    ofHour(8, '90.00', { revision: 1 }),
    ofHour(6, '25.00'),
  ]);
  expect(await decided()).toEqual([
    'warn cap 80 at 100.00 by h8',
    'suspend cap 100 at 100.00 by h8',
    'restore correction 100 at 85.00 by h7',
    'notify-operator correction 80 at 75.00 by h8',
    'suspend correction 100 at 100.00 by h6',
  ]);
  expect(await states()).toEqual(['wanted']);
});
