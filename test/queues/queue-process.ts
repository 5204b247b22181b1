import { Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { Database, DatabaseModule } from '../../src/database/database.module.ts';
import { JOB_HANDLERS, JOB_MAP, type JobHandlers } from '../../src/queues/job-map.ts';
import { openQueueConnection } from '../../src/queues/queue-connection.ts';
import { Queues } from '../../src/queues/queues.ts';
import { QueuesModule } from '../../src/queues/queues.module.ts';
import { Relay } from '../../src/queues/relay.ts';
import { WORKERS } from '../../src/queues/workers.ts';
import { closedAtLast } from '../harness/closing.ts';

/** Each job that was handled, in the order in which it was. */
export type Handled = { job: string; payload: unknown }[];

export interface QueueProcess {
  queues: Queues;
  handled: Handled;
  close(): Promise<void>;
}

interface QueueProcessOptions {
  queueUrl: string;
  relay?: boolean;
  workers?: boolean;
  /** instead of only noting the job */
  handle?: (job: string) => Promise<void>;
}

@Module({})
class QueueProcessModule {}

/** What a process with queues is made of, in this process, with handlers that note what they are given. */
export async function startQueueProcess(
  { url, dataSource }: { url: string; dataSource: DataSource },
  { queueUrl, relay = true, workers = true, handle = async () => {} }: QueueProcessOptions,
): Promise<QueueProcess> {
  const handled: Handled = [];
  const handlers = Object.fromEntries(
    Object.keys(JOB_MAP).map((job) => [
      job,
      async (payload: unknown) => {
        await handle(job);
        handled.push({ job, payload });
      },
    ]),
  ) as unknown as JobHandlers;
  const connection = openQueueConnection(queueUrl, url);
  const root: DynamicModule = {
    module: QueueProcessModule,
    imports: [DatabaseModule.of(new Database(url, dataSource, undefined)), QueuesModule.on(connection)],
    providers: [{ provide: JOB_HANDLERS, useValue: handlers }, ...(workers ? WORKERS : []), ...(relay ? [Relay] : [])],
  };
  const app: INestApplicationContext = await NestFactory.createApplicationContext(root, {
    logger: false,
    abortOnError: false,
  });
  return {
    queues: app.get(Queues),
    handled,
    close: closedAtLast('queues', async () => {
      await app.close();
      await connection.close();
    }),
  };
}
