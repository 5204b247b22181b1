/** Feeds in PostgreSQL. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { formatAmount, parseAmount } from '../kernel/money.ts';
import { CANONICAL_FEED, type FeedDefinition } from './feed.ts';

export interface StoredFeed {
  name: string;
  version: number;
  definition: FeedDefinition;
  createdAt: Instant;
  updatedAt: Instant | undefined;
  lastImportAt: Instant | undefined;
  /** the latest start among its usage */
  watermark: Instant | undefined;
}

export interface FeedRow {
  feed: string;
  origin: string;
  format: FeedDefinition['format'];
  mapping: FeedDefinition['mapping'];
  expect_every_s: number | null;
  late_after_s: number | null;
  sequence: string | null;
  settle_after_s: number | null;
  tolerance_percent: string | null;
  tolerance_amount: string | null;
  sftp: NonNullable<FeedDefinition['sftp']> | null;
  version: number;
  file_hash: Buffer | null;
  created_at: Date;
  updated_at: Date | null;
  last_import_at: Date | null;
  watermark: Date | null;
}

/** Feeds, with when usage of each last came and how far it is. */
export const SEEN_FEEDS = 'feeds LEFT JOIN feeds_seen USING (feed)';

export function storedFeed(row: FeedRow): StoredFeed {
  return {
    name: row.feed,
    version: row.version,
    definition: definitionOf(row),
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at?.getTime(),
    lastImportAt: row.last_import_at?.getTime(),
    watermark: row.watermark?.getTime(),
  };
}

function definitionOf(row: Omit<FeedRow, 'last_import_at' | 'watermark'>): FeedDefinition {
  const amount = row.tolerance_amount === null ? undefined : parseAmount(row.tolerance_amount);
  return {
    origin: row.origin,
    format: row.format,
    mapping: row.mapping,
    expect_every_s: row.expect_every_s ?? undefined,
    late_after_s: row.late_after_s ?? undefined,
    sequence: row.sequence ?? undefined,
    settle_after_s: row.settle_after_s ?? undefined,
    tolerance_percent: row.tolerance_percent === null ? undefined : Number(row.tolerance_percent),
    tolerance_amount: amount === undefined ? undefined : formatAmount(amount),
    sftp: row.sftp ?? undefined,
  };
}

/** How a feed's rows are read; a feed that is not there yet is canonical. */
export async function definitionOfFeed(client: ClientBase, feed: string): Promise<FeedDefinition> {
  const { rows } = await client.query<Parameters<typeof definitionOf>[0]>('SELECT * FROM feeds WHERE feed = $1', [
    feed,
  ]);
  return rows[0] ? definitionOf(rows[0]) : CANONICAL_FEED;
}

/** A feed, which stays as it is while the transaction lasts. */
export async function lockFeed(client: ClientBase, feed: string): Promise<FeedRow | undefined> {
  const { rows } = await client.query<FeedRow>(`SELECT * FROM ${SEEN_FEEDS} WHERE feed = $1 FOR UPDATE OF feeds`, [
    feed,
  ]);
  return rows[0];
}

const INSERT = `
  INSERT INTO feeds AS f (feed, origin, format, mapping, expect_every_s, late_after_s, sequence, tolerance_percent,
                          tolerance_amount, sftp, file_hash, created_at, updated_at, settle_after_s)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13)`;
const OR_CHANGE = `
  ON CONFLICT (feed) DO UPDATE
    SET origin = excluded.origin, format = excluded.format, mapping = excluded.mapping,
        expect_every_s = excluded.expect_every_s, late_after_s = excluded.late_after_s, sequence = excluded.sequence,
        tolerance_percent = excluded.tolerance_percent, tolerance_amount = excluded.tolerance_amount,
        sftp = excluded.sftp, file_hash = coalesce(excluded.file_hash, f.file_hash), version = f.version + 1,
        updated_at = excluded.updated_at, settle_after_s = excluded.settle_after_s`;
const SAVED = `
  RETURNING f.*, (SELECT last_import_at FROM feeds_seen s WHERE s.feed = f.feed),
            (SELECT watermark FROM feeds_seen s WHERE s.feed = f.feed)`;

/**
 * Gives a feed another definition, or makes one, which fails by its key where usage has made it meanwhile; `fileHash`: of
 * the file that said so.
 */
export async function saveFeed(
  client: ClientBase,
  feed: string,
  isThere: boolean,
  definition: FeedDefinition,
  fileHash: Buffer | undefined,
  at: Instant,
): Promise<FeedRow> {
  const { rows } = await client.query<FeedRow>(`${INSERT} ${isThere ? OR_CHANGE : ''} ${SAVED}`, [
    feed,
    definition.origin,
    definition.format,
    JSON.stringify(definition.mapping),
    definition.expect_every_s ?? null,
    definition.late_after_s ?? null,
    definition.sequence ?? null,
    definition.tolerance_percent ?? null,
    definition.tolerance_amount ?? null,
    definition.sftp ? JSON.stringify(definition.sftp) : null,
    fileHash ?? null,
    toDate(at),
    definition.settle_after_s ?? null,
  ]);
  return rows[0]!;
}

/** Whether usage came by this feed, or is on its way: then its records bear its origin, and its imports its name. */
export async function usageOf(client: ClientBase, feed: string): Promise<{ imports: boolean; records: boolean }> {
  const { rows } = await client.query<{ imports: boolean; records: boolean }>(
    `SELECT EXISTS (SELECT FROM imports WHERE feed = $1) AS imports,
            EXISTS (SELECT FROM imports WHERE feed = $1 AND (counted + superseded > 0 OR state = 'running')) AS records`,
    [feed],
  );
  return rows[0]!;
}

/** The feeds that are pulled from a server. */
export async function pulledFeeds(client: ClientBase): Promise<StoredFeed[]> {
  const { rows } = await client.query<FeedRow>(`SELECT * FROM ${SEEN_FEEDS} WHERE sftp IS NOT NULL ORDER BY feed`);
  return rows.map(storedFeed);
}
