/** On which countries spend went: by the ledger, for the words of a warning and for evidence. */
import type { ClientBase } from 'pg';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { toDates } from '../ledger/usage-store.ts';
import { trafficSql } from './traffic-sql.ts';

export interface SpentOn {
  country: string;
  amount: Micros;
  calls: number;
  /** short messages */
  texts: number;
  /** of data */
  sessions: number;
}

/** Whose usage, from when (inclusive) to when (exclusive). */
export interface SpentOnQuestion {
  key: string;
  accountId: string;
  /** empty: of all services */
  serviceId: string;
  from: Instant;
  to: Instant;
}

/**
 * An account's stretch of the index on (account_id, started_at) for each question; days prune. OFFSET 0 keeps the planner,
 * which knows little of young partitions, from going through them for all questions at once.
 */
const BY_COUNTRY = (traffic: Traffic) => `
  SELECT w.key, found.country, sum(found.amount_micros)::bigint AS amount, count(*) FILTER (WHERE found.kind = 'voice')::int AS calls,
         count(*) FILTER (WHERE found.kind = 'sms')::int AS texts, count(*) FILTER (WHERE found.kind = 'data')::int AS sessions
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
           AS w (key, account_id, service_id, from_at, to_at),
         LATERAL (SELECT u.country, u.amount_micros, u.kind FROM usage u
                   WHERE u.account_id = w.account_id AND u.started_at >= w.from_at AND u.started_at < w.to_at
                     AND (w.service_id = '' OR u.service_id = w.service_id)
                     AND u.day BETWEEN $6 AND $7 AND ${trafficSql(traffic)} OFFSET 0) found
   GROUP BY 1, 2 ORDER BY amount DESC, 2`;

/** Questions as parameters `$1` to `$5`, and `$6` and `$7` the days that they lie in. */
export function asked(questions: readonly SpentOnQuestion[]): unknown[] {
  const [, , firstDay, lastDay] = toDates(
    Math.min(...questions.map(({ from }) => from)),
    Math.max(...questions.map(({ to }) => to)),
  );
  return [
    questions.map(({ key }) => key),
    questions.map(({ accountId }) => accountId),
    questions.map(({ serviceId }) => serviceId),
    questions.map(({ from }) => toDate(from)),
    questions.map(({ to }) => toDate(to)),
    firstDay,
    lastDay,
  ];
}

/** Answers each question by its key, the most expensive country first. */
export async function spentOn(
  client: ClientBase,
  traffic: Traffic,
  questions: readonly SpentOnQuestion[],
): Promise<Map<string, SpentOn[]>> {
  const answers = new Map<string, SpentOn[]>(questions.map(({ key }) => [key, []]));
  const { rows } = await client.query<Omit<SpentOn, 'amount'> & { key: string; amount: string }>(BY_COUNTRY(traffic), [
    ...asked(questions),
  ]);
  for (const { key, amount, ...spent } of rows) {
    answers.get(key)!.push({ ...spent, amount: BigInt(amount) });
  }
  return answers;
}
