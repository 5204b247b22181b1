/**
 * The relay carries rows of the outbox to BullMQ. In one transaction it claims the oldest rows (rows that another relay
 * holds are skipped), hands them to their queues, and only then deletes them. Killed in between, it or another hands
 * them over again under the same job ids, which a queue that has them already ignores.
 *
 * It wakes by NOTIFY, and once a second where a notification got lost. With the database or the queue away it tries
 * again with growing pauses; rows only wait meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Client, escapeIdentifier } from 'pg';
import { KEPT_SESSION } from '../database/data-source.ts';
import { Database } from '../database/database.module.ts';
import { OUTBOX_CHANNEL } from './outbox.ts';
import { JOB_MAP, type PendingJob } from './job-map.ts';
import { Outage } from '../kernel/outage.ts';
import { Queues } from './queues.ts';

const BATCH_ROWS_MAX = 500;
const POLL_MS = 1_000;
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 15_000;

// The primary key carries the order. A job that this version does not know is left for a process that does.
const CLAIM = `
  SELECT outbox_id, job, payload, (extract(epoch FROM created_at) * 1000000)::bigint AS created_us
  FROM outbox
  WHERE job = ANY ($1)
  ORDER BY outbox_id
  LIMIT ${BATCH_ROWS_MAX}
  FOR UPDATE SKIP LOCKED`;
const FORGET = 'DELETE FROM outbox WHERE outbox_id = ANY ($1)';

type OutboxRow = PendingJob & { outbox_id: string; created_us: string };

@Injectable()
export class Relay implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stopping = new AbortController();
  readonly #outage = new Outage('the way from the outbox to the queue', new Logger('relay'));
  #running = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
  ) {}

  onApplicationBootstrap(): void {
    this.#running = this.#run();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let pause_ms = PAUSE_MS_MIN;
    while (!signal.aborted) {
      try {
        await this.#connected(async (client, awoken) => {
          while (!signal.aborted) {
            const carried = await this.carry(client);
            this.#outage.over();
            pause_ms = PAUSE_MS_MIN;
            if (carried < BATCH_ROWS_MAX) await awoken();
          }
        });
      } catch (error) {
        this.#outage.failed(error);
        await sleep(pause_ms, undefined, { signal }).catch(() => undefined);
        pause_ms = Math.min(pause_ms * 2, PAUSE_MS_MAX);
      }
    }
  }

  /** Hands over one batch; returns how many rows it held. */
  async carry(client: Client): Promise<number> {
    await client.query('BEGIN');
    const { rows } = await client.query<OutboxRow>(CLAIM, [Object.keys(JOB_MAP)]);
    // Ids of a database that was made anew begin at 1 again, so the instant belongs to the name.
    await this.queues.add(
      rows.map((row) => ({ ...row, options: { jobId: `outbox-${row.outbox_id}-${row.created_us}` } })),
    );
    if (rows.length > 0) await client.query(FORGET, [rows.map((row) => row.outbox_id)]);
    await client.query('COMMIT');
    return rows.length;
  }

  /**
   * Does `work` on a connection of its own, which ends with it and takes along a transaction that was left open.
   * `awoken` resolves when rows may have come, after a second, or when the relay is to stop.
   */
  async #connected(work: (client: Client, awoken: () => Promise<void>) => Promise<void>): Promise<void> {
    const client = new Client({
      connectionString: this.database.url,
      application_name: 'plafond relay',
      ...KEPT_SESSION,
      connectionTimeoutMillis: 5_000,
      query_timeout: 30_000,
    });
    let notified = false;
    let wake = (): void => undefined;
    client.on('notification', () => {
      notified = true;
      wake();
    });
    // A broken connection also fails the next statement, which is where it is dealt with.
    client.on('error', () => wake());
    const stop = (): void => wake();
    this.#stopping.signal.addEventListener('abort', stop);
    const awoken = async (): Promise<void> => {
      if (!notified && !this.#stopping.signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      notified = false;
    };
    try {
      await client.connect();
      await client.query(`LISTEN ${escapeIdentifier(OUTBOX_CHANNEL)}`);
      await work(client, awoken);
    } finally {
      this.#stopping.signal.removeEventListener('abort', stop);
      // A connection that broke may never confirm its end.
      await Promise.race([client.end().catch(() => undefined), sleep(1_000, undefined, { ref: false })]);
    }
  }
}
