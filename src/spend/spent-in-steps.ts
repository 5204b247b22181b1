/** What was spent step by step in a period, and what is usual in one: for the chart of a warning, by the ledger. */
import type { ClientBase } from 'pg';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { calendarPeriod, type Calendar } from '../kernel/period.ts';
import { asked, type SpentOnQuestion } from './spent-on.ts';
import { trafficSql } from './traffic-sql.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A step of a stretch: an hour of up to two days, a day of more. */
export function stepOf(from: Instant, to: Instant): number {
  return to - from <= 2 * DAY_MS ? HOUR_MS : DAY_MS;
}

/** As `spentOn` goes through the index, but summed by step: its number counts from the question's beginning. */
const BY_STEP = (traffic: Traffic) => `
  SELECT w.key, floor(extract(epoch FROM found.started_at - w.from_at) * 1000 / w.step_ms)::int AS step,
         sum(found.amount_micros)::bigint AS amount
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $8::bigint[])
           AS w (key, account_id, service_id, from_at, to_at, step_ms),
         LATERAL (SELECT u.started_at, u.amount_micros FROM usage u
                   WHERE u.account_id = w.account_id AND u.started_at >= w.from_at AND u.started_at < w.to_at
                     AND (w.service_id = '' OR u.service_id = w.service_id)
                     AND u.day BETWEEN $6 AND $7 AND ${trafficSql(traffic)} OFFSET 0) found
   GROUP BY 1, 2 ORDER BY 1, 2`;

/**
 * Answers each question by its key: what was spent by the end of each step in which something was, the earliest first; where
 * nothing was for a while before it, that ends with a step of nothing, so that what is drawn of it stays level until then.
 */
export async function spentInSteps(
  client: ClientBase,
  traffic: Traffic,
  questions: readonly SpentOnQuestion[],
): Promise<Map<string, { until: Instant; amount: Micros }[]>> {
  const answers = new Map<string, { until: Instant; amount: Micros }[]>(questions.map(({ key }) => [key, []]));
  const questionOf = new Map(questions.map((question) => [question.key, question]));
  const { rows } = await client.query<{ key: string; step: number; amount: string }>(BY_STEP(traffic), [
    ...asked(questions),
    questions.map(({ from, to }) => stepOf(from, to)),
  ]);
  for (const { key, step, amount } of rows) {
    const { from, to } = questionOf.get(key)!;
    const steps = answers.get(key)!;
    const begins = from + step * stepOf(from, to);
    if (begins > (steps.at(-1)?.until ?? from)) steps.push({ until: begins, amount: 0n });
    steps.push({ until: begins + stepOf(from, to), amount: BigInt(amount) });
  }
  return answers;
}

const PERIODS_BEFORE = 3;

/** The counters of the periods before; by the primary key. */
const BEFORE = `
  SELECT w.key, sum(c.spend_micros)::bigint AS spent, count(*) AS periods
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
           AS w (key, account_id, service_id, traffic, period, period_start)
    JOIN counters c ON c.account_id = w.account_id AND c.period_start = w.period_start AND c.period = w.period
                   AND c.traffic = w.traffic AND c.service_id = w.service_id
   GROUP BY 1`;

export interface UsualQuestion extends SpentOnQuestion {
  traffic: Traffic;
  period: 'day' | 'week' | 'month';
  calendar: Calendar;
}

/**
 * What each subject spent in the three periods before, on average; a key without history is not among the answers. From the
 * counters under caps that hold: their spend costs one look each, whatever was used.
 */
export async function usuallySpent(
  client: ClientBase,
  questions: readonly UsualQuestion[],
): Promise<Map<string, Micros>> {
  const starts = questions.flatMap((question) =>
    periodsBefore(question).map((from) => ({ ...question, from: toDate(from) })),
  );
  if (starts.length === 0) return new Map();
  const { rows } = await client.query<{ key: string; spent: string; periods: string }>(BEFORE, [
    starts.map(({ key }) => key),
    starts.map(({ accountId }) => accountId),
    starts.map(({ serviceId }) => serviceId),
    starts.map(({ traffic }) => traffic),
    starts.map(({ period }) => period),
    starts.map(({ from }) => from),
  ]);
  return new Map(rows.map(({ key, spent, periods }) => [key, BigInt(spent) / BigInt(periods)]));
}

function periodsBefore({ period, from, calendar }: UsualQuestion): Instant[] {
  const starts: Instant[] = [];
  for (let before = from; starts.length < PERIODS_BEFORE;) {
    before = calendarPeriod(period, before - 1, calendar).from;
    starts.push(before);
  }
  return starts;
}
