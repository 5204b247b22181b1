/** The numbers on which most of a stretch's spend went: by the ledger. */
import type { ClientBase } from 'pg';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { toDates } from '../ledger/usage-store.ts';
import { trafficSql } from './traffic-sql.ts';

export interface NumberSpend {
  number: string;
  country: string;
  /** calls, texts and sessions */
  uses: number;
  texts: number;
  amount: Micros;
}

/** An account's stretch of the index on (account_id, started_at). */
const DEAREST = (traffic: Traffic) => `
  SELECT u.b_number AS number, u.country, count(*)::int AS uses, count(*) FILTER (WHERE u.kind = 'sms')::int AS texts, sum(u.amount_micros)::bigint AS amount
    FROM usage u
   WHERE u.account_id = $1 AND ($2 = '' OR u.service_id = $2) AND u.started_at >= $3 AND u.started_at < $4
     AND u.day BETWEEN $5 AND $6 AND ${trafficSql(traffic)}
   GROUP BY 1, 2 ORDER BY amount DESC, 1 LIMIT $7`;

/** The dearest first. */
export async function dearestNumbers(
  client: ClientBase,
  traffic: Traffic,
  { accountId, serviceId, from, to }: { accountId: string; serviceId: string; from: Instant; to: Instant },
  limit: number,
): Promise<NumberSpend[]> {
  const [, , firstDay, lastDay] = toDates(from, to);
  const { rows } = await client.query<Omit<NumberSpend, 'amount'> & { amount: string }>(DEAREST(traffic), [
    accountId,
    serviceId,
    toDate(from),
    toDate(to),
    firstDay,
    lastDay,
    limit,
  ]);
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
}
