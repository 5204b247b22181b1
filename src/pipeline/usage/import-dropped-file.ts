import { stat } from 'node:fs/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { beginImport, endImport, importOfFile, releaseMisreadFile, type NewImport } from '../../feeds/imports.ts';
import { peerReading } from '../../feeds/feed.ts';
import { checkSeal } from '../../feeds/formats/seal.ts';
import { definitionFiles, isDefinitionFile } from '../../feeds/sources/definition-file.ts';
import { completeFiles, hashOfFile, openFile, putAway, type DroppedFile } from '../../feeds/sources/drop-folder.ts';
import { Clock, SystemClock } from '../../kernel/clock.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';
import { ChangeFeeds } from './change-feeds.ts';
import { FeedBook } from './feed-book.ts';
import { NOTHING_SETTLED } from './lanes.ts';
import { isFaultOfDelivery, RecordUsage } from './record-usage.ts';

/** Takes nightly files in from the drop folder, each content of a feed once, going on where a broken-off import stopped. */
@Injectable()
export class ImportDroppedFile {
  readonly #log = new Logger('drop-folder');
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #config: Config;
  readonly #recordUsage: RecordUsage;
  readonly #feeds: ChangeFeeds;
  readonly #book: FeedBook;
  readonly #seen = new Map<string, string>();
  /** what was last said of each definition that can't be read, so that it is said once */
  readonly #complaints = new Map<string, string>();
  /** Files bear the machine's time, whatever the clock that drives Plafond. */
  readonly #fileTime = new SystemClock();

  constructor(
    dataSource: DataSource,
    clock: Clock,
    @Inject(CONFIG) config: Config,
    recordUsage: RecordUsage,
    feeds: ChangeFeeds,
    book: FeedBook,
  ) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#config = config;
    this.#recordUsage = recordUsage;
    this.#feeds = feeds;
    this.#book = book;
  }

  /** The files that lie complete in the drop folder. A feed whose definition can't be read waits: nobody knows how it is read. */
  async scan(): Promise<DroppedFile[]> {
    const files = await completeFiles(this.#config.inboxDir, this.#seen, this.#fileTime.now());
    const waiting = await this.#readDefinitions();
    return files.filter(({ feed, path }) => !isDefinitionFile(path) && !waiting.has(feed));
  }

  /** Takes over what the files of the drop folder say of their feeds; answers the feeds whose file can't be read. */
  async #readDefinitions(): Promise<Set<string>> {
    const waiting = new Set<string>();
    for (const { feed, path, text } of await definitionFiles(this.#config.inboxDir)) {
      try {
        if (text === undefined) throw new Refusal('too-large', 'too_large', 'it is too large, or can not be read');
        if (await this.#feeds.readFile(feed, text)) this.#log.log(`the feed ${feed} is as ${path} says`);
        this.#complaints.delete(path);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        waiting.add(feed);
        if (this.#complaints.get(path) === error.message) continue;
        this.#complaints.set(path, error.message);
        this.#log.error(`the files of the feed ${feed} wait, for ${path} can not be used: ${error.message}`);
      }
    }
    return waiting;
  }

  /** Imports one file and puts it away. A file that is not there any more was imported by somebody else. */
  async import({ feed, path }: DroppedFile): Promise<void> {
    if (!(await stat(path).catch(() => undefined))) return;
    const contentHash = await hashOfFile(path);
    const sealed = peerReading(await this.#book.definitionOf(feed))?.format.sealed ?? false;
    const { bytes, format } = openFile(path);
    const delivery = {
      feed,
      source: 'drop-folder' as const,
      format,
      fileName: path,
      contentHash,
      requestedBy: 'drop folder',
    };
    const known = await inTransaction(this.#dataSource, async ({ client }) => {
      await releaseMisreadFile(client, feed, contentHash);
      return importOfFile(client, feed, contentHash);
    });
    if (known?.state === 'done') {
      await this.#recordUnread(
        { ...delivery, contentHash: undefined },
        'same-file',
        `the same content as import ${known.importId}: nothing was done`,
      );
      await putAway(path, 'done', `The same content as import ${known.importId}: nothing was done.`);
      this.#log.log(`${path} has the same content as import ${known.importId}: nothing was done`);
      return;
    }
    try {
      // Nothing of it counts before its end has been seen.
      if (sealed) await checkSeal(openFile(path).bytes);
      const result = await this.#recordUsage.goOn({ ...delivery, bytes, sealChecked: sealed }, known);
      await putAway(path, 'done');
      const { received, counted, superseded, duplicate, stale, rejected } = result;
      this.#log.log(
        `${path}: import ${result.importId}, ${received} rows: ${counted} counted, ${superseded} superseded earlier ones, ` +
          `${duplicate} duplicate, ${stale} stale, ${rejected} rejected`,
      );
    } catch (error) {
      // In other hands, or the database is away: the file stays, and this job is tried again.
      if (!isFaultOfDelivery(error)) throw error;
      const why = messageOf(error);
      await this.#recordUnread(delivery, 'failed', why);
      await putAway(path, 'failed', why);
      this.#log.error(`${path} was not imported: ${why}`);
    }
  }

  /** Keeps on record that a file came of which nothing was read. */
  async #recordUnread(delivery: NewImport, state: 'same-file' | 'failed', error: string): Promise<void> {
    await inTransaction(this.#dataSource, async ({ client }) => {
      const known = delivery.contentHash && (await importOfFile(client, delivery.feed, delivery.contentHash));
      if (known) return;
      const { rows } = await client.query(
        `SELECT FROM imports WHERE feed = $1 AND content_hash = $2 AND state = 'failed' AND received > 0`,
        [delivery.feed, delivery.contentHash ?? null],
      );
      if (rows.length > 0) return;
      const now = this.#clock.now();
      const { importId } = await beginImport(client, delivery, NOTHING_SETTLED, now);
      await endImport(client, importId, { state, error, latestStart: undefined }, now);
    });
  }
}
