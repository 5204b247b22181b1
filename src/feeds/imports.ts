/** Imports in PostgreSQL: what came in, and how many of its rows became what. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { PeerFormatName } from './formats/peer-formats.ts';
import type { Format } from './formats/rows.ts';
import { kept } from './rejects.ts';

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

/** The feed is locked, so that its origin stays until the import can be seen; from then on that the import runs keeps it. */
const BEGIN = {
  name: 'begin-import',
  text: `
    WITH its AS (SELECT feed, origin FROM feeds WHERE feed = $1 FOR KEY SHARE),
    begun AS (
      INSERT INTO imports (feed, source, file_name, content_hash, format, requested_by, state, started_at, settled_lines)
      SELECT feed, $2, $3, $4, $5, $6, 'running', $7, $8::bigint[] FROM its RETURNING import_id)
    SELECT import_id, origin FROM begun, its`,
};

/** Begins an import of as many lanes as `settledLines` has places. */
export async function beginImport(
  client: ClientBase,
  begun: NewImport,
  settledLines: readonly number[],
  at: Instant,
): Promise<RunningImport> {
  const { feed, source, fileName, contentHash, format, requestedBy } = begun;
  const values = [feed, source, fileName, contentHash ?? null, format, requestedBy, toDate(at), settledLines];
  const insert = async () => (await client.query<{ import_id: string; origin: string }>({ ...BEGIN, values })).rows[0];
  let made = await insert();
  if (!made) {
    await makeFeed(client, feed, at);
    made = (await insert())!;
  }
  return { importId: made.import_id, feed, origin: made.origin, settledLines };
}

/** Deliveries of one feed at the same moment do not wait for each other, as far as there are slots. */
const MARK_SLOTS = 64;
/** When the feed of the ended imports last came (`at`), and how far it is: the parameters that say so. */
const seenBy = (imports: string, at: string, watermark: string) => `
  INSERT INTO feed_marks AS m (feed, slot, last_import_at, watermark)
  SELECT feed, import_id % ${MARK_SLOTS}, ${at}::timestamptz, ${watermark}::timestamptz FROM ${imports}
  ON CONFLICT (feed, slot) DO UPDATE
     SET last_import_at = greatest(m.last_import_at, excluded.last_import_at), watermark = greatest(m.watermark, excluded.watermark)`;

const NUMBER = {
  name: 'number-imports',
  text: `SELECT nextval('imports_import_id_seq') AS import_id, (SELECT origin FROM feeds WHERE feed = $1) AS origin
           FROM generate_series(1, (SELECT $2::int))`,
};

/**
 * Numbers for imports that are kept when they end, in their order, and whose their records are; that is not known before the
 * feed is made, and may be another before they are kept.
 */
export async function numberImports(
  client: ClientBase,
  feed: string,
  count: number,
): Promise<{ importIds: string[]; origin: string | undefined }> {
  const { rows } = await client.query<{ import_id: string; origin: string | null }>({
    ...NUMBER,
    values: [feed, count],
  });
  return { importIds: rows.map((row) => row.import_id), origin: rows[0]?.origin ?? undefined };
}

/** An import that begins and ends in one transaction. */
export interface WholeImport extends NewImport {
  importId: string;
  counts: ImportCounts;
  header: string | undefined;
  /** the line up to which its rows have their outcome */
  settledLine: number;
}

const KEPT = `
  INSERT INTO imports (import_id, feed, source, file_name, content_hash, format, requested_by, header, state, started_at,
                       finished_at, settled_lines, received, counted, duplicate, stale, superseded, rejected, skipped)
  OVERRIDING SYSTEM VALUE
  VALUES ($1::bigint, $2::text, $3, $4, $5, $6, $7, $8, 'done', $9, $9, ARRAY[$10::bigint], $11, $12, $13, $14, $15, $16, $17)`;
