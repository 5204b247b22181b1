/** How often somebody tries, in windows of a minute: counted in the database, by its clock, for all processes together. */
import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';

/** By the primary key: of any number that come at once, each is one more. */
const NOTE = `
  INSERT INTO answer_attempts AS seen (who, since, attempts) VALUES ($1, now(), 1)
  ON CONFLICT (who) DO UPDATE SET
    since = CASE WHEN seen.since <= now() - interval '1 minute' THEN now() ELSE seen.since END,
    attempts = CASE WHEN seen.since <= now() - interval '1 minute' THEN 1 ELSE seen.attempts + 1 END
  RETURNING attempts, ceil(extract(epoch FROM since + interval '1 minute' - now()))::int AS wait_s`;

/** For each that begins, some that are over: so the table holds no more than a minute's. By `answer_attempts_by_age`. */
const FORGET = `
  DELETE FROM answer_attempts WHERE who IN (
    SELECT who FROM answer_attempts WHERE since <= now() - interval '1 minute' ORDER BY since LIMIT 100
    FOR UPDATE SKIP LOCKED)`;

/**
 * Notes an attempt and tells how many seconds to wait, where it was one of more than `max` within the minute. `who` may hold
 * an internet address and a token; only its SHA-256 is written. Not within a transaction: it counts whatever comes of it.
 */
export async function noteAttempt(client: ClientBase, who: string, max: number): Promise<number | undefined> {
  const hashed = createHash('sha256').update(who).digest('base64url');
  const { rows } = await client.query<{ attempts: number; wait_s: number }>(NOTE, [hashed]);
  const { attempts, wait_s } = rows[0]!;
  if (attempts === 1) await client.query(FORGET);
  return attempts > max ? Math.max(1, wait_s) : undefined;
}
