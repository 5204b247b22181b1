/** Counters in PostgreSQL: spend of a subject on a traffic class in a calendar period, always the sum over the ledger. */
import type { ClientBase } from 'pg';
import { integerArray, textArray } from '../database/array-literal.ts';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { calendarPeriod, type Calendar, type CalendarPeriod, type Period } from '../kernel/period.ts';
import { droppedDays } from '../ledger/partitions.ts';
import { trafficSql } from './traffic-sql.ts';

const DAY_MS = 86_400_000;

export interface CounterDelta {
  /** names the counter among those of a batch */
  key: string;
  accountId: string;
  /** the service whose own cap it counts under; empty: the account */
  serviceId: string;
  traffic: Traffic;
  period: Period;
  from: Instant;
  delta: Micros;
  /** a spend below which nobody needs to look at it: the lowest threshold of its cap */
  lookFrom: Micros;
}

/**
 * Adds to counters, and answers those that are, or were before, at the spend from which somebody must look. Whoever adds
 * holds the accounts' shards, so nobody else makes the same counter meanwhile, and a MERGE, which looks for each once where
 * ON CONFLICT looks twice, is safe. HOT by fillfactor. The arrays come from subselects, so that it is planned once a
 * connection: a plan for as many as there are would be no other.
 */
const ADD = {
  name: 'add-to-counters',
  text: `
  WITH added AS (
    MERGE INTO counters AS c
    USING unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[]), (SELECT $5::timestamptz[]),
                 (SELECT $6::bigint[]), (SELECT $7::bigint[]))
          AS d (account_id, service_id, traffic, period, period_start, spend_micros, look_from_micros)
       ON c.account_id = d.account_id AND c.period_start = d.period_start AND c.period = d.period
          AND c.traffic = d.traffic AND c.service_id = d.service_id
    WHEN MATCHED THEN UPDATE SET spend_micros = c.spend_micros + d.spend_micros, look_from_micros = d.look_from_micros
    WHEN NOT MATCHED THEN INSERT (account_id, service_id, traffic, period, period_start, spend_micros, look_from_micros)
         VALUES (d.account_id, d.service_id, d.traffic, d.period, d.period_start, d.spend_micros, d.look_from_micros)
    RETURNING c.account_id, c.service_id, c.traffic, c.period, c.period_start, coalesce(old.spend_micros, 0) AS before,
              new.spend_micros AS after, new.look_from_micros)
  SELECT account_id, service_id, traffic, period, (extract(epoch FROM period_start) * 1000)::bigint AS from_ms, before
    FROM added WHERE greatest(before, after) >= look_from_micros`,
};

/**
 * Adds each delta to its counter. Answers what the counters were before that reach, or had reached, the spend from which
 * somebody must look; the others have crossed nothing.
 */
export async function addToCounters(client: ClientBase, deltas: CounterDelta[]): Promise<Map<string, Micros>> {
  const befores = new Map<string, Micros>();
  if (deltas.length === 0) return befores;
  const starts = new Map<Instant, string>();
  const startOf = (from: Instant) => {
    let start = starts.get(from);
    if (start === undefined) starts.set(from, (start = toDate(from).toISOString()));
    return start;
  };
  // In the order of the key, neighbours lie on the same pages: a fifth cheaper than in that of the file.
  deltas.sort((a, b) => (a.accountId < b.accountId ? -1 : a.accountId > b.accountId ? 1 : 0));
  const { rows } = await client.query<CounterRow & { before: string }>({
    ...ADD,
    values: [
      textArray(deltas.map((d) => d.accountId)),
      textArray(deltas.map((d) => d.serviceId)),
      textArray(deltas.map((d) => d.traffic)),
      textArray(deltas.map((d) => d.period)),
      textArray(deltas.map((d) => startOf(d.from))),
      integerArray(deltas.map((d) => d.delta)),
      integerArray(deltas.map((d) => d.lookFrom)),
    ],
  });
  for (const row of rows) befores.set(keyOf(row), BigInt(row.before));
  return befores;
}

/** Counters of these accounts whose periods begin after `$2` and no later than `$3`; by their key. */
const SPENT = {
  name: 'spent-so-far',
  text: `
    SELECT account_id, service_id, traffic, period, (extract(epoch FROM period_start) * 1000)::bigint AS from_ms, spend_micros
      FROM counters WHERE account_id = ANY ((SELECT $1::text[])::text[]) AND period_start > $2 AND period_start <= $3`,
};
const PERIOD_MS_MAX = 32 * DAY_MS;

