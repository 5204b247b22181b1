/**
 * The outbox: what a decision has caused commits with the decision and is carried to a queue afterwards, once (see
 * queues/relay.ts). BullMQ only carries; while a row stands here, its job has not been handed over.
 */
import type { ClientBase } from 'pg';
import { isInHurry, JOB_MAP, type JobName, type PendingJob } from './job-map.ts';

/** The channel on which a committed row announces itself. PostgreSQL sends it with the commit, and once a transaction. */
export const OUTBOX_CHANNEL = 'outbox';
/** The channel that says of jobs that are in a hurry what they are, so that a worker can begin before they are in a queue. */
export const AT_ONCE_CHANNEL = 'outbox_at_once';
// PostgreSQL takes less than 8,000 bytes; what is longer waits for its queue.
const NOTICE_BYTES_MAX = 7_900;

const INSERT = `
  INSERT INTO outbox (job, payload, created_at)
  SELECT job, payload, now()
  FROM unnest($1::text[], $2::jsonb[]) WITH ORDINALITY AS pending (job, payload, position)
  ORDER BY position`;

/** Adds jobs to the transaction that `client` is in, to be done in any order once it has committed. Throws where a payload is not what its job takes. */
export async function enqueue(client: ClientBase, jobs: readonly PendingJob[]): Promise<void> {
  if (jobs.length === 0) return;
  const payloads = jobs.map(({ job, payload }) => JSON.stringify(JOB_MAP[job].payload.parse(payload)));
  const notices = jobs.flatMap(({ job }, index) => {
    const notice = `{"job":${JSON.stringify(job)},"payload":${payloads[index]!}}`;
    return isInHurry(job) && Buffer.byteLength(notice) <= NOTICE_BYTES_MAX ? [notice] : [];
  });
  await Promise.all([
    client.query(INSERT, [jobs.map(({ job }) => job), payloads]),
    client.query(`SELECT pg_notify($1, ''), (SELECT count(pg_notify($2, notice)) FROM unnest($3::text[]) AS notice)`, [
      OUTBOX_CHANNEL,
      AT_ONCE_CHANNEL,
      notices,
    ]),
  ]);
}

/**
 * Adds a job, one that is in no hurry, for each `payload` that a query answers, in the one statement that asks; `first` is
 * what it does before (`WITH` queries). Whoever writes the query answers for its being what the job takes.
 */
export async function enqueueEach(
  client: ClientBase,
  job: JobName,
  { first, payloads }: { first: string; payloads: string },
  values: readonly unknown[],
): Promise<void> {
  await client.query({
    name: `enqueue-${job}`,
    text: `
      WITH ${first}, queued AS (
        INSERT INTO outbox (job, payload, created_at) SELECT '${job}', payload, now() FROM (${payloads}) AS wanted RETURNING job)
      SELECT pg_notify('${OUTBOX_CHANNEL}', '') FROM queued LIMIT 1`,
    values: [...values],
  });
}
