import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PoolClient } from 'pg';
import { inTransaction } from '../../database/transaction.ts';
import { peerReading } from '../../feeds/feed.ts';
import { definitionOfFeed } from '../../feeds/feed-store.ts';
import { isPeerFormat } from '../../feeds/formats/peer-formats.ts';
import { readPeerLines, readPeerRows } from '../../feeds/formats/peer-rows.ts';
import { readRows, type Format } from '../../feeds/formats/rows.ts';
import {
  beginImport,
  endImport,
  keepRejects,
  openRejects,
  settleBatch,
  type ImportCounts,
  type ImportFormat,
  type ImportSource,
  type RunningImport,
} from '../../feeds/imports.ts';
import type { FeedRow, ParsedRow } from '../../feeds/usage-record.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { UsagePartitions } from '../../ledger/partitions.ts';
import { keepFinalDays } from '../../ledger/reconciliation.ts';
import { dayOf } from '../../ledger/usage-store.ts';
import { countBatch, KnownAccounts, ShardsMissing, type BatchOutcome } from './count-batch.ts';
import { FeedBook } from './feed-book.ts';
import { lineOf, NOTHING_SETTLED, splitIntoLanes, unsettled, type LaneBatch } from './lanes.ts';

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

/** What an import ends with beside its last batch: its header, and the latest start of the batches before. */
interface Ending {
  header: string | undefined;
  latestStart: Instant | undefined;
}

/** A batch's outcome, and what the import has counted: with its last batch all of it. */
type SettledBatch = BatchOutcome & { counts: ImportCounts };

/** Rows of a batch: enough that the fixed cost of its transactions is lost, few enough that what lives meanwhile stays small. */
export const BATCH_ROWS = 3_000;

