/** One worker a queue. Each checks what the job says, and has the job's handler do it. */
import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ErrorCode, UnrecoverableError, type Job } from 'bullmq';
import { JOB_HANDLERS, JOB_MAP, isJobName, type JobHandlers } from './job-map.ts';
import { reasonOf } from '../kernel/outage.ts';
import { isConnected, opened } from './queue-connection.ts';
import { Queues } from './queues.ts';

@Injectable()
export abstract class QueueWorker extends WorkerHost implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #log = new Logger('worker');
  /** what was told of jobs that come by the clock, by their names, until one is done again: that it failed, or failed for good, and why */
  readonly #told = new Map<string, Set<string>>();

  constructor(
    @Inject(JOB_HANDLERS) private readonly handlers: JobHandlers,
    private readonly queues: Queues,
  ) {
    super();
  }

  async onApplicationBootstrap(): Promise<void> {
    await opened(this.worker);
    this.worker.run().catch((error: Error) => this.onError(error));
  }

  async process(job: Job): Promise<void> {
    if (!isJobName(job.name)) throw new UnrecoverableError('this version knows no such job');
    const payload = JOB_MAP[job.name].payload.safeParse(job.data);
    if (!payload.success) throw new UnrecoverableError(`unreadable: ${payload.error.message}`);
    // The map types each handler with its own payload; across all names TypeScript sees only their union.
    await (this.handlers[job.name] as (payload: unknown) => Promise<unknown>)(payload.data);
  }

  /** A worker ends when its jobs have; one that waits for a queue that is away, or only just back, would wait for ever. */
  async onModuleDestroy(): Promise<void> {
    if (this.queues.outage.lasts || !(await isConnected(this.worker))) await this.worker.close(true);
  }

  @OnWorkerEvent('active')
  onActive(): void {
    this.queues.outage.over();
  }

  @OnWorkerEvent('failed')
  onFailed(job: Job | undefined, error: Error): void {
    if (!job) return void this.#log.error(`a job that stalled is no longer known: ${reasonOf(error)}`);
    const attempts = job.opts.attempts ?? 1;
    const forGood = error instanceof UnrecoverableError || job.attemptsMade >= attempts;
    if (comesByTheClock(job) && this.#isTold(job.name, `${forGood ? 'for good' : 'again'}: ${reasonOf(error)}`)) return;
    const story = `${job.name} (${job.id}) failed, attempt ${job.attemptsMade} of ${attempts}: ${reasonOf(error)}`;
    if (forGood) this.#log.error(`${story}; it is kept among the failed jobs of ${job.queueName}`, error.stack);
    else this.#log.warn(`${story}; it is tried again`);
  }

  @OnWorkerEvent('completed')
  onCompleted(job: Job): void {
    if (comesByTheClock(job) && this.#told.delete(job.name)) this.#log.log(`${job.name} is done again`);
  }

  #isTold(name: string, what: string): boolean {
    const told = this.#told.get(name) ?? new Set();
    if (told.has(what)) return true;
    this.#told.set(name, told.add(what));
    return false;
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    if (!tellsOfLostLock(error)) return this.queues.outage.failed(error);
    this.#log.warn(
      `this process stood still for longer than it may keep a job, which is done again: ${reasonOf(error)}`,
    );
  }
}

/** The queue answers well, and has given the job to somebody else. */
function tellsOfLostLock(error: Error & { code?: unknown }): boolean {
  const { JobNotExist, JobLockNotExist, JobNotInState, JobLockMismatch } = ErrorCode;
  return (
    [JobNotExist, JobLockNotExist, JobNotInState, JobLockMismatch].some((code) => code === error.code) ||
    error.message.startsWith('could not renew lock for job ')
  );
}

/** It says nothing but its name, and comes again within seconds or a day, whatever became of it. */
function comesByTheClock({ data }: Job): boolean {
  return Object.keys((data ?? {}) as object).length === 0;
}

// A job whose process was killed is taken up again after its lock has run out; a process killed while it deploys may
// take the same job along more than once, and that must not count against the job.
// None begins by itself: see opened().
const PATIENT = { maxStalledCount: 10, lockDuration: 15_000, stalledInterval: 5_000, autorun: false };

// What comes while a round is at a switch is taken along by the next: so many at once cost no more than one.
@Processor('suspensions', { ...PATIENT, concurrency: 20 })
export class SuspensionsWorker extends QueueWorker {}

@Processor('warnings', { ...PATIENT, concurrency: 4 })
export class WarningsWorker extends QueueWorker {}

// Shards are many and their turns short; what is read for all of them is shared within a process.
@Processor('deviations', { ...PATIENT, concurrency: 2 })
export class DeviationsWorker extends QueueWorker {}

@Processor('imports', { ...PATIENT, concurrency: 1 })
export class ImportsWorker extends QueueWorker {}

// A peer's server that is slow holds up nobody else's.
@Processor('pulls', { ...PATIENT, concurrency: 4 })
export class PullsWorker extends QueueWorker {}

// A receiver that is slow holds up no other.
@Processor('operators', { ...PATIENT, concurrency: 4 })
export class OperatorsWorker extends QueueWorker {}

@Processor('upkeep', { ...PATIENT, concurrency: 2 })
export class UpkeepWorker extends QueueWorker {}

// What takes long is mostly the database's work. Two at once: making all signatures anew takes hours on a large ledger.
@Processor('maintenance', { ...PATIENT, concurrency: 2 })
export class MaintenanceWorker extends QueueWorker {}

export const WORKERS = [
  SuspensionsWorker,
  WarningsWorker,
  DeviationsWorker,
  ImportsWorker,
  PullsWorker,
  OperatorsWorker,
  UpkeepWorker,
  MaintenanceWorker,
];
