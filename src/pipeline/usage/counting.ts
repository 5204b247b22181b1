/**
 * The transactions that count usage: a lane of an import that goes on over several, or whole deliveries, as many as wait,
 * in one.
 */
import type { DataSource } from 'typeorm';
import { inTransaction, sqlState, type Transaction } from '../../database/transaction.ts';
import {
  keepImports,
  keepOrigin,
  makeFeed,
  NOT_AS_IT_STOOD,
  numberImports,
  settleBatch,
  settleLastBatch,
  type ImportCounts,
  type NewImport,
  type RunningImport,
} from '../../feeds/imports.ts';
import { keepRejects } from '../../feeds/rejects.ts';
import type { FeedRow, ParsedRow } from '../../feeds/usage-record.ts';
import type { Clock, Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { keepFinalDays } from '../../ledger/reconciliation.ts';
import { comeToHold } from '../limits/come-to-hold.ts';
import { KnownAccounts, weighBatch, writeBatch, type ImportPart } from './count-batch.ts';
import { BeginsAgain, NOTHING_LEARNT, sizeOf, type Learnt } from './learnt.ts';
import { daysOf } from './days-of-rows.ts';
import type { LaneBatch } from './lanes.ts';

/** What an import ends with beside its last batch: its header, and the latest start of the batches before. */
export interface Ending {
  header: string | undefined;
  latestStart: Instant | undefined;
}

export interface SettledBatch {
  /** what the import has counted: with its last batch all of it */
  counts: ImportCounts;
  rejects: ImportPart['rejects'];
  latestStart: Instant | undefined;
}

/** A delivery that was read to its end, and is small enough for one transaction. */
export interface WholeDelivery extends NewImport {
  rows: readonly FeedRow[];
  header: string | undefined;
  lastLine: number;
}

export interface CountedDelivery {
  importId: string;
  counts: ImportCounts;
}

/** The feed's records are of another origin than was thought, or it was not there. */
class OtherOrigin extends Error {}

export class Counting {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #known = new KnownAccounts();

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /** Repeated where somebody else was first with a record, or where the batch learnt something too late. */
  async inTransaction<T>(work: (transaction: Transaction, learnt: Learnt) => Promise<T>): Promise<T> {
    let learnt = NOTHING_LEARNT;
    for (;;) {
      try {
        return await inTransaction(this.#dataSource, (transaction) => work(transaction, learnt), {
          retryOnUniqueViolation: true,
        });
      } catch (error) {
        if (!(error instanceof BeginsAgain)) throw error;
        const { toHold } = error;
        if (toHold.length > 0) await comeToHold(this.#dataSource, this.#clock, toHold);
        else if (sizeOf(learnt) >= sizeOf(error.learnt)) throw error;
        learnt = error.learnt;
      }
    }
  }

  /** A lane of an import's batch; where it is the last, the import ends with it. */
  async settleLane(
    transaction: Transaction,
    { rows, before, after }: LaneBatch,
    { importId, feed, origin }: RunningImport,
    learnt: Learnt,
    last?: Ending,
  ): Promise<SettledBatch> {
    const { client, atLast } = transaction;
    const now = this.#clock.now();
    const usage = usageOf(rows);
    const numbered = Promise.resolve([importId]);
    const batch = await weighBatch(client, this.#known, [usage], { feed, origin }, numbered, now, learnt);
    const part = batch.parts[0]!;
    const { rejects } = part;
    const latestStart = later(last?.latestStart, part.latestStart);
    const ends = last && { header: last.header, latestStart, at: now };
    atLast(keepRejects(client, importId, rejects));
    atLast(keepFinalDays(client, importId, finalDaysOf(usage)));
    await writeBatch(transaction, batch);
    const settling = { importId, counts: countsOf(rows, part), before, after };
    if (ends) {
      const counts = await settleLastBatch(client, settling, ends);
      if (!counts) throw inOtherHands(importId);
      return { counts, rejects, latestStart };
    }
    // Behind all else: the other lanes settle on the same row, and wait until this one has committed.
    atLast(
      settleBatch(client, settling).catch((error: unknown) => {
        throw sqlState(error) === NOT_AS_IT_STOOD ? inOtherHands(importId) : error;
      }),
    );
    return { counts: settling.counts, rejects, latestStart };
  }

  /** Whole deliveries of one feed: all of them hold, each as its own import, or none does. */
  async settleWhole(
    feed: string,
    origin: string,
    deliveries: readonly WholeDelivery[],
  ): Promise<readonly CountedDelivery[]> {
    let assumed = origin;
    for (;;) {
      try {
        return await this.inTransaction((transaction, learnt) =>
          this.#settleWhole(transaction, feed, assumed, deliveries, learnt),
        );
      } catch (error) {
        const changedMeanwhile = sqlState(error) === NOT_AS_IT_STOOD;
        if (!(error instanceof OtherOrigin) && !changedMeanwhile) throw error;
        const held = await inTransaction(this.#dataSource, ({ client }) => makeFeed(client, feed, this.#clock.now()));
        if (changedMeanwhile && held === assumed) throw error;
        assumed = held;
      }
    }
  }

  async #settleWhole(
    transaction: Transaction,
    feed: string,
    origin: string,
    deliveries: readonly WholeDelivery[],
    learnt: Learnt,
  ): Promise<readonly CountedDelivery[]> {
    const { client, atLast } = transaction;
    const now = this.#clock.now();
    const usage = deliveries.map(({ rows }) => usageOf(rows));
    const numbered = numberImports(client, feed, deliveries.length).then((numbers) => {
      if (numbers.origin !== origin) throw new OtherOrigin('the feed has another origin by now');
      return numbers.importIds;
    });
    const batch = await weighBatch(client, this.#known, usage, { feed, origin }, numbered, now, learnt);
    const imports = deliveries.map((delivery, index) => {
      const part = batch.parts[index]!;
      const { importId } = part;
      return { ...delivery, importId, counts: countsOf(delivery.rows, part), settledLine: delivery.lastLine };
    });
    const latestStart = batch.parts.reduce<Instant | undefined>(
      (latest, part) => later(latest, part.latestStart),
      undefined,
    );
    // Before anything is written and no earlier: under a steady load whoever changes the feed would wait without end.
    const stays = keepOrigin(client, feed, origin);
    atLast(stays);
    // What fails after it says only that something did.
    await writeBatch(transaction, batch).catch(async (error: unknown) => {
      await stays;
      throw error;
    });
    atLast(keepImports(client, feed, imports, latestStart, now));
    for (const [index, { importId, rejects }] of batch.parts.entries()) {
      atLast(keepRejects(client, importId, rejects));
      atLast(keepFinalDays(client, importId, finalDaysOf(usage[index]!)));
    }
    return imports;
  }
}

export const IN_OTHER_HANDS = 'import_in_other_hands';

export function inOtherHands(importId: string): Refusal {
  return new Refusal('conflict', IN_OTHER_HANDS, `import ${importId} is being carried on by somebody else`);
}

function countsOf(rows: readonly FeedRow[], { standings, rejects }: ImportPart): ImportCounts {
  const skipped = rows.filter((row) => 'skipped' in row).length;
  return { received: rows.length, ...standings, rejected: rejects.length, skipped };
}

function usageOf(rows: readonly FeedRow[]): ParsedRow[] {
  return rows.filter((row): row is ParsedRow => !('skipped' in row));
}

function finalDaysOf(rows: readonly ParsedRow[]): Set<number> {
  return daysOf(rows.filter((row) => 'record' in row && row.record.state === 'final'));
}

export function later(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