/** Takes usage in, batch by batch; what it answers is durable. */
@Injectable()
export class RecordUsage {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #known = new KnownAccounts();
  readonly #partitions: UsagePartitions;
  readonly #feeds: FeedBook;

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
  }

  /**
   * Counts a delivery. Where it breaks off, the batches before hold, and sending it again counts none of them twice.
   * @throws Refusal where the whole can't be read; then nothing is counted
   */
  async record(delivery: Delivery): Promise<ImportResult> {
    return this.goOn(delivery, undefined);
  }

  /** Counts a delivery, or what an import of the same content that broke off has not settled yet. */
  async goOn(delivery: Delivery, broken: RunningImport | undefined): Promise<ImportResult> {
    const definition = await this.#feeds.definitionOf(delivery.feed);
    const peer = peerReading(definition);
    let running = broken;
    let header: string | undefined;
    let latestStart: Instant | undefined;
    const begin = async (client: PoolClient) =>
      beginImport(
        client,
        {
          feed: delivery.feed,
          source: delivery.source,
          fileName: delivery.fileName ?? '',
          contentHash: delivery.contentHash,
          format: isPeerFormat(definition.format) ? definition.format : delivery.format,
          requestedBy: delivery.requestedBy,
        },
        this.#clock.now(),
      );
    try {
      const onHeader = (line: string) => (header = line);
      const byLine = delivery.format === 'ndjson';
      const sealChecked = delivery.sealChecked ?? false;
      const batches: AsyncGenerator<FeedRow[]> = peer
        ? readPeerRows(delivery.bytes, peer, { byLine, sealChecked, batchRows: BATCH_ROWS, onHeader })
        : readRows(delivery.bytes, delivery.format, BATCH_ROWS, onHeader);
      for await (const batch of oneAhead(batches)) {
        const rows = unsettled(batch, running?.settledLines ?? NOTHING_SETTLED);
        if (rows.length === 0) continue;
        const lanes = splitIntoLanes(rows, running?.settledLines ?? NOTHING_SETTLED);
        // Only one transaction can begin the import; where there are two, it has begun before them.
        if (lanes.length > 1) running ??= await inTransaction(this.#dataSource, ({ client }) => begin(client));
        await this.#partitions.prepareDays(daysOf(rows));
        if (lanes.length === 1 && batch.length < BATCH_ROWS) {
          // The last batch, in one transaction: it ends the import too, so that a small delivery commits once.
          const { running: ended, outcome } = await this.#countLane(lanes[0]!, running, begin, { header, latestStart });
          return { importId: ended.importId, ...outcome.counts };
        }
        const counted = await allEnded(lanes.map((lane) => this.#countLane(lane, running, begin)));
        running = { ...counted[0]!.running, settledLines: NOTHING_SETTLED.map(() => lineOf(rows.at(-1)!)) };
        for (const { outcome } of counted) {
          latestStart = later(latestStart, outcome.latestStart);
        }
      }
    } catch (error) {
      // The database itself may be what failed: then the import stays as running, and the cause is what is told.
      const end = { state: 'failed' as const, error: String(error), header, latestStart };
      if (running) await this.#end(running.importId, end).catch(() => undefined);
      throw error;
    }
    running ??= await inTransaction(this.#dataSource, ({ client }) => begin(client));
    const counts = await this.#end(running.importId, { state: 'done', header, latestStart });
    return { importId: running.importId, ...counts };
  }

  /**
   * Sends rejects of an import again, as they stood or mended. Those that can be used now are no longer open.
   * @throws Refusal not-found
   */
  async resend(
    importId: string,
    rows: readonly { line: number; text?: string }[] | undefined,
    requestedBy: string,
  ): Promise<ImportResult> {
    return this.#settling(async (client, shards) => {
      const { rows: imports } = await client.query<{ feed: string; format: ImportFormat; header: string }>(
        'SELECT feed, format, header FROM imports WHERE import_id = $1',
        [importId],
      );
      const from = imports[0];
      if (!from) throw new Refusal('not-found', 'unknown_import', `there is no import ${importId}`);
      const open = await openRejects(
        client,
        importId,
        rows?.map((row) => row.line),
      );
      const mended = new Map(rows?.map((row) => [row.line, row.text]));
      const missing = rows?.find((row) => !open.some((reject) => reject.line === row.line));
      if (missing) {
        throw new Refusal(
          'not-found',
          'unknown_reject',
          `line ${missing.line} of import ${importId} is no open reject`,
        );
      }
      const texts = open.map((reject) => mended.get(reject.line) ?? reject.text);
      const parsed = await parseAgain(client, texts, from);
      const running = await beginImport(
        client,
        {
          feed: from.feed,
          source: 'resend',
          fileName: `rejects of import ${importId}`,
          contentHash: undefined,
          format: from.format,
          requestedBy,
        },
        this.#clock.now(),
      );
      await this.#partitions.prepareDays(daysOf(parsed));
      const last = { header: from.header, latestStart: undefined };
      const outcome = await this.#settle(client, whole(parsed), running, shards, last);
      const again = new Set(outcome.rejects.map((reject) => reject.line));
      // Lines of the new import are counted from 1, in the order of the rejects that were sent.
      const used = open.filter((_, index) => !again.has(index + 1)).map((reject) => reject.line);
      await client.query('UPDATE rejects SET resent_in = $2 WHERE import_id = $1 AND line = ANY ($3)', [
        importId,
        running.importId,
        used,
      ]);
      return { importId: running.importId, ...outcome.counts };
    });
  }

  async #countLane(
    lane: LaneBatch,
    running: RunningImport | undefined,
    begin: (client: PoolClient) => Promise<RunningImport>,
    last?: Ending,
  ): Promise<{ running: RunningImport; outcome: SettledBatch }> {
    return this.#settling(async (client, shards) => {
      const importing = running ?? (await begin(client));
      return { running: importing, outcome: await this.#settle(client, lane, importing, shards, last) };
    });
  }

  /** A transaction that counts: repeated where somebody else was first with a record, or where it needs further shards. */
  async #settling<T>(work: (client: PoolClient, shards: readonly number[]) => Promise<T>): Promise<T> {
    let shards: readonly number[] = [];
    for (;;) {
      try {
        return await inTransaction(this.#dataSource, ({ client }) => work(client, shards), {
          retryOnUniqueViolation: true,
        });
      } catch (error) {
        if (!(error instanceof ShardsMissing) || shards.length >= error.shards.length) throw error;
        shards = error.shards;
      }
    }
  }

  async #settle(
    client: PoolClient,
    { rows, before, after }: LaneBatch,
    { importId, feed, origin }: RunningImport,
    shards: readonly number[] = [],
    last?: Ending,
  ): Promise<SettledBatch> {
    const source = { feed, origin, importId };
    const usage = rows.filter((row): row is ParsedRow => !('skipped' in row));
    const skipped = rows.length - usage.length;
    const outcome = await countBatch(client, this.#known, usage, source, this.#clock.now(), shards);
    await keepRejects(client, importId, outcome.rejects);
    await keepFinalDays(client, importId, daysOf(usage.filter(isFinal)));
    const { counted, duplicate, stale, superseded } = outcome.standings;
    const rejected = outcome.rejects.length;
    const counts = { received: rows.length, counted, duplicate, stale, superseded, rejected, skipped };
    const settled = await settleBatch(
      client,
      importId,
      counts,
      before,
      after,
      last && { header: last.header, latestStart: later(last.latestStart, outcome.latestStart), at: this.#clock.now() },
    );
    if (!settled) {
      throw new Refusal('conflict', 'import_in_other_hands', `import ${importId} is being carried on by somebody else`);
    }
    return { ...outcome, counts: settled };
  }

  async #end(
    importId: string,
    end: { state: 'done' | 'failed'; error?: string; header: string | undefined; latestStart: Instant | undefined },
  ): Promise<ImportCounts> {
    return inTransaction(this.#dataSource, ({ client }) => endImport(client, importId, end, this.#clock.now()));
  }
}

function later(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

/** A batch that one transaction settles. */
function whole(rows: readonly FeedRow[]): LaneBatch {
  return { rows, before: NOTHING_SETTLED, after: NOTHING_SETTLED.map(() => rows.length) };
}

/** Waits until all have ended, also where one failed: nothing goes on behind the caller's back. */
async function allEnded<T>(all: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(all);
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
  return ended.map((each) => (each as PromiseFulfilledResult<T>).value);
}

/** Reads the next batch while the one before is being counted. */
async function* oneAhead<T>(batches: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = batches.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done) return;
      next = batches.next();
      // Its failure is told when it is its turn.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await batches.return(undefined).catch(() => undefined);
  }
}

