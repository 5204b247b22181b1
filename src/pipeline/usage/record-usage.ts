import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PoolClient } from 'pg';
import { inTransaction, sqlState } from '../../database/transaction.ts';
import { peerReading } from '../../feeds/feed.ts';
import { isPeerFormat } from '../../feeds/formats/peer-formats.ts';
import { readPeerRows } from '../../feeds/formats/peer-rows.ts';
import { readRows, type Format } from '../../feeds/formats/rows.ts';
import {
  beginImport,
  endImport,
  type ImportCounts,
  type ImportSource,
  type RunningImport,
} from '../../feeds/imports.ts';
import type { FeedRow } from '../../feeds/usage-record.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';
import { Turns } from '../../kernel/turns.ts';
import { UsagePartitions } from '../../ledger/partitions.ts';
import { Counting, IN_OTHER_HANDS, inOtherHands, later, type Ending, type SettledBatch } from './counting.ts';
import { ofFewDays, prepareDaysOf } from './days-of-rows.ts';
import { FeedBook } from './feed-book.ts';
import { JointDeliveries } from './joint-deliveries.ts';
import {
  LanesAtWork,
  lineOf,
  NOTHING_SETTLED,
  settledBy,
  splitIntoLanes,
  unsettled,
  wholeBatch,
  type LaneBatch,
} from './lanes.ts';

/** Usage on its way in. */
export interface Delivery {
  feed: string;
  source: ImportSource;
  /** of canonical usage; of a peer's it tells only whether JSON has one object a line */
  format: Format;
  /** unpacked */
  bytes: AsyncIterable<Buffer>;
  requestedBy: string;
  fileName?: string;
  contentHash?: Buffer;
  /** whether the file's own checksum has been found right */
  sealChecked?: boolean;
}

export interface ImportResult extends ImportCounts {
  importId: string;
}

/** Why a delivery is read no further, where batches before have counted: they hold. */
export class RefusedInPart extends Refusal {
  readonly counted: ImportResult;

  constructor({ kind, code, message, faults }: Refusal, counted: ImportResult) {
    super(kind, code, message, faults);
    this.counted = counted;
  }
}

/** Rows of a batch: enough that the fixed cost of its transactions is lost, few enough that what lives meanwhile stays small. */
export const BATCH_ROWS = 6_000;

/** A delivery of more rows is counted by itself: others would wait for it. */
const JOINT_ROWS_MAX = 200;

/**
 * So many transactions of large deliveries and their lanes at once: however many come and whatever they wait for, half of
 * the process's connections are left to everything else.
 */
const LARGE_AT_ONCE = 6;

/** Takes usage in, batch by batch; what it answers is durable. */
@Injectable()
export class RecordUsage implements OnModuleDestroy {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #counting: Counting;
  readonly #joint: JointDeliveries;
  readonly #turns = new Turns(LARGE_AT_ONCE);
  readonly #partitions: UsagePartitions;
  readonly #feeds: FeedBook;
  #stopping = false;