/** What counters hold that usage can move: read when the accounts' shards were locked, nobody moves them meanwhile. */
export interface SpentSoFar {
  accounts: ReadonlySet<string>;
  after: Instant;
  upTo: Instant;
  spent: ReadonlyMap<string, Micros>;
}

/** The counters of `accounts` in whose periods usage of these days (since 1970-01-01, UTC) lies. */
export async function spentSoFar(
  client: ClientBase,
  accounts: ReadonlySet<string>,
  days: ReadonlySet<number>,
): Promise<SpentSoFar> {
  const after = Math.min(...days) * DAY_MS - PERIOD_MS_MAX;
  const latest = (Math.max(...days) + 1) * DAY_MS;
  if (days.size === 0) return { accounts, after, upTo: after, spent: new Map() };
  const { rows } = await client.query<CounterRow & { spend_micros: string }>({
    ...SPENT,
    values: [textArray([...accounts]), toDate(after).toISOString(), toDate(latest).toISOString()],
  });
  const spent = new Map(rows.map((row) => [keyOf(row), BigInt(row.spend_micros)]));
  return { accounts, after, upTo: latest, spent };
}

/** Whether it is known that nobody must look at a counter before and after it moves. */
export function staysBelow({ accounts, after, upTo, spent }: SpentSoFar, delta: CounterDelta): boolean {
  if (!accounts.has(delta.accountId) || delta.from <= after || delta.from > upTo) return false;
  const before = spent.get(delta.key) ?? 0n;
  return before < delta.lookFrom && before + delta.delta < delta.lookFrom;
}

interface CounterRow {
  account_id: string;
  service_id: string;
  traffic: string;
  period: string;
  from_ms: string;
}

function keyOf(row: CounterRow): string {
  return counterKey(row.account_id, row.service_id, row.traffic, row.period, Number(row.from_ms));
}

/** Names a counter, or a rolling window, which begins nowhere. */
export function counterKey(
  accountId: string,
  serviceId: string,
  traffic: string,
  period: string,
  from: Instant | undefined,
): string {
  return `${accountId}\u0000${serviceId}\u0000${traffic}\u0000${period}\u0000${from ?? ''}`;
}

/** The periods of `usage`, `$1` to `$4`: their cut is made by kernel/period.ts alone, since PostgreSQL may know other clocks. */
const PERIODS = `
  SELECT p.time_zone, p.cycle_day, p.from_at, p.to_at, d::date AS day
    FROM unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::timestamptz[]) AS p (time_zone, cycle_day, from_at, to_at),
         generate_series((p.from_at AT TIME ZONE 'UTC')::date, (p.to_at AT TIME ZONE 'UTC')::date, '1 day') AS d`;

/** The caps that hold, and with them what is counted ahead of others. */
const HOLDING = 'caps';
const HOLDING_OR_AHEAD = `
  (SELECT scope_kind, scope_value, traffic, period, currency FROM caps
   UNION ALL SELECT scope_kind, scope_value, traffic, period, currency FROM counting_ahead)`;

/** Whether one of `caps` of a meter holds for the account `a` as a whole. */
const isCounted = (traffic: Traffic, period: Period, caps: string) => `
  EXISTS (SELECT FROM ${caps} c
           WHERE c.traffic = '${traffic}' AND c.period = '${period}' AND c.currency = a.currency
             AND (c.scope_kind = 'everyone' OR (c.scope_kind = 'segment' AND c.scope_value = a.segment)
                  OR (c.scope_kind = 'account' AND c.scope_value = a.account_id)))`;

/**
 * What the counters of a meter ought to be: the ledger's sums, for accounts that a cap of that meter holds for, with a
 * service that has such a cap of its own counted apart. `$5` limits the accounts; NULL means all. In this order, which
 * OFFSET keeps: accounts are few beside usage, and so are periods; both at once, each account in each period, are not.
 */
