import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parseInstant, toDate } from '../../src/kernel/clock.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { lockShards, shardOf } from '../../src/ledger/usage-store.ts';
import { SettleMovedRecords } from '../../src/pipeline/usage/settle-moved-records.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';

const now = parseInstant('2026-03-20T12:00:00+01:00')!;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
  await plafond.addCap({ limit: '50.00', thresholds: [{ percent: 100, actions: ['suspend:international'] }] });
});
afterAll(() => plafond.close());

const decided = async () => (await plafond.decisions()).map(({ type, trigger }) => `${type} by ${trigger}`);
const counted = async () => {
  expect(await plafond.differences()).toEqual([]);
  return plafond.query('SELECT record_id, amount_micros, state FROM usage ORDER BY record_id');
};

it('a final version whose start moved by ten days takes the place of the one before at once', async () => {
  await plafond.send([{ record_id: 'far', started_at: '2026-03-05T10:00:00+01:00', amount: '60.00' }]);
  await plafond.send([{ record_id: 'far', started_at: '2026-03-15T10:00:00+01:00', amount: '30.00', state: 'final' }]);
  expect(await counted()).toEqual([{ record_id: 'far', amount_micros: '30000000', state: 2 }]);
  expect(await decided()).toEqual(['suspend by cap', 'restore by correction']);
});

it('nobody is barred for a record that came in the wrong order too, and would stand twice', async () => {
  await plafond.send([{ record_id: 'late', started_at: '2026-03-15T10:00:00+01:00', amount: '10.00', state: 'final' }]);
  await plafond.send([{ record_id: 'late', started_at: '2026-03-05T10:00:00+01:00', amount: '40.00' }]);
  expect((await decided()).slice(2)).toEqual([]);
  expect(await counted()).toEqual([
    { record_id: 'far', amount_micros: '30000000', state: 2 },
    { record_id: 'late', amount_micros: '10000000', state: 2 },
  ]);
});

it('what stands twice where it bars nobody counts once after the night, and what it had caused is lifted', async () => {
  await plafond.send([{ record_id: 'back', started_at: '2026-03-15T10:00:00+01:00', amount: '3.00', state: 'final' }]);
  await plafond.send([{ record_id: 'back', started_at: '2026-03-20T10:00:00+01:00', amount: '5.00' }]);
  await plafond.send([{ record_id: 'next', started_at: '2026-03-16T10:00:00+01:00', amount: '4.00' }]);
  expect((await decided()).slice(2)).toEqual(['suspend by correction']);

  const night = new SettleMovedRecords(plafond.database.dataSource, plafond.clock);
  expect(await night.run()).toBe(1);
  expect(await night.run()).toBe(0);
  expect(await counted()).toEqual([
    { record_id: 'back', amount_micros: '3000000', state: 2 },
    { record_id: 'far', amount_micros: '30000000', state: 2 },
    { record_id: 'late', amount_micros: '10000000', state: 2 },
    { record_id: 'next', amount_micros: '4000000', state: 1 },
  ]);
  expect(await plafond.query('SELECT spend_micros FROM counters')).toEqual([{ spend_micros: '47000000' }]);
  expect((await decided()).slice(3)).toEqual(['restore by correction']);
});

it('of two equal versions the one that came first holds, whenever they start', async () => {
  await plafond.send([{ record_id: 'same', started_at: '2026-03-15T10:00:00+01:00', amount: '1.00' }]);
  await plafond.send([{ record_id: 'same', started_at: '2026-03-19T10:00:00+01:00', amount: '2.00' }]);
  await new SettleMovedRecords(plafond.database.dataSource, plafond.clock).run();
  expect(await plafond.query(`SELECT amount_micros FROM usage WHERE record_id = 'same'`)).toEqual([
    { amount_micros: '1000000' },
  ]);
  expect(await plafond.differences()).toEqual([]);
});

