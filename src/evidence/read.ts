/** Reads evidence as it is stored, and checks it. */
import type { ClientBase } from 'pg';
import { formatInstant } from '../kernel/clock.ts';
import {
  CHAIN_START,
  checkGap,
  checkHead,
  followChain,
  type BrokenChain,
  type ChainEnd,
  type EvidenceEntry,
} from './verify.ts';

/** A page of an account's entries, by the primary key. `body::text` is the very text that was hashed. */
const ENTRIES_OF = `
  SELECT seq, at, kind, body::text AS body_text, prev_hash, hash FROM evidence
  WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`;

interface EntryRow {
  seq: string;
  at: Date;
  kind: string;
  body_text: string;
  prev_hash: string;
  hash: string;
}

/** The entries of an account that come after entry `after` (0: from the first), oldest first, at most `limit`. */
export async function entriesOf(
  client: Pick<ClientBase, 'query'>,
  accountId: string,
  after: number,
  limit: number,
): Promise<EvidenceEntry[]> {
  const { rows } = await client.query<EntryRow>(ENTRIES_OF, [accountId, after, limit]);
  return rows.map((row) => ({
    accountId,
    seq: Number(row.seq),
    at: row.at.getTime(),
    kind: row.kind,
    bodyText: row.body_text,
    prevHash: row.prev_hash,
    hash: row.hash,
  }));
}

/** An entry as the API shows it: everything its hash is over, and the hash (README.md). `at` is in UTC, as it was hashed. */
export function evidenceResponse(entry: EvidenceEntry): Record<string, unknown> {
  return {
    account: entry.accountId,
    seq: entry.seq,
    at: formatInstant(entry.at),
    kind: entry.kind,
    body: JSON.parse(entry.bodyText) as unknown,
    prev_hash: entry.prevHash,
    hash: entry.hash,
  };
}

const HEAD_OF = `SELECT seq, hash FROM evidence_heads WHERE account_id = $1`;
const PAGE = 1_000;

/**
 * Checks the whole chain of an account; `head` is where it ends. While others append, call it in a transaction of
 * isolation level REPEATABLE READ, so that entries and head are of one moment.
 */
export async function verifyAccount(
  client: Pick<ClientBase, 'query'>,
  accountId: string,
): Promise<{ ok: true; entries: number; removed: number; head: ChainEnd } | BrokenChain> {
  let end = CHAIN_START;
  for (;;) {
    const entries = await entriesOf(client, accountId, end.seq, PAGE);
    const followed = followChain(accountId, entries, end);
    if (!followed.ok) return followed;
    end = followed.end;
    if (entries.length < PAGE) break;
  }
  const gap = checkGap(end);
  if (!gap.ok) return gap;
  const { rows } = await client.query<{ seq: string; hash: string }>(HEAD_OF, [accountId]);
  const head = rows[0] && { seq: Number(rows[0].seq), hash: rows[0].hash };
  const checked = checkHead(end, head);
  return checked.ok ? { ...checked, removed: gap.removed, head: { seq: end.seq, hash: end.hash } } : checked;
}