function recounted(traffic: Traffic, period: Period, caps: string): string {
  return `
    WITH periods AS MATERIALIZED (${PERIODS})
    SELECT account_id, service_id, '${traffic}' AS traffic, '${period}' AS period, period_start, sum(amount_micros)::bigint AS spend_micros
      FROM (SELECT u.account_id, CASE WHEN own.scope_value IS NULL THEN '' ELSE u.service_id END AS service_id,
                   p.from_at AS period_start, u.amount_micros
              FROM (SELECT u.account_id, u.service_id, u.day, u.started_at, u.amount_micros, a.currency, a.time_zone, a.cycle_day,
                           a.is_counted
                      FROM usage u
                      JOIN (SELECT a.*, ${isCounted(traffic, period, caps)} AS is_counted
                              FROM accounts a WHERE $5::text[] IS NULL OR a.account_id = ANY ($5) OFFSET 0) a
                           ON a.account_id = u.account_id
                     WHERE u.day >= (SELECT (min(from_at) AT TIME ZONE 'UTC')::date FROM unnest($3::timestamptz[]) AS from_at)
                       AND ${trafficSql(traffic)} AND ($5::text[] IS NULL OR u.account_id = ANY ($5)) OFFSET 0) u
              JOIN periods p ON p.day = u.day AND p.time_zone = u.time_zone
                   ${period === 'month' ? 'AND p.cycle_day = u.cycle_day' : ''} AND u.started_at >= p.from_at AND u.started_at < p.to_at
              LEFT JOIN caps own ON own.scope_kind = 'service' AND own.scope_value = u.service_id AND u.service_id <> ''
                   AND own.traffic = '${traffic}' AND own.period = '${period}' AND own.currency = u.currency
             WHERE own.scope_value IS NOT NULL OR u.is_counted) counted
     GROUP BY account_id, service_id, period_start`;
}

/** The planner takes periods for few and what lies in them for less, and would go through all of them for each record. */
async function withoutLoops<T>(client: ClientBase, ask: () => Promise<T>): Promise<T> {
  await client.query('SET LOCAL enable_nestloop = off');
  const answer = await ask();
  await client.query('SET LOCAL enable_nestloop = on');
  return answer;
}

/** Periods as {@link PERIODS} takes them. */
type PeriodColumns = [timeZones: string[], cycleDays: number[], froms: Date[], tos: Date[]];

/**
 * The periods that the ledger's days are in, for each way in which the accounts' are cut; and apart from them those of
 * which it lacks a day, since retention has dropped it: they can't be counted again, and their counters stay.
 */
async function periodsOfLedger(
  client: ClientBase,
  period: Period,
  accounts: readonly string[] | undefined,
  since = -Infinity,
): Promise<{ whole: PeriodColumns; lacking: PeriodColumns }> {
  const { rows: calendars } = await client.query<{ time_zone: string; cycle_day: number }>(
    `SELECT DISTINCT time_zone, ${period === 'month' ? 'cycle_day' : '1::smallint'} AS cycle_day FROM accounts
      WHERE $1::text[] IS NULL OR account_id = ANY ($1)`,
    [accounts ?? null],
  );
  const { rows: days } = await client.query<{ day: Date }>(
    `SELECT to_timestamp(substring(relid::regclass::text FROM '\\d{4}_\\d{2}_\\d{2}$') || ' UTC', 'YYYY_MM_DD TZ') AS day
       FROM pg_partition_tree('usage') WHERE isleaf ORDER BY day`,
  );
  const dropped = await droppedDays(client);
  const whole: PeriodColumns = [[], [], [], []];
  const lacking: PeriodColumns = [[], [], [], []];
  for (const { time_zone: timeZone, cycle_day: cycleDay } of calendars) {
    const lacks = new Set<Instant>();
    for (const day of dropped) {
      for (const each of periodsBetween(period, day, day + DAY_MS, { timeZone, cycleDay })) {
        if (!lacks.has(each.from)) addTo(lacking, each, timeZone, cycleDay);
        lacks.add(each.from);
      }
    }
    // One record of many years ago makes a day of its own, not all the days since.
    let upTo = -Infinity;
    for (const { day } of days) {
      const end = day.getTime() + DAY_MS;
      for (const each of periodsBetween(period, Math.max(day.getTime(), upTo), end, { timeZone, cycleDay })) {
        upTo = each.to;
        if (each.to > since && !lacks.has(each.from)) addTo(whole, each, timeZone, cycleDay);
      }
    }
  }
  return { whole, lacking };
}

