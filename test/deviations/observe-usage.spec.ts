import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { emptyOldSlots } from '../../src/deviations/movement-log.ts';
import { CountPrices } from '../../src/pipeline/deviations/count-prices.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { SHARDS, shardOf } from '../../src/ledger/usage-store.ts';
import { TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const NOW = parseInstant('2026-03-20T12:00:00+01:00')!;
const DAY_MS = 86_400_000;

let plafond: TestPlafond;
let observe: ObserveUsage;

beforeEach(async () => {
  plafond = await TestPlafond.at(NOW);
  observe = new ObserveUsage(plafond.database.dataSource, plafond.clock);
});
afterEach(() => plafond.close());

const all = () => observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
const jobs = () => plafond.query<{ job: string; payload: { shards: number[] } }>('SELECT job, payload FROM outbox');

describe('what moves in the ledger', () => {
  it('asks for a look once, however often it moves before that look', async () => {
    await plafond.addAccount({ accountId: '1001' });
    await plafond.send([{ record_id: 'a' }]);
    await plafond.send([{ record_id: 'b' }]);
    expect(await jobs()).toEqual([{ job: 'observe-usage', payload: { shards: [shardOf('1001')] } }]);
    expect(await all()).toBe(2);
    await plafond.send([{ record_id: 'c' }]);
    expect(await jobs()).toHaveLength(2);
    expect(await all()).toBe(1);
    expect(await all()).toBe(0);
  });

  it('is looked at once by however many look at the same time', async () => {
    for (let i = 0; i < 20; i++) await plafond.addAccount({ accountId: `a${i}` });
    const rows = Array.from({ length: 400 }, (_, i) => ({ record_id: `r${i}`, account_id: `a${i % 20}` }));
    for (let from = 0; from < 400; from += 40) await plafond.send(rows.slice(from, from + 40));
    const seen = await Promise.all([all(), all(), all()]);
    expect(seen.reduce((sum, each) => sum + each, 0)).toBe(400);
  });

  it('is not logged where nobody wants to know', async () => {
    await plafond.query(
      `INSERT INTO deviation_policies (scope_kind, scope_value, mode, false_budget, changed_at, changed_by)
       VALUES ('segment', 'wholesale', 'off', 1, now(), 'test')`,
    );
    await plafond.addAccount({ accountId: '1001', segment: 'wholesale' });
    await plafond.send([{ record_id: 'a' }]);
    expect(await jobs()).toEqual([]);
    expect(await all()).toBe(0);
  });

  it('leaves the log when it was read and is half a day old, and not before', async () => {
    await plafond.addAccount({ accountId: '1001' });
    await plafond.send([{ record_id: 'a' }]);
    plafond.clock.advanceTo(NOW + DAY_MS / 2);
    await observe.sweep();
    const entries = async () =>
      Number((await plafond.query<{ n: string }>('SELECT count(*) AS n FROM movement_log'))[0]!.n);
    expect(await entries()).toBe(1);
    await all();
    await observe.sweep();
    expect(await entries()).toBe(0);
  });

  it('waits for nobody who reads it for long, and leaves it later', async () => {
    const { dataSource } = plafond.database;
    await plafond.addAccount({ accountId: '1001' });
    const left = async () =>
      Number((await plafond.query<{ n: string }>('SELECT count(*) AS n FROM movement_log'))[0]!.n);
    const reader = dataSource.createQueryRunner();
    await reader.startTransaction();
    await reader.query('SELECT count(*) FROM movement_log');
    // An empty log is not even locked.
    await inTransaction(dataSource, async ({ client }) => {
      expect(await emptyOldSlots(client, plafond.clock.now())).toBe(0);
      const { rows } = await client.query(
        `SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation::regclass::text LIKE 'movement_log%'`,
      );
      expect(rows).toEqual([]);
    });

    await plafond.send([{ record_id: 'a' }]);
    await all();
    plafond.clock.advanceTo(NOW + DAY_MS / 2);
    await observe.sweep();
    expect(await left()).toBe(1);
    await reader.commitTransaction();
    await reader.release();
    await observe.sweep();
    expect(await left()).toBe(0);
  });

  it('is asked for again by the sweep where the ask was lost', async () => {
    await plafond.addAccount({ accountId: '1001' });
    await plafond.send([{ record_id: 'a' }]);
    await plafond.query('DELETE FROM outbox');
    await observe.sweep();
    expect(await jobs()).toEqual([{ job: 'observe-usage', payload: { shards: [shardOf('1001')] } }]);
  });
});

describe('a rate deck with a factor of 100', () => {
  const call = (record: string, account: string, daysAgo: number, amount: string) => ({
    record_id: record,
    account_id: account,
    started_at: formatInstant(NOW - daysAgo * DAY_MS - 3_600_000),
    duration_s: 120,
    amount,
  });

  beforeEach(async () => {
    for (let i = 0; i < 12; i++) await plafond.addAccount({ accountId: `a${i}` });
    const history = Array.from({ length: 60 }, (_, i) =>
      call(`h${i}`, `a${i % 12}`, 1 + (i % 9), i % 3 === 0 ? '1.40' : '1.36'),
    );
    await plafond.send(history);
    await all();
    await new CountPrices(plafond.database.dataSource, plafond.clock).run();
  });

  const brakes = () => plafond.query('SELECT range, kind FROM tariff_brakes WHERE released_at IS NULL');

  it('brakes the number range from the third call of the second account on, with one case and one alarm', async () => {
    await plafond.send([call('w1', 'a1', 0, '136.00'), call('w2', 'a1', 0, '140.00')]);
    await all();
    expect(await brakes()).toEqual([]);
    await plafond.send([call('w3', 'a2', 0, '136.00'), call('w4', 'a3', 0, '136.00')]);
    await all();
    expect(await brakes()).toEqual([{ range: '+25261', kind: 'price' }]);
    await plafond.send([call('w5', 'a4', 0, '136.00'), call('w6', 'a5', 0, '136.00')]);
    await all();
    expect(await brakes()).toHaveLength(1);
    expect(await plafond.query("SELECT kind, state, ranges FROM cases WHERE kind = 'tariff'")).toEqual([
      { kind: 'tariff', state: 'open', ranges: ['+25261'] },
    ]);
    expect(await plafond.query(`SELECT subject FROM alarms WHERE kind = 'tariff-brake'`)).toEqual([
      { subject: '+25261' },
    ]);
  });

  it('does not brake where others go on at the usual price: then it is a dear number', async () => {
    await plafond.send([call('w1', 'a1', 0, '136.00')]);
    await all();
    await plafond.send([
      call('u1', 'a4', 0, '1.36'),
      call('u2', 'a5', 0, '1.40'),
      call('w2', 'a2', 0, '136.00'),
      call('w3', 'a2', 0, '136.00'),
    ]);
    await all();
    expect(await brakes()).toEqual([]);
  });

  it('does not brake for a record that grows', async () => {
    for (const revision of [0, 1, 2, 3]) {
      await plafond.send([{ ...call('w1', 'a1', 0, `${136 + revision}.00`), revision }]);
      await all();
    }
    expect(await brakes()).toEqual([]);
    expect(await plafond.query('SELECT count(*)::int AS signs FROM tariff_signs')).toEqual([{ signs: 1 }]);
  });
});