  constructor(
    dataSource: DataSource,
    clock: Clock,
    partitions: UsagePartitions,
    feeds: FeedBook = new FeedBook(dataSource),
  ) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#partitions = partitions;
    this.#feeds = feeds;
    this.#counting = new Counting(dataSource, clock);
    this.#joint = new JointDeliveries((...deliveries) => this.#counting.settleWhole(...deliveries));
  }

  /** A delivery may have more batches than can be counted before this process has to end: whoever sent it hears of that at once. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  /**
   * Counts a delivery. Where it breaks off, the batches before hold, and sending it again counts none of them twice.
   * @throws Refusal where the whole can't be read; then nothing is counted. RefusedInPart where that shows in a later batch
   */
  async record(delivery: Delivery): Promise<ImportResult> {
    return this.goOn(delivery, undefined);
  }

  /**
   * Counts a delivery, or what an import of the same content that broke off has not settled yet. One that is known by its
   * content is not over where something else than it is at fault: it comes again, and goes on as the same import.
   */
  async goOn(delivery: Delivery, broken: RunningImport | undefined): Promise<ImportResult> {
    const definition = await this.#feeds.definitionOf(delivery.feed);
    const peer = peerReading(definition);
    let running = broken;
    let header: string | undefined;
    let latestStart: Instant | undefined;
    let settled = running?.settledLines ?? NOTHING_SETTLED;
    const atWork = new LanesAtWork();
    const begun = {
      feed: delivery.feed,
      source: delivery.source,
      fileName: delivery.fileName ?? '',
      contentHash: delivery.contentHash,
      format: isPeerFormat(definition.format) ? definition.format : delivery.format,
      requestedBy: delivery.requestedBy,
    };
    const begin = async (client: PoolClient) => beginImport(client, begun, NOTHING_SETTLED, this.#clock.now());
    try {
      const onHeader = (line: string) => (header = line);
      const byLine = delivery.format === 'ndjson';
      const sealChecked = delivery.sealChecked ?? false;
      const batches: AsyncGenerator<FeedRow[]> = peer
        ? readPeerRows(delivery.bytes, peer, { byLine, sealChecked, batchRows: BATCH_ROWS, onHeader })
        : readRows(delivery.bytes, delivery.format, BATCH_ROWS, onHeader);
      for await (const { batch, isLast } of ofFewDays(batches, BATCH_ROWS)) {
        const rows = unsettled(batch, settled);
        if (rows.length === 0) continue;
        if (this.#stopping && !isLast)
          throw new Refusal(
            'unavailable',
            'stopping',
            'this process ends: send it again, and what is counted counts once',
          );
        await prepareDaysOf(rows, this.#dataSource, this.#partitions);
        const split = splitIntoLanes(rows, settled);
        if (split) {
          // Only one transaction can begin the import; where there are several, it has begun before them.
          const importing = (running ??= await inTransaction(this.#dataSource, ({ client }) => begin(client)));
          await atWork.begin(split, async (lane) => {
            const { outcome } = await this.#countLane(lane, importing, begin);
            latestStart = later(latestStart, outcome.latestStart);
          });
          settled = settledBy(split.lanes);
          // What the lanes ask of the database goes out before the next batch is read.
          await nextTurn();
          continue;
        }
        await atWork.ended();
        const whole = wholeBatch(rows, settled);
        if (isLast && !running) {
          const arrived = { ...begun, rows, header, lastLine: lineOf(rows.at(-1)!) };
          const { importId, counts } =
            rows.length > JOINT_ROWS_MAX
              ? (
                  await this.#turns.take(() => this.#counting.settleWhole(delivery.feed, definition.origin, [arrived]))
                )[0]!
              : await this.#joint.count(delivery.feed, definition.origin, arrived);
          return { importId, ...counts };
        }
        const counted = await this.#countLane(whole, running, begin, isLast ? { header, latestStart } : undefined);
        running = counted.running;
        if (isLast) return { importId: running.importId, ...counted.outcome.counts };
        settled = whole.after;
        latestStart = later(latestStart, counted.outcome.latestStart);
      }
      await atWork.ended();
    } catch (error) {
      await atWork.ended().catch(() => undefined);
      const comesAgain = delivery.contentHash !== undefined && !isFaultOfDelivery(error);
      // The database itself may be what failed: then the import stays as running, and the cause is what is told.
      const end = { state: 'failed' as const, error: messageOf(error), header, latestStart };
      const counts = running && !comesAgain && (await this.#end(running.importId, end).catch(() => undefined));
      if (!running || !counts || counts.received === 0 || !(error instanceof Refusal)) throw error;
      throw new RefusedInPart(error, { importId: running.importId, ...counts });
    }
    running ??= await inTransaction(this.#dataSource, ({ client }) => begin(client));
    const counts = await this.#end(running.importId, { state: 'done', header, latestStart });
    if (!counts) throw inOtherHands(running.importId);
    return { importId: running.importId, ...counts };
  }

  async #countLane(
    lane: LaneBatch,
    running: RunningImport | undefined,
    begin: (client: PoolClient) => Promise<RunningImport>,
    last?: Ending,
  ): Promise<{ running: RunningImport; outcome: SettledBatch }> {
    return this.#turns.take(() =>
      this.#counting.inTransaction(async (transaction, learnt) => {
        const importing = running ?? (await begin(transaction.client));
        return {
          running: importing,
          outcome: await this.#counting.settleLane(transaction, lane, importing, learnt, last),
        };
      }),
    );
  }

  async #end(
    importId: string,
    end: { state: 'done' | 'failed'; error?: string; header: string | undefined; latestStart: Instant | undefined },
  ): Promise<ImportCounts | undefined> {
    return inTransaction(this.#dataSource, ({ client }) => endImport(client, importId, end, this.#clock.now()));
  }
}

/** SQLSTATE class 22: values that the database can't take, such as a sum that no counter holds. */
const DATA_EXCEPTION = /^22[0-9A-Z]{3}$/;

/** Whether a failure lies in what was delivered, and would come again with it. */
export function isFaultOfDelivery(error: unknown): boolean {
  if (error instanceof Refusal) return error.kind !== 'unavailable' && error.code !== IN_OTHER_HANDS;
  return DATA_EXCEPTION.test(sqlState(error) ?? '');
}
