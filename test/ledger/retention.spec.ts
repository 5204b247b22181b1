import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RaiseAlarms1700000000003 } from '../../migrations/3-raise-alarms.ts';
import { readConfig } from '../../src/config.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { lockShards, shardOf } from '../../src/ledger/usage-store.ts';
import { DropOldPartitions } from '../../src/pipeline/retention/drop-old-partitions.ts';
import { ReconcileImports } from '../../src/pipeline/usage/reconcile-imports.ts';
import { RebuildSpend } from '../../src/pipeline/usage/rebuild-spend.ts';
import { TestPlafond, type UsageRow } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';

const DAY_MS = 86_400_000;
const now = parseInstant('2026-03-20T12:00:00+01:00')!;

let plafond: TestPlafond;
let retention: DropOldPartitions;
beforeEach(async () => {
  plafond = await TestPlafond.at(now);
  const { dataSource } = plafond.database;
  const partitions = new UsagePartitions(dataSource, plafond.clock);
  retention = new DropOldPartitions(dataSource, plafond.clock, readConfig({ RETENTION_DAYS: '40' }), partitions);
  await plafond.addAccount({ accountId: '1001' });
  await plafond.addCap({ limit: '500.00' });
});
afterEach(() => plafond.close());

const daysLater = (days: number) => plafond.clock.advanceTo(plafond.clock.now() + days * DAY_MS);
const march = (day: number, row: Partial<UsageRow> = {}) =>
  plafond.send([{ record_id: `march ${day}`, started_at: `2026-03-${day}T10:00:00+01:00`, amount: '10.00', ...row }]);
const kept = async () =>
  (await plafond.query<{ record_id: string }>('SELECT record_id FROM usage ORDER BY day')).map((r) => r.record_id);
const spends = async () =>
  (
    await plafond.query<{ month: string; spend: string }>(
      `SELECT to_char(period_start + interval '1 day', 'YYYY-MM') AS month, spend_micros / 1000000 AS spend FROM counters ORDER BY 1`,
    )
  ).map(({ month, spend }) => `${month} ${spend}`);

/** Reads the ledger until what it answers is called. */
const readLedger = async () => {
  const reader = plafond.database.dataSource.createQueryRunner();
  await reader.startTransaction();
  await reader.query('SELECT count(*) FROM usage');
  return async () => {
    await reader.commitTransaction();
    await reader.release();
  };
};