it('one that came in the wrong order counts once at once where it bars nobody as well, whoever sends it', async () => {
  const first = { record_id: 'overtaken', started_at: '2026-03-15T10:00:00+01:00', amount: '1.00', state: 'final' };
  await plafond.send([first]);
  for (const state of ['interim', 'provisional']) {
    for (const started_at of ['2026-02-10T10:00:00+01:00', '2025-10-25T02:30:00+02:00']) {
      await plafond.send([{ ...first, started_at, amount: '2.00', state }]);
    }
  }
  expect(await counted()).toContainEqual({ record_id: 'overtaken', amount_micros: '1000000', state: 2 });
  expect(await plafond.query(`SELECT FROM usage WHERE record_id = 'overtaken'`)).toHaveLength(1);
});

it('one that comes final as its call ends is sought nowhere else, and counts once after the night', async () => {
  const hourly = (record_id: string, started_at: string, state: string, revision = 0) =>
    plafond.send([{ record_id, started_at, amount: '1.00', state, revision }]);
  const standing = async () =>
    (
      await plafond.query<{ record_id: string }>(`SELECT record_id FROM usage WHERE record_id LIKE 'clock%' ORDER BY 1`)
    ).map((row) => row.record_id);
  await hourly('clock of 1', '2026-03-05T11:00:00+01:00', 'provisional');
  await hourly('clock of 2', '2026-03-05T11:00:00+01:00', 'provisional');
  await hourly('clock of 1', '2026-03-20T06:01:00+01:00', 'final');
  await hourly('clock of 2', '2026-03-20T05:00:00+01:00', 'final');
  // A time of rating, which every record of its feed has.
  await hourly('clock of 3', '2026-03-05T11:00:00+01:00', 'provisional', 825_000_000);
  await hourly('clock of 3', '2026-03-20T06:01:00+01:00', 'final', 826_000_000);
  expect(await standing()).toEqual(['clock of 1', 'clock of 1', 'clock of 2', 'clock of 3', 'clock of 3']);
  await new SettleMovedRecords(plafond.database.dataSource, plafond.clock).run();
  expect(await standing()).toEqual(['clock of 1', 'clock of 2', 'clock of 3']);
  expect(await plafond.differences()).toEqual([]);
});

it('what near real time said far off is kept by whichever import meets it, though that changes nothing else', async () => {
  const final = { record_id: 'beside', started_at: '2026-03-15T10:00:00+01:00', state: 'final' } as const;
  await plafond.send([{ ...final, amount: '0.50' }]);
  await plafond.send([{ record_id: 'beside', started_at: '2026-03-19T10:00:00+01:00', amount: '0.40' }]);
  const again = await plafond.send([
    { ...final, amount: '0.60' },
    { ...final, record_id: 'of its day', started_at: '2026-03-19T11:00:00+01:00', amount: '0.10' },
  ]);
  expect(again).toMatchObject({ stale: 1, counted: 1 });
  expect(
    await plafond.query(
      `SELECT amount_micros::int AS nightly, near_amount_micros::int AS near FROM usage WHERE record_id = 'beside'`,
    ),
  ).toEqual([{ nightly: 500_000, near: 400_000 }]);
  expect(await plafond.differences()).toEqual([]);
});

it('of more than are sought at once, those that stand twice count once within a minute, and not by night alone', async () => {
  await plafond.addAccount({ accountId: '1005' });
  const soon = new SettleMovedRecords(plafond.database.dataSource, plafond.clock);
  const many = (started_at: string, state: string) =>
    plafond.send(
      Array.from({ length: 201 }, (_, each) => ({
        record_id: `many ${each}`,
        account_id: '1005',
        started_at,
        amount: '0.01',
        state,
      })),
    );
  const standing = async () =>
    plafond.query(`SELECT state, count(*)::int FROM usage WHERE account_id = '1005' GROUP BY 1 ORDER BY 1`);
  await many('2026-03-05T10:00:00+01:00', 'provisional');
  await soon.runIfAsked();
  await many('2026-03-15T10:00:00+01:00', 'final');
  expect(await standing()).toEqual([
    { state: 1, count: 201 },
    { state: 2, count: 201 },
  ]);
  plafond.clock.advanceTo(plafond.clock.now() + 60_000);
  expect(await soon.runIfAsked()).toBe(201);
  expect(await standing()).toEqual([{ state: 2, count: 201 }]);
  expect(await plafond.differences()).toEqual([]);
  await many('2026-03-15T10:00:00+01:00', 'final');
  expect(await soon.runIfAsked()).toBe(0);
});

