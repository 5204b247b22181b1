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
import { inTransaction } from '../../database/transaction.ts';
import {
  answerAsked,
  emptyOldSlots,
  endTurn,
  readLog,
  takeTurn,
  unreadShards,
  type LogEntry,
} from '../../deviations/movement-log.ts';
import { forgetOldSigns } from '../../deviations/tariff-store.ts';
import { Clock } from '../../kernel/clock.ts';
import { SHARDS } from '../../ledger/usage-store.ts';
import { enqueue } from '../../queues/outbox.ts';
import { observeJobs } from './ask-to-observe.ts';
import { carryOut } from '../deciding/carry-out.ts';
import { ObservationContexts } from './observation-context.ts';
import { watchSignatures } from './watch-signatures.ts';
import { actOnSigns, alarmSigns, priceSigns } from './watch-tariffs.ts';

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
    const ordered = [...new Set(shards)].toSorted((a, b) => a - b);
    // First, and committed: who moves something from now on asks again, whoever did before is read below.
    await inTransaction(this.dataSource, ({ client }) => answerAsked(client, ordered));
    let seen = 0;
    for (;;) {
      const { movements, told } = await inTransaction(this.dataSource, ({ client }) => this.turn(client, ordered));
      for (const each of told) this.#log.warn(each);
      if (movements === 0) return seen;
      seen += movements;
    }
  }

  /** One turn of the shards, in their order, as a part of the transaction that `client` is in. */
  async turn(client: PoolClient, shards: readonly number[]): Promise<{ movements: number; told: string[] }> {
    const entries: LogEntry[] = [];
    for (const shard of shards) {
      const read = await readLog(
        client,
        shard,
        await takeTurn(client, shard),
        Math.ceil(TURN_MOVEMENTS / shards.length),
      );
      if (read.length > 0) await endTurn(client, shard, read.at(-1)!.entryNo);
      entries.push(...read);
    }
    if (entries.length === 0) return { movements: 0, told: [] };
    const told = await this.#look(client, entries);
    return { movements: entries.reduce((sum, entry) => sum + entry.movements.length, 0), told };
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

  async #look(client: PoolClient, entries: readonly LogEntry[]): Promise<string[]> {
    const now = this.clock.now();
    const context = await this.#contexts.at(client, now);
    const ids = entries.flatMap(({ movements }) => movements.map(({ to }) => to.accountId));
    const accounts = await this.#contexts.accountsOf(client, ids);
    const signs = entries.flatMap(({ movements, at }) =>
      priceSigns(movements, accounts, context.prices, context.suspected, at),
    );
    const risen = await watchSignatures(client, entries, accounts, context);
    signs.push(...[...risen.values()].flat().flatMap(alarmSigns));
    // First the brake: what it stops does not pass it on the way.
    const told = await actOnSigns(client, signs, now);
    for (const [entry, matters] of risen) {
      const latestStart = Math.max(...entry.movements.map(({ to }) => to.startedAt));
      await carryOut(client, matters, now, entry.source && { ...entry.source, latestStart });
    }
    return told;
  }
}
