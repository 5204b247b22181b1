import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, type PoolClient } from 'pg';
import type { LineWriter } from '../../src/database/line-writer.ts';
import { copyRows, inTransaction, sqlState } from '../../src/database/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let killer: Client | undefined;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.dataSource.query('CREATE TABLE seen (id bigint PRIMARY KEY, note text)');
});
beforeEach(() => database.dataSource.query('TRUNCATE seen'));
afterEach(() => killer?.end());
afterAll(() => database.drop());

async function killing(): Promise<Client> {
  killer = new Client({ connectionString: database.url });
  await killer.connect();
  return killer;
}

const rows = () => database.dataSource.query('SELECT id, note FROM seen ORDER BY id');

describe('a transaction', () => {
  it('commits what its work did, and answers what that answers', async () => {
    const result = await inTransaction(database.dataSource, async ({ client }) => {
      await client.query(`INSERT INTO seen VALUES (1)`);
      await client.query('INSERT INTO seen VALUES ($1)', [2]);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await rows()).toHaveLength(2);
  });

  it('rolls back what the work did before it threw', async () => {
    const work = inTransaction(database.dataSource, async ({ client }) => {
      await client.query('INSERT INTO seen VALUES (1)');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await rows()).toEqual([]);
  });

  it('commits with what nobody waits for, and fails with it', async () => {
    const insert = (client: PoolClient, id: number) => client.query('INSERT INTO seen VALUES ($1)', [id]);
    await inTransaction(database.dataSource, async ({ client, atLast }) => {
      atLast(copyRows(client, 'COPY seen (id) FROM STDIN', ['1', '2'], fields));
      atLast(insert(client, 3));
    });
    expect(await rows()).toHaveLength(3);
    const refused = inTransaction(database.dataSource, async ({ client, atLast }) => {
      await insert(client, 4);
      atLast(insert(client, 3));
      atLast(insert(client, 5));
      return 'done';
    });
    await expect(refused).rejects.toMatchObject({ code: '23505' });
    const copyRefused = inTransaction(database.dataSource, async ({ client, atLast }) => {
      atLast(copyRows(client, 'COPY seen (id) FROM STDIN', ['6', '3'], fields));
      atLast(insert(client, 7));
    });
    await expect(copyRefused).rejects.toMatchObject({ code: '23505' });
    expect(await rows()).toHaveLength(3);
  });

  it('does not pass for committed where a statement failed and the work went on', async () => {
    const work = inTransaction(database.dataSource, async ({ client }) => {
      await client.query('INSERT INTO seen VALUES (1)');
      await client.query('SELECT 1/0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow('rolled back');
    expect(await rows()).toEqual([]);
  });

  it('is done again after a deadlock', async () => {
    await database.dataSource.query('INSERT INTO seen VALUES (1), (2)');
    let attempts = 0;
    let held = 0;
    let goOn = (): void => undefined;
    const bothHold = new Promise<void>((resolve) => (goOn = resolve));
    const lockBoth = (first: number, second: number) =>
      inTransaction(database.dataSource, async ({ client }) => {
        attempts++;
        await client.query(`SET LOCAL deadlock_timeout = '50ms'`);
        await client.query('UPDATE seen SET note = $2 WHERE id = $1', [first, 'x']);
        if (++held === 2) goOn();
        await bothHold;
        await client.query('UPDATE seen SET note = $2 WHERE id = $1', [second, 'x']);
      });
    await Promise.all([lockBoth(1, 2), lockBoth(2, 1)]);
    expect(attempts).toBeGreaterThan(2);
  });

  it('is done again after a unique violation where that is asked for, and not otherwise', async () => {
    await database.dataSource.query('INSERT INTO seen VALUES (1)');
    let attempts = 0;
    const insert = (retryOnUniqueViolation: boolean) =>
      inTransaction(
        database.dataSource,
        async ({ client }) => {
          await client.query(`INSERT INTO seen VALUES (${++attempts})`);
        },
        { retryOnUniqueViolation },
      );
    await expect(insert(false)).rejects.toMatchObject({ code: '23505' });
    attempts = 0;
    await insert(true);
    expect(attempts).toBe(2);
  });

  it('gives up after as many retries as it may have', async () => {
    let attempts = 0;
    const work = inTransaction(
      database.dataSource,
      async ({ client }) => {
        attempts++;
        await client.query(`DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`);
      },
      { retries: 2 },
    );
    await expect(work.catch((error: unknown) => sqlState(error))).resolves.toBe('40001');
    expect(attempts).toBe(3);
  });

  it('whose connection breaks is an error, leaves nothing behind and takes no connection from the pool', async () => {
    const another = await killing();
    for (let id = 0; id < 12; id++) {
      const work = inTransaction(database.dataSource, async ({ client }) => {
        await client.query(`INSERT INTO seen VALUES (${id})`);
        const { rows: backend } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await another.query('SELECT pg_terminate_backend($1, 1000)', [backend[0]!.pid]);
      });
      await expect(work).rejects.toThrow();
    }
    await another.end();
    expect(await rows()).toEqual([]);
  });
});

describe('COPY', () => {
  const statement = 'COPY seen (id, note) FROM STDIN';

  it('brings every value as it was', async () => {
    const values = ['plain', '', 'tab\tand\nnewline\r\n', '\\N', 'back\\slash', '\\.', 'naïve ☎', null];
    await inTransaction(database.dataSource, ({ client }) =>
      copyRows(client, statement, values.entries(), (line, [id, value]) => {
        line.integer(id);
        line.text(value ?? undefined);
        line.endLine();
      }),
    );
    expect(await rows()).toEqual(values.map((note, id) => ({ id: String(id), note })));
  });

  it('counts twenty thousand rows', async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) => `${id}\t${`+25261${id} `.repeat(10)}`);
    const copied = await inTransaction(database.dataSource, ({ client }) => copyRows(client, statement, lines, fields));
    expect(copied).toBe(20_000);
  });

  it('of no rows is no error', async () => {
    expect(await inTransaction(database.dataSource, ({ client }) => copyRows(client, statement, [], fields))).toBe(0);
  });

  it.each([
    ['a row that PostgreSQL refuses', statement, () => ['1\tok', 'x\tnot a number']],
    ['a table that does not exist', 'COPY nowhere (id) FROM STDIN', () => ['1']],
    [
      'an iterable that throws',
      statement,
      function* () {
        yield '1\tok';
        throw new Error('unreadable');
      },
    ],
  ])('with %s leaves no row and a connection that works', async (_, copy, lines) => {
    await expect(
      inTransaction(database.dataSource, ({ client }) => copyRows(client, copy, lines(), fields)),
    ).rejects.toThrow();
    expect(await rows()).toEqual([]);
  });

  it('on a connection that breaks is an error', async () => {
    const another = await killing();
    const work = inTransaction(database.dataSource, async ({ client }) => {
      const { rows: backend } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await another.query('BEGIN; LOCK TABLE seen');
      const copying = copyRows(client, statement, ['1\tx'], fields);
      await another.query('SELECT pg_terminate_backend($1)', [backend[0]!.pid]);
      await copying;
    });
    await expect(work).rejects.toThrow();
    await another.end();
    expect(await rows()).toEqual([]);
  });
});

/** A line of COPY from texts with tabs between them. */
function fields(line: LineWriter, row: string): void {
  for (const field of row.split('\t')) line.text(field);
  line.endLine();
}
