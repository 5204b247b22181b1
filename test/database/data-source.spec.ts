import { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { createDataSource } from '../../src/database/data-source.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

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
