/**
 * The outbox: what a decision has caused commits with the decision and is carried to a queue afterwards, once (see
 * queues/relay.ts). BullMQ only carries; while a row stands here, its job has not been handed over.
 */
import type { ClientBase } from 'pg';
import { JOB_MAP, type PendingJob } from './job-map.ts';

/** The channel on which a committed row announces itself. PostgreSQL sends it with the commit, and once a transaction. */
export const OUTBOX_CHANNEL = 'outbox';

const INSERT = `
  INSERT INTO outbox (job, payload, created_at)
  SELECT job, payload, now()
  FROM unnest($1::text[], $2::jsonb[]) WITH ORDINALITY AS pending (job, payload, position)
  ORDER BY position`;

/** Adds jobs to the transaction that `client` is in, to be done in any order once it has committed. Throws where a payload is not what its job takes. */
export async function enqueue(client: ClientBase, jobs: readonly PendingJob[]): Promise<void> {
  if (jobs.length === 0) return;
  const payloads = jobs.map(({ job, payload }) => JSON.stringify(JOB_MAP[job].payload.parse(payload)));
  await client.query(INSERT, [jobs.map(({ job }) => job), payloads]);
  await client.query('SELECT pg_notify($1, $2)', [OUTBOX_CHANNEL, '']);
}
