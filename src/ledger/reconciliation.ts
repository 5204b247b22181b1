/**
 * Reconciliation: what near real time had, held against what the nightly file brought, day by day. By the ledger alone: a
 * final version stands there beside the amount and the import of the version that it superseded (`near_…`).
 */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { calendarPeriod } from '../kernel/period.ts';
import { dateOfDay } from './usage-store.ts';

const DAY_MS = 86_400_000;

/** `only-near` was not in the nightly file, `only-nightly` had not come near real time. */
export type Comparison = 'equal' | 'different' | 'only-near' | 'only-nightly';

/** Records of one day, currency, country, tariff and first feed that compare alike. */
export interface ReconciliationLine {
  /** in the zone of the accounts: `2010-03-14` */
  day: string;
  currency: string;
  country: string;
  /** of the version that holds; empty where its origin does not say */
  tariff: string;
  /** the feed that brought the records first */
  feed: string;
  comparison: Comparison;
  records: number;
  near: Micros;
  nightly: Micros;
  /** the sum of what each record differs by, without its sign */
  apart: Micros;
}

/** One record that does not compare equal. */
export interface UnequalRecord {
  record_id: string;
  account: string;
  started_at: Date;
  day: string;
  currency: string;
  country: string;
  tariff: string;
  feed: string;
  comparison: Comparison;
  near_micros: string | null;
  nightly_micros: string | null;
}

/** What is compared: which days of which origin, and how far the last of them reaches. */
export interface Reconciled {
  origin: string;
  importIds: readonly string[];
  /** days since 1970-01-01 (UTC) on which these imports brought final versions */
  days: readonly number[];
  /** when the last of the imports began; days that were not over then count up to the latest final start */
  begunAt: Instant;
}

export async function keepFinalDays(client: ClientBase, importId: string, days: Iterable<number>): Promise<void> {
  const dates = [...days].toSorted((a, b) => a - b).map(dateOfDay);
  if (dates.length === 0) return;
  await client.query('INSERT INTO import_days (import_id, day) SELECT $1, unnest($2::date[]) ON CONFLICT DO NOTHING', [
    importId,
    dates,
  ]);
}

/**
 * Usage of one (UTC) day of the ledger in the local days, `$1` to `$4`, that reach into it: one partition, however many a file
 * covers. Days are cut by kernel/period.ts alone, since PostgreSQL may know other clocks.
 */
const USAGE_OF_DAY = `
    FROM usage u
    JOIN accounts a ON a.account_id = u.account_id
    JOIN unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS l (time_zone, name, from_at, to_at)
         ON l.time_zone = a.time_zone AND u.started_at >= l.from_at AND u.started_at < l.to_at
   WHERE u.day = $5::date`;

/** The local days on which the imports' final versions start, and the latest such start. */
const COVERED = `
  SELECT l.name, (extract(epoch FROM max(u.started_at)) * 1000)::bigint AS latest_ms ${USAGE_OF_DAY}
     AND u.import_id = ANY ($6::bigint[]) AND u.state = 2
   GROUP BY 1`;

/** Each record of the covered days with what it compares to. */
const COMPARED = `
  SELECT u.record_id, u.account_id, u.started_at, l.name AS local_day, a.currency, u.country, u.tariff,
         coalesce(u.near_import_id, u.import_id) AS first_import_id,
         CASE WHEN u.state < 2 THEN 'only-near' WHEN u.near_import_id IS NULL THEN 'only-nightly'
              WHEN u.near_amount_micros = u.amount_micros THEN 'equal' ELSE 'different' END AS comparison,
         CASE WHEN u.state < 2 THEN u.amount_micros ELSE u.near_amount_micros END AS near_micros,
         CASE WHEN u.state = 2 THEN u.amount_micros END AS nightly_micros ${USAGE_OF_DAY}
     AND u.origin = $6`;

const LINES = `
  SELECT local_day AS day, currency, country, tariff, i.feed, comparison, count(*) AS records, coalesce(sum(near_micros), 0) AS near,
         coalesce(sum(nightly_micros), 0) AS nightly,
         sum(abs(coalesce(nightly_micros, 0) - coalesce(near_micros, 0))) AS apart
    FROM (${COMPARED}) compared LEFT JOIN imports i ON i.import_id = first_import_id
   GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6`;

const UNEQUAL = `
  SELECT record_id, account_id AS account, compared.started_at, local_day AS day, currency, country, tariff, i.feed, comparison, near_micros,
         nightly_micros
    FROM (${COMPARED}) compared LEFT JOIN imports i ON i.import_id = first_import_id
   WHERE comparison <> 'equal'
   ORDER BY abs(coalesce(nightly_micros, 0) - coalesce(near_micros, 0)) DESC, record_id LIMIT $7`;

type LineRow = Record<Exclude<keyof ReconciliationLine, 'feed' | 'comparison'>, string> & {
  comparison: Comparison;
  feed: string | null;
};

/**
 * Compares the days that the imports cover, one day of the ledger after the other; the sample has the records that differ
 * most. `eachDay` is called before each, and ends it all where it throws.
 */
