/**
 * Retention: usage and rejects older than RETENTION_DAYS are dropped, and what tells of single records with them; as long after
 * that, what it had summed up to.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction, LOCK_NOT_AVAILABLE, sqlState } from '../../database/transaction.ts';
import { Clock, toDate } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { accountsOfOldBounds, forgetOldBounds } from '../../spend/window-bounds.ts';
import { IS_THERE, UsagePartitions } from '../../ledger/partitions.ts';
import { bySlices } from '../limits/by-slices.ts';
import { refuseWrongClock } from './refuse-wrong-clock.ts';

const DAY_MS = 86_400_000;
/** Each try may hold importers up for two seconds; in the pauses they catch up. */
const TRIES = 20;
const PAUSE_MS = 3_000;
/** Whether somebody reads the ledger is looked for ten minutes. */
const LOOKS = 3_000;
const LOOK_EVERY_MS = 200;
const FORGOTTEN_AT_ONCE = 2_000;

/** The rejects of the oldest import that has any, if it is old enough; by the primary keys. */
const FORGET_REJECTS = `
  DELETE FROM rejects
   WHERE import_id = (SELECT i.import_id FROM (SELECT import_id FROM rejects ORDER BY import_id LIMIT 1) oldest
                        JOIN imports i USING (import_id) WHERE i.started_at < $1)`;

/**
 * The oldest imports, whose usage is dropped (an import brings none of a day that was still to come), with what was reconciled
 * under their numbers. Their rejects are gone by then, and those that they had sent again. By the primary keys.
 */
const FORGET_IMPORTS = `
  WITH kept AS (
    SELECT least($1::timestamptz, min(day)::timestamptz) - interval '2 days' AS since
      FROM ledger_days WHERE ${IS_THERE}),
  old AS MATERIALIZED (
    SELECT import_id FROM (SELECT import_id, started_at FROM imports ORDER BY import_id LIMIT ${FORGOTTEN_AT_ONCE}) oldest, kept
     WHERE started_at < since),
  lines AS (DELETE FROM reconciliation_lines WHERE import_id IN (SELECT import_id FROM old)),
  reconciled AS (DELETE FROM reconciliations WHERE import_id IN (SELECT import_id FROM old)),
  days AS (DELETE FROM import_days WHERE import_id IN (SELECT import_id FROM old))
  DELETE FROM imports WHERE import_id IN (SELECT import_id FROM old)`;

/**
 * Number blocks that had cooled before any usage came that is there (none comes of a day that is still to come): nothing is held
 * against them any more, neither when it comes nor when signatures are made anew.
 */
const FORGET_COOLED = `
  DELETE FROM cooled_numbers
   WHERE cooled_at < (SELECT least($1::timestamptz, min(day)::timestamptz) - interval '2 days' FROM ledger_days WHERE ${IS_THERE})`;

/** The days of which usage is in the ledger, or was dropped of late: what comes of their periods adds to what was counted. */
const REMEMBERED = `
  remembered AS MATERIALIZED (
    SELECT coalesce(range_agg(daterange(day, day + 1)), '{}') AS days FROM ledger_days WHERE ${IS_THERE} OR dropped_at >= $1)`;

/**
 * What was crossed in periods of which no day is remembered, nor one that could bear on them: a window's length later, and a
 * period that is called alike. What an open suspension stands on stays. By the index `crossings_of_account`.
 */
const OLD_CROSSINGS = `
  x.period_end < $1
  AND NOT daterange((x.period_from - interval '1 day')::date,
                    (x.period_end + greatest(x.period_end - x.period_from, interval '32 days'))::date + 1) && days
  AND NOT EXISTS (SELECT FROM suspensions s
                   WHERE s.account_id = x.account_id AND s.cap_id = x.cap_id AND s.period = x.period
                     AND s.state NOT IN ('lifted', 'declined'))`;

/** The same of counters, but for those whose crossings stay: no period is longer than 32 days. By the primary key. */
const OLD_COUNTERS = `
  c.period_start < $1::timestamptz - interval '32 days'
  AND NOT daterange((c.period_start - interval '1 day')::date, (c.period_start + interval '33 days')::date) && days
  AND NOT EXISTS (SELECT FROM crossings x WHERE x.account_id = c.account_id AND x.period_from = c.period_start)`;

const OF_OLD_SUMS = `
  WITH ${REMEMBERED}
  SELECT x.account_id FROM crossings x, remembered WHERE ${OLD_CROSSINGS}
  UNION SELECT c.account_id FROM counters c, remembered WHERE ${OLD_COUNTERS}`;