function isFinal(row: ParsedRow): boolean {
  return 'record' in row && row.record.state === 'final';
}

function daysOf(rows: readonly FeedRow[]): Set<number> {
  const days = new Set<number>();
  for (const row of rows) if ('record' in row) days.add(dayOf(row.record.startedAt));
  return days;
}

/** Reads rejects' texts once more, under the header they came with; those of a peer as its feed is read now. */
async function parseAgain(
  client: PoolClient,
  texts: readonly string[],
  { feed, format, header }: { feed: string; format: ImportFormat; header: string },
): Promise<FeedRow[]> {
  if (texts.length === 0) return [];
  if (isPeerFormat(format)) {
    const definition = await definitionOfFeed(client, feed);
    const peer = definition.format === format && peerReading(definition);
    if (!peer) {
      const changed = `the feed ${feed} is read as ${definition.format} now, but these rows came as ${format}`;
      throw new Refusal('conflict', 'format_changed', changed);
    }
    if (texts.some((text) => text.includes('\n'))) throw notOneRow();
    return readPeerLines(texts, peer, header);
  }
  const lines = format === 'csv' ? [header, ...texts] : texts;
  const bytes = (async function* () {
    yield Buffer.from(lines.join('\n'));
  })();
  const rows: ParsedRow[] = [];
  for await (const batch of readRows(bytes, format === 'csv' ? 'csv' : 'ndjson', texts.length)) rows.push(...batch);
  if (rows.length !== texts.length) throw notOneRow();
  return rows.map((row, index) =>
    'record' in row
      ? { ...row, record: { ...row.record, line: index + 1 } }
      : { reject: { ...row.reject, line: index + 1 } },
  );
}

function notOneRow(): Refusal {
  return new Refusal('invalid', 'not_one_row', 'each mended text must be one row, on one line');
}
