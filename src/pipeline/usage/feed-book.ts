import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import type { FeedDefinition } from '../../feeds/feed.ts';
import { definitionOfFeed } from '../../feeds/feed-store.ts';
import { Stopwatch } from '../../kernel/clock.ts';

/** A change by another process is seen that much later at the most. */
const REMEMBERED_MS = 1_000;
const FEEDS_REMEMBERED_MAX = 10_000;

/** How feeds are read, remembered for a moment: near-real-time usage comes many times a second. */
@Injectable()
export class FeedBook {
  readonly #dataSource: DataSource;
  readonly #known = new Map<string, { definition: FeedDefinition; readAt: number }>();
  readonly #stopwatch = new Stopwatch();

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  async definitionOf(feed: string): Promise<FeedDefinition> {
    const known = this.#known.get(feed);
    const now = this.#stopwatch.now();
    if (known && now - known.readAt < REMEMBERED_MS) return known.definition;
    const definition = await inTransaction(this.#dataSource, ({ client }) => definitionOfFeed(client, feed));
    if (this.#known.size >= FEEDS_REMEMBERED_MAX) this.#known.clear();
    this.#known.set(feed, { definition, readAt: now });
    return definition;
  }

  forget(feed: string): void {
    this.#known.delete(feed);
  }
}
