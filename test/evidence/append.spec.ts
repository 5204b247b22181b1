import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { appendEvidence, type NewEvidence } from '../../src/evidence/append.ts';
import { canonicalJson, hashEntry } from '../../src/evidence/chain.ts';
import { entriesOf, evidenceResponse, verifyAccount } from '../../src/evidence/read.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const at = Date.UTC(2010, 2, 14, 1, 41, 0, 7);
const note = (accountId: string, n: number): NewEvidence => ({
  accountId,
  at: at + n,
  kind: 'decision',
  body: { spend: '50.12', z: n, a: { micros: 50_120_000n, name: 'Zoë "and" Co' } },
});
const append = (entries: NewEvidence[]) =>
  inTransaction(database.dataSource, ({ client }) => appendEvidence(client, entries), { retries: 0 });
const read = (accountId: string) =>
  inTransaction(database.dataSource, ({ client }) => entriesOf(client, accountId, 0, 1_000));
const verify = (accountId: string) =>
  inTransaction(database.dataSource, ({ client }) => verifyAccount(client, accountId));
const query = (sql: string, parameters?: unknown[]) => database.dataSource.query(sql, parameters);

/** What somebody does who owns the database. */
async function tamper(sql: string): Promise<void> {
  await query('ALTER TABLE evidence DISABLE TRIGGER USER');
  await query(sql);
  await query('ALTER TABLE evidence ENABLE TRIGGER USER');
}

describe('appending evidence', () => {
  it('keeps the order given, for many accounts at once', async () => {
    await append([note('b', 1), note('a', 1), note('b', 2)]);
    await append([note('a', 2), note('b', 3)]);
    expect((await read('a')).map((entry) => entry.at - at)).toEqual([1, 2]);
    expect((await read('b')).map((entry) => entry.at - at)).toEqual([1, 2, 3]);
    expect(await verify('b')).toMatchObject({ ok: true, entries: 3 });
  });

  it('makes one unbroken chain of concurrent appends, without a deadlock', async () => {
    const accounts = Array.from({ length: 10 }, (_, i) => `c${i}`);
    const appends = Array.from({ length: 40 }, (_, i) => {
      const order = i % 2 ? accounts : accounts.toReversed();
      return append(order.map((accountId) => note(accountId, i)));
    });
    await Promise.all(appends);
    for (const accountId of accounts) expect(await verify(accountId)).toMatchObject({ ok: true, entries: 40 });
  });

  it('does not deadlock over accounts that are new to several at once', async () => {
    const accounts = Array.from({ length: 5_000 }, (_, i) => `n${i}`);
    const orders = [accounts, accounts.toReversed(), accounts];
    await Promise.all(orders.map((order, i) => append(order.map((accountId) => note(accountId, i)))));
    expect(await verify('n2500')).toMatchObject({ ok: true, entries: 3 });
  });

  it('leaves nothing behind when its transaction rolls back', async () => {
    await append([note('r', 1)]);
    const rolledBack = inTransaction(database.dataSource, async ({ client }) => {
      await appendEvidence(client, [note('r', 2)]);
      throw new Error('cut off');
    });
    await expect(rolledBack).rejects.toThrow('cut off');
    await append([note('r', 3)]);
    expect(await verify('r')).toMatchObject({ ok: true, entries: 2 });
  });

  it('gives an API form from which a client recomputes the hash', async () => {
    const [first] = await read('b');
    const { hash, ...rest } = JSON.parse(JSON.stringify(evidenceResponse(first!))) as Record<string, unknown>;
    const [start, end] = canonicalJson(rest).split(canonicalJson(rest.body)) as [string, string];
    expect(start + end).toContain('"at":"2010-03-14T01:41:00.008Z"');
    expect(hashEntry(rest.prev_hash as string, { ...first!, bodyText: canonicalJson(rest.body) })).toBe(hash);
  });

  it('takes ten thousand entries of a thousand accounts in a few statements', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => note(`m${i % 1_000}`, i));
    await append(many);
    expect(await verify('m999')).toMatchObject({ ok: true, entries: 10 });
  });
});

describe('evidence that stands', () => {
  it.each([
    ['an update', `UPDATE evidence SET kind = 'other' WHERE account_id = 'a'`],
    ['a deletion', `DELETE FROM evidence WHERE account_id = 'a'`],
    ['a truncation', `TRUNCATE evidence`],
  ])('refuses %s', async (_, sql) => {
    await expect(query(sql)).rejects.toThrow('append-only');
  });

  const of = (accountId: string) => `account_id = '${accountId}'`;
  it.each([
    ['an altered body', 'v1', `UPDATE evidence SET body = '{"n":9}' WHERE ${of('v1')} AND seq = 2`, 2, 'altered'],
    ['a deleted middle entry', 'v2', `DELETE FROM evidence WHERE ${of('v2')} AND seq = 2`, 2, 'missing'],
    ['a deleted last entry', 'v3', `DELETE FROM evidence WHERE ${of('v3')} AND seq = 4`, 4, 'missing-last'],
    [
      'a pair that changed places',
      'v4',
      `UPDATE evidence AS one SET body = other.body, at = other.at, prev_hash = other.prev_hash, hash = other.hash
       FROM evidence AS other
       WHERE one.${of('v4')} AND other.${of('v4')} AND one.seq IN (2, 3) AND other.seq = 5 - one.seq`,
      2,
      'altered',
    ],
    ['everything deleted', 'v5', `DELETE FROM evidence WHERE ${of('v5')}`, 1, 'missing-last'],
    ['a deleted head', 'v6', `DELETE FROM evidence_heads WHERE ${of('v6')}`, 4, 'head-differs'],
  ])('shows %s', async (_, accountId, sql, seq, fault) => {
    await append([1, 2, 3, 4].map((n) => note(accountId, n)));
    expect(await verify(accountId)).toMatchObject({ ok: true, entries: 4 });
    await tamper(sql);
    expect(await verify(accountId)).toMatchObject({ ok: false, seq, fault });
  });
});
