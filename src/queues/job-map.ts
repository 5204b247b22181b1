/**
 * Every job there is: which queue carries it, what it says, how often it is tried. A job may run twice and does its
 * work once; it carries accounts, warnings or a file, never a usage record.
 */
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';

/**
 * Suspensions have a queue of their own, so that nothing slow ever stands before them; and what goes through much of the ledger
 * (`maintenance`) holds up nothing that comes every few seconds (`upkeep`).
 */
export const QUEUES = [
  'suspensions',
  'warnings',
  'deviations',
  'imports',
  'pulls',
  'operators',
  'upkeep',
  'maintenance',
] as const;
export type QueueName = (typeof QUEUES)[number];

interface JobDefinition {
  queue: QueueName;
  payload: z.ZodType;
  /** how often it is tried before it has failed for good */
  attempts: number;
  /** milliseconds before the second try; doubles with each further one */
  backoff_ms: number;
  /**
   * Whether each worker process that hears of it begins at once, when it commits. It is carried to its queue all the same, for
   * whoever did not hear; so it may run more than once, and in any number of processes at a time.
   */
  inHurry?: true;
}

const nothing = z.strictObject({});

export const JOB_MAP = {
  'deliver-warnings': {
    queue: 'warnings',
    payload: z.strictObject({ warnings: z.array(z.guid()).min(1) }),
    attempts: 6,
    backoff_ms: 1_000,
  },
  /** Without `accounts`: all that have a suspension in flight. */
  'reconcile-suspensions': {
    queue: 'suspensions',
    payload: z.strictObject({ accounts: z.array(z.string().min(1)).min(1).optional() }),
    attempts: 6,
    backoff_ms: 500,
    inHurry: true,
  },
  /** Looks at what moved in shards of accounts since it was last looked at. */
  'observe-usage': {
    queue: 'deviations',
    payload: z.strictObject({ shards: z.array(z.int().min(0).max(32_767)).min(1) }),
    attempts: 6,
    backoff_ms: 500,
  },
  /** Asks for shards whose ask got lost, and empties what of the log has been read. */
  'sweep-observations': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  /** Learns prices from the days of the ledger that are over. */
  'count-prices': { queue: 'maintenance', payload: nothing, attempts: 1, backoff_ms: 0 },
  /** Learns what is usual in each segment from the ledger. */
  'fit-norms': { queue: 'maintenance', payload: nothing, attempts: 3, backoff_ms: 60_000 },
  'rebuild-signatures': {
    queue: 'maintenance',
    payload: z.strictObject({ from_shard: z.int().min(0).max(32_767).optional() }),
    attempts: 3,
    backoff_ms: 60_000,
  },
  /** Makes the signatures of accounts anew whose usage was corrected. */
  'mend-signatures': { queue: 'maintenance', payload: nothing, attempts: 1, backoff_ms: 0 },
  'evaluate-exposure': { queue: 'suspensions', payload: nothing, attempts: 1, backoff_ms: 0 },
  'reinstate-due': { queue: 'suspensions', payload: nothing, attempts: 1, backoff_ms: 0 },
  'import-file': {
    queue: 'imports',
    payload: z.strictObject({ feed: z.string().min(1), path: z.string().min(1) }),
    attempts: 5,
    backoff_ms: 2_000,
  },
  'scan-inbox': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  /** Has every feed with a server of its own pulled. */
  'pull-feeds': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  'pull-sftp': {
    queue: 'pulls',
    payload: z.strictObject({ feed: z.string().min(1) }),
    attempts: 1,
    backoff_ms: 0,
  },
  'sweep-deliveries': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  'watch-feeds': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  'reconcile-imports': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  'drop-old-partitions': { queue: 'maintenance', payload: nothing, attempts: 5, backoff_ms: 60_000 },
  'remove-old-evidence': { queue: 'maintenance', payload: nothing, attempts: 5, backoff_ms: 60_000 },
  /** Drops or masks what tells of people and is old. */
  'forget-personal-data': { queue: 'maintenance', payload: nothing, attempts: 5, backoff_ms: 60_000 },
  'settle-moved-records': { queue: 'maintenance', payload: nothing, attempts: 3, backoff_ms: 60_000 },
  /** The same by day, where an importer could not look for all of them. */
  'settle-moved-soon': { queue: 'maintenance', payload: nothing, attempts: 1, backoff_ms: 0 },
  /** Makes messages of what there is to tell operators, and has each receiver sent what waits for it. */
  'tell-operators': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  'send-to-receiver': {
    queue: 'operators',
    payload: z.strictObject({ receiver: z.string().min(1) }),
    attempts: 1,
    backoff_ms: 0,
  },
  'forecast-caps': { queue: 'maintenance', payload: nothing, attempts: 1, backoff_ms: 0 },
  'summarize-day': { queue: 'upkeep', payload: nothing, attempts: 1, backoff_ms: 0 },
  'prepare-partitions': { queue: 'upkeep', payload: nothing, attempts: 5, backoff_ms: 2_000 },
} as const satisfies Record<string, JobDefinition>;

export type JobName = keyof typeof JOB_MAP;
export type Payload<Name extends JobName> = z.output<(typeof JOB_MAP)[Name]['payload']>;

/** A job that waits to be done, with what it says. */
export type PendingJob = { [Name in JobName]: { job: Name; payload: Payload<Name> } }[JobName];

/** What does each job. */
export type JobHandlers = { readonly [Name in JobName]: (payload: Payload<Name>) => Promise<unknown> };
export const JOB_HANDLERS = Symbol('JOB_HANDLERS');

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(JOB_MAP, name);
}

export function isInHurry(name: JobName): boolean {
  return 'inHurry' in JOB_MAP[name];
}

/** Throws, naming them, where a job has no handler or a handler no job: nothing starts with such a gap. */
export function assertNoGap(handlers: Readonly<Record<string, unknown>>): void {
  const unhandled = Object.keys(JOB_MAP).filter((job) => typeof handlers[job] !== 'function');
  const unknown = Object.keys(handlers).filter((job) => !isJobName(job));
  const gaps = [
    ...unhandled.map((job) => `the job ${job} has no handler`),
    ...unknown.map((job) => `the handler ${job} has no job`),
  ];
  if (gaps.length > 0) throw new Error(gaps.join('; '));
}

// A job id that is still known swallows a second add. An hour is longer than a relay stays away between handing a job over
// and forgetting it, and where it does not, the job runs twice and does its work once; each hour of a feed of 60 records a
// second leaves some thirty thousand jobs, 45 MB of Redis. What failed for good stays two weeks for a person to look at.
const DONE_KEPT_S = 3_600;
const FAILED_KEPT_S = 14 * 24 * 3_600;

/** How BullMQ is to treat a job of this name. */
export function jobOptions(name: JobName): JobsOptions {
  const { attempts, backoff_ms } = JOB_MAP[name];
  return {
    attempts,
    backoff: { type: 'exponential', delay: backoff_ms },
    removeOnComplete: { age: DONE_KEPT_S },
    removeOnFail: { age: FAILED_KEPT_S },
  };
}
