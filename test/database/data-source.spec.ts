import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { createDataSource, KEPT_SESSION } from '../../src/database/data-source.ts';
import { migrate } from '../../src/database/migrate.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('a server or a client that is gone without a word is noticed long before the two hours of the system', async () => {
  const keptAlive = jest.spyOn(Socket.prototype, 'setKeepAlive');
  const dataSource = createDataSource(database.url, { poolSize: 1, applicationName: 'the tests' });
  closedAtLast('connection', () => dataSource.destroy());
  await dataSource.initialize();
  expect(keptAlive.mock.calls).toEqual([[true, 20_000]]);
  keptAlive.mockRestore();
  expect(await dataSource.query('SHOW tcp_keepalives_idle')).toEqual([{ tcp_keepalives_idle: '20' }]);
});

it('what a client that stands still has locked is let go within a minute', async () => {
  const settings = ['idle_in_transaction_session_timeout', 'idle_session_timeout'];
  const shown = settings.map((name) => database.dataSource.query<object[]>(`SHOW ${name}`));
  expect((await Promise.all(shown)).flat()).toEqual(settings.map((name) => ({ [name]: '1min' })));
});

describe('what a provider has set of its role', () => {
  let given: Awaited<ReturnType<typeof createEmptyDatabase>>;
  let own: Client;
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const role = `role_${randomBytes(6).toString('hex')}`;
  const asRole = () => {
    const url = new URL(given.url);
    url.username = role;
    url.password = 'of a test';
    return url.href;
  };

  beforeAll(async () => {
    given = await createEmptyDatabase();
    own = new Client({ connectionString: given.url });
    await own.connect();
    await own.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of a test'`);
  });
  afterAll(async () => {
    await own.query(`DROP OWNED BY ${role}`);
    await own.query(`DROP ROLE ${role}`);
    await own.end();
    await given.drop();
  });

  it('that keeps it from its work is said before anything is made, with what to do', async () => {
    await expect(migrate(asRole(), silent)).rejects.toThrow(`GRANT CREATE ON SCHEMA "public" TO "${role}"`);
    await own.query(`ALTER ROLE ${role} SET search_path = plafond`);
    await expect(migrate(asRole(), silent)).rejects.toThrow(`CREATE SCHEMA plafond AUTHORIZATION "${role}"`);
    await own.query(`CREATE SCHEMA plafond AUTHORIZATION ${role}`);
    await expect(migrate(asRole(), silent)).rejects.toThrow(
      /may not make the queue's schema, bullmq: GRANT CREATE ON DATABASE/,
    );
    const { rows } = await own.query(`SELECT relname FROM pg_class WHERE relnamespace = 'plafond'::regnamespace`);
    expect(rows).toEqual([]);
  });

  it('does not change what its sessions do', async () => {
    const set = {
      datestyle: 'German',
      intervalstyle: 'sql_standard',
      bytea_output: 'escape',
      timezone: 'Asia/Kathmandu',
      extra_float_digits: '-3',
      default_transaction_isolation: 'serializable',
      statement_timeout: '1s',
      lock_timeout: '1s',
      transaction_timeout: '1s',
      idle_in_transaction_session_timeout: '1s',
      idle_session_timeout: '1s',
    };
    for (const [name, value] of Object.entries(set)) await own.query(`ALTER ROLE ${role} SET ${name} = '${value}'`);
    const dataSource = createDataSource(asRole(), { poolSize: 1, applicationName: 'the tests' });
    const kept = new Client({ connectionString: asRole(), ...KEPT_SESSION });
    await Promise.all([dataSource.initialize(), kept.connect()]);
    const left = `SELECT name FROM pg_settings WHERE source = 'user'`;
    const at = new Date('2026-03-01T12:00:00Z');
    const shown = {
      pool: await dataSource.query<object[]>(left),
      kept: (await kept.query<object>(left)).rows,
      read: await dataSource.query<object[]>('SELECT $1::timestamptz AS at', [at]),
    };
    await Promise.all([dataSource.destroy(), kept.end()]);
    const path = [{ name: 'search_path' }];
    expect(shown).toEqual({ pool: path, kept: path, read: [{ at }] });
  });
});
