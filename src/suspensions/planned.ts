/** Suspensions as rules decide them, and as they are lifted again when what caused them is no more. */
import type { ClientBase } from 'pg';
import type { BarringClass, BarScope } from '../caps/barring.ts';
import type { Decision } from '../decisions/decision.ts';
import { toDate, type Instant } from '../kernel/clock.ts';

export interface PlannedSuspension {
  id: string;
  decision: Decision;
  class: BarScope;
  state: 'wanted' | 'awaiting-approval';
  endsAt: Instant | undefined;
  terms: string;
  /** of one that waits: what its customer is told when it is approved; undefined: nothing */
  toldWhenApproved: string | undefined;
}

const INSERT_SUSPENSIONS = `
  INSERT INTO suspensions (suspension_id, account_id, class, state, decision_id, cap_id, period, reason, terms, ends_at,
                           guard_question, told_when_approved, requested_by, requested_at)
  SELECT *, 'plafond', $13::timestamptz
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                $10::timestamptz[], $11::uuid[], $12::text[])
  ON CONFLICT DO NOTHING`;

/** Those that the guard holds wait for the answer to `question`. */
export async function insertSuspensions(
  client: ClientBase,
  suspensions: readonly PlannedSuspension[],
  question: string | undefined,
  at: Instant,
): Promise<void> {
  if (suspensions.length === 0) return;
  await client.query(INSERT_SUSPENSIONS, [
    suspensions.map((s) => s.id),
    suspensions.map((s) => s.decision.accountId),
    suspensions.map((s) => s.class),
    suspensions.map((s) => s.state),
    suspensions.map((s) => s.decision.id),
    suspensions.map((s) => s.decision.capId || null),
    suspensions.map((s) => s.decision.period),
    suspensions.map((s) => s.decision.explanation),
    suspensions.map((s) => s.terms),
    suspensions.map((s) => (s.endsAt === undefined ? null : toDate(s.endsAt))),
    suspensions.map((s) => (s.decision.trigger === 'guard' ? question : null)),
    suspensions.map((s) => s.toldWhenApproved ?? null),
    toDate(at),
  ]);
}

/** Lifts what the crossing of a cap's threshold had suspended; what still waits for approval is declined. */
const LIFT = `
  UPDATE suspensions s
     SET state = CASE s.state WHEN 'awaiting-approval' THEN 'declined' ELSE 'lifting' END,
         lift_trigger = r.trigger, lift_reason = r.explanation, lift_by = 'plafond', lift_wanted_at = $6
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::numeric[], $5::text[], $7::text[])
           AS r (account_id, cap_id, period, threshold, trigger, explanation), decisions d
   WHERE s.account_id = r.account_id AND s.cap_id = r.cap_id AND s.period = r.period
     AND d.decision_id = s.decision_id AND d.threshold = r.threshold
     AND s.state IN ('awaiting-approval', 'wanted', 'applied')
  RETURNING s.account_id`;

/** Lifts what `restored` decisions undo; answers the accounts. */
export async function liftSuspensions(
  client: ClientBase,
  restored: readonly Decision[],
  at: Instant,
): Promise<string[]> {
  if (restored.length === 0) return [];
  const { rows } = await client.query<{ account_id: string }>(LIFT, [
    restored.map((d) => d.accountId),
    restored.map((d) => d.capId),
    restored.map((d) => d.period),
    restored.map((d) => d.threshold ?? null),
    restored.map((d) => d.trigger),
    toDate(at),
    restored.map((d) => d.explanation),
  ]);
  return rows.map((row) => row.account_id);
}

/** By `suspensions_of_account` and the crossings' own key. */
const MOVE_ENDS = `
  UPDATE suspensions s SET ends_at = ends.at
    FROM decisions d, crossings x, caps c, LATERAL (
           SELECT CASE c.definition ->> 'reinstate' WHEN 'period-end' THEN x.period_end END AS at) ends
   WHERE s.account_id = ANY ($1) AND s.state IN ('awaiting-approval', 'wanted', 'applied') AND d.decision_id = s.decision_id
     AND x.account_id = s.account_id AND x.cap_id = s.cap_id AND x.percent = d.threshold AND x.period = s.period
     AND x.uncrossed_at IS NULL AND c.cap_id = s.cap_id AND s.ends_at IS DISTINCT FROM ends.at`;

/**
 * Has suspensions end when they do now: with their period, where that ends at another instant since its account is cut
 * otherwise, or by hand alone.
 */
export async function moveEnds(client: ClientBase, accountIds: readonly string[]): Promise<void> {
  await client.query(MOVE_ENDS, [accountIds]);
}

/** By a correction, or a change of caps or accounts. */
const AGAIN: readonly string[] = ['correction', 'manual'];

