import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { clearAllBut, openSubjects, settleAlarm, type Trouble } from '../../feeds/alarms.ts';
import {
  beginImport,
  endImport,
  importOfFile,
  releaseChangedFile,
  releaseMisreadFile,
  type NewImport,
} from '../../feeds/imports.ts';
import { peerReading } from '../../feeds/feed.ts';
import { checkSeal } from '../../feeds/formats/seal.ts';
import { kept } from '../../feeds/rejects.ts';
import { definitionFiles, isDefinitionFile } from '../../feeds/sources/definition-file.ts';
import {
  completeFiles,
  hashOfFile,
  isRefusedByDisk,
  lookAt,
  openFile,
  putAway,
  stillFailed,
  type DroppedFile,
} from '../../feeds/sources/drop-folder.ts';
import { Clock, Stopwatch, SystemClock, type Instant } from '../../kernel/clock.ts';
import { maskAnswer } from '../../kernel/masking.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';
import { ChangeFeeds } from './change-feeds.ts';
import { FeedBook } from './feed-book.ts';
import { NOTHING_SETTLED } from './lanes.ts';
import { isFaultOfDelivery, RecordUsage } from './record-usage.ts';

/** A file that the disk keeps from being read or put away is tried again after this long. */
const WAITS_MS = 60_000;
/**
 * So many files of a feed are asked for at a look: to hand over tens of thousands takes longer than until the next look, and
 * those that wait already are handed over again.
 */
const FILES_AT_A_LOOK = 500;

/** Takes nightly files in from the drop folder, each content of a feed once, going on where a broken-off import stopped. */
@Injectable()
export class ImportDroppedFile implements OnModuleDestroy {
  readonly #log = new Logger('drop-folder');
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #config: Config;
  readonly #recordUsage: RecordUsage;
  readonly #feeds: ChangeFeeds;
  readonly #book: FeedBook;
  readonly #seen = new Map<string, string>();
  /** until when files wait that the disk refused */
  readonly #waiting = new Map<string, number>();
  readonly #stopwatch = new Stopwatch();
  #stopping = false;
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

  /** A file may have more rows than can be counted before this process has to end: the import goes on at the next start. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  /**
   * The files that lie complete in the drop folder, of each feed the first. A feed whose definition can't be used waits: nobody
   * knows how it is read; what the disk refuses waits too. Operators are told of both.
   */
  async scan(): Promise<DroppedFile[]> {
    const now = this.#fileTime.now();
    const { complete, closed } = await completeFiles(this.#config.inboxDir, this.#seen, now);
    const waiting = await this.#readDefinitions();
    await this.#tell(async (client, at) => [
      ...(await settleFileWaits(client, closed, at)),
      ...(await settleFilesFailed(client, closed, at)),
      ...(await settleFeedDefinitions(
        client,
        waiting,
        [...closed.keys()].map((folder) => basename(folder)),
        at,
      )),
    ]);
    for (const [path, until] of this.#waiting) if (until <= this.#stopwatch.now()) this.#waiting.delete(path);
    const ofFeed = new Map<string, number>();
    return complete.filter(({ feed, path }) => {
      if (isDefinitionFile(path) || waiting.has(feed) || this.#waiting.has(path)) return false;
      const place = (ofFeed.get(feed) ?? 0) + 1;
      ofFeed.set(feed, place);
      return place <= FILES_AT_A_LOOK;
    });
  }

  async #tell(settle: (client: ClientBase, at: Instant) => Promise<string[]>): Promise<void> {
    const told = await inTransaction(this.#dataSource, ({ client }) => settle(client, this.#clock.now()));
    for (const each of told) this.#log.warn(each);
  }

  /** Takes over what the files of the drop folder say of their feeds; answers the feeds whose file can't be used, and why. */
  async #readDefinitions(): Promise<ReadonlyMap<string, Trouble>> {
    const waiting = new Map<string, Trouble>();
    for (const { feed, path, text } of await definitionFiles(this.#config.inboxDir)) {
      try {
        if (text === undefined) throw new Refusal('too-large', 'too_large', 'it is too large, or can not be read');
        if (await this.#feeds.readFile(feed, text)) this.#log.log(`the feed ${feed} is as ${path} says`);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        waiting.set(feed, {
          text: `the files of the feed ${feed} wait, for ${path} can not be used: ${error.message}. Mend that file, or take it away to have them read as the feed is defined now`,
          facts: { path, code: error.code, reason: error.message },
        });
      }
    }
    return waiting;
  }

  /**
   * Imports one file and puts it away. A file that is not there any more was imported by somebody else; one that the disk keeps
   * from being read or put away waits there, and is tried again from time to time.
   */
  async import(file: DroppedFile): Promise<void> {
    try {
      await this.#import(file);
    } catch (error) {
      if (!isRefusedByDisk(error)) throw error;
      const { path } = file;
      const why = messageOf(error);
      this.#waiting.set(path, this.#stopwatch.now() + WAITS_MS);
      const text = `${path} waits, and is tried again every minute: ${why}. Plafond has to be able to read it, and to move it into done/ or failed/ beside it`;
      await this.#tell((client, at) => settleAlarm(client, 'file-waits', path, { text, facts: { why } }, '', at));
    }
  }