const FORGET_CROSSINGS = `
  WITH ${REMEMBERED} DELETE FROM crossings x USING remembered WHERE x.account_id = ANY ($2) AND ${OLD_CROSSINGS}`;
const FORGET_COUNTERS = `
  WITH ${REMEMBERED} DELETE FROM counters c USING remembered WHERE c.account_id = ANY ($2) AND ${OLD_COUNTERS}`;

@Injectable()
export class DropOldPartitions implements OnModuleDestroy {
  readonly #log = new Logger('retention');
  #stopping = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
    private readonly partitions: UsagePartitions,
  ) {}

  /** What is old may take longer than this process has before it has to end: the next start goes on with the rest. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  /** Drops what is old now. Safe to run anywhere at the same time, and to be cut off anywhere. */
  async run(): Promise<void> {
    await refuseWrongClock(this.dataSource);
    const { retentionDays } = this.config;
    let dropped = 0;
    for (const day of await this.partitions.oldDays(retentionDays)) {
      this.#goOn();
      if (await this.#drop(day)) dropped++;
    }
    if (dropped > 0) this.#log.log(`dropped the usage of ${dropped} days, older than ${retentionDays} days`);
    await this.#forgetRecords();
    const forgotten = await this.#forgetSums();
    if (forgotten > 0) {
      this.#log.log(
        `forgot what ${forgotten} accounts had spent and crossed in periods whose usage was dropped ${retentionDays} days ago`,
      );
    }
    await this.#forgetBounds();
  }

  /** Who reads the ledger is waited for without a lock: whoever comes would stand behind it. */
  async #drop(day: number): Promise<boolean> {
    let looks = 0;
    for (let tries = 1; ; tries++) {
      while (looks++ < LOOKS && (await this.partitions.isRead())) {
        this.#goOn();
        await sleep(LOOK_EVERY_MS);
      }
      try {
        return await this.partitions.drop(day, this.config.retentionDays);
      } catch (error) {
        if (sqlState(error) !== LOCK_NOT_AVAILABLE || tries >= TRIES || looks > LOOKS) throw error;
        this.#goOn();
        await sleep(PAUSE_MS);
      }
    }
  }

  /** Rows, record ids and texts of old imports go; and imports of which nothing is left in the ledger. */
  async #forgetRecords(): Promise<void> {
    const before = toDate(this.clock.now() - this.config.retentionDays * DAY_MS);
    const once = (sql: string) => {
      this.#goOn();
      return inTransaction(this.dataSource, async ({ client }) => (await client.query(sql, [before])).rowCount ?? 0);
    };
    while ((await once(FORGET_REJECTS)) > 0);
    while ((await once(FORGET_IMPORTS)) > 0);
    await once(FORGET_COOLED);
    await once(`UPDATE reconciliations SET sample = '[]' WHERE at < $1 AND sample <> '[]'`);
  }

  /** Answers of how many accounts. */
  async #forgetSums(): Promise<number> {
    const before = toDate(this.clock.now() - this.config.retentionDays * DAY_MS);
    const { rows } = await inTransaction(this.dataSource, ({ client }) =>
      client.query<{ account_id: string }>(OF_OLD_SUMS, [before]),
    );
    await this.#whereNobodyCounts(
      rows.map((row) => row.account_id),
      async (client, accounts) => {
        await client.query(FORGET_CROSSINGS, [before, accounts]);
        await client.query(FORGET_COUNTERS, [before, accounts]);
      },
    );
    return rows.length;
  }

  async #forgetBounds(): Promise<void> {
    const at = this.clock.now();
    const accounts = await inTransaction(this.dataSource, ({ client }) => accountsOfOldBounds(client, at));
    await this.#whereNobodyCounts(accounts, (client, some) => forgetOldBounds(client, at, some));
  }

  /** Who counts goes by what he has read of an account until he has written. */
  #whereNobodyCounts(
    accounts: readonly string[],
    forget: (client: ClientBase, accounts: readonly string[]) => Promise<void>,
  ): Promise<void> {
    return bySlices(this.dataSource, accounts, async (client, slice) => {
      this.#goOn();
      await forget(client, slice.accounts);
    });
  }

  #goOn(): void {
    if (this.#stopping)
      throw new Refusal('unavailable', 'stopping', 'this process ends, and the next goes on from here');
  }
}