it('a delivery that has its number, and waits for others while the night passes, is looked at by the next night', async () => {
  await plafond.addAccount({ accountId: '1004' });
  await plafond.send([{ record_id: 'slow', started_at: '2026-03-15T10:00:00+01:00', amount: '1.00', state: 'final' }]);
  const night = new SettleMovedRecords(plafond.database.dataSource, plafond.clock);
  const { waiting } = await inTransaction(plafond.database.dataSource, async ({ client }) => {
    await lockShards(client, [shardOf('1001')]);
    const sent = plafond.send([{ record_id: 'slow', started_at: '2026-03-19T10:00:00+01:00', amount: '1.00' }]);
    await until('it waits', async () => {
      const found = await plafond.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return found.length > 0;
    });
    // Its number is higher.
    await plafond.send([{ record_id: 'quick', account_id: '1004', started_at: '2026-03-15T10:00:00+01:00' }]);
    expect(await night.run()).toBe(0);
    return { waiting: sent };
  });
  await waiting;
  expect(await night.run()).toBe(1);
  expect(await plafond.query(`SELECT state FROM usage WHERE record_id = 'slow'`)).toEqual([{ state: 2 }]);
  expect(await plafond.differences()).toEqual([]);
});

it('nobody is barred for several at once either, of which one stands under another account', async () => {
  const before = (await decided()).length;
  for (const accountId of ['1002', '1003']) await plafond.addAccount({ accountId });
  const late = (record_id: string, account_id: string) => ({
    record_id,
    account_id,
    started_at: '2026-03-15T10:00:00+01:00',
    amount: '1.00',
    state: 'final',
  });
  await plafond.send([late('several of 1', '1002'), late('several of 2', '1003'), late('several of 3', '1002')]);
  await plafond.send(
    ['several of 1', 'several of 2', 'several of 3'].map((record_id) => ({
      record_id,
      account_id: '1002',
      started_at: '2026-03-05T10:00:00+01:00',
      amount: '60.00',
    })),
  );
  expect((await decided()).slice(before)).toEqual([]);
  expect(
    await plafond.query(
      `SELECT account_id, amount_micros FROM usage WHERE record_id LIKE 'several%' ORDER BY record_id`,
    ),
  ).toEqual(['1002', '1003', '1002'].map((account_id) => ({ account_id, amount_micros: '1000000' })));
  expect(await plafond.differences()).toEqual([]);
});

it.each([
  ['http', '23 hours', 'running'],
  ['http', '25 hours', 'failed'],
  ['resend', '25 hours', 'failed'],
  ['drop-folder', '6 days', 'running'],
  ['drop-folder', '8 days', 'failed'],
])(
  'an import (%s) that broke off %s ago is %s after the night, which waits for nothing that has ended',
  async (source, ago, state) => {
    const [left] = await plafond.query<{ import_id: string }>(
      `INSERT INTO imports (feed, source, format, state, started_at)
     SELECT feed, $1, 'csv', 'running', $2::timestamptz - $3::interval FROM feeds LIMIT 1 RETURNING import_id`,
      [source, toDate(now), ago],
    );
    await new SettleMovedRecords(plafond.database.dataSource, plafond.clock).run();
    const ended = await plafond.query(
      `SELECT state, finished_at IS NOT NULL AND error LIKE '%nobody has carried it on%' AS why,
            (SELECT import_id >= i.import_id FROM moved_records_sweep) AS "isSwept"
       FROM imports i WHERE import_id = $1`,
      [left!.import_id],
    );
    await plafond.query('DELETE FROM imports WHERE import_id = $1', [left!.import_id]);
    expect(ended).toEqual([{ state, why: state === 'failed', isSwept: state === 'failed' }]);
  },
);
