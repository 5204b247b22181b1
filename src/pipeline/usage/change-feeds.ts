import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { CANONICAL_FEED, definitionFor, feedForm, type FeedDefinition } from '../../feeds/feed.ts';
import { lockFeed, saveFeed, storedFeed, usageOf, type FeedRow, type StoredFeed } from '../../feeds/feed-store.ts';
import { Clock } from '../../kernel/clock.ts';
import { faultsOf, Refusal } from '../../kernel/refusal.ts';
import { FeedBook } from './feed-book.ts';
import { recordChanges } from '../recorded-change.ts';

/** What stands in `INBOX_DIR/<feed>/feed.json` was said by whoever may write there. */
const FILE_ACTOR = 'feed.json';

/** Feeds are configured here, by the API or by a file beside what they bring. */
@Injectable()
export class ChangeFeeds {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #book: FeedBook;

  constructor(dataSource: DataSource, clock: Clock, book: FeedBook) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#book = book;
  }

  /**
   * Makes a feed, or changes the version of it that `ifMatch` names; `any`: whichever there is; undefined: there is none.
   * @throws Refusal changed-meanwhile, origin_in_use
   */
  async put(
    name: string,
    definition: FeedDefinition,
    ifMatch: number | 'any' | undefined,
    actor: string,
  ): Promise<{ feed: StoredFeed; created: boolean }> {
    const put = await inTransaction(
      this.#dataSource,
      async ({ client }) => {
        const before = await lockFeed(client, name);
        if (before) refuseOtherVersion(before, ifMatch);
        else if (typeof ifMatch === 'number') throw unknownFeed(name);
        return { feed: storedFeed(await this.#save(client, name, before, definition, actor)), created: !before };
      },
      { retryOnUniqueViolation: true },
    );
    this.#book.forget(name);
    return put;
  }

  /** Removes a feed; one by which usage came stays, without its definition: as canonical usage of the same origin. */
  async remove(name: string, ifMatch: number | 'any', actor: string): Promise<void> {
    await inTransaction(this.#dataSource, async ({ client }) => {
      const before = await lockFeed(client, name);
      if (!before) throw unknownFeed(name);
      refuseOtherVersion(before, ifMatch);
      if ((await usageOf(client, name)).imports) {
        await saveFeed(client, name, true, { ...CANONICAL_FEED, origin: before.origin }, undefined, this.#clock.now());
      } else await client.query('DELETE FROM feeds WHERE feed = $1', [name]);
      const change = { actor, subject: 'feed', subjectId: name, change: 'removed' } as const;
      await recordChanges(client, [{ ...change, before: storedFeed(before).definition }], this.#clock.now());
    });
    this.#book.forget(name);
  }

  /**
   * Takes a feed's definition from the text of its file, where that is not the one that was read last. Answers whether
   * something changed.
   * @throws Refusal where the text is no definition; the feed stays as it is
   */
  async readFile(name: string, text: string): Promise<boolean> {
    const hash = createHash('sha256').update(text).digest();
    // Looked at often and seldom changed: the feed is locked, which importers would wait for, only where it is another.
    const [known] = await this.#dataSource.query<Pick<FeedRow, 'file_hash'>[]>(
      'SELECT file_hash FROM feeds WHERE feed = $1',
      [name],
    );
    if (known?.file_hash?.equals(hash)) return false;
    const changed = await inTransaction(
      this.#dataSource,
      async ({ client }) => {
        const before = await lockFeed(client, name);
        if (before?.file_hash?.equals(hash)) return false;
        await this.#save(client, name, before, definitionIn(text, name), FILE_ACTOR, hash);
        return true;
      },
      { retryOnUniqueViolation: true },
    );
    if (changed) this.#book.forget(name);
    return changed;
  }

  async #save(
    client: ClientBase,
    name: string,
    before: FeedRow | undefined,
    definition: FeedDefinition,
    actor: string,
    fileHash?: Buffer,
  ): Promise<FeedRow> {
    if (before && before.origin !== definition.origin && (await usageOf(client, name)).records) {
      throw new Refusal(
        'conflict',
        'origin_in_use',
        `usage of the feed ${name} is known by the origin "${before.origin}"; under another it would count again: keep this origin, or bring usage of "${definition.origin}" by a feed of its own`,
      );
    }
    const at = this.#clock.now();
    const row = await saveFeed(client, name, before !== undefined, definition, fileHash, at);
    const change = { actor, subject: 'feed', subjectId: name, after: definition } as const;
    await recordChanges(
      client,
      [
        before
          ? { ...change, change: 'changed', before: storedFeed(before).definition }
          : { ...change, change: 'created' },
      ],
      at,
    );
    return row;
  }
}

/** Reads a definition from text, as it stands in a file. @throws Refusal */
function definitionIn(text: string, feed: string): FeedDefinition {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal('unreadable', 'bad_json', `it is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const read = feedForm.safeParse(value);
  if (read.success) return definitionFor(feed, read.data);
  const faults = faultsOf(read.error.issues);
  const told = faults.map(({ field, detail }) => `${field || 'the whole'} ${detail}`).join('; ');
  throw new Refusal('invalid', 'invalid', `it is no definition of a feed: ${told}`, faults);
}

function refuseOtherVersion(row: FeedRow, ifMatch: number | 'any' | undefined): void {
  if (ifMatch === 'any' || ifMatch === row.version) return;
  const other = ifMatch === undefined ? 'not new' : `not ${ifMatch}`;
  throw new Refusal(
    'changed-meanwhile',
    'changed_meanwhile',
    `the feed ${row.feed} is at version ${row.version}, ${other}; read it again`,
  );
}

function unknownFeed(name: string): Refusal {
  return new Refusal('not-found', 'unknown_feed', `there is no feed ${name}`);
}
