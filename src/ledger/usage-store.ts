/**
 * The ledger in PostgreSQL: the version that holds of every record, partitioned by the (UTC) day of its start.
 *
 * Writers hold the lock of each account shard they touch ({@link lockShards}), so what happens to one account happens
 * one after another. The unique key is the backstop for the same record arriving under two accounts at once.
 */
import type { ClientBase, PoolClient } from 'pg';
import { integerArray, textArray } from '../database/array-literal.ts';
import type { LineWriter } from '../database/line-writer.ts';
import { copyRows } from '../database/transaction.ts';
import type { Destination } from '../destinations/classify.ts';
import { STATES, type UsageKind } from '../feeds/usage-record.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { HeldVersion, Version } from './version.ts';

const DAY_MS = 86_400_000;

/** Days since 1970-01-01 in UTC: the partition of a start. */
export function dayOf(startedAt: Instant): number {
  return Math.floor(startedAt / DAY_MS);
}

const dates = new Map<number, string>();

/** The day as PostgreSQL writes it: `2010-03-14`. */
export function dateOfDay(day: number): string {
  let date = dates.get(day);
  if (date === undefined)
    dates.set(
      day,
      (date = toDate(day * DAY_MS)
        .toISOString()
        .slice(0, 10)),
    );
  return date;
}

/** Two instants and their days, as bounds of a query over the ledger. */
export function toDates(from: Instant, to: Instant): [Date, Date, string, string] {
  return [toDate(from), toDate(to), dateOfDay(dayOf(from)), dateOfDay(dayOf(to))];
}

export const COUNTING_LOCK = 7_002;
const SHARD_LOCKS = 7_003;
/** Accounts are cut into so many shards. */
export const SHARDS = 64;

/** The shard of an account: FNV-1a over its reference. */
export function shardOf(accountId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < accountId.length; i++) hash = Math.imul(hash ^ accountId.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % SHARDS;
}

/** The planner is kept from reading whole partitions for a batch's keys. */
const LOCK = {
  name: 'lock-shards',
  text: `
    SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
           set_config('enable_seqscan', 'off', true), pg_advisory_xact_lock_shared(${COUNTING_LOCK}),
           (SELECT count(pg_advisory_xact_lock(${SHARD_LOCKS}, shard)) FROM unnest((SELECT $1::int[])) AS shard)`,
};
const REVISION = {
  name: 'cap-book-revision',
  text: `SELECT revision, nextval('usage_batches') AS batch FROM cap_book`,
};

/**
 * The first words of a transaction that counts usage: the caps and the cut of accounts stand still while it lasts, and the
 * shards are its own. Locks are taken in one order, so two importers wait for each other and never both. Answers the
 * revision of the cap book, and the batch's number: above those of all that counted in these shards before, and below those
 * of all that will. What is asked in the same turn is read when the locks are held.
 */
export async function lockShards(
  client: ClientBase,
  shards: Iterable<number>,
): Promise<{ revision: string; batch: number }> {
  const ordered = [...new Set(shards)].toSorted((a, b) => a - b);
  const [, { rows }] = await Promise.all([
    client.query({ ...LOCK, values: [integerArray(ordered)] }),
    client.query<{ revision: string; batch: string }>(REVISION),
  ]);
  const { revision, batch } = rows[0]!;
  return { revision, batch: Number(batch) };
}

/** The revision of the cap book, as it stands: every change of caps, policies or a known account counts it up. */
export async function revisionOf(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ revision: string }>('SELECT revision FROM cap_book');
  return rows[0]!.revision;
}

