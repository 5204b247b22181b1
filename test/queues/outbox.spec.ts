import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { Database } from '../../src/database/database.module.ts';
import { enqueue } from '../../src/queues/outbox.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import type { PendingJob } from '../../src/queues/job-map.ts';
import type { Queues } from '../../src/queues/queues.ts';
import { Relay } from '../../src/queues/relay.ts';
import { Schedules } from '../../src/queues/schedules.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startQueueProcess, type QueueProcess } from './queue-process.ts';
import { redisIsInstalled, startRedis, startRedisCluster } from '../harness/redis-server.ts';

const HOUR_MS = 3_600_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const commit = (jobs: PendingJob[]) => inTransaction(database.dataSource, ({ client }) => enqueue(client, jobs));
const reconcile = (account: string): PendingJob => ({ job: 'reconcile-suspensions', payload: { accounts: [account] } });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline_ms = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > deadline_ms) throw new Error('it did not come about within 120 s');
    await sleep(20);
  }
}

interface Broker {
  name: string;
  start(): Promise<{ url: string; stop(): Promise<void> }>;
}

const redis = async () => {
  const { port, stop } = await startRedis();
  return { url: `redis://127.0.0.1:${port}`, stop };
};
const brokers: Broker[] = [
  { name: 'PostgreSQL', start: async () => ({ url: 'postgres:', stop: async () => {} }) },
  ...(redisIsInstalled
    ? [
        { name: 'Redis', start: redis },
        { name: 'Redis Cluster', start: startRedisCluster },
      ]
    : []),
];
if (!redisIsInstalled) {
  it.skip('queues on Redis and Redis Cluster: skipped, for no redis-server is installed', () => {});
}

describe.each(brokers)('jobs carried by $name', ({ start }) => {
  let broker: { url: string; stop(): Promise<void> };
  let running: QueueProcess[] = [];
  const run = async (options: Omit<Parameters<typeof startQueueProcess>[1], 'queueUrl'> = {}) => {
    const process = await startQueueProcess(database, { queueUrl: broker.url, ...options });
    running.push(process);
    return process;
  };

  beforeAll(async () => {
    broker = await start();
  });
  afterEach(async () => {
    for (const process of running) {
      for (const queue of ['suspensions', 'warnings', 'imports', 'upkeep', 'maintenance'] as const) {
        await process.queues.of(queue).obliterate({ force: true });
      }
      await process.close();
    }
    running = [];
  });
  afterAll(() => broker.stop());

  it('are done once each, and not those of a transaction that was rolled back', async () => {
    const one = await run();
    const other = await run();
    const warnings = [randomUUID()];
    const given_up = inTransaction(database.dataSource, async ({ client }) => {
      await enqueue(client, [reconcile('rolled back')]);
      throw new Error('given up');
    });
    await expect(given_up).rejects.toThrow('given up');
    await commit([reconcile('1001'), { job: 'deliver-warnings', payload: { warnings } }]);
    for (let batch = 0; batch < 20; batch++) await commit([reconcile(`${batch}`)]);

    const handled = () => [...one.handled, ...other.handled];
    await until(() => handled().length >= 22);
    await sleep(300);
    expect(handled()).toHaveLength(22);
    expect(handled()).toContainEqual({ job: 'deliver-warnings', payload: { warnings } });
    expect(await database.dataSource.query('SELECT FROM outbox')).toEqual([]);
  });

  it('are done once where the relay was killed after it had handed them over', async () => {
    const worker = await run({ relay: false });
    const relay = new Relay(new Database(database.url, database.dataSource, undefined), worker.queues);
    await commit([reconcile('1001'), reconcile('1002')]);

    const killed = new Client({ connectionString: database.url });
    await killed.connect();
    const query = killed.query.bind(killed) as (...args: unknown[]) => Promise<never>;
    killed.query = ((sql: string, ...rest: unknown[]) =>
      sql.startsWith('DELETE') ? Promise.reject(new Error('killed')) : query(sql, ...rest)) as typeof killed.query;
    await expect(relay.carry(killed)).rejects.toThrow('killed');
    await killed.end();
    await until(() => worker.handled.length === 2);

    const next = new Client({ connectionString: database.url });
    await next.connect();
    expect(await relay.carry(next)).toBe(2);
    expect(await relay.carry(next)).toBe(0);
    await next.end();
    await sleep(300);
    expect(worker.handled).toHaveLength(2);
  });

  it('are forgotten by the next that is done, an hour after they were', async () => {
    const process = await run();
    const warnings = process.queues.of('warnings');
    const done = async (count: number) => {
      await commit([{ job: 'deliver-warnings', payload: { warnings: [randomUUID()] } }]);
      await until(() => process.handled.length === count);
    };
    await done(1);
    await done(2);
    await until(async () => (await warnings.getCompletedCount()) === 2);
    const now = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + HOUR_MS + 1_000);
    try {
      await done(3);
      await until(async () => (await warnings.getCompletedCount()) === 1);
    } finally {
      jest.restoreAllMocks();
    }
  });

  it('are carried on after the database cut the relay off', async () => {
    const process = await run();
    await commit([reconcile('1001')]);
    await until(() => process.handled.length === 1);
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plafond relay' AND datname = current_database()`;
    expect(await database.dataSource.query(cut)).toHaveLength(1);
    await commit([reconcile('1002')]);
    await until(() => process.handled.length === 2);
  });

  it('are added once a slot by several schedulers, and not piled up while no worker is there', async () => {
    const processes = [await run({ relay: false, workers: false }), await run({ relay: false, workers: false })];
    const schedulers = processes.map(({ queues }) => new Schedules(queues));
    const upkeep = processes[0]!.queues.of('upkeep');
    await Promise.all(schedulers.map((scheduler) => scheduler.add('sweep-deliveries', HOUR_MS)));
    // A slot of another length stands for the next slot.
    await Promise.all(schedulers.map((scheduler) => scheduler.add('sweep-deliveries', 2 * HOUR_MS)));
    expect(await upkeep.getWaitingCount()).toBe(1);

    const worker = await run({ relay: false });
    await until(() => worker.handled.length === 1);
    await until(async () => (await upkeep.getCompletedCount()) === 1);
    // The slot's job is done: it is not done again, but that of another slot is.
    await Promise.all(schedulers.map((scheduler) => scheduler.add('sweep-deliveries', HOUR_MS)));
    await Promise.all(schedulers.map((scheduler) => scheduler.add('sweep-deliveries', 3 * HOUR_MS)));
    await until(() => worker.handled.length === 2);
    await sleep(300);
    expect(worker.handled).toHaveLength(2);
  });

  it('are tried again, and kept where they failed for good', async () => {
    let tries = 0;
    const handle = async (job: string) => {
      if (job === 'reconcile-suspensions' && ++tries === 1) throw new Error('the switch does not answer');
      if (job === 'sweep-deliveries') throw new Error('it never works');
    };
    const process = await run({ handle });
    await commit([reconcile('1001')]);
    await until(() => process.handled.length === 1);
    expect(tries).toBe(2);
    await process.queues.add([{ job: 'sweep-deliveries', payload: {} }]);
    const upkeep = process.queues.of('upkeep');
    await until(async () => (await upkeep.getFailedCount()) === 1);
    expect((await upkeep.getFailed())[0]!.failedReason).toBe('it never works');
  });
});