export async function reconcile(
  client: ClientBase,
  { origin, importIds, days, begunAt }: Reconciled,
  sampleSize: number,
  eachDay: () => void = () => undefined,
): Promise<{ days: string[]; lines: ReconciliationLine[]; sample: UnequalRecord[] }> {
  const { rows: zones } = await client.query<{ time_zone: string }>('SELECT DISTINCT time_zone FROM accounts');
  const local = localDays(
    zones.map((row) => row.time_zone),
    days,
  );
  const latest = new Map<string, Instant>();
  for (const day of days) {
    eachDay();
    const parameters = [...columnsOf(reachingInto(day, local)), dateOfDay(day), importIds];
    const { rows } = await client.query<{ name: string; latest_ms: string }>(COVERED, parameters);
    for (const { name, latest_ms } of rows) latest.set(name, Math.max(latest.get(name) ?? 0, Number(latest_ms)));
  }
  const compared = local
    .filter(({ name }) => latest.has(name))
    .map((day) => (day.to <= begunAt ? day : { ...day, to: latest.get(day.name)! + 1 }));
  const lines = new Map<string, ReconciliationLine>();
  let sample: UnequalRecord[] = [];
  for (const day of new Set(compared.flatMap(({ from, to }) => daysFrom(from, to)))) {
    eachDay();
    const parameters = [...columnsOf(reachingInto(day, compared)), dateOfDay(day), origin];
    for (const row of (await client.query<LineRow>(LINES, parameters)).rows) addLine(lines, row);
    const { rows: unequal } = await client.query<UnequalRecord>(UNEQUAL, [...parameters, sampleSize]);
    sample = [...sample, ...unequal].toSorted(byWhatIsApart).slice(0, sampleSize);
  }
  return { days: [...latest.keys()].toSorted(), lines: [...lines.values()], sample };
}

/** Part of a local day may be in one day of the ledger, and part in the next. */
function addLine(lines: Map<string, ReconciliationLine>, { feed, ...row }: LineRow): void {
  const { day, currency, country, tariff, comparison } = row;
  const key = JSON.stringify([day, currency, country, tariff, feed, comparison]);
  const found = lines.get(key);
  lines.set(key, {
    ...row,
    feed: feed ?? '',
    records: (found?.records ?? 0) + Number(row.records),
    near: (found?.near ?? 0n) + BigInt(row.near),
    nightly: (found?.nightly ?? 0n) + BigInt(row.nightly),
    apart: (found?.apart ?? 0n) + BigInt(row.apart),
  });
}

/** As {@link UNEQUAL} has them. */
function byWhatIsApart(a: UnequalRecord, b: UnequalRecord): number {
  const [apartA, apartB] = [a, b].map(({ near_micros, nightly_micros }) => {
    const apart = BigInt(nightly_micros ?? 0) - BigInt(near_micros ?? 0);
    return apart < 0n ? -apart : apart;
  });
  if (apartA !== apartB) return apartA! > apartB! ? -1 : 1;
  return a.record_id < b.record_id ? -1 : 1;
}

export type ReconciliationOutcome = 'within-tolerance' | 'beyond-tolerance' | 'nothing-to-compare';

/** Keeps what was found under an import's number, and marks the days of all `importIds` as reconciled there. */
export async function keepReconciliation(
  client: ClientBase,
  kept: {
    importId: string;
    feed: string;
    outcome: ReconciliationOutcome;
    importIds: readonly string[];
    took_ms: number;
    days: readonly string[];
    lines: readonly ReconciliationLine[];
    sample: readonly UnequalRecord[];
  },
  at: Instant,
): Promise<void> {
  const { importId, feed, outcome, importIds, took_ms, days, lines, sample } = kept;
  await client.query(
    'INSERT INTO reconciliations (import_id, feed, at, days, outcome, sample, took_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    [importId, feed, toDate(at), days, outcome, JSON.stringify(sample), took_ms],
  );
  await client.query(
    `INSERT INTO reconciliation_lines (import_id, day, currency, country, feed, comparison, records, near_micros,
                                       nightly_micros, apart_micros, tariff)
     SELECT $1, * FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::numeric[],
                              $9::numeric[], $10::numeric[], $11::text[])`,
    [
      importId,
      lines.map((line) => line.day),
      lines.map((line) => line.currency),
      lines.map((line) => line.country),
      lines.map((line) => line.feed),
      lines.map((line) => line.comparison),
      lines.map((line) => line.records),
      lines.map((line) => line.near.toString()),
      lines.map((line) => line.nightly.toString()),
      lines.map((line) => line.apart.toString()),
      lines.map((line) => line.tariff),
    ],
  );
  await client.query('UPDATE import_days SET reconciled_in = $1 WHERE import_id = ANY ($2) AND reconciled_in IS NULL', [
    importId,
    importIds,
  ]);
}

interface LocalDay {
  timeZone: string;
  name: string;
  from: Instant;
  to: Instant;
}

/** The local days of each zone that reach into `days`. */
function localDays(timeZones: readonly string[], days: readonly number[]): LocalDay[] {
  const found = new Map<string, LocalDay>();
  for (const timeZone of timeZones) {
    for (const day of days) {
      for (let at = day * DAY_MS; at < (day + 1) * DAY_MS;) {
        const { name, from, to } = calendarPeriod('day', at, { timeZone, cycleDay: 1 });
        found.set(`${timeZone} ${name}`, { timeZone, name, from, to });
        at = to;
      }
    }
  }
  return [...found.values()];
}

function reachingInto(day: number, local: readonly LocalDay[]): LocalDay[] {
  return local.filter(({ from, to }) => from < (day + 1) * DAY_MS && to > day * DAY_MS);
}

function columnsOf(days: readonly LocalDay[]): [string[], string[], Date[], Date[]] {
  return [
    days.map((day) => day.timeZone),
    days.map((day) => day.name),
    days.map((day) => toDate(day.from)),
    days.map((day) => toDate(day.to)),
  ];
}

function daysFrom(from: Instant, to: Instant): number[] {
  const first = Math.floor(from / DAY_MS);
  return Array.from({ length: Math.floor((to - 1) / DAY_MS) - first + 1 }, (_, index) => first + index);
}
