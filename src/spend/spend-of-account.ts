/** What an account spent, straight from the ledger: every period that holds usage, newest first. */
import type { ClientBase } from 'pg';
import type { Account } from '../accounts/account.ts';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { calendarPeriod, rollingHours, rollingName, type Period, LONGEST_PERIOD_MS } from '../kernel/period.ts';
import { trafficSql } from './traffic-sql.ts';

export interface SpendQuery {
  traffic: Traffic;
  period: Period;
  /** periods that end after this */
  from?: Instant;
  /** periods that begin before this */
  to?: Instant;
}

export interface PeriodSpend {
  traffic: Traffic;
  /** its name */
  period: string;
  from: Instant;
  to: Instant;
  spend: Micros;
  currency: string;
}

/** An account's usage of a class, by start; carried by the index on (account_id, started_at). */
const starts = (traffic: Traffic) => `
  SELECT (extract(epoch FROM u.started_at) * 1000)::bigint AS started_ms, sum(u.amount_micros)::bigint AS amount_micros
    FROM usage u
   WHERE u.account_id = $1 AND u.started_at >= $2 AND u.started_at < $3
     AND u.day BETWEEN ($2::timestamptz AT TIME ZONE 'UTC')::date AND ($3::timestamptz AT TIME ZONE 'UTC')::date
     AND ${trafficSql(traffic)}
   GROUP BY 1 ORDER BY 1`;

const EARLIEST: Instant = 946_684_800_000; // 2000-01-01T00:00:00Z
const LATEST: Instant = 4_102_444_800_000; // 2100-01-01T00:00:00Z

export async function spendOf(client: ClientBase, account: Account, query: SpendQuery): Promise<PeriodSpend[]> {
  const { traffic, period, from = EARLIEST, to = LATEST } = query;
  const hours = rollingHours(period);
  const reach = hours === undefined ? LONGEST_PERIOD_MS : hours * 3_600_000;
  const { rows } = await client.query<{ started_ms: string; amount_micros: string }>(starts(traffic), [
    account.accountId,
    toDate(Math.max(from - reach, EARLIEST)),
    toDate(Math.min(hours === undefined ? to + reach : to, LATEST)),
  ]);
  const usage = rows.map((row) => ({ startedAt: Number(row.started_ms), amount: BigInt(row.amount_micros) }));
  const periods = hours === undefined ? calendarSpend(usage, period, account) : rollingSpend(usage, hours, account);
  return periods
    .filter((each) => each.to > from && each.from < to)
    .map((each) => ({
      traffic,
      period: each.name,
      from: each.from,
      to: each.to,
      spend: each.spend,
      currency: account.currency,
    }))
    .toReversed();
}

type NamedSpend = { name: string; from: Instant; to: Instant; spend: Micros };
type Usage = { startedAt: Instant; amount: Micros };

function calendarSpend(usage: readonly Usage[], period: Period, account: Account): NamedSpend[] {
  const periods: NamedSpend[] = [];
  for (const { startedAt, amount } of usage) {
    const cut = calendarPeriod(period as 'day' | 'week' | 'month', startedAt, account);
    const last = periods.at(-1);
    if (last?.from === cut.from) last.spend += amount;
    else periods.push({ ...cut, spend: amount });
  }
  return periods;
}

/** Rolling windows are listed where they end with a record: between two records their spend only falls. */
function rollingSpend(usage: readonly Usage[], hours: number, account: Account): NamedSpend[] {
  const length = hours * 3_600_000;
  let head = 0;
  let spend = 0n;
  return usage.map(({ startedAt, amount }) => {
    spend += amount;
    while (usage[head]!.startedAt <= startedAt - length) spend -= usage[head++]!.amount;
    return { name: rollingName(startedAt, account), from: startedAt - length, to: startedAt, spend };
  });
}