function* periodsBetween(period: Period, from: Instant, to: Instant, calendar: Calendar): Generator<CalendarPeriod> {
  for (let at = from; at < to;) {
    const cut = calendarPeriod(period as 'day' | 'week' | 'month', at, calendar);
    yield cut;
    at = cut.to;
  }
}

function addTo(columns: PeriodColumns, { from, to }: CalendarPeriod, timeZone: string, cycleDay: number): void {
  columns[0].push(timeZone);
  columns[1].push(cycleDay);
  columns[2].push(toDate(from));
  columns[3].push(toDate(to));
}

/** Which counters `c` can be counted again; the periods that lack a day are parameters from `$n` on. */
const countable = (period: Period, n: number) => `
  NOT EXISTS (SELECT FROM unnest($${n}::text[], $${n + 1}::smallint[], $${n + 2}::timestamptz[]) AS l (time_zone, cycle_day, from_at)
                JOIN accounts a ON a.time_zone = l.time_zone ${period === 'month' ? 'AND a.cycle_day = l.cycle_day' : ''}
               WHERE a.account_id = c.account_id AND l.from_at = c.period_start)`;

/**
 * Makes a meter's counters anew from the ledger, as far as it goes back, or those of periods that run at `since` or later; for
 * `accounts`, or for all. Nobody may be counting meanwhile.
 */
export async function recount(
  client: ClientBase,
  traffic: Traffic,
  period: Period,
  accounts: readonly string[] | undefined,
  since?: Instant,
): Promise<void> {
  const { whole, lacking } = await periodsOfLedger(client, period, accounts, since);
  await client.query(
    `DELETE FROM counters c
      WHERE traffic = $2 AND period = $3 AND ($1::text[] IS NULL OR account_id = ANY ($1)) AND ${countable(period, 4)}`,
    [accounts ?? null, traffic, period, ...lacking.slice(0, 3)],
  );
  await withoutLoops(client, () =>
    client.query(
      `INSERT INTO counters (account_id, service_id, traffic, period, period_start, spend_micros) ${recounted(traffic, period, HOLDING_OR_AHEAD)}`,
      [...whole, accounts ?? null],
    ),
  );
}

/** Lets go the counters of accounts of which no cap needs them any more. Nobody may be counting meanwhile. */
export async function forgetUncounted(client: ClientBase, traffic: Traffic, period: Period): Promise<void> {
  const { lacking } = await periodsOfLedger(client, period, undefined);
  await client.query(
    `DELETE FROM counters c
      WHERE c.traffic = $1 AND c.period = $2 AND c.service_id = '' AND ${countable(period, 3)}
        AND NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = c.account_id AND ${isCounted(traffic, period, HOLDING_OR_AHEAD)})`,
    [traffic, period, ...lacking.slice(0, 3)],
  );
}

export interface CounterDifference {
  account_id: string;
  service_id: string;
  traffic: string;
  period: string;
  period_start: Date;
  counted: string | null;
  ledger: string | null;
}

/**
 * Where a meter's counters and the ledger differ, of `accounts` or of all; an absent counter and a sum of nothing are equal. What is counted ahead of
 * a cap may not be whole yet.
 */
export async function differences(
  client: ClientBase,
  traffic: Traffic,
  period: Period,
  accounts?: readonly string[],
): Promise<CounterDifference[]> {
  const { whole, lacking } = await periodsOfLedger(client, period, accounts);
  const { rows } = await withoutLoops(client, () =>
    client.query<CounterDifference>(
      `SELECT account_id, service_id, $6 AS traffic, $7 AS period, period_start, c.spend_micros AS counted, l.spend_micros AS ledger
       FROM (SELECT * FROM counters c
              WHERE traffic = $6 AND period = $7 AND ($5::text[] IS NULL OR account_id = ANY ($5)) AND ${countable(period, 8)}) c
       FULL JOIN (${recounted(traffic, period, HOLDING)}) l USING (account_id, service_id, period_start)
      WHERE coalesce(c.spend_micros, 0) <> coalesce(l.spend_micros, 0)
        AND (l.spend_micros IS NOT NULL OR NOT EXISTS (SELECT FROM counting_ahead ahead WHERE ahead.traffic = $6 AND ahead.period = $7))`,
      [...whole, accounts ?? null, traffic, period, ...lacking.slice(0, 3)],
    ),
  );
  return rows;
}
