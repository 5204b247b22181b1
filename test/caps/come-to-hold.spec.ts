/** A limit that very many accounts have reached already: importers go on while it comes to hold, and each threshold acts once. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { shardOf } from '../../src/ledger/usage-store.ts';
import { ACCOUNT, CAP, TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

/** More than are held in the transaction of a change, in four shards; the third of them is stopped. */
const SHARDS = [0, 1, 2, 3];
const ACCOUNTS = Array.from({ length: 10_000 }, (_, index) => `a${index}`)
  .filter((id) => SHARDS.includes(shardOf(id)))
  .slice(0, 160)
  .toSorted((a, b) => shardOf(a) - shardOf(b) || (a < b ? -1 : 1));
const STOPPED = 2;
const BEFORE = ACCOUNTS[0]!;
const AFTER = ACCOUNTS.at(-1)!;
const LAST = ACCOUNTS.at(-20)!;

let plafond: TestPlafond;
let stopper: Client;
let cap: string;
let records = 0;
beforeAll(async () => {
  plafond = await TestPlafond.at(parseInstant('2026-03-20T12:00:00+01:00')!);
});
afterAll(() => plafond.close());
beforeEach(async () => {
  stopper = new Client(plafond.database.url);
  await stopper.connect();
  await plafond.accounts.importAll(
    ACCOUNTS.map((accountId) => ({ ...ACCOUNT, accountId })),
    'test',
  );
  await plafond.send(ACCOUNTS.map((account_id) => ({ record_id: `r${++records}`, account_id, amount: '90.00' })));
  cap = await plafond.addCap({ limit: '1000.00' });
});
afterEach(async () => {
  await stopper.end();
  expect(await plafond.differences()).toEqual([]);
  expect(await plafond.query('SELECT FROM caps_to_hold')).toEqual([]);
  for (const { cap_id } of await plafond.query<{ cap_id: string }>('SELECT cap_id FROM caps')) {
    await plafond.caps.remove(cap_id, undefined, 'test');
  }
  await plafond.query('TRUNCATE usage, crossings, decisions, suspensions, uplifts, accounts CASCADE');
});

const use = (account_id: string, amount: string) => plafond.send([{ record_id: `r${++records}`, account_id, amount }]);
const change = (definition: Partial<CapDefinition>) =>
  plafond.caps.change(cap, undefined, capDefinition.parse({ ...CAP, ...definition }), { actor: 'test', alone: true });
const decided = async (accountId: string) =>
  (await plafond.decisions())
    .filter((each) => each.accountId === accountId)
    .map(({ type, trigger, threshold, spend }) => `${type} ${trigger} ${threshold} at ${formatAmount(spend ?? 0n)}`);
/** How often each thing has been decided of all accounts. */
const inAll = async () =>
  plafond.query(
    'SELECT type, threshold::int, count(*)::int FROM decisions GROUP BY 1, 2 ORDER BY threshold, type COLLATE "C" DESC',
  );