/** Keeps every importer out while caps, or what accounts are cut by, change; the new revision makes all read them again. */
export async function lockCounting(client: ClientBase): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(${COUNTING_LOCK})`);
  await client.query('UPDATE cap_book SET revision = revision + 1');
}

/** A row of `usage` as it comes from PostgreSQL; `started_ms` is the start in epoch milliseconds. */
export interface UsageRow {
  record_id: string;
  origin: string;
  account_id: string;
  service_id: string;
  started_ms: string;
  duration_s: number;
  kind: UsageKind;
  units: string | null;
  a_number: string;
  b_number: string;
  amount_micros: string;
  cost_micros: string | null;
  state: number;
  revision: number;
  country: string;
  traffic: number;
  origin_country: string;
  import_id: string;
  arrived: string;
  near_amount_micros: string | null;
  near_import_id: string | null;
  near_revision: number | null;
  tariff: string;
}

export const USAGE_ROW = `
  u.record_id, u.origin, u.account_id, u.service_id, (extract(epoch FROM u.started_at) * 1000)::bigint AS started_ms,
  u.duration_s, u.kind, u.units, u.a_number, u.b_number, u.amount_micros, u.cost_micros, u.state, u.revision, u.country,
  u.traffic, u.origin_country, u.import_id, u.arrived, u.near_amount_micros, u.near_import_id, u.near_revision,
  u.tariff`;

/** The ledger keeps what classification found; the type of number is not asked for again. */
export function destinationOf(row: Pick<UsageRow, 'b_number' | 'country' | 'traffic'>): Destination {
  return { number: row.b_number, country: row.country, type: 'other', traffic: row.traffic };
}

export function versionOf(row: UsageRow): HeldVersion {
  const startedAt = Number(row.started_ms);
  return {
    recordId: row.record_id,
    origin: row.origin,
    accountId: row.account_id,
    serviceId: row.service_id,
    startedAt,
    durationSeconds: row.duration_s,
    kind: row.kind,
    units: row.units === null ? undefined : BigInt(row.units),
    aNumber: row.a_number,
    amount: BigInt(row.amount_micros),
    state: STATES[row.state]!,
    revision: row.revision,
    cost: row.cost_micros === null ? undefined : BigInt(row.cost_micros),
    originCountry: row.origin_country,
    tariff: row.tariff,
    receivedAt: startedAt + row.duration_s * 1000,
    destination: destinationOf(row),
    importId: row.import_id,
    arrived: Number(row.arrived),
    near:
      row.near_amount_micros === null
        ? undefined
        : {
            amount: BigInt(row.near_amount_micros),
            importId: row.near_import_id!,
            revision: row.near_revision ?? undefined,
          },
  };
}

/** Rows that are fetched at once where all usage of accounts is read: enough that asking costs little. */
const FETCH_ROWS = 20_000;

/**
 * The versions that `select` answers (of {@link USAGE_ROW}), in its order; of however many, few are in memory at a time. One
 * such read at a time in a transaction.
 */
export async function* versionsInTurn(
  client: ClientBase,
  select: string,
  values: unknown[],
): AsyncGenerator<HeldVersion> {
  await client.query(`DECLARE versions_in_turn NO SCROLL CURSOR FOR ${select}`, values);
  for (;;) {
    const { rows } = await client.query<UsageRow>(`FETCH ${FETCH_ROWS} FROM versions_in_turn`);
    for (const row of rows) yield versionOf(row);
    if (rows.length < FETCH_ROWS) break;
  }
  await client.query('CLOSE versions_in_turn');
}

const COLUMNS = [
  'day, record_id, origin, account_id, service_id, started_at, duration_s, kind, units, a_number, b_number, amount_micros',
  'cost_micros, state, revision, country, traffic, origin_country, import_id, near_amount_micros, near_import_id, near_revision, tariff, arrived',
].join(', ');
const COLUMN_COUNT = COLUMNS.split(',').length;

export const COPY_USAGE = `COPY usage (${COLUMNS}) FROM STDIN`;

/** Up to so many come by INSERT, which stays planned: COPY is read anew each time, a tenth of what a single record takes. */
const INSERTED_MAX = 4;

export async function insertVersions(client: PoolClient, versions: readonly HeldVersion[]): Promise<void> {
  if (versions.length > INSERTED_MAX) await copyRows(client, COPY_USAGE, versions, writeVersion);
  else if (versions.length > 0) {
    const rows = versions.map(
      (_, row) =>
        `(${Array.from({ length: COLUMN_COUNT }, (__, column) => `$${row * COLUMN_COUNT + column + 1}`).join(',')})`,
    );
    await client.query({
      name: `insert-versions-${versions.length}`,
      text: `INSERT INTO usage (${COLUMNS}) VALUES ${rows.join(', ')}`,
      values: versions.flatMap(cellsOf),
    });
  }
}

/** One row as parameters, in the order of the ledger's columns. */
function cellsOf(v: HeldVersion): (string | number | bigint | null)[] {
  const { number, country, traffic } = v.destination;
  return [
    dateOfDay(dayOf(v.startedAt)),
    v.recordId,
    v.origin,
    v.accountId,
    v.serviceId,
    toDate(v.startedAt).toISOString(),
    v.durationSeconds,
    v.kind,
    v.units ?? null,
    v.aNumber,
    number,
    v.amount,
    v.cost ?? null,
    STATES.indexOf(v.state),
    v.revision,
    country,
    traffic,
    v.originCountry,
    v.importId,
    v.near?.amount ?? null,
    v.near?.importId ?? null,
    v.near?.revision ?? null,
    v.tariff,
    v.arrived,
  ];
}

/** One row in COPY's text format, in the order of the ledger's columns. */
export function writeVersion(line: LineWriter, v: HeldVersion): void {
  const day = dayOf(v.startedAt);
  line.text(dateOfDay(day));
  line.text(v.recordId);
  line.text(v.origin);
  line.text(v.accountId);
  line.text(v.serviceId);
  line.instant(dateOfDay(day), v.startedAt - day * DAY_MS);
  line.integer(v.durationSeconds);
  line.text(v.kind);
  line.integer(v.units);
  line.text(v.aNumber);
  line.text(v.destination.number);
  line.integer(v.amount);
  line.integer(v.cost);
  line.integer(STATES.indexOf(v.state));
  line.integer(v.revision);
  line.text(v.destination.country);
  line.integer(v.destination.traffic);
  line.text(v.originCountry);
  line.text(v.importId);
  line.integer(v.near?.amount);
  line.text(v.near?.importId);
  line.integer(v.near?.revision);
  line.text(v.tariff);
  line.integer(v.arrived);
  line.endLine();
}

/** Takes versions out that hold no longer: of each day those that stood on it, found as an importer asks for them. */
const REMOVE = `
  DELETE FROM usage u WHERE u.record_id = ANY ((SELECT $1::text[])::text[]) AND u.origin = $2 AND u.day = $3::date`;

export async function removeVersions(client: ClientBase, versions: readonly Version[]): Promise<void> {
  const byDay = new Map<number, Version[]>();
  for (const version of versions) {
    const day = dayOf(version.startedAt);
    const same = byDay.get(day);
    if (same) same.push(version);
    else byDay.set(day, [version]);
  }
  await Promise.all(
    [...byDay].map(([day, gone]) =>
      client.query(REMOVE, [textArray(gone.map((v) => v.recordId)), gone[0]!.origin, dateOfDay(day)]),
    ),
  );
}

/**
 * The days of which usage came since then, where it did: a process writes that down hourly. Named in a query they keep
 * PostgreSQL from reading all others; as a subselect they would not.
 */
export async function daysTouchedSince(client: ClientBase, since: Date): Promise<string[]> {
  const { rows } = await client.query<{ day: string }>(
    `SELECT day::text FROM ledger_days WHERE touched_at >= $1::timestamptz - interval '2 hours' ORDER BY day`,
    [since],
  );
  return rows.map(({ day }) => day);
}
