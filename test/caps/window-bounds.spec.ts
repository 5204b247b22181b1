/** Rolling windows are read from the ledger only where they may reach a threshold; what makes that unknown. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { CapDefinition } from '../../src/caps/cap.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ChangeAccounts } from '../../src/pipeline/limits/change-accounts.ts';
import { forgetOldBounds } from '../../src/spend/window-bounds.ts';
import { seeded } from '../deviations/deviating.ts';
import { ACCOUNT, instantText, TestPlafond, type UsageRow } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const NOON = parseInstant('2026-03-20T12:00:00+01:00')!;
const HOUR_MS = 3_600_000;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(NOON);
});
afterAll(() => plafond.close());

let account: string;
let run = 0;
beforeEach(async () => {
  account = `a${++run}`;
  await plafond.addAccount({ accountId: account });
});

let records = 0;
const use = (amount: string, row: Partial<UsageRow> = {}) => {
  plafond.clock.advanceTo(plafond.clock.now() + 1_000);
  const started_at = instantText(plafond.clock.now() - 1_000);
  return plafond.send([{ record_id: `r${++records}`, account_id: account, amount, started_at, ...row }]);
};
/** Of 100.00 within 24 hours, warned at 80.00. */
const CAP: Partial<CapDefinition> = { period: 'rolling:24h', thresholds: [{ percent: 80, actions: ['warn'] }] };
const addCap = (change: Partial<CapDefinition> = {}) => plafond.addCap({ ...CAP, ...change });
const warned = async () =>
  (await plafond.decisions())
    .filter((each) => each.accountId === account)
    .map(({ threshold, spend }) => [threshold, spend]);
/** As far as it is known of the slots of now and those around, in whole units of currency. */
const bounds = async () =>
  (
    await plafond.query<{ spend: number }>(
      'SELECT (spend_micros / 1000000)::int AS spend FROM window_bounds WHERE account_id = $1 ORDER BY slot_start',
      [account],
    )
  ).map(({ spend }) => spend);

