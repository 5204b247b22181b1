/** Counts every counter anew from the ledger: to prove that they are equal, or to mend those that are not. */
import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import type { Cap } from '../../caps/cap.ts';
import { allCaps } from '../../caps/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { Clock, formatInstant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { rollingHours } from '../../kernel/period.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { differences, recount, type CounterDifference } from '../../spend/counters.ts';
import { carryOutCrossings } from '../deciding/carry-out.ts';
import { holdDue } from '../limits/come-to-hold.ts';
import { holdCap } from '../limits/hold-cap.ts';
import { recordChanges } from '../recorded-change.ts';

@Injectable()
export class RebuildSpend {
  readonly #log = new Logger('spend');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Where counters and ledger differ at one instant. Nobody is held up: importers go on. */
  async check(): Promise<CounterDifference[]> {
    return inTransaction(this.dataSource, async ({ client }) => {
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      const found: CounterDifference[] = [];
      for (const cap of metersOf(await allCaps(client)))
        found.push(...(await differences(client, cap.traffic, cap.period)));
      return found;
    });
  }

  /**
   * Looks for what differs while importers go on; while they stand still mends what of it still does, records each
   * difference, and holds the caps against what is spent by the ledger: a threshold that a wrong counter had hidden acts now.
   */
  async mend(actor: string): Promise<CounterDifference[]> {
    const seen = await this.check();
    if (seen.length === 0) return [];
    const mended = await inTransaction(this.dataSource, ({ client }) => this.#mend(client, seen, actor));
    if (mended.length > 0) this.#log.warn(`${mended.length} counters differed from the ledger and were mended`);
    return mended;
  }

  async #mend(client: PoolClient, seen: readonly CounterDifference[], actor: string): Promise<CounterDifference[]> {
    const at = this.clock.now();
    await lockCounting(client);
    const caps = await allCaps(client);
    const found: CounterDifference[] = [];
    for (const cap of metersOf(caps)) {
      const accounts = accountsOf(seen, cap);
      if (accounts.length > 0) found.push(...(await differences(client, cap.traffic, cap.period, accounts)));
    }
    await recordChanges(
      client,
      found.map((each) => ({
        actor,
        subject: 'counter',
        subjectId: [
          each.account_id,
          each.service_id,
          each.traffic,
          each.period,
          formatInstant(each.period_start.getTime()),
        ]
          .filter((part) => part !== '')
          .join(' '),
        change: 'mended',
        before: { spend: spendOf(each.counted) },
        after: { spend: spendOf(each.ledger) },
      })),
      at,
    );
    for (const cap of metersOf(caps)) {
      const accounts = accountsOf(found, cap);
      if (accounts.length > 0) await recount(client, cap.traffic, cap.period, accounts);
    }
    const crossings = await holdDue(client, [...new Set(found.map((each) => each.account_id))], at);
    for (const cap of caps) {
      const accounts = accountsOf(found, cap);
      if (accounts.length > 0) crossings.push(...(await holdCap(client, cap, accounts, at)));
    }
    // All at once: evidence of many accounts locks their chains in one order.
    await carryOutCrossings(client, crossings, at, undefined);
    return found;
  }
}

/** One cap for each traffic and period that has counters; rolling windows are read from the ledger itself. */
function metersOf(caps: readonly Cap[]): Cap[] {
  const meters = new Map(caps.map((cap) => [`${cap.traffic} ${cap.period}`, cap]));
  return [...meters.values()].filter(({ period }) => rollingHours(period) === undefined);
}

function accountsOf(found: readonly CounterDifference[], { traffic, period }: Cap): string[] {
  const same = found.filter((each) => each.traffic === traffic && each.period === period);
  return [...new Set(same.map((each) => each.account_id))];
}

function spendOf(micros: string | null): string {
  return formatAmount(BigInt(micros ?? 0));
}
