/** What was seen on peers' servers and what was taken from there, in PostgreSQL: any worker may look next. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../../kernel/clock.ts';
import type { RemoteFile } from './sftp.ts';

/** What is known of a file on a server: by its name, size and time. */
export interface Look {
  firstSeenAt: Instant;
  taken: boolean;
}

const LOOKED = `
  INSERT INTO pulled_files (feed, name, bytes, modified_at, seen_at)
  SELECT $1, seen.name, seen.bytes, seen.modified_at, $5
    FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) AS seen (name, bytes, modified_at)
  ON CONFLICT DO NOTHING`;

const KNOWN = `
  SELECT known.seen_at, known.taken_at IS NOT NULL AS taken
    FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) WITH ORDINALITY AS seen (name, bytes, modified_at, place)
    JOIN pulled_files known USING (name, bytes, modified_at)
   WHERE known.feed = $1 ORDER BY seen.place`;

const GONE = 'DELETE FROM pulled_files WHERE feed = $1 AND name <> ALL ($2::text[])';

/** Notes what lies there now, and forgets what does not; answers for each file what is known of it. */
export async function keepLook(
  client: ClientBase,
  feed: string,
  files: readonly RemoteFile[],
  at: Instant,
): Promise<Look[]> {
  const seen = [
    feed,
    files.map(({ name }) => name),
    files.map(({ bytes }) => bytes),
    files.map(({ modifiedAt }) => modifiedAt),
  ];
  await client.query(GONE, seen.slice(0, 2));
  await client.query(LOOKED, [...seen, toDate(at)]);
  const { rows } = await client.query<{ seen_at: Date; taken: boolean }>(KNOWN, seen);
  return rows.map((row) => ({ firstSeenAt: row.seen_at.getTime(), taken: row.taken }));
}

export async function keepTaken(client: ClientBase, feed: string, file: RemoteFile, at: Instant): Promise<void> {
  await client.query(
    `UPDATE pulled_files SET taken_at = $5 WHERE feed = $1 AND name = $2 AND bytes = $3 AND modified_at = $4`,
    [feed, file.name, file.bytes, file.modifiedAt, toDate(at)],
  );
}
