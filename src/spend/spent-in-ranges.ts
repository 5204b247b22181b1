/** Which part of a stretch's money went to some number ranges: by the ledger. */
import type { ClientBase } from 'pg';
import type { Traffic } from '../destinations/traffic.ts';
import type { Micros } from '../kernel/money.ts';
import { asked, type SpentOnQuestion } from './spent-on.ts';
import { trafficSql } from './traffic-sql.ts';

export interface SpentInRanges {
  all: Micros;
  /** of it, by range */
  ranges: Map<string, Micros>;
}

/** As {@link spentOn} reads: an account's stretch of the index on (account_id, started_at) for each question. */
const BY_RANGE = (traffic: Traffic) => `
  SELECT w.key, r.range, sum(found.amount_micros)::bigint AS amount
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
           AS w (key, account_id, service_id, from_at, to_at),
         LATERAL (SELECT u.b_number, u.amount_micros FROM usage u
                   WHERE u.account_id = w.account_id AND u.started_at >= w.from_at AND u.started_at < w.to_at
                     AND (w.service_id = '' OR u.service_id = w.service_id)
                     AND u.day BETWEEN $6 AND $7 AND ${trafficSql(traffic)} OFFSET 0) found
         LEFT JOIN unnest($8::text[]) AS r (range) ON starts_with(found.b_number, r.range)
   GROUP BY 1, 2`;

/** Answers each question by its key. No range lies within another. */
export async function spentInRanges(
  client: ClientBase,
  traffic: Traffic,
  questions: readonly SpentOnQuestion[],
  ranges: readonly string[],
): Promise<Map<string, SpentInRanges>> {
  const answers = new Map(questions.map(({ key }) => [key, { all: 0n, ranges: new Map<string, Micros>() }]));
  const { rows } = await client.query<{ key: string; range: string | null; amount: string }>(BY_RANGE(traffic), [
    ...asked(questions),
    ranges,
  ]);
  for (const { key, range, amount } of rows) {
    const answer = answers.get(key)!;
    answer.all += BigInt(amount);
    if (range !== null) answer.ranges.set(range, BigInt(amount));
  }
  return answers;
}
