/** Removes the beginning of a chain by its age, so that what remains can still be checked. */
import type { ClientBase } from 'pg';
import { formatInstant, toDate, type Instant } from '../kernel/clock.ts';
import { appendEvidence } from './append.ts';
import { REMOVED } from './verify.ts';

/** Accounts whose first entry is older than $1, in order; one look by the primary key for each account. */
const BEGIN_BEFORE = `
  SELECT h.account_id FROM evidence_heads h
   CROSS JOIN LATERAL (SELECT at FROM evidence e WHERE e.account_id = h.account_id ORDER BY seq LIMIT 1) first
   WHERE h.account_id > $2 AND first.at < $1 ORDER BY h.account_id LIMIT $3`;

export async function accountsBeginningBefore(
  client: Pick<ClientBase, 'query'>,
  before: Instant,
  after: string,
  limit: number,
): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(BEGIN_BEFORE, [toDate(before), after, limit]);
  return rows.map((row) => row.account_id);
}

/** Nobody appends meanwhile, nor removes the same. */
const LOCK_HEAD = `SELECT FROM evidence_heads WHERE account_id = $1 FOR UPDATE`;

/** The entries before the first that is young enough, by the primary key: first, last, and how many. */
const OLD_ENTRIES = `
  WITH old AS (
    SELECT seq, at, hash FROM evidence
     WHERE account_id = $1
       AND seq < coalesce((SELECT min(seq) FROM evidence WHERE account_id = $1 AND at >= $2), 9223372036854775807))
  SELECT count(*)::int AS entries, min(at) AS first_at, max(at) AS last_at, max(seq) AS through,
         (array_agg(hash ORDER BY seq DESC))[1] AS hash FROM old`;

/** A trigger refuses it where the chain does not say so. */
const REMOVE = `DELETE FROM evidence WHERE account_id = $1 AND seq <= $2`;

/**
 * Removes an account's entries up to the first that is not older than `before`, in the transaction that `client` is in, once
 * the chain says so: its new last entry bears the number and the hash of the last one that goes. Answers how many went.
 */
export async function removeOldEvidence(
  client: ClientBase,
  accountId: string,
  before: Instant,
  keptDays: number,
  at: Instant,
): Promise<number> {
  await client.query(LOCK_HEAD, [accountId]);
  const { rows } = await client.query<{
    entries: number;
    first_at: Date;
    last_at: Date;
    through: string;
    hash: string;
  }>(OLD_ENTRIES, [accountId, toDate(before)]);
  const { entries, first_at, last_at, through, hash } = rows[0]!;
  if (entries === 0) return 0;
  const body = {
    through: Number(through),
    hash,
    entries,
    first_at: formatInstant(first_at.getTime()),
    last_at: formatInstant(last_at.getTime()),
    kept_days: keptDays,
  };
  await appendEvidence(client, [{ accountId, at, kind: REMOVED, body }]);
  await client.query(REMOVE, [accountId, through]);
  return entries;
}