it('a job that comes alone to a queue on PostgreSQL makes no table of its own there', async () => {
  await database.dataSource.query(`
    CREATE TABLE made (tag text);
    CREATE FUNCTION note_table() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.made VALUES (tg_tag); END';
    CREATE EVENT TRIGGER note_tables ON ddl_command_end WHEN TAG IN ('CREATE TABLE AS') EXECUTE FUNCTION note_table()`);
  const process = await startQueueProcess(database, { queueUrl: 'postgres:' });
  await commit([reconcile('1001')]);
  await new Schedules(process.queues).add('sweep-deliveries', HOUR_MS);
  await until(() => process.handled.length === 2);
  await process.close();
  expect(await database.dataSource.query('SELECT * FROM made')).toEqual([]);
  await database.dataSource.query('DROP EVENT TRIGGER note_tables');
});

(redisIsInstalled ? describe : describe.skip)('a Redis that goes away', () => {
  it('leaves rows in the outbox, which are carried when it is back', async () => {
    const first = await startRedis();
    const process = await startQueueProcess(database, { queueUrl: `redis://127.0.0.1:${first.port}` });
    await commit([reconcile('1001')]);
    await until(() => process.handled.length === 1);
    await first.stop();
    await commit([reconcile('1002')]);
    await sleep(6_000);
    expect(await database.dataSource.query('SELECT FROM outbox')).toHaveLength(1);
    const second = await startRedis(first.port);
    await until(() => process.handled.length === 2);
    await until(async () => (await database.dataSource.query<unknown[]>('SELECT FROM outbox')).length === 0);
    expect(process.handled).toHaveLength(2);
    await process.close();
    await second.stop();
  });

  it.each([
    ['is away', () => {}],
    // As where one connection of many stands again already.
    ['is only just back', ({ outage }: Queues) => outage.over()],
  ])('does not keep the process from ending while it %s', async (_, notice) => {
    const server = await startRedis();
    const process = await startQueueProcess(database, { queueUrl: `redis://127.0.0.1:${server.port}` });
    await server.stop();
    await commit([reconcile('1001')]);
    await sleep(1_500);
    const began_ms = performance.now();
    notice(process.queues);
    await process.close();
    expect(performance.now() - began_ms).toBeLessThan(15_000);
    await database.dataSource.query('DELETE FROM outbox');
    // A closed worker still wakes once from the pause after its last failure.
    await sleep(5_000);
  });
});