const KEEP = { name: 'keep-import', text: KEPT };
const KEEP_LAST = {
  name: 'keep-last-import',
  text: `WITH kept AS (${KEPT}) ${seenBy('(SELECT $2::text AS feed, $1::bigint AS import_id) AS latest', '$9', '$18')}`,
};
const ORIGIN = {
  name: 'keep-origin',
  text: 'SELECT 1 / (origin = $2)::int AS same FROM feeds WHERE feed = $1 FOR KEY SHARE',
};

/**
 * From here on the feed's origin stays until the transaction ends. Fails with {@link NOT_AS_IT_STOOD} where it is not `origin`
 * any more.
 */
export async function keepOrigin(client: ClientBase, feed: string, origin: string): Promise<void> {
  await client.query({ ...ORIGIN, values: [feed, origin] });
}

/** Keeps imports of one feed that began and end now, and when its usage last came; all is asked for in one turn. */
export async function keepImports(
  client: ClientBase,
  feed: string,
  imports: readonly WholeImport[],
  latestStart: Instant | undefined,
  at: Instant,
): Promise<void> {
  const watermark = latestStart === undefined ? null : toDate(latestStart);
  const kept = imports.map(
    ({ importId, source, fileName, contentHash, format, requestedBy, header, settledLine, counts }, index) => {
      const { received, counted, duplicate, stale, superseded, rejected, skipped } = counts;
      const said = [
        importId,
        feed,
        source,
        fileName,
        contentHash ?? null,
        format,
        requestedBy,
        header ?? '',
        toDate(at),
      ];
      const values = [...said, settledLine, received, counted, duplicate, stale, superseded, rejected, skipped];
      const isLast = index === imports.length - 1;
      return client.query(isLast ? { ...KEEP_LAST, values: [...values, watermark] } : { ...KEEP, values });
    },
  );
  await Promise.all(kept);
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
 * An import of which nothing counted, and whose feed has been defined anew since, no longer stands for its file: read in
 * the new way, the same content may be usage.
 */
export async function releaseMisreadFile(client: ClientBase, feed: string, contentHash: Buffer): Promise<void> {
  await client.query(
    `UPDATE imports i SET content_hash = NULL FROM feeds f
      WHERE i.feed = $1 AND i.content_hash = $2 AND i.state = 'done' AND f.feed = i.feed AND f.updated_at > i.started_at
        AND i.counted + i.duplicate + i.stale + i.superseded = 0`,
    [feed, contentHash],
  );
}

/** An import whose file changed while it was read no longer stands for any content: nobody knows which it has read. */
export async function releaseChangedFile(client: ClientBase, importId: string): Promise<void> {
  await client.query('UPDATE imports SET content_hash = NULL WHERE import_id = $1', [importId]);
}

const SETTLED = `
  received = received + $2, counted = counted + $3, duplicate = duplicate + $4, stale = stale + $5,
  superseded = superseded + $6, rejected = rejected + $7, skipped = skipped + $8,
  settled_lines = (SELECT array_agg(CASE WHEN after = before THEN now ELSE after END ORDER BY lane)
                     FROM unnest(settled_lines, $9::bigint[], $10::bigint[]) WITH ORDINALITY AS lanes (now, before, after, lane))`;
const AS_IT_STOOD = `
  import_id = $1 AND state = 'running'
  AND NOT EXISTS (SELECT FROM unnest(settled_lines, $9::bigint[], $10::bigint[]) AS lanes (now, before, after)
                   WHERE after <> before AND now <> before)`;
const COUNTS = 'received, counted, duplicate, stale, superseded, rejected, skipped';

/** Nobody waits for its answer: where nothing stood as it should, it divides by zero, and COMMIT behind it is a rollback. */
const SETTLE = {
  name: 'settle-batch',
  text: `WITH settled AS (UPDATE imports SET ${SETTLED} WHERE ${AS_IT_STOOD} RETURNING import_id) SELECT 1 / count(*) FROM settled`,
};
/** SQLSTATE division_by_zero: how {@link settleBatch} fails where an import is in other hands, and {@link keepOrigin} too late. */
export const NOT_AS_IT_STOOD = '22012';

/** The last batch, in one statement: where a delivery has one row, each further statement is a good part of its time. */
const SETTLE_LAST = {
  name: 'settle-last-batch',
  text: `
    WITH ended AS (
      UPDATE imports SET ${SETTLED}, state = 'done', header = coalesce($13, header), finished_at = $11
       WHERE ${AS_IT_STOOD} RETURNING feed, import_id, ${COUNTS}),
    seen AS (${seenBy('ended', '$11', '$12')})
    SELECT ${COUNTS} FROM ended`,
};

/** How an import ends with the batch that is its last. */
export interface LastBatch {
  header: string | undefined;
  latestStart: Instant | undefined;
  at: Instant;
}

/** What a batch brings to its import: its outcome, and of the lanes that it settles where they stood and where they stand. */
export interface Settling {
  importId: string;
  counts: ImportCounts;
  before: readonly number[];
  after: readonly number[];
}

/**
 * Adds a batch's outcome, in the batch's own transaction. Fails with {@link NOT_AS_IT_STOOD} where somebody else has settled
 * these lines meanwhile: then the same file is being imported twice.
 */
export async function settleBatch(client: ClientBase, settling: Settling): Promise<void> {
  await client.query({ ...SETTLE, values: valuesOf(settling) });
}

/**
 * Adds the last batch's outcome, ends the import, and answers what it has counted in all. Answers `undefined`, and the batch
 * has to be rolled back, where somebody else has settled these lines meanwhile.
 */
export async function settleLastBatch(
  client: ClientBase,
  settling: Settling,
  { header, latestStart, at }: LastBatch,
): Promise<ImportCounts | undefined> {
  const ending = [toDate(at), latestStart === undefined ? null : toDate(latestStart), header ?? null];
  const { rows } = await client.query<CountsRow>({ ...SETTLE_LAST, values: [...valuesOf(settling), ...ending] });
  return rows[0] && countsOf(rows[0]);
}

function valuesOf({ importId, counts, before, after }: Settling): unknown[] {
  const { received, counted, duplicate, stale, superseded, rejected, skipped } = counts;
  return [importId, received, counted, duplicate, stale, superseded, rejected, skipped, before, after];
}

type CountsRow = Record<keyof ImportCounts, string>;

function countsOf(row: CountsRow): ImportCounts {
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

/**
 * Ends an import that still runs and moves its feed's watermark; answers its counts over all its batches, and `undefined`
 * where somebody else has ended it.
 */
export async function endImport(
  client: ClientBase,
  importId: string,
  end: { state: 'done' | 'failed' | 'same-file'; error?: string; header?: string; latestStart: Instant | undefined },
  at: Instant,
): Promise<ImportCounts | undefined> {
  const { rows } = await client.query<CountsRow>(
    `WITH ended AS (
       UPDATE imports SET state = $2, error = $3, header = coalesce($4, header), finished_at = $5
        WHERE import_id = $1 AND state = 'running'
       RETURNING feed, import_id, ${COUNTS}),
     seen AS (${seenBy('ended', '$5', '$6')})
     SELECT ${COUNTS} FROM ended`,
    [
      importId,
      end.state,
      end.error === undefined ? null : kept(end.error),
      end.header ?? null,
      toDate(at),
      end.latestStart === undefined ? null : toDate(end.latestStart),
    ],
  );
  return rows[0] && countsOf(rows[0]);
}

const ABANDONED = `
  UPDATE imports SET state = 'failed', finished_at = $1,
         error = 'it broke off, and nobody has carried it on; what was counted of it holds'
   WHERE state = 'running'
     AND started_at < $1::timestamptz - CASE source WHEN 'drop-folder' THEN interval '7 days' ELSE interval '1 day' END
  RETURNING import_id, feed`;

/**
 * Ends imports that nobody carries on any more: they began a day ago, or a week where they are of a dropped file, which may
 * wait for long and is read from its beginning then. Until they end, their feeds keep their origin.
 */
export async function endAbandoned(client: ClientBase, at: Instant): Promise<{ import_id: string; feed: string }[]> {
  return (await client.query<{ import_id: string; feed: string }>(ABANDONED, [toDate(at)])).rows;
}