describe('a rolling window', () => {
  it('is read where its bound is not known, or reaches the lowest threshold, and not before', async () => {
    const id = await addCap({ scope: { account } });
    await use('30.00');
    await use('20.00');
    expect(await bounds()).toEqual([50, 50]);
    // It would be seen to be wrong if the window were read.
    await plafond.query('UPDATE window_bounds SET spend_micros = 0 WHERE account_id = $1', [account]);
    await use('40.00');
    expect(await warned()).toEqual([]);
    await plafond.query('DELETE FROM window_bounds WHERE account_id = $1', [account]);
    await use('-20.00', { state: 'final' });
    await use('12.00');
    expect(await warned()).toEqual([[80, 82_000_000n]]);
    await plafond.caps.remove(id, undefined, 'test');
  });

  it('whose bound is reached for nothing is known better from then on', async () => {
    const id = await addCap({ scope: { account } });
    await use('70.00');
    plafond.clock.advanceTo(plafond.clock.now() + 25 * HOUR_MS);
    await use('15.00');
    expect(await warned()).toEqual([]);
    // In the slot of now the first window ends with 70.00, or what is charged since is all that is in it.
    expect((await bounds()).every((bound) => bound < 80)).toBe(true);
    await plafond.caps.remove(id, undefined, 'test');
  });

  it.each<[string, (caps: Partial<CapDefinition>) => Promise<() => Promise<unknown>>]>([
    [
      'its cap was away',
      async (cap) => {
        const id = await addCap(cap);
        await use('40.00');
        await plafond.caps.remove(id, undefined, 'test');
        await use('35.00');
        return () => addCap(cap);
      },
    ],
    [
      'its account was in another segment',
      async () => {
        await addCap({ scope: { segment: 'smb' } });
        await use('40.00');
        const changes = new ChangeAccounts(plafond.database.dataSource, plafond.clock);
        const inSegment = (segment: string) =>
          changes.put({ ...ACCOUNT, accountId: account, segment }, undefined, 'test');
        await inSegment('enterprise');
        await use('35.00');
        return () => inSegment('smb');
      },
    ],
    [
      'a service had a cap of its own',
      async (cap) => {
        await addCap(cap);
        await use('40.00');
        const own = await addCap({ scope: { service: `${account}-t1` } });
        await use('35.00', { service_id: `${account}-t1` });
        return () => plafond.caps.remove(own, undefined, 'test');
      },
    ],
  ])('counts what came while %s', async (_, while_) => {
    const comesBack = await while_({ scope: { account } });
    await comesBack();
    expect(await warned()).toEqual([]);
    await use('10.00');
    expect(await warned()).toEqual([[80, 85_000_000n]]);
  });

  it('is read anew once its bound was forgotten', async () => {
    await addCap({ scope: { account } });
    await use('75.00');
    const { dataSource } = plafond.database;
    const forget = (days: number) =>
      inTransaction(dataSource, ({ client }) =>
        forgetOldBounds(client, plafond.clock.now() + days * 24 * HOUR_MS, [account]),
      );
    await forget(1);
    expect(await bounds()).toHaveLength(2);
    await forget(7);
    expect(await bounds()).toEqual([]);
    await use('10.00');
    expect(await warned()).toEqual([[80, 85_000_000n]]);
  });

  it('is not read while it stays between two thresholds', async () => {
    const warn = (percent: number) => ({ percent, actions: ['warn' as const] });
    const id = await addCap({ scope: { account }, thresholds: [warn(50), warn(100)] });
    await use('30.00');
    await use('30.00');
    expect(await warned()).toEqual([[50, 60_000_000n]]);
    // It would be seen to be wrong if the window were read.
    await plafond.query(
      `UPDATE usage SET amount_micros = 65000000 WHERE account_id = $1 AND amount_micros = 30000000`,
      [account],
    );
    await use('5.00');
    await use('5.00', { started_at: instantText(plafond.clock.now() - 1_500) });
    expect(Math.max(...(await bounds()))).toBe(70);
    await use('-5.00', { state: 'final' });
    expect(Math.max(...(await bounds()))).toBe(140);
    await plafond.caps.remove(id, undefined, 'test');
  });

  // In each of these, windows cross what nobody would see who passes over a credit, a late record, or what falls by itself.
  it.each([19, 36, 59, 71])('crosses what it would if it were read with each delivery (%d)', async (seed) => {
    plafond.clock.advanceTo(parseInstant('2026-04-01T00:00:00Z')! + seed * 240 * HOUR_MS);
    const [known, read] = [account, `${account}-read`];
    await plafond.addAccount({ accountId: read });
    const thresholds = [30, 60, 100].map((percent) => ({ percent, actions: ['warn' as const] }));
    const caps = [known, read].map((each) => addCap({ scope: { account: each }, period: 'rolling:2h', thresholds }));
    const ids = await Promise.all(caps);
    const random = seeded(seed);
    const upTo = (most: number) => Math.floor(random() * most);
    let floors = 0;
    for (let step = 0; step < 150; step++) {
      const quiet_ms = upTo(15) === 0 ? upTo(3 * HOUR_MS) : upTo(HOUR_MS / 6);
      plafond.clock.advanceTo(plafond.clock.now() + quiet_ms);
      const late_ms = upTo(4) === 0 ? upTo(3 * HOUR_MS) : upTo(HOUR_MS / 60);
      const started_at = instantText(plafond.clock.now() - late_ms);
      // Mostly little, so that what is much comes and leaves visibly.
      const amount = upTo(5) === 0 ? 15 + upTo(30) : upTo(4);
      const sent = upTo(10);
      const row =
        sent === 0
          ? { record_id: `s${step}`, amount: `-${amount}.50`, state: 'final' }
          : { record_id: `s${sent === 1 ? upTo(step) : step}`, amount: `${amount}.25`, revision: step };
      await plafond.query('DELETE FROM window_bounds WHERE account_id = $1', [read]);
      const rows = [known, read].map((each) => ({ ...row, record_id: `${each}-${row.record_id}`, account_id: each }));
      for (const each of rows) await plafond.send([{ ...each, started_at }]);
      const withFloor = await plafond.query('SELECT FROM window_bounds WHERE account_id = $1 AND floor_micros > 0', [
        known,
      ]);
      floors += withFloor.length;
    }
    const crossed = async (index: number) =>
      plafond.query(
        `SELECT period, percent, substring(record_id FROM 's[0-9]+$') AS record, uncrossed_at IS NULL AS stands
           FROM crossings WHERE cap_id = $1 ORDER BY 1, 2`,
        [ids[index]],
      );
    const [one, other] = [await crossed(0), await crossed(1)];
    expect(one).toEqual(other);
    expect(one.length).toBeGreaterThan(8);
    expect(floors).toBeGreaterThan(50);
    for (const id of ids) await plafond.caps.remove(id, undefined, 'test');
  });
});
