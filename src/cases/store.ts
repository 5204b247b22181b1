/** Cases in PostgreSQL. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { EPISODE_MS, type CaseKind, type CaseState } from './case.ts';

/** A row of `cases` as it is stored. */
export interface CaseRow {
  case_no: string;
  kind: CaseKind;
  account_id: string;
  state: CaseState;
  opened_at: Date;
  from_at: Date;
  last_at: Date;
  ranges: string[];
  countries: string[];
  summary: string;
  state_at: Date | null;
  state_by: string | null;
  state_why: string | null;
}

/** A decision that belongs to a case of its account, or makes one. */
export interface CasePart {
  accountId: string;
  decisionId: string;
  at: Instant;
  /** whether it makes a case where none is open */
  opens: boolean;
  /** when what it is about began */
  from: Instant;
  ranges: readonly string[];
  countries: readonly string[];
  summary: string;
}

/**
 * An open case that nobody settled, and nothing came to for an episode, is over; but for one of which a hold or suspension
 * that has no end of its own is in force, or asked about: its verdict ends that. By `cases_open_of_account`.
 */
const CLOSE_STALE = `
  WITH over AS (
    UPDATE cases SET state = 'closed', state_at = $2, state_by = 'plafond', state_why = 'nothing came to it any more'
     WHERE kind = 'account' AND state = 'open' AND account_id = ANY ($1) AND last_at < $3
       AND NOT EXISTS (SELECT FROM case_decisions d JOIN suspensions s USING (decision_id)
                        WHERE d.case_no = cases.case_no AND s.cap_id IS NULL AND s.requested_by = 'plafond'
                          AND s.state IN ('awaiting-approval', 'wanted', 'applied'))
     RETURNING case_no, state_why
  )
  INSERT INTO case_events (case_no, at, by, what, why) SELECT case_no, $2, 'plafond', 'closed', state_why FROM over`;

/** One open case an account: what comes while it is open widens it. In the order of the accounts. */
const OPEN = `
  INSERT INTO cases AS c (kind, account_id, state, opened_at, from_at, last_at, ranges, countries, summary)
  SELECT 'account', account_id, 'open', at, from_at, at, string_to_array(ranges, ','), string_to_array(countries, ','), summary
    FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
           AS p (account_id, at, from_at, ranges, countries, summary)
   ORDER BY account_id
  ON CONFLICT (account_id) WHERE state = 'open' AND kind = 'account' DO UPDATE
     SET last_at = greatest(c.last_at, excluded.last_at), from_at = least(c.from_at, excluded.from_at),
         ranges = ARRAY(SELECT DISTINCT unnest(c.ranges || excluded.ranges) ORDER BY 1),
         countries = ARRAY(SELECT DISTINCT unnest(c.countries || excluded.countries) ORDER BY 1)
  RETURNING case_no, account_id`;

/** Accounts that a deviation held or suspended, or would have, in cases that something came to since then and nobody has judged. */
export async function unjudgedSince(client: ClientBase, since: Instant): Promise<Set<string>> {
  const { rows } = await client.query<{ account_id: string }>(
    `SELECT DISTINCT c.account_id FROM cases c
      WHERE c.kind = 'account' AND c.state IN ('open', 'closed') AND c.last_at >= $1
        AND EXISTS (SELECT FROM case_decisions cd JOIN decisions d USING (decision_id)
                     WHERE cd.case_no = c.case_no AND d.score IS NOT NULL AND (d.action = 'hold' OR d.action LIKE 'suspend:%'))`,
    [toDate(since)],
  );
  return new Set(rows.map(({ account_id }) => account_id));
}

/** Decisions to the open case of their account, and with them what was decided for it in the days before. */
const JOIN = `
  WITH joined AS (
    UPDATE cases c SET last_at = greatest(last_at, p.at)
      FROM (SELECT account_id, max(at) AS at FROM unnest($1::text[], $2::timestamptz[]) AS p (account_id, at) GROUP BY 1) p
     WHERE c.account_id = p.account_id AND c.kind = 'account' AND c.state = 'open'
    RETURNING c.case_no, c.account_id, c.opened_at
  )
  INSERT INTO case_decisions (decision_id, case_no)
  SELECT d.decision_id, j.case_no FROM joined j JOIN decisions d ON d.account_id = j.account_id AND d.at >= j.opened_at - $3::interval
   ORDER BY d.decision_id
  ON CONFLICT (decision_id) DO NOTHING`;

