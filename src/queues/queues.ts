import { setTimeout as sleep } from 'node:timers/promises';
import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { JobsOptions, Queue } from 'bullmq';
import { JOB_MAP, QUEUES, jobOptions, type JobName, type PendingJob, type QueueName } from './job-map.ts';
import { Outage } from '../kernel/outage.ts';
import { isConnected, opened } from './queue-connection.ts';

/** One job for a queue, with what its name does not say already. */
export type QueuedJob = PendingJob & { options?: JobsOptions };

const ANSWER_MS_MAX = 5_000;
const CUT_MS_MAX = 1_000;

/** The way into the queues. */
@Injectable()
export class Queues implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #queues: Record<QueueName, Queue>;
  readonly #silent = new Set<QueueName>();
  /** One for the process: whoever notices says so, and it is said once. */
  readonly outage = new Outage('the queue', new Logger('queue'));

  constructor(
    @InjectQueue('suspensions') suspensions: Queue,
    @InjectQueue('warnings') warnings: Queue,
    @InjectQueue('deviations') deviations: Queue,
    @InjectQueue('imports') imports: Queue,
    @InjectQueue('pulls') pulls: Queue,
    @InjectQueue('operators') operators: Queue,
    @InjectQueue('upkeep') upkeep: Queue,
    @InjectQueue('maintenance') maintenance: Queue,
  ) {
    this.#queues = { suspensions, warnings, deviations, imports, pulls, operators, upkeep, maintenance };
    for (const queue of Object.values(this.#queues)) queue.on('error', (error) => this.outage.failed(error));
  }

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all(Object.values(this.#queues).map(opened));
  }

  /**
   * Hands jobs over, in their order within each queue. Resolves when all are taken; throws where a queue is away or
   * silent for five seconds. Some may have been taken then, so a caller that tries again gives its jobs ids.
   */
  async add(jobs: readonly QueuedJob[]): Promise<void> {
    for (const name of QUEUES) {
      const bulk = jobs
        .filter(({ job }) => JOB_MAP[job].queue === name)
        .map(({ job, payload, options }) => ({ name: job, data: payload, opts: { ...jobOptions(job), ...options } }));
      const [one] = bulk;
      if (!one) continue;
      // For several PostgreSQL makes two temporary tables, which is a hundred rows of its catalogues.
      const alone = () => this.#queues[name].add(one.name, one.data, one.opts);
      await this.#answered<unknown>(name, bulk.length === 1 ? alone : () => this.#queues[name].addBulk(bulk));
    }
  }

  /** Whether a job that was added under this id is still waiting or at work. */
  async isUnfinished(job: JobName, id: string): Promise<boolean> {
    const { queue } = JOB_MAP[job];
    const state = await this.#answered(queue, () => this.#queues[queue].getJobState(id));
    return !['completed', 'failed', 'unknown'].includes(state);
  }

  /** Redis's client waits for its connection as long as it takes; whoever holds a transaction meanwhile must not. */
  async #answered<T>(name: QueueName, ask: () => Promise<T>): Promise<T> {
    // What a silent queue was asked is still on its way, so nothing is piled up behind it.
    if (this.#silent.has(name)) throw new Error(`the queue ${name} has not answered yet`);
    const answer = ask();
    const inTime = new AbortController();
    const late = sleep(ANSWER_MS_MAX, undefined, { signal: inTime.signal, ref: false }).then(() => {
      this.#silent.add(name);
      answer.catch(() => undefined).finally(() => this.#silent.delete(name));
      throw new Error(`the queue ${name} has not answered for ${ANSWER_MS_MAX / 1_000} s`);
    });
    late.catch(() => undefined);
    try {
      const answered = await Promise.race([answer, late]);
      this.outage.over();
      return answered;
    } catch (error) {
      this.outage.failed(error);
      throw error;
    } finally {
      inTime.abort();
    }
  }

  /** A queue closes when all it was asked is answered; one that is away would wait for ever, so its connection is cut. */
  async onModuleDestroy(): Promise<void> {
    const cut = Object.values(this.#queues).map(async (queue) => {
      if (this.outage.lasts || !(await isConnected(queue))) await queue.disconnect().catch(() => undefined);
    });
    await Promise.race([Promise.all(cut), sleep(CUT_MS_MAX, undefined, { ref: false })]);
  }

  of(name: QueueName): Queue {
    return this.#queues[name];
  }
}