describe('usage that is older than is kept', () => {
  it('is dropped, and what it summed up to stays', async () => {
    await march(10);
    daysLater(10);
    await march(19);
    daysLater(32);
    await retention.run();
    expect(await kept()).toEqual(['march 19']);
    expect(await spends()).toEqual(['2026-03 20']);
    await retention.run();

    const rebuild = new RebuildSpend(plafond.database.dataSource, plafond.clock);
    expect(await rebuild.check()).toEqual([]);
    await rebuild.mend('test');
    await plafond.addCap({ traffic: 'all' });
    expect(await spends()).toEqual(['2026-03 20']);
  });

  it('is dropped by no clock that is ahead of the database', async () => {
    await march(10);
    daysLater(60);
    const machine = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + DAY_MS);
    await expect(retention.run()).rejects.toThrow('1440 minutes ahead');
    expect(await kept()).toEqual(['march 10']);
    machine.mockRestore();
    await retention.run();
    expect(await kept()).toEqual([]);
  });

  it('is still counted when it comes, and kept from then on', async () => {
    await march(10);
    daysLater(60);
    await retention.run();
    expect(await kept()).toEqual([]);
    // The contract's own examples are of 2010.
    await plafond.send([{ record_id: 'old', started_at: '2010-03-10T10:00:00+01:00', amount: '3.00' }]);
    await march(11);
    await retention.run();
    expect(await kept()).toEqual(['old', 'march 11']);
    expect(await spends()).toEqual(['2010-03 3', '2026-03 20']);
    expect(await plafond.differences()).toEqual([]);
    daysLater(30);
    // A correction keeps the day for as long again.
    await march(11, { amount: '12.00', state: 'final' });
    daysLater(30);
    await retention.run();
    expect(await kept()).toEqual(['march 11']);
    expect(await spends()).toEqual(['2010-03 3', '2026-03 22']);
  });

  it('that comes on a day that was dropped adds to what had been counted', async () => {
    await march(10);
    daysLater(60);
    await retention.run();
    await march(10, { record_id: 'late', amount: '5.00' });
    expect(await spends()).toEqual(['2026-03 15']);
    expect(await plafond.differences()).toEqual([]);
  });

  it('goes while usage is being counted and the ledger is read', async () => {
    await march(10);
    daysLater(60);
    const endReading = await readLedger();
    const dropping = Promise.all([retention.run(), retention.run()]);
    await march(10, { record_id: 'meanwhile', amount: '1.00' }).catch(() => undefined);
    await endReading();
    await dropping;
    // Whoever was first: nothing is lost that came, and nothing is counted twice.
    const [{ sum }] = (await plafond.query('SELECT coalesce(sum(spend_micros), 0) / 1000000 AS sum FROM counters')) as [
      { sum: string },
    ];
    expect(Number(sum)).toBe(11);
    expect(await kept()).toContain('meanwhile');
  });

  it('waits for who reads the ledger, and nobody else waits meanwhile', async () => {
    await march(10);
    daysLater(60);
    const endReading = await readLedger();
    const dropping = retention.run();
    const waiting: unknown[] = [];
    for (let sent = 0; sent < 8; sent++) {
      const sending = plafond.send([{ record_id: `${sent}`, started_at: '2026-05-19T10:00:00+02:00', amount: '1.00' }]);
      for (let looks = 0; looks < 10; looks++) {
        waiting.push(
          ...(await plafond.query(
            `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'relation'`,
          )),
        );
        await sleep(25);
      }
      await sending;
    }
    expect(waiting).toEqual([]);
    expect(await kept()).toContain('march 10');
    await endReading();
    await dropping;
    expect(await kept()).toHaveLength(8);
  });

  it('is dropped once by two that found it old', async () => {
    await march(10);
    daysLater(60);
    const { dataSource } = plafond.database;
    const partitions = [1, 2].map(() => new UsagePartitions(dataSource, plafond.clock));
    const days = await partitions[0]!.oldDays(40);
    expect(days).toHaveLength(1);
    const dropped = await Promise.all(partitions.map((each) => each.drop(days[0]!, 40)));
    expect(dropped.toSorted()).toEqual([false, true]);
  });

  it('knows of days that were there before it could be dropped', async () => {
    const { dataSource } = plafond.database;
    await march(10);
    const runner = dataSource.createQueryRunner();
    await new RaiseAlarms1700000000003().down(runner);
    await new RaiseAlarms1700000000003().up(runner);
    await runner.release();
    const days = await plafond.query('SELECT day::text FROM ledger_days WHERE touched_at IS NOT NULL');
    expect(days).toEqual([{ day: '2026-03-10' }]);
  });

  it('takes the imports that brought it with it, once nothing of them is left', async () => {
    const reconciliations = new ReconcileImports(plafond.database.dataSource, plafond.clock);
    const imports = async () =>
      (await plafond.query<{ id: string }>('SELECT import_id AS id FROM imports ORDER BY import_id')).map(
        ({ id }) => id,
      );
    const first = await march(10, { state: 'final' });
    const rejected = await march(11, { account_id: 'early' });
    await plafond.addAccount({ accountId: 'early' });
    plafond.clock.advanceTo(plafond.clock.now() + 3_600_000);
    await reconciliations.run();
    expect(await plafond.query('SELECT import_id FROM reconciliations')).toEqual([{ import_id: first.importId }]);
    await plafond.rejects.resend(rejected.importId, undefined, 'test');
    daysLater(30);
    // A late record keeps the day, and who brought its usage.
    const late = await march(10, { record_id: 'late' });
    daysLater(20);
    await retention.run();
    expect(await imports()).toHaveLength(4);
    daysLater(40);
    await march(10, { record_id: 'new', started_at: '2026-06-18T10:00:00+02:00' });
    await retention.run();
    expect(await kept()).toEqual(['new']);
    expect(await imports()).toEqual([String(Number(late.importId) + 1)]);
    expect(await plafond.query('SELECT FROM reconciliations')).toEqual([]);
    expect(await plafond.query('SELECT FROM import_days')).toEqual([]);
  });

  it('takes its rejects with it', async () => {
    await march(10, { account_id: 'nobody' });
    daysLater(20);
    const { importId } = await march(11, { account_id: 'nobody' });
    daysLater(30);
    await retention.run();
    expect(await plafond.query('SELECT import_id FROM rejects')).toEqual([{ import_id: importId }]);
  });

  it('takes what it summed up to and crossed with it, when what comes late has had as long again', async () => {
    const thresholds = [{ percent: 100, actions: ['warn' as const] }];
    for (const period of ['day', 'rolling:24h'] as const) await plafond.addCap({ period, limit: '8.00', thresholds });
    const remembered = async () => [await spends(), (await plafond.query('SELECT FROM crossings')).length];
    await march(10);
    daysLater(50);
    await retention.run();
    daysLater(39);
    await retention.run();
    await march(10, { record_id: 'late', amount: '3.00' });
    expect([await kept(), await remembered()]).toEqual([['late'], [['2026-03 13', '2026-03 13'], 2]]);
    expect(await plafond.decisions()).toHaveLength(2);
    daysLater(50);
    await retention.run();
    expect([await kept(), await remembered()]).toEqual([[], [['2026-03 13', '2026-03 13'], 2]]);
    await march(11, { started_at: '2026-07-20T10:00:00+02:00' });
    daysLater(41);
    await retention.run();
    expect(await remembered()).toEqual([['2026-07 10', '2026-07 10'], 2]);
    expect(await plafond.differences()).toEqual([]);
    // As if nothing of March had ever been.
    await march(10, { record_id: 'later', amount: '4.00' });
    expect(await remembered()).toEqual([['2026-03 4', '2026-03 4', '2026-07 10', '2026-07 10'], 2]);
    expect(await plafond.differences()).toEqual([]);
  });

  it('is forgotten of no account that somebody counts, who goes by what he has read of it', async () => {
    await plafond.addCap({ period: 'rolling:24h', limit: '50.00' });
    await march(10);
    daysLater(50);
    await retention.run();
    daysLater(20);
    await march(11, { started_at: '2026-05-20T10:00:00+02:00' });
    daysLater(21);
    const sums = () =>
      plafond.query(
        `SELECT (SELECT count(*)::int FROM counters) AS counters, (SELECT count(*)::int FROM window_bounds) AS bounds`,
      );
    const read = await sums();
    const { forgetting } = await inTransaction(plafond.database.dataSource, async ({ client }) => {
      await lockShards(client, [shardOf('1001')]);
      const runs = retention.run();
      const waits = until('it waits', async () => {
        const found = await plafond.query(
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return found.length > 0;
      });
      await Promise.race([runs, waits]);
      expect(await sums()).toEqual(read);
      return { forgetting: runs };
    });
    await forgetting;
    expect(await sums()).toEqual([{ counters: 1, bounds: 0 }]);
  });

  it('goes by the next process, where this one ends before', async () => {
    await march(10);
    daysLater(60);
    retention.onModuleDestroy();
    await expect(retention.run()).rejects.toThrow('the next goes on from here');
    expect(await kept()).toEqual(['march 10']);
  });

  it('leaves what a suspension stands on that is not over', async () => {
    await plafond.addCap({ traffic: 'all', limit: '10.00', reinstate: 'manual' });
    await march(10);
    const sums = async () => [
      await plafond.query('SELECT traffic FROM counters ORDER BY traffic'),
      await plafond.query('SELECT percent::int FROM crossings ORDER BY percent'),
    ];
    for (const days of [50, 50]) {
      daysLater(days);
      await retention.run();
    }
    const [both, all] = [
      [{ traffic: 'all' }, { traffic: 'international' }],
      [{ percent: 50 }, { percent: 80 }, { percent: 100 }],
    ];
    expect(await sums()).toEqual([both, all]);
    await march(10, { record_id: 'late', amount: '-1.00', state: 'final' });
    const corrected = (await plafond.decisions()).filter(({ trigger }) => trigger === 'correction');
    expect(corrected.map(({ threshold, spend }) => [threshold, spend])).toEqual([[100, 9_000_000n]]);
    await plafond.query(`UPDATE suspensions SET state = 'lifted'`);
    for (const days of [50, 50]) {
      daysLater(days);
      await retention.run();
    }
    expect(await sums()).toEqual([[], []]);
  });
});
