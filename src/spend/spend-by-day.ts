/** What was spent on each day of a stretch, days as they are in the account's zone: by the ledger. */
import type { ClientBase } from 'pg';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { toDates } from '../ledger/usage-store.ts';
import { trafficSql } from './traffic-sql.ts';

/** Whose usage, from when (inclusive) to when (exclusive). */
export interface DailyQuestion {
  key: string;
  accountId: string;
  /** empty: of all services */
  serviceId: string;
  timeZone: string;
  from: Instant;
  to: Instant;
}

export interface DaySpend {
  /** such as `2010-03-14` */
  day: string;
  amount: Micros;
}

/**
 * An account's stretch of the index on (account_id, started_at) for each question, summed by its own days; the table's days
 * prune. OFFSET 0 keeps the planner, which knows little of young partitions, from going through them for all at once.
 */
const BY_DAY = (traffic: Traffic) => `
  SELECT w.key, (found.started_at AT TIME ZONE w.zone)::date::text AS day, sum(found.amount_micros)::bigint AS amount
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
           AS w (key, account_id, service_id, zone, from_at, to_at),
         LATERAL (SELECT u.started_at, u.amount_micros FROM usage u
                   WHERE u.account_id = w.account_id AND u.started_at >= w.from_at AND u.started_at < w.to_at
                     AND (w.service_id = '' OR u.service_id = w.service_id)
                     AND u.day BETWEEN $7 AND $8 AND ${trafficSql(traffic)} OFFSET 0) found
   GROUP BY 1, 2 ORDER BY 2`;

/** Answers each question by its key: the days that hold usage, the earliest first. */
export async function spendByDay(
  client: ClientBase,
  traffic: Traffic,
  questions: readonly DailyQuestion[],
): Promise<Map<string, DaySpend[]>> {
  const answers = new Map<string, DaySpend[]>(questions.map(({ key }) => [key, []]));
  if (questions.length === 0) return answers;
  const [, , firstDay, lastDay] = toDates(
    Math.min(...questions.map(({ from }) => from)),
    Math.max(...questions.map(({ to }) => to)),
  );
  const { rows } = await client.query<{ key: string; day: string; amount: string }>(BY_DAY(traffic), [
    questions.map(({ key }) => key),
    questions.map(({ accountId }) => accountId),
    questions.map(({ serviceId }) => serviceId),
    questions.map(({ timeZone }) => timeZone),
    questions.map(({ from }) => toDate(from)),
    questions.map(({ to }) => toDate(to)),
    firstDay,
    lastDay,
  ]);
  for (const { key, day, amount } of rows) answers.get(key)!.push({ day, amount: BigInt(amount) });
  return answers;
}
