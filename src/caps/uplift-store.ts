import type { ClientBase } from 'pg';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { CapBook } from './cap-book.ts';
import type { Cap } from './cap.ts';
import { allCaps, capsAhead } from './store.ts';
import type { Uplift } from './uplift.ts';

export interface UpliftRow {
  uplift_no: string;
  uplift_id: string;
  account_id: string;
  cap_id: string | null;
  traffic: Traffic | null;
  amount_micros: string;
  currency: string;
  until_at: Date;
  reason: string;
  granted_by: string;
  granted_at: Date;
  ended_at: Date | null;
  ended_by: string | null;
  ended_reason: string | null;
}

export function upliftOf(row: UpliftRow): Uplift {
  const of = row.cap_id === null ? { traffic: row.traffic! } : { cap: row.cap_id };
  return { accountId: row.account_id, of, amount: BigInt(row.amount_micros) };
}

/**
 * The caps with the uplifts in force: which limit holds for whom. One that is over is in force until it has been ended,
 * so that counters, thresholds and what they say change together.
 */
export async function capBook(client: ClientBase, ahead: readonly Cap[] = []): Promise<CapBook> {
  const caps = [...(await allCaps(client)), ...ahead];
  const { rows } = await client.query<UpliftRow>('SELECT * FROM uplifts WHERE ended_at IS NULL ORDER BY uplift_no');
  return new CapBook(caps, rows.map(upliftOf));
}

/** The same for whoever counts usage: with what is counted ahead of caps. */
export async function countingBook(client: ClientBase): Promise<CapBook> {
  return capBook(client, await capsAhead(client));
}

export interface NewUplift extends Uplift {
  id: string;
  currency: string;
  until: Instant;
  reason: string;
  by: string;
  at: Instant;
}

export async function insertUplift(client: ClientBase, uplift: NewUplift): Promise<UpliftRow> {
  const { rows } = await client.query<UpliftRow>(
    `INSERT INTO uplifts (uplift_id, account_id, cap_id, traffic, amount_micros, currency, until_at, reason, granted_by, granted_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *`,
    [
      uplift.id,
      uplift.accountId,
      'cap' in uplift.of ? uplift.of.cap : null,
      'traffic' in uplift.of ? uplift.of.traffic : null,
      uplift.amount.toString(),
      uplift.currency,
      toDate(uplift.until),
      uplift.reason,
      uplift.by,
      toDate(uplift.at),
    ],
  );
  return rows[0]!;
}

export async function upliftsInForce(client: ClientBase, accountId: string): Promise<UpliftRow[]> {
  const { rows } = await client.query<UpliftRow>(
    'SELECT * FROM uplifts WHERE account_id = $1 AND ended_at IS NULL ORDER BY uplift_no',
    [accountId],
  );
  return rows;
}

/** Whether any is over and still in force; by the index `uplifts_in_force`. */
export async function anyUpliftOver(client: ClientBase, now: Instant): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM uplifts WHERE ended_at IS NULL AND until_at <= $1 LIMIT 1', [
    toDate(now),
  ]);
  return rows.length > 0;
}

/** Those that are over, or the one named, locked. */
const ENDING = `
  SELECT * FROM uplifts
   WHERE ended_at IS NULL AND CASE WHEN $1::uuid IS NULL THEN until_at <= $2 ELSE uplift_id = $1 END
   ORDER BY account_id, uplift_no LIMIT $3 FOR UPDATE`;

export async function lockEnding(
  client: ClientBase,
  id: string | undefined,
  now: Instant,
  limit: number,
): Promise<UpliftRow[]> {
  const { rows } = await client.query<UpliftRow>(ENDING, [id ?? null, toDate(now), limit]);
  return rows;
}

export async function endUplifts(
  client: ClientBase,
  ids: readonly string[],
  by: string,
  reason: string,
  at: Instant,
): Promise<void> {
  await client.query(
    'UPDATE uplifts SET ended_at = $2, ended_by = $3, ended_reason = $4 WHERE uplift_id = ANY ($1::uuid[])',
    [ids, toDate(at), by, reason],
  );
}

/** A threshold of which an uplift took the spend away is as if it had never been reached: the limit is another one now. */
export async function forgetFallen(
  client: ClientBase,
  fallen: readonly { accountId: string; capId: string; percent: number; period: string }[],
): Promise<void> {
  await client.query(
    `UPDATE crossings x SET done = '{}' FROM unnest($1::text[], $2::uuid[], $3::numeric[], $4::text[]) AS f (account_id, cap_id, percent, period)
      WHERE x.account_id = f.account_id AND x.cap_id = f.cap_id AND x.percent = f.percent AND x.period = f.period`,
    [
      fallen.map((each) => each.accountId),
      fallen.map((each) => each.capId),
      fallen.map((each) => each.percent),
      fallen.map((each) => each.period),
    ],
  );
}
