/**
 * What no rolling window of a subject can exceed, so that windows are read from the ledger only where they may reach a
 * threshold. Time is cut into slots of a window's length: the bound of a slot holds for each window that ends in it. Whatever
 * is charged raises the bounds of its slot and of the next, in which all windows end that it is in; credits lower none. Where
 * a bound reaches the lowest threshold, or is not known, the windows are read, and the bound is what was found.
 */
import type { ClientBase } from 'pg';
import { integerArray, textArray } from '../database/array-literal.ts';
import type { Traffic } from '../destinations/traffic.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';

const HOUR_MS = 3_600_000;

/** A subject's windows of one length that end in one slot. */
export interface WindowSlot {
  /** names the subject's windows among those of a batch */
  key: string;
  accountId: string;
  /** the service whose own cap it is; empty: the account's */
  serviceId: string;
  traffic: Traffic;
  hours: number;
  from: Instant;
}

export interface RaisedSlot extends WindowSlot {
  /** what a batch charges in it and in the slot before */
  charged: Micros;
  /** a spend below which nobody needs to look at it: the lowest threshold of its cap */
  lookFrom: Micros;
}

/** The slots in which windows end that hold what starts at `start`: where each begins. */
export function slotsOf(start: Instant, hours: number): [Instant, Instant] {
  const length = hours * HOUR_MS;
  const from = Math.floor(start / length) * length;
  return [from, from + length];
}

function slotKey(slot: Pick<WindowSlot, 'accountId' | 'serviceId' | 'traffic' | 'hours' | 'from'>): string {
  return `${slot.accountId}\u0000${slot.serviceId}\u0000${slot.traffic}\u0000${slot.hours}\u0000${slot.from}`;
}

/** The bounds of slots: read when the accounts' shards were locked, nobody moves them meanwhile. */
export type BoundsSoFar = ReadonlyMap<string, Micros>;

/** Of an account there are those of some days only. */
const SO_FAR = {
  name: 'window-bounds-so-far',
  text: `
    SELECT account_id, service_id, traffic, hours, (extract(epoch FROM slot_start) * 1000)::bigint AS from_ms, spend_micros
      FROM window_bounds WHERE account_id = ANY ((SELECT $1::text[])::text[])`,
};

export async function boundsSoFar(client: ClientBase, accounts: ReadonlySet<string>): Promise<BoundsSoFar> {
  const { rows } = await client.query<{
    account_id: string;
    service_id: string;
    traffic: Traffic;
    hours: number;
    from_ms: string;
    spend_micros: string;
  }>({ ...SO_FAR, values: [textArray([...accounts])] });
  return new Map(
    rows.map(({ account_id, service_id, traffic, hours, from_ms, spend_micros }) => [
      slotKey({ accountId: account_id, serviceId: service_id, traffic, hours, from: Number(from_ms) }),
      BigInt(spend_micros),
    ]),
  );
}

/** Whether it is known that no window of a slot needs to be read when it is raised. */
export function staysUnder(bounds: BoundsSoFar, slot: RaisedSlot): boolean {
  const bound = bounds.get(slotKey(slot));
  return bound !== undefined && bound + slot.charged < slot.lookFrom;
}

/** Whoever raises holds the accounts' shards, as for counters. */
const RAISE = {
  name: 'raise-window-bounds',
  text: `
  WITH raised AS (
    MERGE INTO window_bounds AS w
    USING unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::int[]), (SELECT $5::bigint[]),
                 (SELECT $6::bigint[]), (SELECT $7::bigint[])) WITH ORDINALITY
          AS d (account_id, service_id, traffic, hours, from_ms, charged, look_from, place)
       ON w.account_id = d.account_id AND w.slot_start = to_timestamp(d.from_ms / 1000) AND w.hours = d.hours
          AND w.traffic = d.traffic AND w.service_id = d.service_id
    WHEN MATCHED THEN UPDATE SET spend_micros = w.spend_micros + d.charged
    WHEN NOT MATCHED THEN INSERT (account_id, service_id, traffic, hours, slot_start, spend_micros)
         VALUES (d.account_id, d.service_id, d.traffic, d.hours, to_timestamp(d.from_ms / 1000), d.charged)
    RETURNING d.place, old.account_id IS NULL OR new.spend_micros >= d.look_from AS is_due)
  SELECT place::int FROM raised WHERE is_due`,
};

