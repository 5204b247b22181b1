/** Jobs that are begun as PostgreSQL tells of their commit, with no queue beside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Database } from '../../src/database/database.module.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { AtOnce } from '../../src/queues/at-once.ts';
import { JOB_MAP, type JobHandlers, type PendingJob } from '../../src/queues/job-map.ts';
import { AT_ONCE_CHANNEL, enqueue } from '../../src/queues/outbox.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { until } from '../harness/process.ts';

Logger.overrideLogger(false);

let database: TestDatabase;
let running: AtOnce[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const each of running) await each.onModuleDestroy();
  running = [];
});
afterAll(() => database.drop());

const LISTENING = `SELECT pid FROM pg_stat_activity
  WHERE application_name = 'plafond at once' AND datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'`;

/** One more process that listens; what it has begun, as it hears of it. */
async function start(handle: (job: string, payload: unknown) => Promise<void> = async () => {}): Promise<unknown[]> {
  const begun: unknown[] = [];
  const handlers = Object.fromEntries(
    Object.keys(JOB_MAP).map((job) => [
      job,
      async (payload: unknown) => {
        begun.push([job, payload]);
        await handle(job, payload);
      },
    ]),
  ) as unknown as JobHandlers;
  const atOnce = new AtOnce(new Database(database.url, database.dataSource, undefined), handlers);
  atOnce.onApplicationBootstrap();
  running.push(atOnce);
  await until('it listens', async () => (await database.dataSource.query(LISTENING)).length === running.length);
  return begun;
}

const reconcile = (...accounts: string[]): PendingJob => ({ job: 'reconcile-suspensions', payload: { accounts } });
const begunOf = (...accounts: string[]) => ['reconcile-suspensions', { accounts }];
const commit = (...jobs: PendingJob[]) => inTransaction(database.dataSource, ({ client }) => enqueue(client, jobs));
/** What is sent after all else comes after it: whatever was to be begun before has been. */
const last = async (begun: readonly unknown[]) => {
  await commit(reconcile('last'));
  await until('the last one is begun', async () =>
    begun.some((each) => JSON.stringify(each) === JSON.stringify(begunOf('last'))),
  );
};

it('are begun in every process when they commit: those in a hurry, and none of a transaction that was rolled back', async () => {
  const [one, two] = [await start(), await start()];
  const undone = inTransaction(database.dataSource, async ({ client }) => {
    await enqueue(client, [reconcile('undone')]);
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  await commit(reconcile('a', 'b'), { job: 'watch-feeds', payload: {} }, reconcile('c'));
  await last(one);
  await last(two);
  for (const begun of [one, two]) {
    expect(begun.slice(0, 3)).toEqual([begunOf('a', 'b'), begunOf('c'), begunOf('last')]);
  }
});

it('are left to their queue where they are too long to be told of, or can not be read', async () => {
  const begun = await start();
  await commit(reconcile(...Array.from({ length: 500 }, (_, account) => `an account of a long name ${account}`)));
  for (const notice of ['', 'null', '{', '{"job":"no-such-job","payload":{}}', '{"job":"watch-feeds","payload":{}}']) {
    await database.dataSource.query('SELECT pg_notify($1, $2)', [AT_ONCE_CHANNEL, notice]);
  }
  const odd = { job: 'reconcile-suspensions', payload: { accounts: 'all' } };
  await database.dataSource.query('SELECT pg_notify($1, $2)', [AT_ONCE_CHANNEL, JSON.stringify(odd)]);
  await last(begun);
  expect(begun).toEqual([begunOf('last')]);
});

it('are left to their queue where they fail, and others are begun', async () => {
  const begun = await start(async (_, payload) => {
    if (JSON.stringify(payload).includes('bad')) throw new Error('it went wrong');
  });
  await commit(reconcile('bad'), reconcile('good'));
  await last(begun);
  expect(begun).toEqual([begunOf('bad'), begunOf('good'), begunOf('last')]);
});

it('are begun again after the database cut the connection', async () => {
  const begun = await start();
  await database.dataSource.query(`SELECT pg_terminate_backend(pid) FROM (${LISTENING}) listening`);
  await until('it has been cut', async () => (await database.dataSource.query(LISTENING)).length === 0);
  await until('it listens again', async () => (await database.dataSource.query(LISTENING)).length === 1);
  await last(begun);
});

it('that were begun are waited for when the process ends, and none is begun after', async () => {
  const done: string[] = [];
  let finish = (): void => undefined;
  const held = new Promise<void>((resolve) => (finish = resolve));
  const begun = await start(async () => {
    await held;
    done.push('done');
  });
  await commit(reconcile('slow'));
  await until('it is begun', async () => begun.length === 1);
  const ended = running.pop()!.onModuleDestroy();
  expect(await Promise.race([ended.then(() => 'ended'), sleep(200, 'waits')])).toBe('waits');
  finish();
  await ended;
  expect(done).toEqual(['done']);
  await commit(reconcile('late'));
  await sleep(100);
  expect(begun).toHaveLength(1);
});
