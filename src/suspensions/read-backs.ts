/**
 * What each node was read to do with each suspension, and the states that follow when all nodes have been read. Every
 * change names the state it comes from, so that it happens once, whoever else is at it.
 */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { LiveSuspension } from './reconcile.ts';
import type { SuspensionRow } from './store.ts';

/** All that concerns one node, of all accounts or of some; by the index `suspensions_live`. */
const LIVE_ON = `
  SELECT s.suspension_id AS id, s.account_id AS "accountId", s.class, s.state, n.barred AS here
  FROM suspensions s LEFT JOIN suspension_nodes n ON n.suspension_id = s.suspension_id AND n.node = $1
  WHERE s.state IN ('wanted', 'applied', 'lifting') AND ($2::text[] IS NULL OR s.account_id = ANY($2))
  ORDER BY s.suspension_no`;

export async function liveOn(
  client: ClientBase,
  node: string,
  accounts: readonly string[] | undefined,
): Promise<LiveSuspension[]> {
  const { rows } = await client.query<Omit<LiveSuspension, 'here'> & { here: boolean | null }>(LIVE_ON, [
    node,
    accounts ?? null,
  ]);
  return rows.map((row) => ({ ...row, here: row.here ?? undefined }));
}

/** The accounts of suspensions that a node has not been read to do as they are wanted; by the index `suspensions_live`. */
const UNSETTLED = `
  SELECT DISTINCT s.account_id FROM suspensions s
  LEFT JOIN suspension_nodes n ON n.suspension_id = s.suspension_id AND n.node = $1
  WHERE s.state IN ('wanted', 'lifting') OR (s.state = 'applied' AND n.barred IS NOT TRUE)`;

export async function unsettledAccounts(client: ClientBase, node: string): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(UNSETTLED, [node]);
  return rows.map((row) => row.account_id);
}

/** How many bars are to stand, how many numbers beside them, and whether any is just being set or taken away. */
const EXPECTED = `
  SELECT count(DISTINCT (account_id, class)) FILTER (WHERE state = 'applied')::int AS bars,
         count(*) FILTER (WHERE state <> 'applied')::int AS moving,
         (SELECT count(*) FROM allowed_numbers n
           WHERE n.removed_at IS NULL AND EXISTS (SELECT FROM suspensions l WHERE l.account_id = n.account_id
                   AND l.state IN ('wanted', 'applied', 'lifting')))::int AS allowed
  FROM suspensions WHERE state IN ('wanted', 'applied', 'lifting')`;

export async function expectedBars(client: ClientBase): Promise<{ bars: number; moving: number; allowed: number }> {
  const { rows } = await client.query<{ bars: number; moving: number; allowed: number }>(EXPECTED);
  return rows[0]!;
}

/** The next accounts, in their order, that have bars; by the index `suspensions_live`. */
const NEXT_BARRED = `
  SELECT DISTINCT account_id FROM suspensions
  WHERE state = 'applied' AND account_id > $1 ORDER BY account_id LIMIT $2`;

export async function nextBarredAccounts(client: ClientBase, after: string, limit: number): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(NEXT_BARRED, [after, limit]);
  return rows.map((row) => row.account_id);
}

/**
 * Nobody else changes these suspensions until the transaction ends: of two nodes whose last readings come at the same time,
 * the second sees the first. In the order of their ids, so that no two wait for each other.
 */
const LOCK_ALL = `SELECT FROM suspensions WHERE suspension_id = ANY($1::uuid[]) ORDER BY suspension_id FOR UPDATE`;

/** Of one whose lifting was known to be wanted ($5) the reading is later than that, whatever the clocks of two processes say. */
const READ = `
  INSERT INTO suspension_nodes AS n (suspension_id, node, barred, read_at)
  SELECT suspension_id, $2, barred, greatest($4, CASE WHEN $5 AND NOT barred THEN s.lift_wanted_at END)
    FROM unnest($1::uuid[], $3::boolean[]) AS read (suspension_id, barred) JOIN suspensions s USING (suspension_id)
  ON CONFLICT (suspension_id, node) DO UPDATE
    SET barred = excluded.barred, read_at = excluded.read_at, answer = NULL,
        calls_ended_at = CASE WHEN n.barred AND excluded.barred THEN n.calls_ended_at END`;

/** Barred by every node in service. */
const APPLIED = `
  UPDATE suspensions s SET state = 'applied', applied_at = coalesce(applied_at, $3)
  WHERE suspension_id = ANY($1::uuid[]) AND state = 'wanted'
    AND NOT EXISTS (
      SELECT FROM unnest($2::text[]) AS each (node) WHERE NOT EXISTS (
        SELECT FROM suspension_nodes n
        WHERE n.suspension_id = s.suspension_id AND n.node = each.node AND n.barred))
  RETURNING s.*`;