/** Whether a suspension waits for a person because its rule asks one, and neither for the guard nor for a tariff brake. */
export const IS_ASKED_FOR = `
  s.state = 'awaiting-approval' AND s.guard_question IS NULL
  AND NOT EXISTS (SELECT FROM braked_decisions b JOIN cases c USING (case_no)
                   WHERE b.decision_id = s.decision_id AND c.state IN ('open', 'rating-error'))`;

/** By `suspensions_of_account`. */
const ASKED_FOR = `
  SELECT DISTINCT s.account_id, s.period, d.threshold::float8 AS percent FROM suspensions s JOIN decisions d USING (decision_id)
   WHERE s.account_id = ANY ($1) AND s.cap_id = $2 AND ${IS_ASKED_FOR}`;

/** The crossings of a cap about whose suspensions a person is asked. */
export async function askedFor(
  client: ClientBase,
  accountIds: readonly string[],
  capId: string,
): Promise<{ account_id: string; period: string; percent: number }[]> {
  if (accountIds.length === 0) return [];
  return (await client.query(ASKED_FOR, [accountIds, capId])).rows;
}

/** A bar that waits and was asked for by a cap; whether its threshold is `reached` still. */
export interface WaitingOfCap {
  suspension_id: string;
  account_id: string;
  cap_id: string;
  service_id: string;
  percent: number;
  class: BarringClass;
  reached: boolean;
}

/** By the primary key, and the crossings' own. */
const OF_CAPS = `
  SELECT s.suspension_id, s.account_id, s.cap_id, s.class, d.service_id, d.threshold::float8 AS percent,
         EXISTS (SELECT FROM crossings x WHERE x.account_id = s.account_id AND x.cap_id = s.cap_id AND x.percent = d.threshold
                    AND x.period = s.period AND x.uncrossed_at IS NULL) AS reached
    FROM suspensions s JOIN decisions d USING (decision_id)
   WHERE s.suspension_id = ANY ($1::uuid[]) AND s.state = 'awaiting-approval' AND s.cap_id IS NOT NULL`;

/** Those of these suspensions that wait and were asked for by caps. */
export async function capsOfWaiting(client: ClientBase, ids: readonly string[]): Promise<WaitingOfCap[]> {
  if (ids.length === 0) return [];
  return (await client.query<WaitingOfCap>(OF_CAPS, [ids])).rows;
}

/** By `suspensions_of_account`. What a person is asked about counts for nothing where the cap asks nobody any more. */
const STANDING = `
  SELECT p.no::int, s.suspension_id, s.is_asked_for AND p.mode = 'enforce' AS is_outdone, s.is_told
    FROM unnest($1::text[], $2::uuid[], $3::numeric[], $4::text[], $5::text[], $6::text[])
           WITH ORDINALITY AS p (account_id, cap_id, threshold, class, period, mode, no),
         LATERAL (SELECT s.suspension_id, s.ends_at, s.period, s.told_when_approved IS NOT NULL AS is_told,
                         ${IS_ASKED_FOR} AS is_asked_for
                    FROM suspensions s JOIN decisions d USING (decision_id)
                   WHERE s.account_id = p.account_id AND s.cap_id = p.cap_id AND s.class = p.class AND d.threshold = p.threshold
                     AND s.state IN ('awaiting-approval', 'wanted', 'applied')) s
   WHERE s.ends_at IS NULL OR (s.is_asked_for AND p.mode = 'enforce' AND s.period = p.period)`;

/**
 * A suspension that stands where one is wanted; `outdone`: it waits for a person, who is not asked any more; `told`: its
 * customer was told what had been reached.
 */
export interface Standing<Bar> {
  bar: Bar;
  suspension: string;
  outdone: boolean;
  told: boolean;
}

/**
 * What stands already: what a cap has barred that is lifted by hand only stays when spend falls below its threshold, and
 * is not barred, or asked about, a second time when spend is there again.
 */
export async function standingAmong<Bar extends Pick<PlannedSuspension, 'decision' | 'class'>>(
  client: ClientBase,
  wanted: readonly Bar[],
): Promise<Standing<Bar>[]> {
  const again = wanted.filter(({ decision: { trigger } }) => AGAIN.includes(trigger));
  if (again.length === 0) return [];
  const { rows } = await client.query<{ no: number; suspension_id: string; is_outdone: boolean; is_told: boolean }>(
    STANDING,
    [
      again.map((s) => s.decision.accountId),
      again.map((s) => s.decision.capId || null),
      again.map((s) => s.decision.threshold ?? null),
      again.map((s) => s.class),
      again.map((s) => s.decision.period),
      again.map((s) => s.decision.mode),
    ],
  );
  return rows.map(({ no, suspension_id: suspension, is_outdone: outdone, is_told: told }) => ({
    bar: again[no - 1]!,
    suspension,
    outdone,
    told,
  }));
}
