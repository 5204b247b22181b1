/** Rolling windows that stay above a threshold for longer than their length. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { instantText, TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const BEGAN = parseInstant('2026-03-20T03:40:00+01:00')!;
let plafond: TestPlafond;
beforeEach(async () => {
  plafond = await TestPlafond.at(BEGAN);
  await plafond.addAccount({ accountId: '1001' });
});
afterEach(async () => {
  expect(await plafond.differences()).toEqual([]);
  await plafond.close();
});

const THRESHOLDS = [
  { percent: 80, actions: ['warn' as const] },
  { percent: 100, actions: ['suspend:international' as const] },
];
let records = 0;
/** A call that ends and becomes known a minute after it began. */
const call = async (began: number, amount: string) => {
  plafond.clock.advanceTo(began + MINUTE_MS);
  await plafond.send([{ record_id: `r${++records}`, started_at: instantText(began), amount }]);
};
/** What was decided, and how many quarters of an hour after the first call. */
const decided = async () =>
  (await plafond.decisions()).map(
    ({ at, type, threshold }) =>
      `${Math.floor((4 * (at - BEGAN)) / HOUR_MS)} ${type}${threshold === undefined ? '' : ` ${threshold}`}`,
  );

it('bar anew who goes on once a bar is lifted, whatever was called before the first bar worked', async () => {
  await plafond.addCap({ period: 'rolling:24h', thresholds: THRESHOLDS });
  for (let minute = 0; minute < 5; minute++) await call(BEGAN + minute * MINUTE_MS, '70.00');
  const lifted = BEGAN + 24 * HOUR_MS + 2 * MINUTE_MS;
  plafond.clock.advanceTo(lifted);
  await new ReinstateDue(plafond.database.dataSource, plafond.clock).run();
  for (let minute = 0; minute < 5; minute++) await call(lifted + minute * MINUTE_MS, '70.00');
  expect(await decided()).toEqual(['0 warn 80', '0 suspend 100', '96 restore', '96 warn 80', '96 suspend 100']);
});

it('act once a length, for as long as they stay above, though they are not read with each delivery', async () => {
  await plafond.addCap({ period: 'rolling:2h', thresholds: THRESHOLDS, mode: 'shadow' });
  await call(BEGAN, '150.00');
  for (let quarter = 1; quarter < 40; quarter++) await call(BEGAN + (quarter * HOUR_MS) / 4, '25.00');
  expect(await decided()).toEqual(
    [0, 8, 16, 24, 32].flatMap((quarter) => [`${quarter} warn 80`, `${quarter} suspend 100`]),
  );
});

it('act as far as they are not over, where a nightly file tells of a day and of one that is', async () => {
  await plafond.addCap({ period: 'rolling:24h', thresholds: THRESHOLDS });
  const midnight = parseInstant('2026-03-22T00:00:00+01:00')!;
  plafond.clock.advanceTo(midnight + 2 * HOUR_MS);
  const hours = Array.from({ length: 24 }, (_, hour) => midnight + (hour - 24) * HOUR_MS);
  await plafond.send(
    hours.map((began, hour) => ({
      record_id: `n${hour}`,
      started_at: instantText(began),
      amount: '60.00',
      state: 'final',
    })),
  );
  expect((await plafond.decisions()).map(({ type, threshold, period }) => `${type} ${threshold} ${period}`)).toEqual([
    'notify-operator 80 2026-03-21T01:00:00+01:00',
    'notify-operator 100 2026-03-21T01:00:00+01:00',
    'warn 80 2026-03-21T03:00:00+01:00',
    'suspend 100 2026-03-21T03:00:00+01:00',
  ]);
});
