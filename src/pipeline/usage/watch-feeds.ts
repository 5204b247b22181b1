/** Looks at all feeds: one that is behind its rhythm, skips a file or has more rejects is told once. */
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { clearAllBut, openSubjects, settleAlarm, type AlarmKind, type Trouble } from '../../feeds/alarms.ts';
import { gapsInWords, sequenceGaps } from '../../feeds/file-sequence.ts';
import { freshnessOf, isBehind, NO_RHYTHM, type FeedFreshness } from '../../feeds/freshness.ts';
import { nextUsualShare, rejectsRise, type RowCounts } from '../../feeds/reject-rise.ts';
import {
  allFeeds,
  latestFileNames,
  latestRows,
  rememberUsualRejects,
  usualRejects,
  type WatchedFeed,
} from '../../feeds/watched-feeds.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';

/** What is open about a feed that is gone is over. */
const KINDS: readonly AlarmKind[] = ['feed-behind', 'feed-gap', 'rejects-rise'];
const WATCH_LOCK = 7_010;

@Injectable()
export class WatchFeeds {
  readonly #log = new Logger('feeds');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Brings the alarms of all feeds to what is now. Safe to run anywhere at the same time: one looks, the others pass. */
  async run(): Promise<void> {
    const at = this.clock.now();
    const said = await inTransaction(this.dataSource, async ({ client }) => {
      const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
        WATCH_LOCK,
      ]);
      if (!rows[0]!.ours) return [];
      const feeds = await allFeeds(client);
      const told: string[] = [];
      for (const feed of feeds) told.push(...(await watch(client, feed, at)));
      const there = feeds.map(({ feed }) => feed);
      told.push(...(await clearAllBut(client, KINDS, there, 'the feed is gone', at)));
      return told;
    });
    for (const each of said) this.#log.warn(each);
  }

  /** How fresh a feed is now; `unknown` where no rhythm is expected of it. */
  async freshness(feed: string): Promise<FeedFreshness> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const [found] = await allFeeds(client, feed);
      return found ? freshnessOf(found, this.clock.now()) : NO_RHYTHM;
    });
  }
}

async function watch(client: ClientBase, feed: WatchedFeed, at: Instant): Promise<string[]> {
  const name = `the feed ${feed.feed}`;
  const { state, words } = freshnessOf(feed, at);
  const behind = isBehind(state) ? { text: `${name} is ${state}: ${words}`, facts: { state } } : undefined;
  const allClear = feed.rhythm ? `${name} is fresh again` : `${name}: no rhythm is expected of it any more`;
  return [
    ...(await settleAlarm(client, 'feed-behind', feed.feed, behind, allClear, at)),
    ...(await watchSequence(client, feed, name, at)),
    ...(await watchRejects(client, feed, name, at)),
  ];
}

async function watchSequence(client: ClientBase, feed: WatchedFeed, name: string, at: Instant): Promise<string[]> {
  const gaps =
    feed.sequence === undefined
      ? []
      : sequenceGaps(await latestFileNames(client, feed.feed), new RegExp(feed.sequence));
  const trouble = gaps.length > 0 && {
    text: `${name} skipped files: number ${gapsInWords(gaps)} did not come, or could not be read`,
    facts: { missing: gaps },
  };
  const allClear = `no number is missing among the latest files of ${name}`;
  return settleAlarm(client, 'feed-gap', feed.feed, trouble || undefined, allClear, at);
}

async function watchRejects(client: ClientBase, feed: WatchedFeed, name: string, at: Instant): Promise<string[]> {
  const { recent, before, since = at } = await latestRows(client, feed.feed);
  const remembered = await usualRejects(client, feed.feed);
  const usual = remembered?.share ?? (before.received > 0 ? before.rejected / before.received : 0);
  const lasts = (await openSubjects(client, 'rejects-rise')).includes(feed.feed);
  const trouble = rejectsRise(recent, usual, at - since, lasts) ? riseOf(name, recent, usual) : undefined;
  const next = remembered ? nextUsualShare(usual, recent, at - remembered.at) : usual;
  if (recent.received > 0) await rememberUsualRejects(client, feed.feed, next, at);
  const allClear = `${name} has no more rejected rows than usual`;
  return settleAlarm(client, 'rejects-rise', feed.feed, trouble, allClear, at);
}

function riseOf(name: string, { received, rejected }: RowCounts, usual: number): Trouble {
  const percent = (share: number) => (share * 100).toFixed(share < 0.1 ? 2 : 1);
  const share = percent(rejected / received);
  return {
    text: `${name} has ${rejected} of ${received} rows rejected (${share} %), usually ${percent(usual)} %: the latest imports list why`,
    facts: { received, rejected, usual_percent: percent(usual) },
  };
}
