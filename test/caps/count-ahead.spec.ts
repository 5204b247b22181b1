import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { shardOf } from '../../src/ledger/usage-store.ts';
import { ACCOUNT, TestPlafond } from '../harness/plafond.ts';

/** More than a first slice; they are counted in this order, and stopped in the second. */
const ACCOUNTS = Array.from({ length: 110 }, (_, index) => `a${index}`).toSorted((a, b) => shardOf(a) - shardOf(b));
const BEFORE = ACCOUNTS[2]!;
const STOPPED = ACCOUNTS[60]!;
const AFTER = ACCOUNTS.at(-1)!;
const EVERYONE = { scope: {}, period: 'month' as const };

let plafond: TestPlafond;
let stopper: Client;
beforeAll(async () => {
  plafond = await TestPlafond.at(parseInstant('2026-03-20T12:00:00+01:00')!);
  for (const accountId of ACCOUNTS) await plafond.addAccount({ accountId });
});
afterAll(() => plafond.close());
beforeEach(async () => {
  stopper = new Client(plafond.database.url);
  await stopper.connect();
  await plafond.send(ACCOUNTS.map((account_id) => ({ record_id: `r${++records}`, account_id, amount: '60.00' })));
  await stopper.query('BEGIN');
  await stopper.query('SELECT pg_advisory_xact_lock(7003, $1)', [shardOf(STOPPED)]);
});
afterEach(async () => {
  await stopper.end();
  expect(await plafond.differences()).toEqual([]);
  for (const { cap_id } of await plafond.query<{ cap_id: string }>('SELECT cap_id FROM caps')) {
    await plafond.caps.remove(cap_id, undefined, 'test');
  }
  expect(await plafond.query('SELECT FROM counters')).toEqual([]);
  await plafond.query('TRUNCATE usage');
});

let records = 0;
const use = (account_id: string, amount: string) => plafond.send([{ record_id: `r${++records}`, account_id, amount }]);
const counted = async (accountId: string) => {
  const sql = 'SELECT spend_micros FROM counters WHERE account_id = $1';
  const rows = await plafond.query<{ spend_micros: string }>(sql, [accountId]);
  return rows.map(({ spend_micros }) => formatAmount(BigInt(spend_micros)));
};
/** Until all that comes before the account at which counting is stopped has been counted. */
async function untilStopped(): Promise<void> {
  const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 7003 AND objid = $1`;
  for (;;) {
    if ((await plafond.query(waiting, [shardOf(STOPPED)])).length > 0) return;
    await nextTurn();
  }
}
/** As `kill -9` does: connections break, and nobody says a last word. */
async function kill(): Promise<void> {
  await plafond.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks
      WHERE locktype = 'advisory' AND pid <> $1
        AND (classid = 7003 AND objid = $2 OR objid = 7004 AND classid = 0) GROUP BY pid`,
    [(await stopper.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid, shardOf(STOPPED)],
  );
}
const decided = async (accountId: string) =>
  (await plafond.decisions())
    .filter((each) => each.accountId === accountId)
    .map(({ type, threshold, spend }) => `${type} ${threshold} at ${formatAmount(spend!)}`);

it('counts for a cap of everyone while importers go on, and each threshold acts once when it holds', async () => {
  const made = plafond.addCap(EVERYONE);
  await untilStopped();
  await use(BEFORE, '25.00');
  await use(AFTER, '25.00');
  await plafond.addAccount({ accountId: 'new' });
  await use('new', '51.00');
  expect([await counted(BEFORE), await counted(AFTER), await counted('new')]).toEqual([
    ['85.00'],
    ['25.00'],
    ['51.00'],
  ]);
  expect(await plafond.decisions()).toEqual([]);
  expect(await plafond.differences()).toEqual([]);
  await stopper.query('COMMIT');
  await made;
  const warned = ['warn 50 at 85.00', 'warn 80 at 85.00'];
  expect([await decided(BEFORE), await decided(AFTER), await decided('new')]).toEqual([
    warned,
    warned,
    ['warn 50 at 51.00'],
  ]);
  expect(await decided(STOPPED)).toEqual(['warn 50 at 60.00']);
  await use(BEFORE, '20.00');
  expect((await decided(BEFORE)).slice(2)).toEqual(['warn 100 at 105.00', 'suspend 100 at 105.00']);
});

it('leaves nothing behind where the process dies half-way, and a cap that is made then is counted as ever', async () => {
  const made = plafond.addCap(EVERYONE);
  const failed = expect(made).rejects.toThrow();
  await untilStopped();
  await kill();
  await failed;
  await stopper.query('COMMIT');
  await use(BEFORE, '5.00');
  expect([await counted(BEFORE), await counted(AFTER)]).toEqual([['65.00'], []]);
  expect(await plafond.differences()).toEqual([]);
  await plafond.caps.takeUpAbandoned();
  expect(await plafond.query('SELECT FROM counters')).toEqual([]);
  await use(AFTER, '5.00');
  await plafond.addCap(EVERYONE);
  expect([await counted(BEFORE), await counted(AFTER)]).toEqual([['65.00'], ['65.00']]);
});

it('takes up what was left behind where the same or another cap is made next', async () => {
  const made = plafond.addCap({ ...EVERYONE, traffic: 'all' });
  const failed = expect(made).rejects.toThrow();
  await untilStopped();
  await kill();
  await failed;
  await stopper.query('COMMIT');
  await plafond.addCap(EVERYONE);
  expect(await plafond.query(`SELECT FROM counters WHERE traffic = 'all'`)).toEqual([]);
  expect(await plafond.query('SELECT FROM counting_ahead')).toEqual([]);
  await plafond.addCap({ ...EVERYONE, traffic: 'all' });
});

it('counts an account anew that comes under other periods meanwhile', async () => {
  const made = plafond.addCap(EVERYONE);
  await untilStopped();
  await use(BEFORE, '5.00');
  // It waits for the slice that is being counted, and those behind wait for it.
  const changed = plafond.addAccount({ accountId: BEFORE, cycleDay: 15 });
  await stopper.query('COMMIT');
  await Promise.all([made, changed]);
  expect(await counted(BEFORE)).toEqual(['65.00']);
});

it('counts as many accounts at once as ever, however long it waits for importers', async () => {
  const ids = Array.from({ length: 40_000 }, (_, index) => `s${index}`).filter(
    (id) => shardOf(id) === shardOf(STOPPED),
  );
  const many = ids.slice(0, 500).map((accountId) => ({ ...ACCOUNT, accountId }));
  await plafond.accounts.importAll(many, 'test');
  // Each takes a number of a batch.
  const slices = async () => {
    const sql = `SELECT last_value / increment_by AS n FROM pg_sequences WHERE sequencename = 'usage_batches'`;
    return Number((await plafond.query<{ n: string }>(sql))[0]!.n);
  };
  const made = plafond.addCap(EVERYONE);
  await untilStopped();
  const before = await slices();
  plafond.clock.advanceTo(plafond.clock.now() + 60_000);
  await stopper.query('COMMIT');
  await made;
  // The one that waited, the rest of its shard, and those of the accounts behind, in five shards at most.
  expect((await slices()) - before).toBeLessThanOrEqual(7);
});
