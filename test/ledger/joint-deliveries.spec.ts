/** Small deliveries that come at once are counted together, and each is answered as if it had come alone. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { lockCounting } from '../../src/ledger/usage-store.ts';
import type { ImportResult } from '../../src/pipeline/usage/record-usage.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-04-10T12:00:00+02:00')!;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addCap({ traffic: 'all', limit: '10.00' });
  await plafond.addCap({ traffic: 'all', period: 'day', limit: '1000.00' });
});
afterAll(() => plafond.close());

let round = 0;
let id = '';
beforeEach(async () => {
  id = `a${++round}`;
  await plafond.addAccount({ accountId: id });
  // What comes first of a process is slow enough that what follows waits.
  await plafond.send([{ record_id: `${id}-first`, account_id: id, amount: '0.00' }], id);
});
afterEach(async () => expect(await plafond.differences()).toEqual([]));

const record = (name: string, amount = '0.01') => ({ record_id: `${id}-${name}`, account_id: id, amount });
const counts = ({ counted, superseded, duplicate, stale, rejected }: ImportResult) => ({
  ...(counted ? { counted } : {}),
  ...(superseded ? { superseded } : {}),
  ...(duplicate ? { duplicate } : {}),
  ...(stale ? { stale } : {}),
  ...(rejected ? { rejected } : {}),
});
const spent = async () => {
  const [row] = await plafond.query<{ spent: string }>(
    'SELECT sum(amount_micros) AS spent FROM usage WHERE account_id = $1',
    [id],
  );
  return Number(row!.spent);
};
/** How many transactions kept the imports of this round's feed, but for the first. */
const transactions = async () => {
  const [row] = await plafond.query<{ n: string }>(
    'SELECT count(DISTINCT xmin::text) AS n FROM imports WHERE feed = $1 AND import_id > (SELECT min(import_id) FROM imports WHERE feed = $1)',
    [id],
  );
  return Number(row!.n);
};

it('thirty at once, one with a bad row, one of an unknown account and one sent twice: each has its own answer', async () => {
  const deliveries = Array.from({ length: 30 }, (_, index) => [record(String(index))]);
  deliveries[7]!.push(record('bad', 'a lot'), record('good'));
  deliveries[11] = [{ ...record('11'), account_id: 'nobody' }];
  deliveries.push(deliveries[20]!);
  const results = await Promise.all(deliveries.map((rows) => plafond.send(rows, id)));
  expect(results.map(counts)).toEqual(
    deliveries.map((_, index) => {
      if (index === 7) return { counted: 2, rejected: 1 };
      if (index === 11) return { rejected: 1 };
      return index === 30 ? { duplicate: 1 } : { counted: 1 };
    }),
  );
  expect(await spent()).toBe(30 * 10_000);
  const ids = results.map(({ importId }) => importId);
  expect(new Set(ids).size).toBe(31);
  const imports = await plafond.query<Record<string, string>>(
    'SELECT import_id, state, received, counted, duplicate, rejected FROM imports WHERE feed = $1 ORDER BY import_id OFFSET 1',
    [id],
  );
  expect(imports).toHaveLength(31);
  for (const [index, { importId, received, counted, duplicate, rejected }] of results.entries()) {
    const row = imports.find((each) => each.import_id === importId)!;
    expect([index, row]).toEqual([
      index,
      {
        import_id: importId,
        state: 'done',
        received: String(received),
        counted: String(counted),
        duplicate: String(duplicate),
        rejected: String(rejected),
      },
    ]);
  }
  const rejects = await plafond.query<Record<string, string>>(
    'SELECT import_id, line, reason FROM rejects WHERE import_id = ANY ($1) ORDER BY line DESC',
    [ids],
  );
  expect(rejects).toEqual([
    { import_id: ids[7], line: '2', reason: 'bad_amount' },
    { import_id: ids[11], line: '1', reason: 'unknown_account' },
  ]);
  const usage = await plafond.query<{ record_id: string; import_id: string }>(
    'SELECT record_id, import_id FROM usage WHERE account_id = $1 AND record_id = ANY ($2)',
    [id, [`${id}-3`, `${id}-20`]],
  );
  expect(new Map(usage.map((row) => [row.record_id, row.import_id]))).toEqual(
    new Map([
      [`${id}-3`, ids[3]],
      [`${id}-20`, ids[20]],
    ]),
  );
  expect(await transactions()).toBeLessThan(10);
});