/** Puts decisions of one transaction into their cases. The parts of an account come in their order. */
export async function joinCases(client: ClientBase, parts: readonly CasePart[]): Promise<void> {
  if (parts.length === 0) return;
  const at = Math.max(...parts.map((part) => part.at));
  const accounts = [...new Set(parts.map(({ accountId }) => accountId))].toSorted();
  const opening = new Map<string, CasePart>();
  for (const part of parts) {
    if (!part.opens) continue;
    const before = opening.get(part.accountId);
    opening.set(part.accountId, before ? together(before, part) : part);
  }
  await client.query(CLOSE_STALE, [accounts, toDate(at), toDate(at - EPISODE_MS)]);
  const made = [...opening.values()];
  if (made.length > 0) {
    await client.query(OPEN, [
      made.map((p) => p.accountId),
      made.map((p) => toDate(p.at)),
      made.map((p) => toDate(p.from)),
      made.map((p) => p.ranges.join(',')),
      made.map((p) => p.countries.join(',')),
      made.map((p) => p.summary),
    ]);
  }
  await client.query(JOIN, [
    parts.map(({ accountId }) => accountId),
    parts.map((part) => toDate(part.at)),
    `${EPISODE_MS} milliseconds`,
  ]);
}

/** Puts decisions on bars into the case of the decision that wanted the bar (`cause`), where it has one. */
export async function joinCaseOfCause(
  client: ClientBase,
  decided: readonly { decisionId: string; cause: string | null }[],
): Promise<void> {
  await client.query(
    `INSERT INTO case_decisions (decision_id, case_no)
     SELECT p.decision_id, c.case_no
       FROM unnest($1::uuid[], $2::uuid[]) AS p (decision_id, cause) JOIN case_decisions c ON c.decision_id = p.cause
      ORDER BY 1
     ON CONFLICT (decision_id) DO NOTHING`,
    [decided.map(({ decisionId }) => decisionId), decided.map(({ cause }) => cause)],
  );
}

function together(a: CasePart, b: CasePart): CasePart {
  return {
    ...a,
    from: Math.min(a.from, b.from),
    ranges: [...new Set([...a.ranges, ...b.ranges])],
    countries: [...new Set([...a.countries, ...b.countries])],
  };
}

/** A case of a number range, for everyone. */
export async function openTariffCase(
  client: ClientBase,
  { ranges, from, summary }: { ranges: readonly string[]; from: Instant; summary: string },
  at: Instant,
): Promise<string> {
  const { rows } = await client.query<{ case_no: string }>(
    `INSERT INTO cases (kind, account_id, state, opened_at, from_at, last_at, ranges, summary)
     VALUES ('tariff', '', 'open', $1, $2, $1, $3, $4) RETURNING case_no`,
    [toDate(at), toDate(from), ranges, summary],
  );
  return rows[0]!.case_no;
}

/** Has a tariff case be about one range more. */
export async function widenTariffCase(
  client: ClientBase,
  caseNo: string,
  { range, from, summary }: { range: string; from: Instant; summary: string },
  at: Instant,
): Promise<void> {
  await client.query(
    `UPDATE cases SET ranges = ranges || $2::text, from_at = least(from_at, $3), last_at = $4, summary = $5 WHERE case_no = $1`,
    [caseNo, range, toDate(from), toDate(at), summary],
  );
}

/** The tariff case, if it holds its brake still, that was opened for ranges of an account's case when that was found to be wrongly rated; locked. */
export async function lockBrakeOfCase(client: ClientBase, { from_at, state_at }: CaseRow): Promise<string | undefined> {
  const { rows } = await client.query<{ case_no: string }>(
    `SELECT c.case_no FROM cases c
      WHERE c.kind = 'tariff' AND c.state IN ('open', 'rating-error') AND c.opened_at = $1 AND c.from_at = $2
        AND EXISTS (SELECT FROM tariff_brakes b WHERE b.case_no = c.case_no AND b.kind = 'by-hand' AND b.released_at IS NULL)
      FOR NO KEY UPDATE`,
    [state_at, from_at],
  );
  return rows[0]?.case_no;
}

/** One case, which nobody else changes until the transaction ends. What a brake holds may still be noted with it: whoever does holds the guard. */
export async function lockCase(client: ClientBase, caseNo: string): Promise<CaseRow | undefined> {
  const { rows } = await client.query<CaseRow>('SELECT * FROM cases WHERE case_no = $1 FOR NO KEY UPDATE', [caseNo]);
  return rows[0];
}

/** What `cases` is at: all that was said of it, by people, customers and Plafond. For a query of cases. */
export const CASE_VERSION = '(SELECT count(*)::int FROM case_events e WHERE e.case_no = cases.case_no)';

