/** Records whose start has moved by days, so that they stand on several: what a sweep looks at, and how they are found. */
import type { ClientBase } from 'pg';
import { textArray } from '../database/array-literal.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { daysTouchedSince, USAGE_ROW, versionOf, type UsageRow } from './usage-store.ts';
import type { HeldVersion } from './version.ts';

export interface RecordIdentity {
  origin: string;
  recordId: string;
}

/** A sweep looks at the imports after `after`; the next one at those after `next`. */
export interface Sweep {
  after: string;
  next: string;
}

/**
 * What the sweep of now has to look at. Imports that still run are looked at again by the next one, so none runs before it; and
 * so are those of late: an import has its number before it waits for others who count, and can't be seen before it has counted.
 */
const SWEEP = `
  SELECT s.import_id AS after,
         least((SELECT min(import_id) - 1 FROM imports WHERE state = 'running' AND import_id > s.import_id),
               (SELECT coalesce(max(import_id), 0) FROM imports WHERE started_at <= $1)) AS next
    FROM moved_records_sweep s`;
/** No import counts for longer in one transaction. */
const COUNTED_MS_MAX = 3_600_000;

export async function beginSweep(client: ClientBase, now: Instant): Promise<Sweep> {
  await client.query('UPDATE moved_records_sweep SET is_due = false');
  const { rows } = await client.query<Sweep>(SWEEP, [toDate(now - COUNTED_MS_MAX)]);
  return rows[0]!;
}

export async function endSweep(client: ClientBase, { next }: Sweep, took_ms: number, now: Instant): Promise<void> {
  await client.query(
    'UPDATE moved_records_sweep SET import_id = greatest(import_id, $1), took_ms = $2, swept_at = $3',
    [next, took_ms, toDate(now)],
  );
}

/** An importer leaves records to the next sweep, which need not wait for the night. */
export async function askToSettleMoved(client: ClientBase): Promise<void> {
  await client.query('UPDATE moved_records_sweep SET is_due = true WHERE NOT is_due');
}

/** A sweep reads whole days, so it rests for so many times as long as it took. */
const PAUSE_TIMES = 20;

export async function isSweepDue(client: ClientBase, now: Instant): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM moved_records_sweep
      WHERE is_due AND (swept_at IS NULL OR swept_at + ${PAUSE_TIMES} * took_ms * interval '1 millisecond' <= $1)`,
    [toDate(now)],
  );
  return rows.length > 0;
}

/** What imports after `$1` brought, of the days on which they can have. */
const FRESH = (after: string, days: readonly string[]) => `
  CREATE TEMP TABLE fresh ON COMMIT DROP AS
  SELECT u.record_id, u.origin, u.day FROM usage u
   WHERE u.import_id > ${BigInt(after)} AND u.day = ANY ('{${days.join()}}'::date[])`;

/**
 * Records that stand on several days, one of which came since the last sweep. The days that were touched are read, and the
 * others asked for these records: by their keys where they are few, else in one pass, for the night.
 */
export async function recordsOnSeveralDays(client: ClientBase, { after }: Sweep): Promise<RecordIdentity[]> {
  const { rows: imports } = await client.query<{ first: Date | null }>(
    'SELECT min(started_at) AS first FROM imports WHERE import_id > $1',
    [after],
  );
  const first = imports[0]!.first;
  if (!first) return [];
  await client.query(FRESH(after, await daysTouchedSince(client, first)));
  await client.query('ANALYZE fresh');
  const { rows } = await client.query<{ origin: string; record_id: string }>(
    `SELECT DISTINCT u.origin, u.record_id
       FROM fresh f JOIN usage u ON u.record_id = f.record_id AND u.origin = f.origin AND u.day <> f.day LIMIT 10000`,
  );
  return rows.map((row) => ({ origin: row.origin, recordId: row.record_id }));
}

/**
 * Every version of these records that the ledger holds, on whatever day. A probe of each partition's unique key a record.
 */
export async function versionsOnAnyDay(
  client: ClientBase,
  origin: string,
  recordIds: readonly string[],
): Promise<HeldVersion[]> {
  const { rows } = await client.query<UsageRow>(
    `SELECT ${USAGE_ROW} FROM usage u WHERE u.record_id = ANY ($1) AND u.origin = $2`,
    [textArray(recordIds), origin],
  );
  return rows.map(versionOf);
}
