/** Evidence goes when it is old, and what remains still proves itself. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { appendEvidence } from '../../src/evidence/append.ts';
import { entriesOf, verifyAccount } from '../../src/evidence/read.ts';
import { DrivenClock } from '../../src/kernel/clock.ts';
import { RemoveOldEvidence } from '../../src/pipeline/retention/remove-old-evidence.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const KEPT_DAYS = 400;
const NOW = Date.UTC(2026, 2, 15, 4, 30);
/** 400 days before: 8 February 2025; so what is of January 2025 or before goes. */
const OLD = [Date.UTC(2024, 11, 31), Date.UTC(2025, 0, 31, 23, 59, 59, 999)];
const YOUNG = [Date.UTC(2025, 1, 1), Date.UTC(2025, 1, 2), Date.UTC(2026, 2, 14)];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const query = <T>(sql: string) => database.dataSource.query<T[]>(sql);
const run = (now = NOW) =>
  new RemoveOldEvidence(
    database.dataSource,
    new DrivenClock(now),
    readConfig({ EVIDENCE_DAYS: String(KEPT_DAYS) }),
  ).run();
const append = (accountId: string, instants: readonly number[]) =>
  inTransaction(database.dataSource, ({ client }) =>
    appendEvidence(
      client,
      instants.map((at, n) => ({ accountId, at, kind: 'note', body: { n } })),
    ),
  );
const verify = (accountId: string) =>
  inTransaction(database.dataSource, ({ client }) => verifyAccount(client, accountId));
const read = (accountId: string) =>
  inTransaction(database.dataSource, ({ client }) => entriesOf(client, accountId, 0, 100));

it('removes what is older than it is kept, by the month, and says up to where with the hash of the last', async () => {
  await append('a', [...OLD, ...YOUNG]);
  await append('young', YOUNG);
  const [, last] = await read('a');
  await run();
  const entries = await read('a');
  expect(entries.map(({ seq, kind }) => [seq, kind])).toEqual([
    [3, 'note'],
    [4, 'note'],
    [5, 'note'],
    [6, 'evidence-removed'],
  ]);
  expect(JSON.parse(entries.at(-1)!.bodyText)).toEqual({
    through: 2,
    hash: last!.hash,
    entries: 2,
    first_at: '2024-12-31T00:00:00Z',
    last_at: '2025-01-31T23:59:59.999Z',
    kept_days: 400,
  });
  expect(entries[0]!.prevHash).toBe(last!.hash);
  expect(await verify('a')).toMatchObject({ ok: true, removed: 2 });
  expect(await verify('young')).toMatchObject({ ok: true, entries: 3, removed: 0 });
});

it('does nothing more in the same month, and goes on in the next', async () => {
  await append('b', [...OLD, ...YOUNG]);
  await run();
  await run();
  await run(NOW + 10 * 86_400_000);
  expect((await read('b')).map(({ seq }) => seq)).toEqual([3, 4, 5, 6]);
  await run(Date.UTC(2026, 3, 15));
  expect((await read('b')).map(({ seq }) => seq)).toEqual([5, 6, 7]);
  expect(await verify('b')).toMatchObject({ ok: true, removed: 4 });
});

it('leaves of an account that fell silent the word of what there was', async () => {
  await append('c', OLD);
  await run();
  expect((await read('c')).map(({ seq, kind }) => [seq, kind])).toEqual([[3, 'evidence-removed']]);
  expect(await verify('c')).toMatchObject({ ok: true, removed: 2 });
  await append('c', [NOW]);
  expect(await verify('c')).toMatchObject({ ok: true, removed: 2 });
});

it('removes the beginning alone: what is old but stands after something young, stays', async () => {
  await append('d', [OLD[0]!, YOUNG[0]!, OLD[1]!]);
  await run();
  expect((await read('d')).map(({ seq }) => seq)).toEqual([2, 3, 4]);
});

it('removes once where two run at once and others append', async () => {
  await append('e', [...OLD, ...YOUNG]);
  await Promise.all([run(), append('e', [NOW]), run(), append('e', [NOW])]);
  const kinds = (await read('e')).map(({ kind }) => kind).filter((kind) => kind === 'evidence-removed');
  expect(kinds).toHaveLength(1);
  expect(await verify('e')).toMatchObject({ ok: true, removed: 2 });
});

it.each([
  ['the beginning where the chain says nothing', 'f', 'seq <= 2', false],
  ['more than the chain says', 'g', 'seq <= 4', true],
  ['the word of the removal', 'h', "kind = 'evidence-removed'", true],
])('the database refuses to remove %s', async (_, account, which, removed) => {
  await append(account, [...OLD, ...YOUNG]);
  if (removed) await run();
  const before = await read(account);
  await expect(query(`DELETE FROM evidence WHERE account_id = '${account}' AND ${which}`)).rejects.toThrow(
    'append-only',
  );
  expect(await read(account)).toEqual(before);
});
