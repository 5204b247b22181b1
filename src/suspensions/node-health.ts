/** How a node of a switch is, from one look at it to the next, and when that is an alarm. Pure, but for the rows at the end. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';

export type NodeState = 'up' | 'away' | 'wrong';

export interface NodeHealth {
  state: NodeState;
  since: Instant;
  /** what it answered that is the matter; empty while it is up */
  answer: string;
  /** looks in a row that failed */
  failures: number;
}

export type NodeOutcome = { state: 'up' } | { state: 'away' | 'wrong'; answer: string };

/** A switch that restarts is away for seconds; what stays away for longer is told. */
const ALARM_AFTER_MS = 60_000;
const PAUSE_MS_MIN = 500;
// Knocking costs one refused connection, and a node that is back without its bars lets everything pass.
const PAUSE_MS_MAX = 3_000;

export function healthAfter(before: NodeHealth | undefined, outcome: NodeOutcome, at: Instant): NodeHealth {
  const since = before?.state === outcome.state ? before.since : outageGoesOn(before, outcome) ? before!.since : at;
  if (outcome.state === 'up') return { state: 'up', since, answer: '', failures: 0 };
  return { ...outcome, since, failures: (before?.failures ?? 0) + 1 };
}

function outageGoesOn(before: NodeHealth | undefined, outcome: NodeOutcome): boolean {
  return before !== undefined && before.state !== 'up' && outcome.state !== 'up';
}

/** How long to wait before a node that failed is looked at again. */
function pauseAfter({ failures }: NodeHealth): number {
  return failures === 0 ? 0 : Math.min(PAUSE_MS_MIN * 2 ** (failures - 1), PAUSE_MS_MAX);
}

/** Whether operators are to know: of a wrong answer at once, since waiting does not mend it; of no answer after a minute. */
export function isAlarming({ state, since }: NodeHealth, at: Instant): boolean {
  return state === 'wrong' || (state === 'away' && at - since >= ALARM_AFTER_MS);
}

export interface NodeRow {
  node: string;
  state: NodeState;
  since: Date;
  answer: string;
  failures: number;
  bars: number;
  filled_at: Date | null;
  looked_at: Date;
  /** whether its pause is over */
  due: boolean;
}

const NODES = `SELECT *, next_look_at <= clock_timestamp() AS due FROM switch_nodes WHERE node = ANY($1)`;

export async function nodeRows(client: ClientBase, nodes: readonly string[]): Promise<Map<string, NodeRow>> {
  const { rows } = await client.query<NodeRow>(NODES, [nodes]);
  return new Map(rows.map((row) => [row.node, row]));
}

export function healthOf(row: NodeRow | undefined): NodeHealth | undefined {
  return row && { state: row.state, since: row.since.getTime(), answer: row.answer, failures: row.failures };
}

/** The pause runs by the database's clock: the one clock that all processes share, and that never stands still. */
const SAVE = `
  INSERT INTO switch_nodes AS n (node, state, since, answer, failures, next_look_at, looked_at, bars, filled_at)
  VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 ms', $7, coalesce($8, 0), CASE WHEN $9 THEN $7::timestamptz END)
  ON CONFLICT (node) DO UPDATE
    SET state = excluded.state, since = excluded.since, answer = excluded.answer, failures = excluded.failures,
        next_look_at = excluded.next_look_at, looked_at = excluded.looked_at, bars = coalesce($8, n.bars),
        filled_at = coalesce(excluded.filled_at, n.filled_at)`;

/** `bars`: how many it holds, where that was seen. `filled`: whether it had lost what it held, and has been filled again. */
export async function saveHealth(
  client: ClientBase,
  node: string,
  health: NodeHealth,
  seen: { bars?: number; filled?: boolean },
  at: Instant,
): Promise<void> {
  await client.query(SAVE, [
    node,
    health.state,
    toDate(health.since),
    health.answer,
    health.failures,
    pauseAfter(health),
    toDate(at),
    seen.bars ?? null,
    seen.filled ?? false,
  ]);
}

/** How many suspensions a node was not yet read to do as they are wanted; by the index `suspensions_live`. */
const WAITING = `
  SELECT each.node, count(*)::int AS waiting
  FROM unnest($1::text[]) AS each (node) CROSS JOIN suspensions s
  LEFT JOIN suspension_nodes n ON n.suspension_id = s.suspension_id AND n.node = each.node
  WHERE s.state IN ('wanted', 'applied', 'lifting') AND (s.state = 'lifting' OR n.barred IS NOT TRUE)
  GROUP BY each.node`;

export async function waitingOn(client: ClientBase, nodes: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await client.query<{ node: string; waiting: number }>(WAITING, [nodes]);
  return new Map(rows.map(({ node, waiting }) => [node, waiting]));
}
