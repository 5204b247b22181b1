/**
 * The ledger is partitioned by the (UTC) day of a record's start: made ahead on schedule, and where usage needs one; dropped
 * when nothing of a day, nor what has come of it since, is young enough to be kept. See the README of this folder.
 */
import { setTimeout as sleep } from 'node:timers/promises';
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
/** To find hundreds of partitions takes a statement some milliseconds. */
const FOUND_MS_MAX = 2_000;
const LOOK_AGAIN_MS = 10;
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
    for (let othersFound = false; !(await this.#settle(ordered, now, othersFound)); othersFound = true)
      await this.#othersFound();
    for (const day of ordered) this.#known.set(day, now);
  }

  /**
   * Attaches what is missing of `days`, or touches them where all are there and everybody has been told: see {@link TELL_ALL}.
   * Answers whether they are touched. `othersFound`: who was looking for partitions while one was attached has found them.
   */
  async #settle(days: readonly number[], now: Instant, othersFound: boolean): Promise<boolean> {
    return inTransaction(this.#dataSource, async ({ client }) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [PARTITIONS_LOCK]);
      const { rows } = await client.query<{ is_there: boolean; is_new: boolean }>(STATES, [days.map(dateOfDay)]);
      const missing = days.filter((_, index) => !rows[index]!.is_there);
      for (const day of missing) await attach(client, day);
      if (missing.length > 0 || (!othersFound && rows.some(({ is_new }) => is_new))) return false;
      if (othersFound) await client.query(TELL_ALL);
      await client.query(TOUCH, [days.map(dateOfDay), toDate(now)]);
      return true;
    });
  }

  /** Waits until the transactions that hold the ledger have ended; of those that go on for long the statement of now is over. */
  async #othersFound(): Promise<void> {
    const ask = async () =>
      (await inTransaction(this.#dataSource, ({ client }) => client.query<{ holder: string }>(HOLDERS))).rows;
    let left = await ask();
    for (let waited = 0; left.length > 0 && waited < FOUND_MS_MAX; waited += LOOK_AGAIN_MS) {
      await sleep(LOOK_AGAIN_MS);
      const hold = new Set((await ask()).map(({ holder }) => holder));
      left = left.filter(({ holder }) => hold.has(holder));
    }
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

/** Of days: whether their partitions are there, and whether that has yet to be told to all. */
const STATES = `
  SELECT to_regclass('usage_' || to_char(day, 'YYYY_MM_DD')) IS NOT NULL AS is_there,
         NOT EXISTS (SELECT FROM ledger_days d WHERE d.day = asked.day AND (d.dropped_at IS NULL OR d.touched_at >= d.dropped_at)) AS is_new
    FROM unnest($1::date[]) WITH ORDINALITY AS asked (day, place) ORDER BY place`;

/**
 * Changes nothing, but has every connection look for the ledger's partitions anew. To attach one does that too; but a connection
 * that is looking just then may end up without it, and keep what it has found: it reads nothing of that day, and can write none
 * (seen with PostgreSQL 18). So they are told once more when it has, and no usage of the day is there before.
 */
const TELL_ALL = 'ALTER TABLE ONLY usage ALTER COLUMN day SET STATISTICS -1';

const TOUCH = `
  INSERT INTO ledger_days AS d (day, touched_at) SELECT unnest($1::date[]), $2
  ON CONFLICT (day) DO UPDATE SET touched_at = greatest(d.touched_at, excluded.touched_at)`;

/** Locks on the ledger that are held, by readers and by who counts. */
const HELD = `
  held.locktype = 'relation' AND held.relation = 'usage'::regclass AND held.granted
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

const HOLDERS = `SELECT virtualtransaction AS holder FROM pg_locks held WHERE ${HELD}`;

/** Who waits for the table, and who counts (it has the lock of that first), are none of them. */
const IS_READ = `
  SELECT EXISTS (
    SELECT FROM pg_locks held
     WHERE ${HELD}
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