  async #import({ feed, path }: DroppedFile): Promise<void> {
    const looks = await lookAt(path);
    if (looks === undefined) return;
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
      const why = `the same content as import ${known.importId}: nothing was done`;
      if (!(await this.#putAway(path, looks, 'done', why))) return;
      await this.#tellImported(path);
      await this.#recordUnread({ ...delivery, contentHash: undefined }, 'same-file', why);
      this.#log.log(`${path} has the same content as import ${known.importId}: nothing was done`);
      return;
    }
    try {
      // Nothing of it counts before its end has been seen.
      if (sealed) await checkSeal(openFile(path).bytes);
      const result = await this.#recordUsage.goOn(
        { ...delivery, bytes: this.#whileRunning(bytes), sealChecked: sealed },
        known,
      );
      if (!(await this.#putAway(path, looks, 'done'))) {
        await inTransaction(this.#dataSource, ({ client }) => releaseChangedFile(client, result.importId));
      }
      await this.#tellImported(path);
      const { received, counted, superseded, duplicate, stale, rejected, skipped } = result;
      this.#log.log(
        `${path}: import ${result.importId}, ${received} rows: ${counted} counted, ${superseded} superseded earlier ones, ` +
          `${duplicate} duplicate, ${stale} stale, ${rejected} rejected, ${skipped} passed over`,
      );
    } catch (error) {
      // In other hands, or the database is away: the file stays, and this job is tried again.
      if (!isFaultOfDelivery(error)) throw error;
      const why = kept(messageOf(error));
      await this.#recordUnread(delivery, 'failed', why);
      // Its first line, which it may hold, can be usage.
      const reason = maskAnswer(why, '');
      const trouble = {
        text: `the file ${path} of the feed ${feed} was not imported, and lies in failed/ there: ${reason}. Once it, or the feed's definition, is mended, drop it again under its name, or take it from failed/ where it is not to count`,
        facts: { feed, path, reason },
      };
      await this.#tell((client, at) => settleAlarm(client, 'file-failed', path, trouble, '', at));
      await this.#putAway(path, looks, 'failed', why);
      this.#log.error(`${path} was not imported: ${why}`);
    }
  }

  async #tellImported(path: string): Promise<void> {
    await this.#tell((client, at) =>
      settleAlarm(client, 'file-failed', path, undefined, `${path} came again, and was imported`, at),
    );
  }

  async *#whileRunning(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) {
      if (this.#stopping)
        throw new Refusal('unavailable', 'stopping', 'this process ends, and the next goes on from here');
      yield chunk;
    }
  }

  /**
   * Puts away what was read, unless somebody else has; answers `false` where it stays: what came under the same name meanwhile,
   * or was written to it, nobody has read, and is imported as a file of its own.
   */
  async #putAway(path: string, looks: string, place: 'done' | 'failed', note?: string): Promise<boolean> {
    const now = await lookAt(path);
    if (now !== undefined && now !== looks) {
      this.#log.warn(`${path} changed while it was read: what lies there now is imported anew`);
      return false;
    }
    if (now !== undefined) await putAway(path, place, note);
    return true;
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

/** What was told of files that failed is over where they lie in `failed/` no more. */
async function settleFilesFailed(
  client: ClientBase,
  closed: ReadonlyMap<string, string>,
  at: Instant,
): Promise<string[]> {
  const byFolder = new Map<string, string[]>();
  for (const path of await openSubjects(client, 'file-failed')) {
    const folder = dirname(path);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), basename(path)]);
  }
  const told: string[] = [];
  for (const [folder, names] of byFolder) {
    if (closed.has(folder)) continue;
    const still = await stillFailed(folder, names);
    for (const name of names) {
      const path = join(folder, name);
      if (still.has(name) || (await isFile(path))) continue;
      told.push(...(await settleAlarm(client, 'file-failed', path, undefined, `${path} lies in failed/ no more`, at)));
    }
  }
  return told;
}

/** An alarm for each folder of which no file is imported; what was told of folders that can, and of files that are gone, is over. */
async function settleFileWaits(
  client: ClientBase,
  closed: ReadonlyMap<string, string>,
  at: Instant,
): Promise<string[]> {
  const told: string[] = [];
  for (const [folder, why] of closed) {
    const text = `nothing of ${folder} is imported: ${why}`;
    told.push(...(await settleAlarm(client, 'file-waits', folder, { text, facts: { why } }, '', at)));
  }
  for (const path of await openSubjects(client, 'file-waits')) {
    // Of a file in a folder that can't be read nobody knows whether it is gone.
    if (closed.has(path) || closed.has(dirname(path)) || (await isFile(path))) continue;
    told.push(...(await settleAlarm(client, 'file-waits', path, undefined, `${path} waits no longer`, at)));
  }
  return told;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** An alarm for each feed whose definition can't be used; of those in `unseen` nobody knows what it says now. */
async function settleFeedDefinitions(
  client: ClientBase,
  waiting: ReadonlyMap<string, Trouble>,
  unseen: readonly string[],
  at: Instant,
): Promise<string[]> {
  const told: string[] = [];
  for (const [feed, trouble] of waiting) {
    told.push(...(await settleAlarm(client, 'feed-definition', feed, trouble, '', at)));
  }
  const but = [...waiting.keys(), ...unseen];
  told.push(...(await clearAllBut(client, ['feed-definition'], but, 'its files are read again', at)));
  return told;
}
