import type { PoolClient } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { linesOf, type MovedBy } from '../../deviations/movement-lines.ts';
import { LOG_MOVEMENTS, logged } from '../../deviations/movement-log.ts';
import type { PolicyBook } from '../../deviations/policy.ts';
import type { Instant } from '../../kernel/clock.ts';
import { enqueueEach } from '../../queues/outbox.ts';

/** Shards of a job: few enough that several workers share a large batch. */
const SHARDS_OF_JOB = 8;

/** The jobs for the shards that nobody had been asked for, as {@link observeJobs} would have them. */
const JOBS = `
  SELECT jsonb_build_object('shards', jsonb_agg(shard)) AS payload
    FROM (SELECT shard, (row_number() OVER (ORDER BY shard) - 1) / ${SHARDS_OF_JOB} AS job FROM asked WHERE times = 1) AS jobs
   GROUP BY job`;

/**
 * Logs what moved in the accounts that are watched, in the transaction that moves it, and asks for a look at the shards
 * that nobody has been asked for. The caller holds the locks of the shards.
 */
export async function askToObserve(
  client: PoolClient,
  moved: readonly MovedBy[],
  accounts: ReadonlyMap<string, Account>,
  policies: PolicyBook,
  at: Instant,
): Promise<void> {
  const isWatched = (accountId: string): boolean => {
    const account = accounts.get(accountId);
    return account !== undefined && policies.watches(account);
  };
  const entries = linesOf(moved, isWatched);
  if (entries.length === 0) return;
  await enqueueEach(client, 'observe-usage', { first: LOG_MOVEMENTS, payloads: JOBS }, logged(entries, at));
}

/** The jobs that look at shards. */
export function observeJobs(shards: readonly number[]): { job: 'observe-usage'; payload: { shards: number[] } }[] {
  const jobs: { job: 'observe-usage'; payload: { shards: number[] } }[] = [];
  for (let from = 0; from < shards.length; from += SHARDS_OF_JOB) {
    jobs.push({ job: 'observe-usage', payload: { shards: shards.slice(from, from + SHARDS_OF_JOB) } });
  }
  return jobs;
}
