/** Learns from the ledger what is usual: what a minute costs on each number range. */
import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../database/transaction.ts';
import { countPrices } from '../deviations/tariff-store.ts';
import { Clock } from '../kernel/clock.ts';

/** One fits at a time, wherever. */
const FIT_LOCK = 7_006;

@Injectable()
export class FitNorms {
  readonly #log = new Logger('deviations');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Brings what is usual up to date. Safe to repeat, and to run anywhere at the same time: one fits, the others pass. */
  async run(): Promise<void> {
    const days = await inTransaction(this.dataSource, async ({ client }) => {
      const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
        FIT_LOCK,
      ]);
      return rows[0]!.ours ? countPrices(client, this.clock.now()) : 0;
    });
    if (days > 0) this.#log.log(`learned the prices of ${days} days`);
  }
}
