/**
 * Begins jobs that are in a hurry as PostgreSQL tells of their commit: a bar is not to wait for a queue's round trip. What
 * comes of that is not waited for, and a notice that got lost is missed by nobody: the queue brings each job again, and it
 * does its work once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Client, escapeIdentifier } from 'pg';
import { KEPT_SESSION } from '../database/data-source.ts';
import { Database } from '../database/database.module.ts';
import { isInHurry, isJobName, JOB_HANDLERS, JOB_MAP, type JobHandlers } from './job-map.ts';
import { Outage } from '../kernel/outage.ts';
import { AT_ONCE_CHANNEL } from './outbox.ts';

const PAUSE_MS = 2_000;

@Injectable()
export class AtOnce implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stopping = new AbortController();
  readonly #outage = new Outage('the way for jobs in a hurry', new Logger('at once'));
  readonly #begun = new Set<Promise<unknown>>();
  #running = Promise.resolve();

  constructor(
    private readonly database: Database,
    @Inject(JOB_HANDLERS) private readonly handlers: JobHandlers,
  ) {}

  onApplicationBootstrap(): void {
    this.#running = this.#run();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#begun);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#listen();
      } catch (error) {
        this.#outage.failed(error);
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Until the connection breaks, or this is to stop. */
  async #listen(): Promise<void> {
    const client = new Client({
      connectionString: this.database.url,
      application_name: 'plafond at once',
      ...KEPT_SESSION,
      connectionTimeoutMillis: 5_000,
    });
    let onEnd = (): void => undefined;
    const ended = new Promise<void>((resolve, reject) => {
      onEnd = resolve;
      client.on('error', reject);
    });
    ended.catch(() => undefined);
    this.#stopping.signal.addEventListener('abort', onEnd);
    client.on('notification', ({ payload }) => this.#begin(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${escapeIdentifier(AT_ONCE_CHANNEL)}`);
      this.#outage.over();
      if (!this.#stopping.signal.aborted) await ended;
    } finally {
      this.#stopping.signal.removeEventListener('abort', onEnd);
      await Promise.race([client.end().catch(() => undefined), sleep(1_000, undefined, { ref: false })]);
    }
  }

  #begin(notice: string): void {
    // Where it fails, the queue says so, and tries again.
    const begun = this.#handle(notice).catch(() => undefined);
    this.#begun.add(begun);
    void begun.finally(() => this.#begun.delete(begun));
  }

  /** A notice that can't be read is another version's; its job comes by the queue. */
  async #handle(notice: string): Promise<void> {
    const { job, payload } = JSON.parse(notice) as { job: string; payload: unknown };
    if (!isJobName(job) || !isInHurry(job)) return;
    const handler = this.handlers[job] as (said: unknown) => Promise<unknown>;
    await handler(JOB_MAP[job].payload.parse(payload));
  }
}
