/**
 * Learns what calls to each number range usually cost, from the days that are over: soon after their usage has come, so that a wrong
 * price is known as one also where the history came an hour before it.
 */
import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { countPrices, daysToCount } from '../../deviations/tariff-store.ts';
import { Clock } from '../../kernel/clock.ts';

/** One counts at a time, wherever. */
const COUNT_LOCK = 7_007;

@Injectable()
export class CountPrices {
  readonly #log = new Logger('deviations');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Counts the days that are due, each by itself. Safe to repeat, and to run anywhere at the same time: one counts, the others pass. */
  async run(): Promise<void> {
    let days = 0;
    while (await this.#countLatest()) days++;
    if (days > 0) this.#log.log(`learned the prices of ${days} days`);
  }

  #countLatest(): Promise<boolean> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
        COUNT_LOCK,
      ]);
      if (!rows[0]!.ours) return false;
      const now = this.clock.now();
      const latest = (await daysToCount(client, now)).slice(0, 1);
      if (latest.length > 0) await countPrices(client, latest, now);
      return latest.length > 0;
    });
  }
}
