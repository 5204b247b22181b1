/** The guard in the database: its settings, what it has let pass, and its questions. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { GuardSettings } from './guard.ts';
import { BY_RULE } from './store.ts';

const HOUR_MS = 3_600_000;
const MONTH_MS = 31 * 24 * HOUR_MS;
const COUNTED_MS_MAX = 600_000;

export interface GuardRow {
  version: number;
  per_hour: number;
  percent: string;
  at_least: number;
  active_accounts: string | null;
  active_counted_at: Date | null;
}

export function settingsOf(row: GuardRow): GuardSettings {
  return { perHour: row.per_hour, percent: Number(row.percent), atLeast: row.at_least };
}

/**
 * The guard, which is the caller's until the transaction ends: nobody else suspends by rule meanwhile, so what is counted
 * after this stands. Taken after the locks of accounts and before those of suspensions and of evidence, by everyone.
 */
export async function lockGuard(client: ClientBase): Promise<GuardRow> {
  const { rows } = await client.query<GuardRow>('SELECT * FROM guard FOR UPDATE');
  return rows[0]!;
}

export async function readGuard(client: ClientBase): Promise<GuardRow> {
  const { rows } = await client.query<GuardRow>('SELECT * FROM guard');
  return rows[0]!;
}

/** What rules have made since, without a person's yes; by the index `suspensions_by_rule`. */
const MADE = `
  SELECT count(*)::int AS made FROM suspensions
   WHERE requested_by = '${BY_RULE}' AND guard_question IS NULL AND approved_by IS NULL AND requested_at > $1
     AND state NOT IN ('awaiting-approval', 'declined')`;

/** What tariff brakes held back and has been carried out since, where they let go; released brakes are few. */
const LET_GO = `
  SELECT count(DISTINCT s.suspension_id)::int AS made
    FROM tariff_brakes b JOIN braked_decisions d USING (case_no)
    JOIN suspensions s ON s.decision_id = d.decision_id AND s.approved_at = b.released_at
   WHERE b.released_at > $1 AND s.guard_question IS NULL`;

/** Accounts that have a counter of a period which began within the last month; an index-only scan of the counters' key. */
const ACTIVE = `
  SELECT count(*)::bigint AS active FROM (SELECT FROM counters WHERE period_start > $1 GROUP BY account_id) seen`;

/** How many bars rules have made within the hour before. */
export async function madeByRules(client: ClientBase, at: Instant): Promise<number> {
  const since = [toDate(at - HOUR_MS)];
  const { rows: made } = await client.query<{ made: number }>(MADE, since);
  const { rows: letGo } = await client.query<{ made: number }>(LET_GO, since);
  return made[0]!.made + letGo[0]!.made;
}

/** As they were counted last, if that was within ten minutes: counting is a second's work for a million accounts. */
export async function activeAccounts(client: ClientBase, guard: GuardRow, at: Instant): Promise<number> {
  if (isCounted(guard, at)) return Number(guard.active_accounts);
  const { rows } = await client.query<{ active: string }>(ACTIVE, [toDate(at - MONTH_MS)]);
  return Number(rows[0]!.active);
}

function isCounted({ active_accounts: known, active_counted_at: countedAt }: GuardRow, at: Instant): boolean {
  return known !== null && countedAt !== null && at - countedAt.getTime() < COUNTED_MS_MAX;
}

/** Remembers a count that was made just now. The caller holds the guard. */
export async function keepActiveAccounts(
  client: ClientBase,
  guard: GuardRow,
  active: number,
  at: Instant,
): Promise<void> {
  if (isCounted(guard, at)) return;
  await client.query('UPDATE guard SET active_accounts = $1, active_counted_at = $2', [active, toDate(at)]);
}

export async function changeGuard(client: ClientBase, { perHour, percent, atLeast }: GuardSettings): Promise<GuardRow> {
  const { rows } = await client.query<GuardRow>(
    'UPDATE guard SET version = version + 1, per_hour = $1, percent = $2, at_least = $3 RETURNING *',
    [perHour, percent, atLeast],
  );
  return rows[0]!;
}

export interface QuestionRow {
  question_no: string;
  question_id: string;
  state: 'open' | 'answered' | 'settled';
  asked_at: Date;
  held: number;
  reason: string;
  answer: 'all' | 'some' | 'none' | null;
  approved: number | null;
  declined: number | null;
  answer_reason: string | null;
  closed_at: Date | null;
  closed_by: string | null;
}

/** Puts `held` more under the question that is open, or opens one. The caller holds the guard. */
export async function addToQuestion(
  client: ClientBase,
  id: string,
  held: number,
  reason: string,
  at: Instant,
): Promise<QuestionRow> {
  const { rows } = await client.query<QuestionRow>(
    `INSERT INTO guard_questions (question_id, asked_at, held, reason) VALUES ($1, $2, $3, $4)
     ON CONFLICT ((true)) WHERE state = 'open' DO UPDATE SET held = guard_questions.held + excluded.held
     RETURNING *`,
    [id, toDate(at), held, reason],
  );
  return rows[0]!;
}

export async function questionOf(client: ClientBase, id: string): Promise<QuestionRow | undefined> {
  const { rows } = await client.query<QuestionRow>('SELECT * FROM guard_questions WHERE question_id = $1', [id]);
  return rows[0];
}

export async function openQuestion(client: ClientBase): Promise<QuestionRow | undefined> {
  const { rows } = await client.query<QuestionRow>(`SELECT * FROM guard_questions WHERE state = 'open'`);
  return rows[0];
}

/** Has bars that wait for something else wait for the answer from now on. The caller holds their locks. */
export async function holdForAnswer(
  client: ClientBase,
  suspensions: readonly string[],
  question: string,
): Promise<void> {
  await client.query('UPDATE suspensions SET guard_question = $2 WHERE suspension_id = ANY ($1::uuid[])', [
    suspensions,
    question,
  ]);
}

/** What waits for the answer, in the order in which it was held, locked until the transaction ends. */
export async function lockWaiting(
  client: ClientBase,
  question: string,
): Promise<{ suspension_id: string; account_id: string; ends_at: Date | null }[]> {
  const { rows } = await client.query<{ suspension_id: string; account_id: string; ends_at: Date | null }>(
    `SELECT suspension_id, account_id, ends_at FROM suspensions
      WHERE guard_question = $1 AND state = 'awaiting-approval' ORDER BY suspension_no FOR UPDATE`,
    [question],
  );
  return rows;
}

export async function countWaiting(client: ClientBase, question: string): Promise<number> {
  const { rows } = await client.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM suspensions WHERE guard_question = $1 AND state = 'awaiting-approval'`,
    [question],
  );
  return rows[0]!.waiting;
}

/** How a question ends: by an answer, or since nothing waits for one any more. */
export type QuestionEnd =
  | {
      state: 'answered';
      answer: 'all' | 'some' | 'none';
      approved: number;
      declined: number;
      reason: string;
      by: string;
    }
  | { state: 'settled' };

export async function closeQuestion(client: ClientBase, id: string, end: QuestionEnd, at: Instant): Promise<void> {
  const answered = end.state === 'answered' ? end : undefined;
  await client.query(
    `UPDATE guard_questions
        SET state = $2, closed_at = $3, answer = $4, approved = $5, declined = $6, answer_reason = $7, closed_by = $8
      WHERE question_id = $1`,
    [
      id,
      end.state,
      toDate(at),
      answered?.answer ?? null,
      answered?.approved ?? null,
      answered?.declined ?? null,
      answered?.reason ?? null,
      answered?.by ?? null,
    ],
  );
}