/** Read on every node in service, after the lifting was wanted, to be barred by none. */
const LIFTED = `
  UPDATE suspensions s SET state = 'lifted', lifted_at = $3
  WHERE suspension_id = ANY($1::uuid[]) AND state = 'lifting'
    AND NOT EXISTS (
      SELECT FROM unnest($2::text[]) AS each (node) WHERE NOT EXISTS (
        SELECT FROM suspension_nodes n
        WHERE n.suspension_id = s.suspension_id AND n.node = each.node AND NOT n.barred AND n.read_at >= s.lift_wanted_at))
  RETURNING s.*`;

const MISSING = `
  UPDATE suspensions SET state = 'wanted'
  WHERE suspension_id = ANY($1::uuid[]) AND state = 'applied' RETURNING *`;

export interface ReadBack {
  node: string;
  /** all nodes in service */
  nodes: readonly string[];
  /** suspensions that the node was read to bar, and those being lifted that it was read not to */
  barred: readonly string[];
  gone: readonly string[];
  /** when the reading began */
  readAt: Instant;
  at: Instant;
}

/** Writes down what was read; answers the suspensions whose state it changed. */
export async function recordReadBack(
  client: ClientBase,
  { node, nodes, barred, gone, readAt, at }: ReadBack,
): Promise<{ applied: SuspensionRow[]; lifted: SuspensionRow[] }> {
  const ids = [...barred, ...gone];
  if (ids.length === 0) return { applied: [], lifted: [] };
  await client.query(LOCK_ALL, [ids]);
  await client.query(READ, [ids, node, ids.map((_, index) => index < barred.length), toDate(readAt), true]);
  const applied = await client.query<SuspensionRow>(APPLIED, [barred, nodes, toDate(at)]);
  const lifted = await client.query<SuspensionRow>(LIFTED, [gone, nodes, toDate(at)]);
  return { applied: applied.rows, lifted: lifted.rows };
}

/** Writes down that bars were found to be missing on a node: what was applied is wanted again. */
export async function recordMissing(
  client: ClientBase,
  node: string,
  ids: readonly string[],
  readAt: Instant,
): Promise<void> {
  await client.query(LOCK_ALL, [ids]);
  await client.query(READ, [ids, node, ids.map(() => false), toDate(readAt), false]);
  await client.query(MISSING, [ids]);
}

/** Remembers why a node could not be told; answers those of which it was not known yet. */
const WAITS = `
  INSERT INTO suspension_nodes AS n (suspension_id, node, read_at, answer)
  SELECT suspension_id, $2, $3, $4 FROM unnest($1::uuid[]) AS suspension_id
  ON CONFLICT (suspension_id, node) DO UPDATE SET answer = excluded.answer WHERE n.answer IS NULL
  RETURNING suspension_id`;

export async function recordWaiting(
  client: ClientBase,
  node: string,
  ids: readonly string[],
  answer: string,
  at: Instant,
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await client.query<{ suspension_id: string }>(WAITS, [ids, node, toDate(at), answer]);
  return new Set(rows.map((row) => row.suspension_id));
}

/** Bars that were set on a node whose calls in progress are still to be ended; by the index `suspension_nodes_with_calls`. */
const WITH_CALLS = `
  SELECT s.suspension_id AS id, s.account_id AS "accountId", s.class, s.state, n.barred AS here
  FROM suspension_nodes n JOIN suspensions s USING (suspension_id)
  WHERE n.node = $1 AND n.barred AND n.calls_ended_at IS NULL AND s.state IN ('wanted', 'applied')
  ORDER BY s.suspension_no LIMIT $2`;

export async function barsWithCalls(client: ClientBase, node: string, limit: number): Promise<LiveSuspension[]> {
  const { rows } = await client.query<LiveSuspension>(WITH_CALLS, [node, limit]);
  return rows;
}

const CALLS_ENDED = `
  UPDATE suspension_nodes n SET calls_ended_at = $4, calls_ended = n.calls_ended + ended.calls
  FROM unnest($1::uuid[], $3::int[]) AS ended (suspension_id, calls)
  WHERE n.suspension_id = ended.suspension_id AND n.node = $2 AND n.calls_ended_at IS NULL
  RETURNING n.suspension_id`;

/** Writes down that none of a bar's calls is left on a node; answers those of which it was not known yet. */
export async function recordCallsEnded(
  client: ClientBase,
  node: string,
  ended: readonly { id: string; calls: number }[],
  at: Instant,
): Promise<Set<string>> {
  const { rows } = await client.query<{ suspension_id: string }>(CALLS_ENDED, [
    ended.map(({ id }) => id),
    node,
    ended.map(({ calls }) => calls),
    toDate(at),
  ]);
  return new Set(rows.map((row) => row.suspension_id));
}