export async function caseVersion(client: ClientBase, caseNo: string): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT ${CASE_VERSION} AS version FROM cases WHERE case_no = $1`,
    [caseNo],
  );
  return rows[0]!.version;
}

/** The case that a decision belongs to. */
export async function caseOfDecision(client: ClientBase, decisionId: string): Promise<string | undefined> {
  const { rows } = await client.query<{ case_no: string }>(
    'SELECT case_no FROM case_decisions WHERE decision_id = $1',
    [decisionId],
  );
  return rows[0]?.case_no;
}

export async function setCaseState(
  client: ClientBase,
  caseNo: string,
  { state, by, why, at }: { state: CaseState; by: string; why: string; at: Instant },
): Promise<void> {
  await client.query('UPDATE cases SET state = $2, state_by = $3, state_why = $4, state_at = $5 WHERE case_no = $1', [
    caseNo,
    state,
    by,
    why,
    toDate(at),
  ]);
}

export interface CaseEvent {
  caseNo: string;
  at: Instant;
  by: string;
  /** such as a verdict, or `customer-said-us` */
  what: string;
  why: string;
  /** what it changed */
  facts: Record<string, unknown>;
}

export async function addCaseEvent(client: ClientBase, { caseNo, at, by, what, why, facts }: CaseEvent): Promise<void> {
  await client.query('INSERT INTO case_events (case_no, at, by, what, why, facts) VALUES ($1, $2, $3, $4, $5, $6)', [
    caseNo,
    toDate(at),
    by,
    what,
    why,
    JSON.stringify(facts),
  ]);
}

/** Of accounts what is not to be learnt: usage within cases that were found to be fraud or wrongly rated. */
export interface NotToLearn {
  accountId: string;
  from: Instant;
  to: Instant;
  ranges: readonly string[];
  countries: readonly string[];
  /** places that its deviations were about, as their evidence names them */
  places: readonly { kind: string; country: string }[];
  /** whether it is about how many calls were made */
  dialled: boolean;
}

/** By `cases_not_learnt`. */
const NOT_TO_LEARN = `
  SELECT c.account_id, c.from_at, c.state_at, c.ranges, c.countries, o.places, o.dialled
    FROM cases c CROSS JOIN LATERAL (
      SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', p -> 'kind', 'country', p -> 'country')) FILTER (WHERE p IS NOT NULL), '[]') AS places,
             coalesce(bool_or(d.evidence ->> 'family' = 'calls'), false) AS dialled
        FROM case_decisions cd JOIN decisions d USING (decision_id)
        LEFT JOIN LATERAL jsonb_array_elements(d.evidence -> 'places') AS p ON true
       WHERE cd.case_no = c.case_no AND d.evidence IS NOT NULL) o
   WHERE c.account_id = ANY ($1::text[]) AND c.kind = 'account' AND c.state IN ('confirmed-fraud', 'rating-error') ORDER BY c.case_no`;

export async function notToLearn(client: ClientBase, accountIds: readonly string[]): Promise<NotToLearn[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await client.query<
    Pick<CaseRow, 'account_id' | 'from_at' | 'state_at' | 'ranges' | 'countries'> &
      Pick<NotToLearn, 'places' | 'dialled'>
  >(NOT_TO_LEARN, [accountIds]);
  return rows.map(({ account_id, from_at, state_at, ...about }) => ({
    accountId: account_id,
    from: from_at.getTime(),
    to: state_at!.getTime(),
    ...about,
  }));
}

/** The accounts that have such a case. */
export async function accountsNotToLearn(client: ClientBase): Promise<Set<string>> {
  const { rows } = await client.query<{ account_id: string }>(
    `SELECT account_id FROM cases WHERE kind = 'account' AND state IN ('confirmed-fraud', 'rating-error')`,
  );
  return new Set(rows.map(({ account_id }) => account_id));
}

/** The accounts that were attacked on a tariff case's ranges, each with the case of its own: but for those that were found to be none. */
const ATTACKED = `
  SELECT * FROM cases
   WHERE kind = 'account' AND state IN ('open', 'closed', 'confirmed-fraud') AND last_at >= $1
     AND EXISTS (SELECT FROM unnest(ranges) AS r (range), unnest($2::text[]) AS t (range) WHERE starts_with(r.range, t.range))`;

/**
 * The number blocks (all but the last three digits) that an account called within a case, and not in the 60 days before it;
 * by the index on (account_id, started_at). Of a tariff's case those on its ranges that attacked accounts called: the ranges
 * themselves are wide, and most who call there are honest.
 */
export async function blocksOfCase(client: ClientBase, row: CaseRow): Promise<string[]> {
  const { kind, from_at, ranges, countries } = row;
  const isOne = kind === 'account';
  const own = isOne ? [row] : (await client.query<CaseRow>(ATTACKED, [from_at, ranges])).rows;
  const { rows } = await client.query<{ block: string }>(
    `SELECT block, min(first_at) FROM (
       SELECT c.account_id, left(b_number, -3) AS block, min(started_at) AS first_at
         FROM unnest($1::text[], $2::timestamptz[]) AS c (account_id, from_at) JOIN usage u USING (account_id)
        WHERE started_at >= c.from_at - interval '60 days' AND b_number ~ '^[+][0-9]{7,}$'
          AND (country = ANY ($3) OR EXISTS (SELECT FROM unnest($4::text[]) AS r (range) WHERE starts_with(b_number, range)))
        GROUP BY 1, 2 HAVING min(started_at) >= min(c.from_at)) u
      GROUP BY block ORDER BY 2 LIMIT 100`,
    [own.map(({ account_id }) => account_id), own.map((each) => each.from_at), countries, ranges],
  );
  return [...new Set([...(isOne ? ranges : []), ...rows.map(({ block }) => block)])];
}
