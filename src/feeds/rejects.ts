/** Rows that an import could not use, as they stood: kept with their reasons until they are mended and sent again. */
import type { ClientBase } from 'pg';
import type { Reject } from './usage-record.ts';

/** PostgreSQL keeps no NUL in a text, and what is told of a file may quote it. */
export function kept(text: string): string {
  return text.replaceAll('\u0000', '\ufffd');
}

export async function keepRejects(client: ClientBase, importId: string, rejects: readonly Reject[]): Promise<void> {
  if (rejects.length === 0) return;
  await client.query(
    `INSERT INTO rejects (import_id, line, text, field, reason, detail)
     SELECT $1::bigint, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])`,
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

export interface OpenReject {
  line: number;
  text: string;
}

/** The next `limit` rejects of an import behind the line `after` that have not been sent again; where `lines` are named, of these. */
export async function openRejects(
  client: ClientBase,
  importId: string,
  lines: readonly number[] | undefined,
  after: number,
  limit: number,
): Promise<OpenReject[]> {
  const { rows } = await client.query<{ line: string; text: string }>(
    `SELECT line, text FROM rejects
      WHERE import_id = $1 AND line > $3 AND resent_in IS NULL AND ($2::bigint[] IS NULL OR line = ANY ($2))
      ORDER BY line LIMIT $4`,
    [importId, lines ?? null, after, limit],
  );
  return rows.map((row) => ({ line: Number(row.line), text: row.text }));
}

/** Which of these lines are rejects that have not been sent again; nobody else sends them while the transaction lasts. */
export async function lockOpenLines(
  client: ClientBase,
  importId: string,
  lines: readonly number[],
): Promise<Set<number>> {
  const { rows } = await client.query<{ line: string }>(
    'SELECT line FROM rejects WHERE import_id = $1 AND resent_in IS NULL AND line = ANY ($2) ORDER BY line FOR UPDATE',
    [importId, lines],
  );
  return new Set(rows.map(({ line }) => Number(line)));
}
