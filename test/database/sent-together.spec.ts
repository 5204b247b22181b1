/** Statements that go to PostgreSQL in one message: each gets its own answer, and a failure reaches all it concerns. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { copyRows, inTransaction } from '../../src/database/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.dataSource.query('CREATE TABLE seen (id bigint PRIMARY KEY, note text)');
});
beforeEach(() => database.dataSource.query('TRUNCATE seen'));
afterAll(() => database.drop());

const ids = async () =>
  (await database.dataSource.query<{ id: string }[]>('SELECT id FROM seen ORDER BY id')).map(({ id }) => id);
const insert = (client: PoolClient, id: unknown, name = 'insert-seen') =>
  client.query<{ id: string }>({ name, text: 'INSERT INTO seen (id) VALUES ($1) RETURNING id', values: [id] });

it('answers each of them, in their order, whether named or not, prepared before or not', async () => {
  for (const round of [0, 10]) {
    const answers = await inTransaction(database.dataSource, async ({ client }) =>
      Promise.all([
        insert(client, round + 1),
        client.query('SELECT $1::int AS n', [7]),
        insert(client, round + 2),
        client.query('SELECT id FROM seen WHERE id >= $1 ORDER BY id', [round]),
        client.query('UPDATE seen SET note = $1 WHERE id >= $2', ['x', round]),
      ]),
    );
    const [first, seven, second, both, updated] = answers;
    expect([first.rows, seven.rows, second.rows]).toEqual([
      [{ id: `${round + 1}` }],
      [{ n: 7 }],
      [{ id: `${round + 2}` }],
    ]);
    expect(both.rows).toEqual([{ id: `${round + 1}` }, { id: `${round + 2}` }]);
    expect(updated).toMatchObject({ rowCount: 2, command: 'UPDATE', rows: [] });
  }
});

it('keeps COPY, and texts of several statements, in their turn', async () => {
  await inTransaction(database.dataSource, async ({ client }) => {
    const [, copied, several, last] = await Promise.all([
      insert(client, 1),
      copyRows(client, 'COPY seen (id) FROM STDIN', [2, 3], (line, id) => {
        line.integer(id);
        line.endLine();
      }),
      client.query('INSERT INTO seen VALUES (4); SELECT count(*) FROM seen') as unknown as Promise<
        { rows: unknown[] }[]
      >,
      client.query('SELECT max(id) FROM seen WHERE id > $1', [0]),
    ]);
    expect(copied).toBe(2);
    expect(several[1]!.rows).toEqual([{ count: '4' }]);
    expect(last.rows).toEqual([{ max: '4' }]);
  });
  expect(await ids()).toEqual(['1', '2', '3', '4']);
});

it('fails all that stand behind the one that fails, and none before it; nothing of it holds', async () => {
  await database.dataSource.query('INSERT INTO seen VALUES (2)');
  const outcomes: PromiseSettledResult<unknown>[] = [];
  const work = inTransaction(database.dataSource, async ({ client }) => {
    const asked = [
      insert(client, 1),
      insert(client, 2),
      insert(client, 3, 'another-insert'),
      client.query('SELECT $1::int', [1]),
    ];
    outcomes.push(...(await Promise.allSettled(asked)));
    await Promise.all(asked);
  });
  await expect(work).rejects.toMatchObject({ code: '23505' });
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
  expect(await ids()).toEqual(['2']);
  // What was not prepared then is prepared the next time.
  await inTransaction(database.dataSource, async ({ client }) => {
    await Promise.all([insert(client, 4, 'another-insert'), insert(client, 5)]);
  });
  expect(await ids()).toEqual(['2', '4', '5']);
});

it('fails with what can not be sent at all, and leaves a connection that works', async () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const work = inTransaction(database.dataSource, async ({ client }) => {
    await Promise.all([insert(client, 1), insert(client, circle, 'a-circle'), insert(client, 3, 'behind-it')]);
  });
  await expect(work).rejects.toThrow('circular');
  await inTransaction(database.dataSource, async ({ client }) => {
    await Promise.all([insert(client, 1, 'a-circle'), insert(client, 2, 'behind-it')]);
  });
  expect(await ids()).toEqual(['1', '2']);
});

it('takes nothing more once its transaction is over', async () => {
  let late: Promise<unknown> = Promise.resolve();
  const work = inTransaction(database.dataSource, async ({ client }) => {
    const goesOn = (async () => {
      await sleep(50);
      await insert(client, 1);
    })();
    late = goesOn.catch((error: unknown) => error);
    await Promise.all([goesOn, client.query('SELECT 1 / $1::int', [0])]);
  });
  await expect(work).rejects.toMatchObject({ code: '22012' });
  expect(await late).toEqual(new Error('this transaction is over'));
  expect(await ids()).toEqual([]);
});

it('fails all where the connection breaks', async () => {
  const outcomes: PromiseSettledResult<unknown>[] = [];
  const work = inTransaction(database.dataSource, async ({ client }) => {
    const asked = [
      insert(client, 1),
      client.query('SELECT pg_terminate_backend(pg_backend_pid(), $1)', [0]),
      insert(client, 2),
    ];
    outcomes.push(...(await Promise.allSettled(asked)));
    await Promise.all(asked);
  });
  await expect(work).rejects.toThrow();
  expect(outcomes.slice(1).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await ids()).toEqual([]);
});

it('says what spoilt the transaction, whichever of its statements is heard first', async () => {
  const spoilt = inTransaction(database.dataSource, async ({ client }) => {
    await insert(client, 1);
    const copied = copyRows(client, 'COPY seen (id) FROM STDIN', [1], (line, id) => {
      line.integer(id);
      line.endLine();
    });
    copied.catch(() => undefined);
    await client.query('SELECT max(id) FROM seen WHERE id > $1', [0]);
  });
  await expect(spoilt).rejects.toMatchObject({ code: '23505' });
  expect(await ids()).toEqual([]);
});