it('versions of one record in deliveries that come at once supersede each other, whatever their order', async () => {
  const states = ['final', 'interim', 'provisional', 'interim', 'final'];
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      plafond.send([{ ...record('one', `0.${10 + index}`), state: states[index % 5]!, revision: index % 3 }], id),
    ),
  );
  const sum = (key: 'counted' | 'superseded' | 'duplicate' | 'stale') =>
    results.reduce((n, result) => n + result[key], 0);
  expect([sum('counted'), sum('counted') + sum('superseded') + sum('duplicate') + sum('stale')]).toEqual([1, 20]);
  const [holds, ...others] = await plafond.query<{ state: number; revision: number }>(
    'SELECT state, revision FROM usage WHERE account_id = $1 AND record_id = $2',
    [id, `${id}-one`],
  );
  expect([holds, others]).toEqual([{ state: 2, revision: 2 }, []]);
  expect(await transactions()).toBeLessThan(10);
});

it('one that PostgreSQL refuses fails alone: those that were counted with it are tried by themselves', async () => {
  await plafond.query(`ALTER TABLE usage ADD CONSTRAINT no_poison CHECK (record_id NOT LIKE '%poison')`);
  const names = Array.from({ length: 20 }, (_, index) => (index % 9 === 5 ? `${index}-poison` : String(index)));
  const outcomes = await Promise.allSettled(names.map((name) => plafond.send([record(name)], id)));
  await plafond.query('ALTER TABLE usage DROP CONSTRAINT no_poison');
  expect(outcomes.map(({ status }) => status)).toEqual(
    names.map((name) => (name.endsWith('poison') ? 'rejected' : 'fulfilled')),
  );
  expect((outcomes[5] as PromiseRejectedResult).reason).toMatchObject({ code: '23514' });
  expect(await spent()).toBe(18 * 10_000);
  const [{ n }] = (await plafond.query<{ n: string }>('SELECT count(*) AS n FROM imports WHERE feed = $1', [id])) as [
    { n: string },
  ];
  expect(Number(n)).toBe(1 + 18);
});

it('a crossing is told once, with the import that crossed', async () => {
  const before = (await plafond.decisions()).length;
  const started_at = '2026-04-09T10:00:00+02:00';
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => plafond.send([{ ...record(String(index), '0.50'), started_at }], id)),
  );
  const decisions = (await plafond.decisions()).slice(before).filter(({ type }) => type === 'warn');
  expect(decisions.map(({ threshold, spend }) => [threshold, formatAmount(spend!)])).toEqual([
    [50, '5.00'],
    [80, '8.00'],
    [100, '10.00'],
  ]);
  const evidence = await plafond.query<{ record: string; import_id: string }>(
    `SELECT body -> 'decision' ->> 'record_id' AS record, body -> 'freshness' ->> 'import_id' AS import_id
       FROM evidence WHERE account_id = $1 AND body -> 'decision' ->> 'type' = 'warn'`,
    [id],
  );
  expect(evidence).toHaveLength(3);
  for (const { record: name, import_id } of evidence) {
    expect([name, import_id]).toEqual([name, results[Number(name.split('-')[1])]!.importId]);
  }
  expect(await transactions()).toBeLessThan(10);
});

it('feeds of several origins that deliver at once keep their records apart', async () => {
  const feeds = ['x', 'y', 'z'].map((name) => `${id}-${name}`);
  for (const feed of feeds) {
    await plafond.query('INSERT INTO feeds (feed, origin, created_at) VALUES ($1, $1, now())', [feed]);
  }
  const results = await Promise.all(
    Array.from({ length: 18 }, (_, index) => plafond.send([record('same')], feeds[index % 3]!)),
  );
  const counted = feeds.map(
    (_, feed) => results.filter((each, index) => index % 3 === feed && each.counted === 1).length,
  );
  expect(counted).toEqual([1, 1, 1]);
  const origins = await plafond.query<{ origin: string }>(
    'SELECT u.origin FROM usage u JOIN imports i USING (import_id) WHERE u.record_id = $1 AND u.origin = i.feed ORDER BY 1',
    [`${id}-same`],
  );
  expect(origins.map(({ origin }) => origin)).toEqual(feeds);
});

it('large ones leave connections to everything else, however many wait', async () => {
  const waiting = async () => {
    const [row] = await plafond.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return row!.n;
  };
  const large = (delivery: number) => Array.from({ length: 201 }, (_, index) => record(`${delivery}-${index}`));
  const sent = await inTransaction(plafond.database.dataSource, async ({ client }) => {
    await lockCounting(client);
    const all = Promise.all(Array.from({ length: 14 }, (_, delivery) => plafond.send(large(delivery), id)));
    while ((await waiting()) < 6);
    for (let look = 0; look < 50; look++) expect(await waiting()).toBe(6);
    return { all };
  });
  expect((await sent.all).map(({ counted }) => counted)).toEqual(Array.from({ length: 14 }, () => 201));
});
