/**
 * What deviations did within some time, or in shadow mode would have done: for the billing team, before it lets them act.
 *
 * Whether they were right is what the case was found to be; where nobody has said, what happened afterwards: an account that
 * still uses the same destinations weeks later was likely itself. Money kept is what went to the case's destinations after
 * the first hold or suspension was, or would have been, in force; in `enforce` that is what slipped through.
 */
import type { ClientBase } from 'pg';
import { formatInstant, toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { dateOfDay, dayOf } from '../../ledger/usage-store.ts';

const DAY_MS = 86_400_000;
/** Usage after an action is looked at for so long. */
const AFTER_MS = 28 * DAY_MS;

export type Rightness = 'right' | 'false' | 'rating-error' | 'likely-false' | 'not-judged';

export interface ReportedAccount {
  account: string;
  name: string;
  segment: string;
  case: string;
  case_state: string;
  mode: string;
  /** the gravest that was decided */
  action: string;
  first_at: string;
  score: number;
  /** what it had cost by then */
  spend_then: string;
  /** what it cost after the first hold or suspension, to the same destinations, within 28 days */
  spend_after: string;
  currency: string;
  rightness: Rightness;
  explanation: string;
}

export interface DeviationReport {
  from: string;
  to: string;
  totals: {
    accounts: number;
    warned: number;
    held: number;
    suspended: number;
    right: number;
    false: number;
    likely_false: number;
    not_judged: number;
  };
  /** by currency: what right holds and suspensions kept, or would have kept, from the bill */
  kept: Record<string, string>;
  accounts: ReportedAccount[];
}

/**
 * One row a case: its gravest deviation, and the usage of its account to its destinations after the first that called for a
 * bar; by the index on (account_id, started_at), an account's stretch of it for each case.
 */
const CASES = `
  WITH decided AS (
    SELECT c.case_no, d.*, CASE WHEN d.action LIKE 'suspend:%' THEN 3 WHEN d.action = 'hold' THEN 2 ELSE 1 END AS level
      FROM decisions d JOIN case_decisions USING (decision_id) JOIN cases c USING (case_no)
     WHERE d.score IS NOT NULL AND d.at >= $1 AND d.at <= $2
  ), gravest AS (
    SELECT DISTINCT ON (case_no) * FROM decided ORDER BY case_no, level DESC, decision_no
  ), first_bar AS (
    SELECT case_no, min(at) AS at FROM decided WHERE level >= 2 GROUP BY case_no
  )
  SELECT c.case_no, c.state, c.account_id, a.name, a.segment, g.mode, g.level, g.at, g.score, g.spend_micros, g.currency,
         g.explanation, coalesce(after.amount, 0)::bigint AS after_micros, coalesce(after.weeks, 0)::int AS weeks
    FROM gravest g JOIN cases c USING (case_no) JOIN accounts a ON a.account_id = c.account_id
    LEFT JOIN first_bar b USING (case_no)
    LEFT JOIN LATERAL (
      SELECT sum(u.amount_micros) AS amount, count(DISTINCT date_trunc('week', u.started_at)) AS weeks
        FROM usage u
       WHERE u.account_id = c.account_id AND u.started_at > b.at AND u.started_at < b.at + $3::interval AND u.day BETWEEN $4 AND $5
         AND (u.country = ANY (c.countries) OR EXISTS (SELECT FROM unnest(c.ranges) AS r (range) WHERE starts_with(u.b_number, r.range)))
    ) after ON true
   ORDER BY c.case_no`;

interface Row {
  case_no: string;
  state: string;
  account_id: string;
  name: string;
  segment: string;
  mode: string;
  level: number;
  at: Date;
  score: number;
  spend_micros: string | null;
  currency: string;
  explanation: string;
  after_micros: string;
  weeks: number;
}

export async function reportDeviations(client: ClientBase, from: Instant, to: Instant): Promise<DeviationReport> {
  const { rows } = await client.query<Row>(CASES, [
    toDate(from),
    toDate(to),
    `${AFTER_MS} milliseconds`,
    dateOfDay(dayOf(from)),
    dateOfDay(dayOf(to + AFTER_MS)),
  ]);
  const count = (of: (row: Row) => boolean) => rows.filter(of).length;
  const kept = new Map<string, Micros>();
  for (const row of rows) {
    if (row.level < 2 || rightnessOf(row) !== 'right') continue;
    kept.set(row.currency, (kept.get(row.currency) ?? 0n) + BigInt(row.after_micros));
  }
  return {
    from: formatInstant(from),
    to: formatInstant(to),
    totals: {
      accounts: rows.length,
      warned: count(({ level }) => level === 1),
      held: count(({ level }) => level === 2),
      suspended: count(({ level }) => level === 3),
      right: count((row) => rightnessOf(row) === 'right'),
      false: count((row) => rightnessOf(row) === 'false'),
      likely_false: count((row) => rightnessOf(row) === 'likely-false'),
      not_judged: count((row) => rightnessOf(row) === 'not-judged'),
    },
    kept: Object.fromEntries([...kept].map(([currency, micros]) => [currency, formatAmount(micros)])),
    accounts: rows.map(shown),
  };
}

/** Usage of the same destinations in so many weeks after it shows a customer, not a thief. */
const WEEKS_OF_A_CUSTOMER = 4;

function rightnessOf({ state, weeks }: Pick<Row, 'state' | 'weeks'>): Rightness {
  if (state === 'confirmed-fraud') return 'right';
  if (state === 'legitimate') return 'false';
  if (state === 'rating-error') return 'rating-error';
  return weeks >= WEEKS_OF_A_CUSTOMER ? 'likely-false' : 'not-judged';
}

function shown(row: Row): ReportedAccount {
  const did = ['', 'warn', 'hold', 'suspend'][row.level]!;
  return {
    account: row.account_id,
    name: row.name,
    segment: row.segment,
    case: row.case_no,
    case_state: row.state,
    mode: row.mode,
    action: row.mode === 'shadow' ? `would have: ${did}` : did,
    first_at: formatInstant(row.at.getTime()),
    score: row.score,
    spend_then: formatAmount(BigInt(row.spend_micros ?? 0)),
    spend_after: formatAmount(BigInt(row.after_micros)),
    currency: row.currency,
    rightness: rightnessOf(row),
    explanation: row.explanation,
  };
}
