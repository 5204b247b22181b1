/** Appends to the evidence of many accounts at once. */
import type { ClientBase } from 'pg';
import { assert } from '../kernel/assert.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { canonicalJson, GENESIS_HASH, hashEntry } from './chain.ts';
import type { ChainEnd, EvidenceEntry } from './verify.ts';

export interface NewEvidence {
  accountId: string;
  at: Instant;
  /** what happened, such as `suspension-applied` */
  kind: string;
  /** plain values; money as decimal strings, instants as RFC 3339 */
  body: Record<string, unknown>;
}

/** Gives every account a head to lock. In the order in which they are locked, since a conflict waits like a lock. */
const MAKE_HEADS = `
  INSERT INTO evidence_heads (account_id, seq, hash)
  SELECT account_id, 0, $2 FROM unnest($1::text[]) AS account_id ORDER BY account_id COLLATE "C"
  ON CONFLICT (account_id) DO NOTHING`;

/**
 * Locks the ends of the chains until the transaction ends, so that nobody else appends to the same entry: no chain forks.
 * Always in the order of the accounts: two appends never wait for each other. By the primary key.
 */
const LOCK_HEADS = `
  SELECT account_id, seq, hash FROM evidence_heads WHERE account_id = ANY($1::text[])
  ORDER BY account_id FOR UPDATE`;

/** Entries and heads in one statement: an entry that no head knows of can't commit. */
const APPEND = `
  WITH written AS (
    INSERT INTO evidence (account_id, seq, at, kind, body, prev_hash, hash)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::json[], $6::text[], $7::text[])
  )
  UPDATE evidence_heads AS head SET seq = ended.seq, hash = ended.hash
  FROM unnest($8::text[], $9::bigint[], $10::text[]) AS ended (account_id, seq, hash)
  WHERE head.account_id = ended.account_id`;

/**
 * Appends entries to their accounts' chains, in the order given within an account, as part of the transaction that
 * `client` is in. It locks the ends of these chains until that transaction ends: call it once a transaction, as late as
 * can be; two calls for different accounts in one transaction could deadlock with another one.
 */
export async function appendEvidence(client: ClientBase, entries: readonly NewEvidence[]): Promise<void> {
  if (entries.length === 0) return;
  const accounts = [...new Set(entries.map((entry) => entry.accountId))];
  await client.query(MAKE_HEADS, [accounts, GENESIS_HASH]);
  const heads = await client.query<{ account_id: string; seq: string; hash: string }>(LOCK_HEADS, [accounts]);
  const ends = new Map<string, ChainEnd>();
  for (const { account_id, seq, hash } of heads.rows) ends.set(account_id, { seq: Number(seq), hash });
  const chained = entries.map((entry): EvidenceEntry => {
    const { accountId, at, kind } = entry;
    // Whole milliseconds come back from timestamptz as they went in.
    assert(Number.isSafeInteger(at), 'an instant is a whole number of milliseconds');
    const { seq: lastSeq, hash: prevHash } = ends.get(accountId)!;
    const content = { accountId, seq: lastSeq + 1, at, kind, bodyText: canonicalJson(entry.body) };
    const hash = hashEntry(prevHash, content);
    ends.set(accountId, { seq: content.seq, hash });
    return { ...content, prevHash, hash };
  });
  await client.query(APPEND, [
    chained.map((entry) => entry.accountId),
    chained.map((entry) => entry.seq),
    chained.map((entry) => toDate(entry.at)),
    chained.map((entry) => entry.kind),
    chained.map((entry) => entry.bodyText),
    chained.map((entry) => entry.prevHash),
    chained.map((entry) => entry.hash),
    [...ends.keys()],
    [...ends.values()].map((end) => end.seq),
    [...ends.values()].map((end) => end.hash),
  ]);
}
