/**
 * What deviations did within some time, or in shadow mode would have done: for the billing team, before it lets them act.
 *
 * Whether they were right is what the case was found to be; where nobody has said, what happened afterwards: an account that
 * still uses the same destinations weeks later was likely itself. What went to the case's destinations after the first hold or
 * suspension is, in shadow mode, what a bar would have kept from the bill, as far as it had a number to bar; else it was spent all the
 * same, past the bar or while it waited for a person. What a bar has kept nobody knows: usage that did not happen costs nothing.
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
  /** when the first hold or suspension was decided; of a case that only warned, the first warning */
  first_at: string;
  /** of the gravest */
  score: number;
  /** what it had cost at `first_at` */
  spend_then: string;
  /** what it cost after that, where it was a hold or suspension: to the same destinations, within 28 days and before the account's next case */
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
    /** and of each of them, by its gravest deviation and by what it was found to be */
    cases: number;
    warned: number;
    held: number;
    suspended: number;
    right: number;
    false: number;
    likely_false: number;
    rating_error: number;
    not_judged: number;
  };
  /** by currency: what right holds and suspensions of shadow mode would have kept from the bill */
  kept: Record<string, string>;
  /** by currency: what was spent all the same after right holds and suspensions that were not only recorded */
  spent_past: Record<string, string>;
  /** a case each */
  accounts: ReportedAccount[];
}

/**
 * One row a case: its gravest deviation, the first that called for a bar (of a case without one, its first), and the usage of its
 * account to its destinations, or from where it was used, after that bar; by the index on (account_id, started_at), an account's stretch of it for each case.
 * A case's money ends where the account's next one begins, so that it counts once; its weeks go on, since they tell who it was.
 */
const CASES = `
  WITH decided AS (
    SELECT c.case_no, c.account_id AS of_account, d.*,
           CASE WHEN d.action LIKE 'suspend:%' THEN 3 WHEN d.action = 'hold' THEN 2 ELSE 1 END AS level
      FROM decisions d JOIN case_decisions USING (decision_id) JOIN cases c USING (case_no)
     WHERE d.score IS NOT NULL AND d.at >= $1 AND d.at <= $2
  ), gravest AS (
    SELECT DISTINCT ON (case_no) * FROM decided ORDER BY case_no, level DESC, decision_no
  ), first AS (
    SELECT DISTINCT ON (case_no) case_no, of_account, at, level, mode, spend_micros,
           level = 3 OR coalesce(jsonb_array_length(evidence -> 'bars'), 0) > 0 AS bars
      FROM decided ORDER BY case_no, level >= 2 DESC, decision_no
  ), following AS (
    SELECT *, lead(at) OVER (PARTITION BY of_account ORDER BY at, case_no) AS next_at FROM first
  ), abroad AS (
    SELECT case_no, array_agg(DISTINCT p ->> 'country') AS countries FROM decided CROSS JOIN jsonb_array_elements(evidence -> 'places') AS p
     WHERE p ->> 'kind' = 'roaming' GROUP BY case_no
  )
  SELECT c.case_no, c.state, c.account_id, a.name, a.segment, g.mode, g.level, b.at, b.mode AS first_mode, b.bars, g.score,
         b.spend_micros, g.currency, g.explanation, coalesce(after.amount, 0)::bigint AS after_micros, coalesce(after.weeks, 0)::int AS weeks
    FROM gravest g JOIN cases c USING (case_no) JOIN accounts a ON a.account_id = c.account_id JOIN following b USING (case_no)
    LEFT JOIN abroad f USING (case_no)
    LEFT JOIN LATERAL (
      SELECT sum(u.amount_micros) FILTER (WHERE b.next_at IS NULL OR u.started_at <= b.next_at) AS amount,
             count(DISTINCT date_trunc('week', u.started_at)) AS weeks
        FROM usage u
       WHERE b.level >= 2 AND u.account_id = c.account_id AND u.started_at > b.at AND u.started_at < b.at + $3::interval
         AND u.day BETWEEN $4 AND $5
         AND (u.country = ANY (c.countries) OR EXISTS (SELECT FROM unnest(c.ranges) AS r (range) WHERE starts_with(u.b_number, r.range))
              OR u.origin_country = ANY (f.countries))
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
  first_mode: string;
  bars: boolean;
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
  const sums = { kept: new Map<string, Micros>(), past: new Map<string, Micros>() };
  for (const row of rows) {
    if (row.level < 2 || rightnessOf(row) !== 'right') continue;
    // What has no number to bar would have kept nothing.
    if (row.first_mode === 'shadow' && !row.bars) continue;
    const sum = row.first_mode === 'shadow' ? sums.kept : sums.past;
    sum.set(row.currency, (sum.get(row.currency) ?? 0n) + BigInt(row.after_micros));
  }
  return {
    from: formatInstant(from),
    to: formatInstant(to),
    totals: {
      accounts: new Set(rows.map((row) => row.account_id)).size,
      cases: rows.length,
      warned: count(({ level }) => level === 1),
      held: count(({ level }) => level === 2),
      suspended: count(({ level }) => level === 3),
      right: count((row) => rightnessOf(row) === 'right'),
      false: count((row) => rightnessOf(row) === 'false'),
      likely_false: count((row) => rightnessOf(row) === 'likely-false'),
      rating_error: count((row) => rightnessOf(row) === 'rating-error'),
      not_judged: count((row) => rightnessOf(row) === 'not-judged'),
    },
    kept: byCurrency(sums.kept),
    spent_past: byCurrency(sums.past),
    accounts: rows.map(shown),
  };
}

function byCurrency(sums: ReadonlyMap<string, Micros>): Record<string, string> {
  return Object.fromEntries([...sums].map(([currency, micros]) => [currency, formatAmount(micros)]));
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
