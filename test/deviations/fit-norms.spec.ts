/** When what is usual, and how often a harmless account gets how high, is fitted; on made-up usage of small businesses. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseInstant, type Instant } from '../../src/kernel/clock.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { FitNorms } from '../../src/pipeline/deviations/fit-norms.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { inBatches, officeDays } from './deviating.ts';

Logger.overrideLogger(false);

const START = parseInstant('2026-01-05T00:00:00+01:00')!;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MONTH_MS = 30.4375 * DAY_MS;
const ACCOUNTS = Array.from({ length: 40 }, (_, i) => `b${i}`);

let plafond: TestPlafond;
let observe: ObserveUsage;
let norms: FitNorms;
let signatures: RebuildSignatures;

beforeEach(async () => {
  plafond = await TestPlafond.at(START);
  const { dataSource } = plafond.database;
  observe = new ObserveUsage(dataSource, plafond.clock);
  norms = new FitNorms(dataSource, plafond.clock);
  signatures = new RebuildSignatures(dataSource, plafond.clock, observe);
  for (const accountId of ACCOUNTS) await plafond.addAccount({ accountId });
});
afterEach(() => plafond.close());

/** Some accounts' office days, as near real time brings them. */
async function use(accounts: readonly string[], from: Instant, days: number): Promise<void> {
  const calls = accounts
    .flatMap((account, i) => officeDays(account, from, days, i + 1))
    .toSorted((a, b) => a.at - b.at);
  for (const batch of inBatches(calls, 500)) {
    plafond.clock.advanceTo(batch.at(-1)!.at + 60_000);
    const rows = batch.map(({ row }) => ({ ...row, record_id: `${row.record_id}-${from}` }));
    await plafond.send(rows);
    await observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
  }
}

const calibrations = () =>
  plafond.query<{ at: Date; months: number }>(
    `SELECT DISTINCT calibrated_at AS at,
            (calibration #> '{settled,everyone,accountMonths}')::float8 + (calibration #> '{fresh,everyone,accountMonths}')::float8 AS months
       FROM deviation_norms WHERE calibrated_at IS NOT NULL ORDER BY 1`,
  );

it('calibrates when ten days have been noted, then every four weeks, and counts who was silent as having got nowhere', async () => {
  const hourly = async (hours: number) => {
    for (let hour = 0; hour < hours; hour++) {
      plafond.clock.advanceTo(plafond.clock.now() + HOUR_MS);
      await norms.run();
    }
  };
  await use(ACCOUNTS, START, 28);
  await hourly(2);
  expect(await calibrations()).toEqual([]);

  // The first norms hold for all that came before, so everything is made anew by them.
  await signatures.mend();

  await use(ACCOUNTS, START + 28 * DAY_MS, 7);
  await norms.run();
  const [first] = await calibrations();
  expect(first!.at.getTime()).toBeGreaterThan(START + 31 * DAY_MS);

  // Of half of them nothing more comes; of the others it does, and the norms are looked at every hour.
  const active = ACCOUNTS.slice(0, 20);
  await use(active, START + 35 * DAY_MS, 14);
  await hourly(3);
  await use(active, START + 49 * DAY_MS, 7);
  await hourly(3);
  expect(await calibrations()).toEqual([first]);

  await use(active, START + 56 * DAY_MS, 9);
  await norms.run();
  const [, second, ...more] = await calibrations();
  expect(more).toEqual([]);
  const noted = second!.at.getTime() - first!.at.getTime();
  expect(noted).toBeGreaterThanOrEqual(28 * DAY_MS);
  expect(second!.months).toBeCloseTo((ACCOUNTS.length * noted) / MONTH_MS, 3);
  await hourly(3);
  expect(await calibrations()).toEqual([first, second]);

  // What was fitted holds for what came after it: a rebuild takes each record by what held for it.
  await use(active, START + 65 * DAY_MS, 3);
  expect(await plafond.query('SELECT count(*)::int AS fits FROM deviation_norms')).toEqual([{ fits: 5 }]);
  expect(await signatures.check()).toMatchObject({
    accounts: ACCOUNTS.length,
    differing: [],
    corrected: 0,
    waiting: 0,
  });
});
