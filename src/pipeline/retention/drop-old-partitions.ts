/** Retention: usage and rejects older than RETENTION_DAYS are dropped, and what tells of single records with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction, LOCK_NOT_AVAILABLE, sqlState } from '../../database/transaction.ts';
import { Clock, toDate } from '../../kernel/clock.ts';
import { IS_THERE, UsagePartitions } from '../../ledger/partitions.ts';

const DAY_MS = 86_400_000;
const TRIES = 5;
const PAUSE_MS = 3_000;
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

@Injectable()
export class DropOldPartitions {
  readonly #log = new Logger('retention');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
    private readonly partitions: UsagePartitions,
  ) {}

  /** Drops what is old now. Safe to run anywhere at the same time, and to be cut off anywhere. */
  async run(): Promise<void> {
    const { retentionDays } = this.config;
    let dropped = 0;
    for (const day of await this.partitions.oldDays(retentionDays)) {
      if (await this.#drop(day)) dropped++;
    }
    if (dropped > 0) this.#log.log(`dropped the usage of ${dropped} days, older than ${retentionDays} days`);
    await this.#forgetRecords();
  }

  async #drop(day: number): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.partitions.drop(day, this.config.retentionDays);
      } catch (error) {
        if (sqlState(error) !== LOCK_NOT_AVAILABLE || tries === TRIES) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  /** Rows, record ids and texts of old imports go; and imports of which nothing is left in the ledger. */
  async #forgetRecords(): Promise<void> {
    const before = toDate(this.clock.now() - this.config.retentionDays * DAY_MS);
    const once = (sql: string) =>
      inTransaction(this.dataSource, async ({ client }) => (await client.query(sql, [before])).rowCount ?? 0);
    while ((await once(FORGET_REJECTS)) > 0);
    while ((await once(FORGET_IMPORTS)) > 0);
    await once(`UPDATE reconciliations SET sample = '[]' WHERE at < $1 AND sample <> '[]'`);
  }
}
