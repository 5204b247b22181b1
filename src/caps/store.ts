import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { CalendarPeriod } from '../kernel/period.ts';
import { capOf, scopeOf, type Cap, type CapDefinition } from './cap.ts';
import type { Deed } from './changed-cap.ts';
import type { CrossingState } from './crossing.ts';

export interface CapRow {
  cap_id: string;
  version: number;
  definition: CapDefinition;
  created_at: Date;
  updated_at: Date;
}

export async function allCaps(client: ClientBase): Promise<Cap[]> {
  const { rows } = await client.query<CapRow>(
    'SELECT cap_id, version, definition FROM caps ORDER BY created_at, cap_id',
  );
  return rows.map((row) => capOf(row.cap_id, row.version, row.definition));
}

/** What is counted ahead of caps that are being made: as caps without a threshold. */
export async function capsAhead(client: ClientBase): Promise<Cap[]> {
  const { rows } = await client.query<{ definition: CapDefinition }>('SELECT definition FROM counting_ahead');
  return rows.map(({ definition }) => ({ ...capOf('', 0, definition), thresholds: [] }));
}

/** Counts from now on what `definition`, of everyone or a segment, will need; importers must read the caps anew. */
export async function beginAhead(client: ClientBase, definition: CapDefinition): Promise<void> {
  const scope = scopeOf(definition);
  await client.query(
    `INSERT INTO counting_ahead (scope_kind, scope_value, traffic, period, currency, definition) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT DO NOTHING`,
    [scope.kind, scope.value, definition.traffic, definition.period, definition.currency, definition],
  );
}

/** Ends all counting ahead; answers what was counted. */
export async function endAhead(client: ClientBase): Promise<Cap[]> {
  const ended = await capsAhead(client);
  await client.query('DELETE FROM counting_ahead');
  return ended;
}

export async function lockCap(client: ClientBase, id: string): Promise<CapRow | undefined> {
  const { rows } = await client.query<CapRow>('SELECT * FROM caps WHERE cap_id = $1 FOR UPDATE', [id]);
  return rows[0];
}

/** The cap that stands where this one would: same scope, traffic, period and currency. */
export async function twinOf(client: ClientBase, definition: CapDefinition): Promise<CapRow | undefined> {
  const scope = scopeOf(definition);
  const { rows } = await client.query<CapRow>(
    `SELECT * FROM caps WHERE scope_kind = $1 AND scope_value = $2 AND traffic = $3 AND period = $4 AND currency = $5`,
    [scope.kind, scope.value, definition.traffic, definition.period, definition.currency],
  );
  return rows[0];
}

export async function insertCap(
  client: ClientBase,
  id: string,
  definition: CapDefinition,
  at: Instant,
): Promise<CapRow> {
  const scope = scopeOf(definition);
  const { rows } = await client.query<CapRow>(
    `INSERT INTO caps (cap_id, scope_kind, scope_value, traffic, period, currency, definition, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING *`,
    [id, scope.kind, scope.value, definition.traffic, definition.period, definition.currency, definition, toDate(at)],
  );
  return rows[0]!;
}

export async function updateCap(
  client: ClientBase,
  id: string,
  definition: CapDefinition,
  at: Instant,
): Promise<CapRow> {
  const scope = scopeOf(definition);
  const { rows } = await client.query<CapRow>(
    `UPDATE caps SET version = version + 1, scope_kind = $2, scope_value = $3, traffic = $4, period = $5, currency = $6,
            definition = $7, updated_at = $8
      WHERE cap_id = $1 RETURNING *`,
    [id, scope.kind, scope.value, definition.traffic, definition.period, definition.currency, definition, toDate(at)],
  );
  return rows[0]!;
}

/** Keeps a definition for good: decisions name the version by which they were made. */
export async function keepVersion(client: ClientBase, row: CapRow, at: Instant, actor: string): Promise<void> {
  await client.query(
    'INSERT INTO cap_versions (cap_id, version, definition, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5)',
    [row.cap_id, row.version, row.definition, toDate(at), actor],
  );
}

interface CrossingRow {
  account_id: string;
  cap_id: string;
  period: string;
  percent: string;
  period_from: Date;
  period_end: Date;
  crossed_at: Date;
  record_id: string;
  uncrossed_at: Date | null;
  done: Deed[];
}

/** What was crossed of these caps for these accounts in periods that end after `since`; by the index `crossings_of_account`. */
export async function crossingsOf(
  client: ClientBase,
  accounts: readonly string[],
  caps: readonly string[],
  since: Instant,
): Promise<CrossingState[]> {
  if (accounts.length === 0) return [];
  const { rows } = await client.query<CrossingRow>(
    'SELECT * FROM crossings WHERE account_id = ANY ($1) AND cap_id = ANY ($2) AND period_end > $3',
    [accounts, caps, toDate(since)],
  );
  return rows.map((row) => ({
    accountId: row.account_id,
    capId: row.cap_id,
    percent: Number(row.percent),
    period: {
      name: row.period,
      from: row.period_from.getTime(),
      to: row.period_end.getTime(),
    } satisfies CalendarPeriod,
    crossedAt: row.crossed_at.getTime(),
    recordId: row.record_id,
    uncrossedAt: row.uncrossed_at?.getTime(),
    done: row.done,
  }));
}

const KEEP_CROSSINGS = `
  INSERT INTO crossings (account_id, cap_id, period, percent, period_from, period_end, crossed_at, record_id, uncrossed_at, done)
  SELECT account_id, cap_id, period, percent, period_from, period_end, crossed_at, record_id, uncrossed_at, string_to_array(done, ' ')
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::numeric[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
                $8::text[], $9::timestamptz[], $10::text[])
           AS s (account_id, cap_id, period, percent, period_from, period_end, crossed_at, record_id, uncrossed_at, done)
  ON CONFLICT (account_id, cap_id, percent, period) DO UPDATE
    SET uncrossed_at = excluded.uncrossed_at, period_from = excluded.period_from, period_end = excluded.period_end,
        done = excluded.done`;

export async function keepCrossings(client: ClientBase, states: readonly CrossingState[]): Promise<void> {
  if (states.length === 0) return;
  await client.query(KEEP_CROSSINGS, [
    states.map((s) => s.accountId),
    states.map((s) => s.capId),
    states.map((s) => s.period.name),
    states.map((s) => s.percent),
    states.map((s) => toDate(s.period.from)),
    states.map((s) => toDate(s.period.to)),
    states.map((s) => toDate(s.crossedAt)),
    states.map((s) => s.recordId),
    states.map((s) => (s.uncrossedAt === undefined ? null : toDate(s.uncrossedAt))),
    states.map((s) => s.done.join(' ')),
  ]);
}
