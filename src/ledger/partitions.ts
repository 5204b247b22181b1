/**
 * The ledger is partitioned by the (UTC) day of a record's start: made ahead on schedule, and where usage needs one; dropped
 * when nothing of a day, nor what has come of it since, is young enough to be kept. See the README of this folder.
 */
import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../database/transaction.ts';
import { Clock, toDate, type Instant } from '../kernel/clock.ts';
import { COUNTING_LOCK, dateOfDay, dayOf, lockCounting } from './usage-store.ts';

const PARTITIONS_LOCK = 7_001;
const DAYS_AHEAD = 7;
/** For as long a process need not write down again that usage of a day comes. */
const TOUCH_MS = 3_600_000;
const DAY_MS = 86_400_000;

@Injectable()
export class UsagePartitions {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  /** by day, when this process last made sure of its partition and touched it */
  readonly #known = new Map<number, Instant>();

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /** Makes the partitions of yesterday up to a week ahead, so that no delivery waits for one. */
  async prepare(): Promise<void> {
    const today = dayOf(this.#clock.now());
    await this.prepareDays(Array.from({ length: DAYS_AHEAD + 2 }, (_, index) => today - 1 + index));
  }

  /**
   * Makes the partitions of `days` (since 1970-01-01) where they are missing, and writes down that usage of them comes:
   * for an hour from now none of them is dropped, whatever its age.
   */
  async prepareDays(days: Iterable<number>): Promise<void> {
    const now = this.#clock.now();
    // A start further ahead is refused row by row; it needs no partition.
    const possible = [...new Set(days)].filter((day) => day <= dayOf(now) + DAYS_AHEAD);
    const unsure = possible.filter((day) => now - (this.#known.get(day) ?? -Infinity) >= TOUCH_MS);
    if (unsure.length === 0) return;
    const ordered = unsure.toSorted((a, b) => a - b);
    await inTransaction(this.#dataSource, async ({ client }) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [PARTITIONS_LOCK]);
      const { rows } = await client.query<{ name: string }>(
        'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL',
        [ordered.map(partitionOf)],
      );
      const there = new Set(rows.map(({ name }) => name));
      for (const day of ordered) if (!there.has(partitionOf(day))) await attach(client, day);
      await client.query(
        `INSERT INTO ledger_days AS d (day, touched_at) SELECT unnest($1::date[]), $2
         ON CONFLICT (day) DO UPDATE SET touched_at = greatest(d.touched_at, excluded.touched_at)`,
        [ordered.map(dateOfDay), toDate(now)],
      );
    });
    for (const day of ordered) this.#known.set(day, now);
  }

  /** The days whose usage started, and of which the last came, more than `retentionDays` ago. */
  async oldDays(retentionDays: number): Promise<number[]> {
    const { rows } = await inTransaction(this.#dataSource, ({ client }) =>
      client.query<{ day: string }>(
        `SELECT day::text FROM ledger_days WHERE ${OLD} AND ${IS_THERE} ORDER BY day`,
        this.#oldSince(retentionDays),
      ),
    );
    return rows.map(({ day }) => Date.parse(`${day}T00:00:00Z`) / DAY_MS);
  }

  /** Whether anybody holds the ledger beside those who count, as whoever reads it does until its transaction ends. */
  async isRead(): Promise<boolean> {
    const { rows } = await inTransaction(this.#dataSource, ({ client }) => client.query<{ read: boolean }>(IS_READ));
    return rows[0]!.read;
  }

  /**
   * Drops a day's usage if it is still old. Importers stand still meanwhile, so it waits two seconds for those at work, and hardly
   * for whoever reads the ledger: then PostgreSQL answers with `lock_not_available`, and nothing has been done.
   */
  async drop(day: number, retentionDays: number): Promise<boolean> {
    return inTransaction(this.#dataSource, async ({ client }) => {
      await client.query(`SET LOCAL lock_timeout = '2s'`);
      await client.query('SELECT pg_advisory_xact_lock($1)', [PARTITIONS_LOCK]);
      await lockCounting(client);
      // Asked again, now that nobody else makes or drops partitions: another process may have been first.
      const { rowCount } = await client.query(
        `UPDATE ledger_days SET dropped_at = $3 WHERE day = $4 AND ${OLD} AND ${IS_THERE}`,
        [...this.#oldSince(retentionDays), toDate(this.#clock.now()), dateOfDay(day)],
      );
      if (rowCount !== 1) return false;
      await client.query(`SET LOCAL lock_timeout = '100ms'`);
      await client.query(`ALTER TABLE usage DETACH PARTITION ${partitionOf(day)}`);
      await client.query(`DROP TABLE ${partitionOf(day)}`);
      return true;
    });
  }

  #oldSince(retentionDays: number): [string, Date] {
    const now = this.#clock.now();
    // A process may have touched the day an hour before what it then brought.
    return [dateOfDay(dayOf(now) - retentionDays), toDate(now - retentionDays * DAY_MS - TOUCH_MS)];
  }
}

const OLD = 'day < $1 AND touched_at < $2';
/** Of a day in `ledger_days`: whether its partition is there. */
export const IS_THERE = `to_regclass('usage_' || to_char(day, 'YYYY_MM_DD')) IS NOT NULL`;

/** Who waits for the table, and who counts (it has the lock of that first), are none of them. */
const IS_READ = `
  SELECT EXISTS (
    SELECT FROM pg_locks held
     WHERE held.locktype = 'relation' AND held.relation = 'usage'::regclass AND held.granted
       AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND NOT EXISTS (SELECT FROM pg_locks c
                        WHERE c.pid = held.pid AND c.locktype = 'advisory'
                          AND (c.classid, c.objid, c.objsubid) = (0, ${COUNTING_LOCK}, 1))) AS read`;

async function attach(client: ClientBase, day: number): Promise<void> {
  const name = partitionOf(day);
  // Attaching waits for nobody who counts; CREATE … PARTITION OF would lock the whole ledger.
  await client.query(`CREATE TABLE ${name} (LIKE usage INCLUDING DEFAULTS INCLUDING INDEXES)`);
  await client.query(
    `ALTER TABLE usage ATTACH PARTITION ${name} FOR VALUES FROM ('${dateOfDay(day)}') TO ('${dateOfDay(day + 1)}')`,
  );
}

function partitionOf(day: number): string {
  return `usage_${dateOfDay(day).replaceAll('-', '_')}`;
}

/** The days of the ledger whose usage was dropped, as the instants at which they begin (UTC). */
export async function droppedDays(client: ClientBase): Promise<Instant[]> {
  const { rows } = await client.query<{ from_ms: string }>(
    `SELECT (extract(epoch FROM day::timestamp) * 1000)::bigint AS from_ms FROM ledger_days WHERE dropped_at IS NOT NULL ORDER BY day`,
  );
  return rows.map((row) => Number(row.from_ms));
}
