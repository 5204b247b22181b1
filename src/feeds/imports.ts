/** Imports and their rejects in PostgreSQL: what came in, what became of each row, and what waits to be mended. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { PeerFormatName } from './formats/peer-formats.ts';
import type { Format } from './formats/rows.ts';
import type { Reject } from './usage-record.ts';

/** How the rows of an import are written: canonically, or as its feed's peer does. */
export type ImportFormat = Format | PeerFormatName;

export type ImportSource = 'http' | 'drop-folder' | 'resend';

/** How many rows of an import had which outcome; the outcomes of all rows add up to `received`. */
export interface ImportCounts {
  received: number;
  counted: number;
  duplicate: number;
  stale: number;
  superseded: number;
  rejected: number;
  /** no usage of a customer, by what the peer itself says */
  skipped: number;
}

export interface NewImport {
  feed: string;
  source: ImportSource;
  fileName: string;
  contentHash: Buffer | undefined;
  format: ImportFormat;
  requestedBy: string;
}

export interface RunningImport {
  importId: string;
  feed: string;
  origin: string;
  /** for each lane, the line up to which rows have their outcome: a broken-off import goes on after it */
  settledLines: readonly number[];
}

/** A feed is made on first use, with the origin `default`. */
export async function makeFeed(client: ClientBase, feed: string, at: Instant): Promise<string> {
  const found = await client.query<{ origin: string }>('SELECT origin FROM feeds WHERE feed = $1', [feed]);
  if (found.rows[0]) return found.rows[0].origin;
  await client.query('INSERT INTO feeds (feed, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING', [feed, toDate(at)]);
  return 'default';
}

export async function beginImport(client: ClientBase, begun: NewImport, at: Instant): Promise<RunningImport> {
  const origin = await makeFeed(client, begun.feed, at);
  const { rows } = await client.query<{ import_id: string; settled_lines: string[] }>(
    `INSERT INTO imports (feed, source, file_name, content_hash, format, requested_by, state, started_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'running', $7) RETURNING import_id, settled_lines`,
    [begun.feed, begun.source, begun.fileName, begun.contentHash ?? null, begun.format, begun.requestedBy, toDate(at)],
  );
  return { importId: rows[0]!.import_id, feed: begun.feed, origin, settledLines: rows[0]!.settled_lines.map(Number) };
}

/** The import of a feed's file with this content that is running or done, if there is one. */
export async function importOfFile(
  client: ClientBase,
  feed: string,
  contentHash: Buffer,
): Promise<(RunningImport & { state: 'running' | 'done' }) | undefined> {
  const { rows } = await client.query<{
    import_id: string;
    state: 'running' | 'done';
    settled_lines: string[];
    origin: string;
  }>(
    `SELECT i.import_id, i.state, i.settled_lines, f.origin FROM imports i JOIN feeds f USING (feed)
      WHERE i.feed = $1 AND i.content_hash = $2 AND i.state IN ('running', 'done')`,
    [feed, contentHash],
  );
  const row = rows[0];
  return (
    row && {
      importId: row.import_id,
      feed,
      origin: row.origin,
      state: row.state,
      settledLines: row.settled_lines.map(Number),
    }
  );
}

/**
 * Adds a batch's outcome, in the batch's own transaction: only the lanes that it settles move, each from where it stood.
 * Answers `false`, and the batch has to be rolled back, where somebody else has settled these lines meanwhile: then the
 * import is in other hands.
 */
const SETTLE = `
  UPDATE imports SET received = received + $2, counted = counted + $3, duplicate = duplicate + $4, stale = stale + $5,
         superseded = superseded + $6, rejected = rejected + $7, skipped = skipped + $10,
         settled_lines = (SELECT array_agg(CASE WHEN after = before THEN now ELSE after END ORDER BY lane)
                            FROM unnest(settled_lines, $8::bigint[], $9::bigint[])
                                   WITH ORDINALITY AS lanes (now, before, after, lane))
   WHERE import_id = $1 AND state = 'running'
     AND NOT EXISTS (SELECT FROM unnest(settled_lines, $8::bigint[], $9::bigint[]) AS lanes (now, before, after)
                      WHERE after <> before AND now <> before)`;

export async function settleBatch(
  client: ClientBase,
  importId: string,
  counts: ImportCounts,
  before: readonly number[],
  after: readonly number[],
): Promise<boolean> {
  const { rowCount } = await client.query(SETTLE, [
    importId,
    counts.received,
    counts.counted,
    counts.duplicate,
    counts.stale,
    counts.superseded,
    counts.rejected,
    before,
    after,
    counts.skipped,
  ]);
  return rowCount === 1;
}

export async function keepRejects(client: ClientBase, importId: string, rejects: readonly Reject[]): Promise<void> {
  if (rejects.length === 0) return;
  // PostgreSQL keeps no NUL in a text.
  const kept = (text: string) => text.replaceAll('\u0000', '\ufffd');
  await client.query(
    `INSERT INTO rejects (import_id, line, text, field, reason, detail)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])`,
    [
      importId,
      rejects.map((r) => r.line),
      rejects.map((r) => kept(r.text)),
      rejects.map((r) => r.field),
      rejects.map((r) => r.reason),
      rejects.map((r) => kept(r.detail)),
    ],
  );
}

/** Ends an import and moves its feed's watermark; answers its counts over all its batches. */
export async function endImport(
  client: ClientBase,
  importId: string,
  end: { state: 'done' | 'failed' | 'same-file'; error?: string; header?: string; latestStart: Instant | undefined },
  at: Instant,
): Promise<ImportCounts> {
  const { rows } = await client.query<Record<keyof ImportCounts, string> & { feed: string }>(
    `UPDATE imports SET state = $2, error = $3, header = coalesce($4, header), finished_at = $5 WHERE import_id = $1
     RETURNING feed, received, counted, duplicate, stale, superseded, rejected, skipped`,
    [importId, end.state, end.error ?? null, end.header ?? null, toDate(at)],
  );
  const row = rows[0]!;
  await client.query(
    'UPDATE feeds SET last_import_at = greatest(last_import_at, $2), watermark = greatest(watermark, $3) WHERE feed = $1',
    [row.feed, toDate(at), end.latestStart === undefined ? null : toDate(end.latestStart)],
  );
  return {
    received: Number(row.received),
    counted: Number(row.counted),
    duplicate: Number(row.duplicate),
    stale: Number(row.stale),
    superseded: Number(row.superseded),
    rejected: Number(row.rejected),
    skipped: Number(row.skipped),
  };
}

export interface OpenReject {
  line: number;
  text: string;
}

/** The rejects of an import that have not been sent again, all or those of `lines`; locked until they are. */
export async function openRejects(
  client: ClientBase,
  importId: string,
  lines: readonly number[] | undefined,
): Promise<OpenReject[]> {
  const { rows } = await client.query<{ line: string; text: string }>(
    `SELECT line, text FROM rejects
      WHERE import_id = $1 AND resent_in IS NULL AND ($2::bigint[] IS NULL OR line = ANY ($2)) ORDER BY line FOR UPDATE`,
    [importId, lines ?? null],
  );
  return rows.map((row) => ({ line: Number(row.line), text: row.text }));
}
