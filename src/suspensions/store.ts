/** Suspensions in the database. Every change names the state it comes from, so that it happens once, whoever else is at it. */
import type { ClientBase } from 'pg';
import type { BarScope, HoldScope } from '../caps/barring.ts';
import type { Trigger } from '../decisions/decision.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { SuspensionState } from './states.ts';

/** Who asks for suspensions that no person asked for; a person is named with the key that they showed. */
export const BY_RULE = 'plafond';

/** A row of `suspensions` as it is stored. */
export interface SuspensionRow {
  suspension_no: string;
  suspension_id: string;
  account_id: string;
  class: BarScope;
  state: SuspensionState;
  decision_id: string | null;
  cap_id: string | null;
  period: string;
  reason: string;
  terms: string;
  requested_by: string;
  requested_at: Date;
  approved_by: string | null;
  approved_at: Date | null;
  /** the question of the guard for which it was held */
  guard_question: string | null;
  /** of one that waits for approval: what its customer is told then */
  told_when_approved: string | null;
  ends_at: Date | null;
  applied_at: Date | null;
  lift_trigger: string | null;
  lift_reason: string | null;
  lift_by: string | null;
  lift_wanted_at: Date | null;
  lifted_at: Date | null;
}

/** Which of these words, found on a switch, are ids of suspensions; by the primary key. */
const OURS = `SELECT suspension_id FROM suspensions WHERE suspension_id = ANY($1::uuid[])`;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function suspensionIdsAmong(client: ClientBase, found: readonly string[]): Promise<Set<string>> {
  const ids = found.filter((each) => UUID.test(each));
  if (ids.length === 0) return new Set();
  const { rows } = await client.query<{ suspension_id: string }>(OURS, [ids]);
  return new Set(rows.map((row) => row.suspension_id));
}

/** One suspension, which nobody else changes until the transaction ends; by the primary key. */
const LOCK = `SELECT * FROM suspensions WHERE suspension_id = $1 FOR UPDATE`;

export async function lockSuspension(client: ClientBase, id: string): Promise<SuspensionRow | undefined> {
  if (!UUID.test(id)) return undefined;
  const { rows } = await client.query<SuspensionRow>(LOCK, [id]);
  return rows[0];
}

/** One by hand that stands in the way of another by hand; by the index `suspensions_live`. */
const LIVE_BY_HAND = `
  SELECT suspension_id FROM suspensions
  WHERE account_id = $1 AND class = $2 AND state IN ('wanted', 'applied') AND requested_by <> '${BY_RULE}'
  ORDER BY suspension_no LIMIT 1`;

export async function liveByHand(
  client: ClientBase,
  accountId: string,
  barringClass: BarScope,
): Promise<string | undefined> {
  const { rows } = await client.query<{ suspension_id: string }>(LIVE_BY_HAND, [accountId, barringClass]);
  return rows[0]?.suspension_id;
}

/**
 * Holds in force of accounts that a suspension is read back to bar, at least as long: what ends with its period leaves a hold
 * that nobody has lifted. By the index `suspensions_live`.
 */
const HELD_AND_SUSPENDED = `
  SELECT h.suspension_id, h.account_id, h.class, s.class AS suspended, s.suspension_id AS suspension, a.home_country
    FROM suspensions h
    JOIN suspensions s ON s.account_id = h.account_id AND s.state = 'applied' AND s.suspension_id <> h.suspension_id
         AND s.class IN ('international', 'outgoing') AND (s.ends_at IS NULL OR h.ends_at <= s.ends_at)
    JOIN accounts a ON a.account_id = h.account_id
   WHERE h.state IN ('wanted', 'applied') AND (h.class LIKE 'country:%' OR h.class LIKE 'prefix:%')
   ORDER BY h.suspension_no LIMIT 500 FOR UPDATE OF h SKIP LOCKED`;

export async function lockHoldsUnderSuspension(client: ClientBase): Promise<
  {
    suspension_id: string;
    account_id: string;
    class: HoldScope;
    suspended: BarScope;
    suspension: string;
    home_country: string;
  }[]
> {
  const { rows } = await client.query(HELD_AND_SUSPENDED);
  return rows;
}

