/** When the prices of a day are counted, and when they are not yet: a wrong price must not become a usual one. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseInstant } from '../../src/kernel/clock.ts';
import { CountPrices } from '../../src/pipeline/deviations/count-prices.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { call } from './deviating.ts';

Logger.overrideLogger(false);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOON = parseInstant('2026-03-10T12:00:00Z')!;

let plafond: TestPlafond;

beforeEach(async () => {
  plafond = await TestPlafond.at(NOON);
  await plafond.addAccount({ accountId: 'b1' });
});
afterEach(() => plafond.close());

let sent = 0;
const send = (daysAgo: number, calls: number) =>
  plafond.send(
    Array.from(
      { length: calls },
      () => call(`c${sent++}`, 'b1', NOON - daysAgo * DAY_MS, 120, '+252612345678', 1.36).row,
    ),
  );
const counted = async (hoursLater = 0) => {
  plafond.clock.advanceTo(NOON + hoursLater * HOUR_MS);
  await new CountPrices(plafond.database.dataSource, plafond.clock).run();
  const rows = await plafond.query<{ day: string; calls: string }>(
    `SELECT t.day::text AS day, coalesce(sum(p.calls), 0) AS calls FROM tariff_days t LEFT JOIN tariff_prices p USING (day)
      GROUP BY t.day ORDER BY t.day`,
  );
  return Object.fromEntries(rows.map(({ day, calls }) => [day, Number(calls)]));
};

it('counts a history at once, and what more of it came when hours have passed', async () => {
  await send(3, 40);
  await send(2, 5);
  expect(await counted()).toEqual({ '2026-03-07': 40, '2026-03-08': 5 });
  await send(2, 3);
  expect(await counted(1)).toEqual({ '2026-03-07': 40, '2026-03-08': 5 });
  expect(await counted(7)).toEqual({ '2026-03-07': 40, '2026-03-08': 8 });
});

it('counts yesterday when nothing more has come of it for an hour, and today not at all', async () => {
  await send(1, 4);
  await send(0, 4);
  expect(await counted()).toEqual({});
  expect(await counted(1)).toEqual({});
  expect(await counted(3)).toEqual({ '2026-03-09': 4 });
});

it('counts what is sent of a day that was counted when it has been quiet, so that what is braked for it is left out', async () => {
  await send(2, 4);
  expect(await counted(0)).toEqual({ '2026-03-08': 4 });
  plafond.clock.advanceTo(NOON + 8 * HOUR_MS);
  await send(2, 4);
  expect(await counted(8)).toEqual({ '2026-03-08': 4 });
  expect(await counted(11)).toEqual({ '2026-03-08': 8 });
});

it('looks once at a day of which no call has a price', async () => {
  await plafond.send([{ ...call('free', 'b1', NOON - 2 * DAY_MS, 120, '+252612345678', 0).row }]);
  expect(await counted()).toEqual({ '2026-03-08': 0 });
  const when = () => plafond.query<{ counted_at: Date }>('SELECT counted_at FROM tariff_days');
  const first = await when();
  await counted(3);
  expect(await when()).toEqual(first);
});
