/**
 * The look at what has moved in the ledger: by shard of accounts, in the order in which it moved, each movement once.
 *
 * Whoever takes a shard's turn holds its row in `shard_turns` while it lasts. What the look leads to (signatures, signs,
 * brakes, decisions, evidence, outbox) commits together with the place up to which the log was read; cut off anywhere, the
 * next turn begins where the last one that committed had ended.
 */
import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../accounts/store.ts';
import { inTransaction } from '../database/transaction.ts';
import {
  answerAsked,
  emptyOldSlots,
  endTurn,
  readLog,
  takeTurn,
  unreadShards,
  type LogEntry,
} from '../deviations/movement-log.ts';
import { forgetOldSigns } from '../deviations/tariff-store.ts';
import { Clock } from '../kernel/clock.ts';
import { SHARDS } from '../ledger/usage-store.ts';
import { enqueue } from '../queues/outbox.ts';
import { observeJobs } from './ask-to-observe.ts';
import { ObservationContexts } from './observation-context.ts';
import { actOnSigns, priceSigns } from './watch-tariffs.ts';

/** Movements of a turn: enough that an account is read and written once for many of them, few enough to end soon. */
const TURN_MOVEMENTS = 20_000;

@Injectable()
export class ObserveUsage {
  readonly #log = new Logger('deviations');
  readonly #contexts = new ObservationContexts();

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Looks at all that has moved in these shards and was not looked at; answers how many movements that were. */
  async observe(shards: readonly number[]): Promise<number> {
    let seen = 0;
    for (const shard of shards) {
      // First, and committed: who moves something from now on asks again, whoever did before is read below.
      await inTransaction(this.dataSource, ({ client }) => answerAsked(client, shard));
      for (;;) {
        const movements = await this.#turn(shard);
        if (movements === 0) break;
        seen += movements;
      }
    }
    return seen;
  }

  /** For asks that got lost, as with a queue that lost its jobs; and empties what of the log has been read. */
  async sweep(): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      await enqueue(client, observeJobs(await unreadShards(client, SHARDS)));
    });
    const at = this.clock.now();
    await inTransaction(this.dataSource, async ({ client }) => {
      await client.query(`SET LOCAL lock_timeout = '2s'`);
      await emptyOldSlots(client, at);
      await forgetOldSigns(client, at);
    });
  }

  async #turn(shard: number): Promise<number> {
    const { movements, told } = await inTransaction(this.dataSource, async ({ client }) => {
      const entries = await readLog(client, shard, await takeTurn(client, shard), TURN_MOVEMENTS);
      if (entries.length === 0) return { movements: 0, told: [] };
      const said = await this.#look(client, entries);
      await endTurn(client, shard, entries.at(-1)!.entryNo);
      return { movements: entries.reduce((sum, entry) => sum + entry.movements.length, 0), told: said };
    });
    for (const each of told) this.#log.warn(each);
    return movements;
  }

  async #look(client: PoolClient, entries: readonly LogEntry[]): Promise<string[]> {
    const now = this.clock.now();
    const context = await this.#contexts.at(client, now);
    const ids = new Set(entries.flatMap(({ movements }) => movements.map(({ to }) => to.accountId)));
    const accounts = new Map((await accountsById(client, [...ids])).map((each) => [each.accountId, each]));
    const signs = entries.flatMap(({ movements, at }) =>
      priceSigns(movements, accounts, context.prices, context.suspected, at),
    );
    return actOnSigns(client, signs, now);
  }
}