/** Raises the bounds of slots; answers those whose windows have to be read before anything is written. */
export async function raiseBounds(client: ClientBase, slots: readonly RaisedSlot[]): Promise<WindowSlot[]> {
  if (slots.length === 0) return [];
  const ordered = slots.toSorted((a, b) => (a.accountId < b.accountId ? -1 : a.accountId > b.accountId ? 1 : 0));
  const { rows } = await client.query<{ place: number }>({
    ...RAISE,
    values: [
      ...columnsOf(ordered),
      integerArray(ordered.map((s) => s.charged)),
      integerArray(ordered.map((s) => s.lookFrom)),
    ],
  });
  return rows.map(({ place }) => ordered[place - 1]!);
}

/** Sets bounds to what was found when the windows were read. */
export async function setBounds(
  client: ClientBase,
  found: readonly { slot: WindowSlot; spend: Micros }[],
): Promise<void> {
  if (found.length === 0) return;
  await client.query(
    `UPDATE window_bounds w SET spend_micros = d.spend
       FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[])
            AS d (account_id, service_id, traffic, hours, from_ms, spend)
      WHERE w.account_id = d.account_id AND w.slot_start = to_timestamp(d.from_ms / 1000) AND w.hours = d.hours
        AND w.traffic = d.traffic AND w.service_id = d.service_id`,
    [...columnsOf(found.map(({ slot }) => slot)), integerArray(found.map(({ spend }) => spend))],
  );
}

/** Where caps or accounts change, other usage may be in a window than was: its bounds are not known any more. Nobody may be counting meanwhile. */
export async function forgetBounds(
  client: ClientBase,
  traffic: Traffic,
  hours: number,
  accounts: readonly string[] | undefined,
): Promise<void> {
  await client.query(
    `DELETE FROM window_bounds WHERE traffic = $1 AND hours = $2 AND ($3::text[] IS NULL OR account_id = ANY ($3))`,
    [traffic, hours, accounts ?? null],
  );
}

/** Usage that comes later still has its windows read. */
const KEPT_MS = 48 * HOUR_MS;

/**
 * Bounds that hardly any usage needs any more, of `account` and those after it, some at a time; by the primary key. Answers
 * how many there were, and whose was the last.
 */
export async function forgetOldBounds(
  client: ClientBase,
  at: Instant,
  account: string,
  most: number,
): Promise<{ last: string | null; rows: number }> {
  const { rows } = await client.query<{ last: string | null; rows: number }>(
    `WITH old AS MATERIALIZED (
       SELECT account_id, slot_start, hours, traffic, service_id FROM window_bounds
        WHERE account_id >= $2 AND slot_start < $1::timestamptz - make_interval(hours => 2 * hours)
        ORDER BY account_id, slot_start LIMIT $3 FOR UPDATE SKIP LOCKED),
     gone AS (
       DELETE FROM window_bounds w USING old
        WHERE (w.account_id, w.slot_start, w.hours, w.traffic, w.service_id)
            = (old.account_id, old.slot_start, old.hours, old.traffic, old.service_id)
       RETURNING w.account_id)
     SELECT max(account_id) AS last, count(*)::int AS rows FROM gone`,
    [toDate(at - KEPT_MS), account, most],
  );
  return rows[0]!;
}

function columnsOf(slots: readonly WindowSlot[]): [string, string, string, string, string] {
  return [
    textArray(slots.map((slot) => slot.accountId)),
    textArray(slots.map((slot) => slot.serviceId)),
    textArray(slots.map((slot) => slot.traffic)),
    integerArray(slots.map((slot) => slot.hours)),
    integerArray(slots.map((slot) => slot.from)),
  ];
}
