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
import { inTransaction, LOCK_NOT_AVAILABLE, sqlState } from '../../database/transaction.ts';
import { accountsIn, movementsOf } from '../../deviations/movement-lines.ts';
import {
  answerAsked,
  emptyOldSlots,
  endTurns,
  readLog,
  takeTurns,
  unreadShards,
  type LogEntry,
  type Turn,
} from '../../deviations/movement-log.ts';
import { coolOldRanges } from '../../deviations/signature-store.ts';
import { forgetOldSigns, type NewSign } from '../../deviations/tariff-store.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { SHARDS } from '../../ledger/usage-store.ts';
import { enqueue } from '../../queues/outbox.ts';
import { observeJobs } from './ask-to-observe.ts';
import { carryOutEach, type Wanted } from '../deciding/carry-out.ts';
import { accountsOf, ObservationContexts } from './observation-context.ts';
import { WatchedSignatures } from './watch-signatures.ts';
import { actOnSigns, alarmSigns, priceSigns } from './watch-tariffs.ts';

/** Movements of a turn: enough that asking the database is little of it, few enough that what they leave behind is gone soon. */
const TURN_MOVEMENTS = 4_000;

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
      const { movements, isAll, told } = await inTransaction(this.dataSource, ({ client }) =>
        this.turn(client, ordered),
      );
      for (const each of told) this.#log.warn(each);
      seen += movements;
      if (isAll) return seen;
    }
  }

  /** The next turn of the shards, one after the other, as a part of the transaction that `client` is in. */
  async turn(
    client: PoolClient,
    shards: readonly number[],
  ): Promise<{ movements: number; isAll: boolean; told: string[] }> {
    const turns = await takeTurns(client, shards);
    const { entries, isAll } = await readLog(client, turns, TURN_MOVEMENTS);
    if (entries.length === 0) return { movements: 0, isAll, told: [] };
    const read = new Map(entries.map(({ shard, entryNo }): [number, Turn] => [shard, { shard, entryNo }]));
    const [seen] = await Promise.all([this.#look(client, entries), endTurns(client, [...read.values()])]);
    return { ...seen, isAll };
  }

  /** For asks that got lost, as with a queue that lost its jobs; and empties what of the log has been read. */
  async sweep(): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      await enqueue(client, observeJobs(await unreadShards(client, SHARDS)));
    });
    const at = this.clock.now();
    await inTransaction(this.dataSource, ({ client }) => forgetOldSigns(client, at));
    await inTransaction(this.dataSource, ({ client }) => coolOldRanges(client, at));
    await this.#emptyOldSlots(at);
  }

  async #emptyOldSlots(at: Instant): Promise<void> {
    try {
      await inTransaction(this.dataSource, async ({ client }) => {
        await client.query(`SET LOCAL lock_timeout = '100ms'`);
        await emptyOldSlots(client, at);
      });
    } catch (error) {
      // Somebody reads the log for long, as a backup does. Those who look at it are not kept from it: a later sweep empties it.
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
    }
  }

  async #look(client: PoolClient, entries: readonly LogEntry[]): Promise<{ movements: number; told: string[] }> {
    const now = this.clock.now();
    const context = await this.#contexts.at(client, now);
    const named = entries.flatMap(({ lines }) => [...accountsIn(lines)]);
    const accounts = await accountsOf(client, context, named);
    const signatures = await WatchedSignatures.of(client, accounts, context);
    const signs: NewSign[] = [];
    const risen: Wanted[] = [];
    let seen = 0;
    // One after the other, so that little of what was read of them is there at a time.
    for (const entry of entries) {
      const movements = movementsOf(entry.lines);
      seen += movements.length;
      signs.push(...priceSigns(movements, accounts, context.prices, context.suspected, entry.at));
      const matters = signatures.take(entry, movements);
      if (matters.length === 0) continue;
      signs.push(...matters.flatMap(alarmSigns));
      const latestStart = Math.max(...movements.map(({ to }) => to.startedAt));
      risen.push({ wanted: matters, freshness: entry.source && { ...entry.source, latestStart } });
    }
    await signatures.save(client, entries.at(-1)!.at);
    // First the brake: what it stops does not pass it on the way.
    const told = await actOnSigns(client, signs, now);
    await carryOutEach(client, risen, now);
    return { movements: seen, told };
  }
}