/** Changes the cap, and answers when those before the shard that is stopped have been held. */
async function changeUntilStopped(definition: Partial<CapDefinition>): Promise<{ changed: Promise<unknown> }> {
  await stopper.query('BEGIN');
  await stopper.query('SELECT pg_advisory_xact_lock(7003, $1)', [STOPPED]);
  const changed = change(definition);
  changed.catch(() => undefined);
  await untilWaiting(`classid = 7003 AND objid = ${STOPPED}`);
  return { changed };
}
async function untilWaiting(lock: string): Promise<void> {
  while ((await plafond.query(`SELECT FROM pg_locks WHERE NOT granted AND ${lock}`)).length === 0) await nextTurn();
}
/** As `kill -9` does: the connection breaks, and nobody says a last word. */
async function kill(): Promise<void> {
  await plafond.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND classid = 7003 AND objid = ${STOPPED}`,
  );
}

it('keeps importers out no longer than it takes to write down whom there is to decide about', async () => {
  await stopper.query('BEGIN');
  await stopper.query('LOCK TABLE decisions IN SHARE MODE');
  const changed = change({});
  await untilWaiting(`relation = 'decisions'::regclass`);
  await use(LAST, '1.00');
  await stopper.query('COMMIT');
  await changed;
  expect(await decided(LAST)).toEqual(['warn cap 50 at 91.00', 'warn cap 80 at 91.00']);
  expect(await inAll()).toEqual([
    { type: 'warn', threshold: 50, count: 160 },
    { type: 'warn', threshold: 80, count: 160 },
  ]);
});

it('holds an account first that reaches a threshold before its turn, and then no more', async () => {
  const { changed } = await changeUntilStopped({});
  expect(await decided(BEFORE)).toHaveLength(2);
  expect(await decided(AFTER)).toEqual([]);
  await use(AFTER, '20.00');
  await use(BEFORE, '20.00');
  const all = (spend: string) => [`warn cap 50 at ${spend}`, `warn cap 80 at ${spend}`];
  const reached = ['warn cap 100 at 110.00', 'suspend cap 100 at 110.00'];
  expect([await decided(AFTER), await decided(BEFORE)]).toEqual([
    [...all('90.00'), ...reached],
    [...all('90.00'), ...reached],
  ]);
  await stopper.query('COMMIT');
  await changed;
  expect(await inAll()).toEqual([
    { type: 'warn', threshold: 50, count: 160 },
    { type: 'warn', threshold: 80, count: 160 },
    { type: 'warn', threshold: 100, count: 2 },
    { type: 'suspend', threshold: 100, count: 2 },
  ]);
});

it('decides about each once where that breaks off half-way, and answers that the change is saved', async () => {
  const { changed } = await changeUntilStopped({});
  await kill();
  expect(await changed).toMatchObject({ id: cap, version: 2 });
  await stopper.query('COMMIT');
  expect((await inAll())[0]).not.toMatchObject({ count: 160 });
  await plafond.caps.takeUpAbandoned();
  const all = [
    { type: 'warn', threshold: 50, count: 160 },
    { type: 'warn', threshold: 80, count: 160 },
  ];
  expect(await inAll()).toEqual(all);
  await plafond.caps.takeUpAbandoned();
  expect(await inAll()).toEqual(all);
});

it('lets the next change find nothing undone', async () => {
  const { changed } = await changeUntilStopped({ thresholds: [{ percent: 90, actions: ['warn'] }] });
  await kill();
  await changed;
  await stopper.query('COMMIT');
  await change({ thresholds: [{ percent: 90, actions: ['warn', 'notify-operator'] }] });
  expect(await inAll()).toEqual([
    { type: 'warn', threshold: 90, count: 160 },
    { type: 'notify-operator', threshold: 90, count: 160 },
  ]);
});

it('decides no more where the cap is removed meanwhile', async () => {
  const { changed } = await changeUntilStopped({});
  const removed = plafond.caps.remove(cap, undefined, 'test');
  await untilWaiting(`classid = 0 AND objid = 7002 AND mode = 'ExclusiveLock'`);
  await stopper.query('COMMIT');
  await Promise.all([changed, removed]);
  expect([await decided(BEFORE), await decided(AFTER)]).toEqual([['warn cap 50 at 90.00', 'warn cap 80 at 90.00'], []]);
});

it('arms what had been reached before, and not what is reached since', async () => {
  const suspends = { percent: 100, actions: ['warn' as const, 'suspend:international' as const] };
  await change({
    thresholds: [
      { percent: 90, actions: ['warn'] },
      { percent: 100, actions: ['warn'] },
    ],
  });
  await use(LAST, '15.00');
  expect(await decided(LAST)).toEqual(['warn cap 90 at 90.00', 'warn cap 100 at 105.00']);
  const { changed } = await changeUntilStopped({ thresholds: [{ percent: 90, actions: ['warn'] }, suspends] });
  await use(AFTER, '15.00');
  await stopper.query('COMMIT');
  await changed;
  expect(await decided(LAST)).toEqual([
    'warn cap 90 at 90.00',
    'warn cap 100 at 105.00',
    'suspend manual 100 at 105.00',
  ]);
  expect(await decided(AFTER)).toEqual(['warn cap 90 at 90.00', 'warn cap 100 at 105.00', 'suspend cap 100 at 105.00']);
});

it('holds an account before its limit is raised', async () => {
  const { changed } = await changeUntilStopped({});
  const uplift = {
    accountId: AFTER,
    of: { cap },
    amount: 20_000_000n,
    until: plafond.clock.now() + 3_600_000,
    reason: 'a trip',
    actor: 'test',
  };
  const { dataSource } = plafond.database;
  await stopper.query('COMMIT');
  await inTransaction(dataSource, ({ client }) =>
    new GrantUplift(dataSource, plafond.clock).grantWithin(client, uplift),
  );
  await changed;
  expect(await decided(AFTER)).toEqual([
    'warn cap 50 at 90.00',
    'warn cap 80 at 90.00',
    'notify-operator manual 80 at 90.00',
  ]);
});

it('lets accounts that come under a cap together be decided about behind their change', async () => {
  await plafond.caps.remove(cap, undefined, 'test');
  await plafond.addCap({ scope: { segment: 'moved' } });
  await stopper.query('BEGIN');
  await stopper.query('LOCK TABLE decisions IN SHARE MODE');
  const moved = plafond.accounts.importAll(
    ACCOUNTS.map((accountId) => ({ ...ACCOUNT, accountId, segment: 'moved' })),
    'test',
  );
  await untilWaiting(`relation = 'decisions'::regclass`);
  await use(LAST, '1.00');
  await stopper.query('COMMIT');
  await moved;
  expect(await inAll()).toEqual([
    { type: 'warn', threshold: 50, count: 160 },
    { type: 'warn', threshold: 80, count: 160 },
  ]);
});