/** Whether anything of an account is barred, is being lifted, or waits for approval; by the index `suspensions_of_account`. */
export async function hasOpenSuspension(client: ClientBase, accountId: string): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM suspensions WHERE account_id = $1 AND state IN ('awaiting-approval', 'wanted', 'applied', 'lifting') LIMIT 1`,
    [accountId],
  );
  return rows.length > 0;
}

/** What a person asks for. */
export interface SuspensionByHand {
  id: string;
  accountId: string;
  class: BarScope;
  decisionId: string;
  reason: string;
  /** the contract's clause, where there is one */
  terms: string;
  requestedBy: string;
  requestedAt: Instant;
  /** undefined: until lifted by hand */
  endsAt: Instant | undefined;
}

const INSERT_BY_HAND = `
  INSERT INTO suspensions (suspension_id, account_id, class, state, decision_id, reason, terms, requested_by, requested_at, ends_at)
  VALUES ($1, $2, $3, 'wanted', $4, $5, $6, $7, $8, $9) RETURNING *`;

export async function insertByHand(client: ClientBase, asked: SuspensionByHand): Promise<SuspensionRow> {
  const { rows } = await client.query<SuspensionRow>(INSERT_BY_HAND, [
    asked.id,
    asked.accountId,
    asked.class,
    asked.decisionId,
    asked.reason,
    asked.terms,
    asked.requestedBy,
    toDate(asked.requestedAt),
    asked.endsAt === undefined ? null : toDate(asked.endsAt),
  ]);
  return rows[0]!;
}

/** Approves those that wait. The caller holds their locks. */
const APPROVE = `
  UPDATE suspensions SET state = 'wanted', approved_by = $2, approved_at = $3
  WHERE suspension_id = ANY($1::uuid[]) AND state = 'awaiting-approval' RETURNING *`;

export async function approveSuspensions(
  client: ClientBase,
  ids: readonly string[],
  actor: string,
  at: Instant,
): Promise<SuspensionRow[]> {
  const { rows } = await client.query<SuspensionRow>(APPROVE, [ids, actor, toDate(at)]);
  return rows;
}

/**
 * Ends suspensions: those that wait for approval are declined and have not touched the switch; the others are to be
 * lifted from it. What is over already, or being lifted, stays as it was. The caller holds their locks.
 */
const END = `
  UPDATE suspensions
  SET state = CASE state WHEN 'awaiting-approval' THEN 'declined' ELSE 'lifting' END,
      lift_trigger = $2, lift_by = $3, lift_wanted_at = $5,
      lift_reason = CASE state WHEN 'awaiting-approval' THEN coalesce($6, $4) ELSE $4 END
  WHERE suspension_id = ANY($1::uuid[]) AND state IN ('awaiting-approval', 'wanted', 'applied')
  RETURNING *`;

export interface Ending {
  trigger: Trigger;
  by: string;
  reason: string;
  /** where another reason is told of those that nobody had approved */
  reasonOfDecline?: string;
  at: Instant;
}

export async function endSuspensions(
  client: ClientBase,
  ids: readonly string[],
  { trigger, by, reason, reasonOfDecline, at }: Ending,
): Promise<SuspensionRow[]> {
  const { rows } = await client.query<SuspensionRow>(END, [
    ids,
    trigger,
    by,
    reason,
    toDate(at),
    reasonOfDecline ?? null,
  ]);
  return rows;
}

/**
 * Suspensions whose time is over, locked until the transaction ends; what another process has locked is left to it, and one
 * whose account was removed once keeps no other from being lifted. By the index `suspensions_due`.
 */
const DUE = `
  SELECT suspension_id FROM suspensions
  WHERE ends_at <= $1 AND state IN ('awaiting-approval', 'wanted', 'applied')
    AND ($3 OR state = 'awaiting-approval' OR requested_by <> '${BY_RULE}')
    AND EXISTS (SELECT FROM accounts a WHERE a.account_id = suspensions.account_id)
  ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED`;

/** Without `rules`, those that a rule asked for and that bar calls are left out. */
export async function lockDue(client: ClientBase, now: Instant, limit: number, rules = true): Promise<string[]> {
  const { rows } = await client.query<{ suspension_id: string }>(DUE, [toDate(now), limit, rules]);
  return rows.map((row) => row.suspension_id);
}

/** How many that a rule asked for are due to be lifted; by the index `suspensions_due`. */
const DUE_BY_RULE = `
  SELECT count(*)::int AS due FROM suspensions
  WHERE ends_at <= $1 AND state IN ('wanted', 'applied') AND requested_by = '${BY_RULE}'`;

export async function countDueByRule(client: ClientBase, now: Instant): Promise<number> {
  const { rows } = await client.query<{ due: number }>(DUE_BY_RULE, [toDate(now)]);
  return rows[0]!.due;
}
