/** What PostgreSQL knows of the feeds that are watched. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { SEEN_FEEDS } from './feed-store.ts';
import { freshnessOf, isBehind, type FeedFreshness, type FeedStanding } from './freshness.ts';
import type { RowCounts } from './reject-rise.ts';

export interface WatchedFeed extends FeedStanding {
  feed: string;
  /** the number in a file's name, as a regular expression with one group */
  sequence: string | undefined;
}

const ALL = `
  SELECT feed, created_at, last_import_at, watermark, expect_every_s, late_after_s, sequence
    FROM ${SEEN_FEEDS} WHERE $1::text IS NULL OR feed = $1 ORDER BY feed`;

interface WatchedRow {
  feed: string;
  created_at: Date;
  last_import_at: Date | null;
  watermark: Date | null;
  expect_every_s: number | null;
  late_after_s: number | null;
  sequence: string | null;
}

/** All feeds, or one of them. */
export async function allFeeds(client: ClientBase, feed?: string): Promise<WatchedFeed[]> {
  const { rows } = await client.query<WatchedRow>(ALL, [feed ?? null]);
  return rows.map((row) => ({
    feed: row.feed,
    createdAt: row.created_at.getTime(),
    lastImportAt: row.last_import_at?.getTime(),
    watermark: row.watermark?.getTime(),
    rhythm:
      row.expect_every_s === null && row.late_after_s === null
        ? undefined
        : { everySeconds: row.expect_every_s ?? undefined, lateAfterSeconds: row.late_after_s ?? undefined },
    sequence: row.sequence ?? undefined,
  }));
}

/** The feeds with a rhythm. */
export async function watchedFeeds(client: ClientBase): Promise<WatchedFeed[]> {
  return (await allFeeds(client)).filter(({ rhythm }) => rhythm !== undefined);
}

/** The feeds that are late or silent, with what there is to say of each. */
export async function feedsBehind(client: ClientBase, now: Instant): Promise<(FeedFreshness & { feed: string })[]> {
  return (await watchedFeeds(client))
    .map((feed) => ({ feed: feed.feed, ...freshnessOf(feed, now) }))
    .filter(({ state }) => isBehind(state));
}

const FILES_LOOKED_AT = 200;

/** The names of a feed's latest files that were read, in the order in which they came; by `imports_of_feed`. */
const FILES = `
  SELECT file_name FROM imports
   WHERE feed = $1 AND source NOT IN ('http', 'resend') AND state IN ('running', 'done', 'same-file')
   ORDER BY import_id DESC LIMIT ${FILES_LOOKED_AT}`;

export async function latestFileNames(client: ClientBase, feed: string): Promise<string[]> {
  const { rows } = await client.query<{ file_name: string }>(FILES, [feed]);
  return rows.map((row) => row.file_name.replace(/^.*[/\\]/s, '')).toReversed();
}

/**
 * The rows of a feed's latest imports, those that ended within the hour before its latest one, and of what came before
 * them, at most five thousand imports back, which near real time may bring in minutes; and since when it brings some. By
 * `imports_of_feed`.
 */
const ROWS = `
  WITH latest AS (SELECT finished_at, received, rejected FROM imports
                   WHERE feed = $1 AND state IN ('done', 'failed') AND source <> 'resend' AND finished_at IS NOT NULL
                   ORDER BY import_id DESC LIMIT 5000),
       cut AS (SELECT max(finished_at) - interval '1 hour' AS at FROM latest)
  SELECT coalesce(sum(received) FILTER (WHERE finished_at > cut.at), 0) AS received,
         coalesce(sum(rejected) FILTER (WHERE finished_at > cut.at), 0) AS rejected,
         coalesce(sum(received) FILTER (WHERE finished_at <= cut.at), 0) AS received_before,
         coalesce(sum(rejected) FILTER (WHERE finished_at <= cut.at), 0) AS rejected_before,
         (SELECT started_at FROM imports WHERE feed = $1 ORDER BY import_id LIMIT 1) AS since
    FROM latest, cut`;

interface LatestRows {
  recent: RowCounts;
  before: RowCounts;
  /** when the oldest import that is kept began; undefined: nothing came */
  since: Instant | undefined;
}

export async function latestRows(client: ClientBase, feed: string): Promise<LatestRows> {
  const { rows } = await client.query<
    Record<'received' | 'rejected' | 'received_before' | 'rejected_before', string> & { since: Date | null }
  >(ROWS, [feed]);
  const row = rows[0]!;
  return {
    recent: { received: Number(row.received), rejected: Number(row.rejected) },
    before: { received: Number(row.received_before), rejected: Number(row.rejected_before) },
    since: row.since?.getTime(),
  };
}

/** The share of rejects that a feed is remembered to have usually, and when it was looked at. */
export async function usualRejects(
  client: ClientBase,
  feed: string,
): Promise<{ share: number; at: Instant } | undefined> {
  const { rows } = await client.query<{ usual_share: number; watched_at: Date }>(
    'SELECT usual_share, watched_at FROM feed_rejects WHERE feed = $1',
    [feed],
  );
  return rows[0] && { share: rows[0].usual_share, at: rows[0].watched_at.getTime() };
}

export async function rememberUsualRejects(
  client: ClientBase,
  feed: string,
  share: number,
  at: Instant,
): Promise<void> {
  await client.query(
    `INSERT INTO feed_rejects (feed, usual_share, watched_at) VALUES ($1, $2, $3)
     ON CONFLICT (feed) DO UPDATE SET usual_share = excluded.usual_share, watched_at = excluded.watched_at`,
    [feed, share, toDate(at)],
  );
}
