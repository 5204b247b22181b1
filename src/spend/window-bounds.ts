/**
 * What no rolling window of a subject can exceed, and what none falls below for a while, so that windows are read from the
 * ledger only where one may come to reach a threshold. Time is cut into slots of a window's length, and what is known of a
 * slot holds for each window that ends in it.
 *
 * Whatever is charged raises the bounds of its slot and of the next, in which all windows end that it is in; it lowers no
 * floor. A window between the two crosses no threshold that is not between them, and a floor reaches no further than what has
 * acted keeps others from acting. Where a threshold is between, where a credit may let windows fall, or where nothing is known,
 * they are read, and bound and floor are what was found.
 */
import type { ClientBase } from 'pg';
import { integerArray, integersOrNull, textArray } from '../database/array-literal.ts';
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
  /** whether it also takes something away: then windows may fall */
  falls: boolean;
  /** the first window in the slot that the batch moves ends no earlier */
  earliest: Instant;
  /** the latest start in the slot that the batch brings; -Infinity: none */
  latest: Instant;
  /** the spends at which its cap acts, rising */
  thresholds: readonly Micros[];
}

/** What windows do not fall below that end from `from` on and before `until`, and of which no threshold up to it has one act. */
interface Floor {
  spend: Micros;
  from: Instant;
  until: Instant;
}

/** What is known of a slot. */
interface Bound {
  spend: Micros;
  /** no window ends after it, or none at all (-Infinity); undefined where that is not known */
  latestEnd: Instant | undefined;
  floor: Floor | undefined;
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

/** What is known of slots: read when the accounts' shards were locked, nobody moves it meanwhile. */
export type BoundsSoFar = ReadonlyMap<string, Bound>;

const BOUND = `
  w.spend_micros, (extract(epoch FROM w.latest_end) * 1000)::double precision AS latest_ms, w.floor_micros,
  (extract(epoch FROM w.floor_from) * 1000)::bigint AS floor_from_ms, (extract(epoch FROM w.floor_until) * 1000)::bigint AS floor_until_ms`;

interface BoundRow {
  spend_micros: string;
  latest_ms: number | null;
  floor_micros: string | null;
  floor_from_ms: string | null;
  floor_until_ms: string | null;
}

function boundOf(row: BoundRow): Bound {
  const { spend_micros, latest_ms, floor_micros, floor_from_ms, floor_until_ms } = row;
  const floor =
    floor_micros === null
      ? undefined
      : { spend: BigInt(floor_micros), from: Number(floor_from_ms), until: Number(floor_until_ms) };
  return { spend: BigInt(spend_micros), latestEnd: latest_ms ?? undefined, floor };
}

/** Of an account there are those of some days only. */
const SO_FAR = {
  name: 'window-bounds-so-far',
  text: `
    SELECT account_id, service_id, traffic, hours, (extract(epoch FROM slot_start) * 1000)::bigint AS from_ms, ${BOUND}
      FROM window_bounds w WHERE account_id = ANY ((SELECT $1::text[])::text[])`,
};

export async function boundsSoFar(client: ClientBase, accounts: ReadonlySet<string>): Promise<BoundsSoFar> {
  const { rows } = await client.query<
    BoundRow & { account_id: string; service_id: string; traffic: Traffic; hours: number; from_ms: string }
  >({ ...SO_FAR, values: [textArray([...accounts])] });
  return new Map(
    rows.map((row) => [
      slotKey({
        accountId: row.account_id,
        serviceId: row.service_id,
        traffic: row.traffic,
        hours: row.hours,
        from: Number(row.from_ms),
      }),
      boundOf(row),
    ]),
  );
}

/** Whether it is known that no window of a slot comes to cross a threshold when it is raised. */
export function crossesNone(bounds: BoundsSoFar, slot: RaisedSlot): boolean {
  const bound = bounds.get(slotKey(slot));
  return bound !== undefined && isBetweenThresholds(bound, bound.spend + slot.charged, slot);
}

/** Of windows that can't exceed `most` once the slot is raised. */
function isBetweenThresholds({ latestEnd, floor }: Bound, most: Micros, slot: RaisedSlot): boolean {
  const reached = slot.thresholds.filter((amount) => amount <= most);
  if (reached.length === 0) return true;
  if (slot.falls || latestEnd === undefined) return false;
  const last = Math.max(latestEnd, slot.latest);
  if (last === -Infinity) return true;
  return floor !== undefined && floor.from <= slot.earliest && last < floor.until && reached.at(-1)! <= floor.spend;
}

/** Whoever raises holds the accounts' shards, as for counters. */
const RAISE = {
  name: 'raise-window-bounds',
  text: `
  WITH raised AS (
    MERGE INTO window_bounds AS w
    USING unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::int[]), (SELECT $5::bigint[]),
                 (SELECT $6::bigint[]), (SELECT $7::bigint[]), (SELECT $8::bigint[]), (SELECT $9::boolean[])) WITH ORDINALITY
          AS d (account_id, service_id, traffic, hours, from_ms, charged, look_from, latest_ms, falls, place)
       ON w.account_id = d.account_id AND w.slot_start = to_timestamp(d.from_ms / 1000) AND w.hours = d.hours
          AND w.traffic = d.traffic AND w.service_id = d.service_id
    WHEN MATCHED THEN UPDATE SET
         spend_micros = w.spend_micros + d.charged,
         latest_end = CASE WHEN w.latest_end IS NOT NULL THEN greatest(w.latest_end, to_timestamp(d.latest_ms / 1000.0)) END,
         floor_micros = CASE WHEN NOT d.falls THEN w.floor_micros END
    WHEN NOT MATCHED THEN INSERT (account_id, service_id, traffic, hours, slot_start, spend_micros)
         VALUES (d.account_id, d.service_id, d.traffic, d.hours, to_timestamp(d.from_ms / 1000), d.charged)
    RETURNING d.place, d.look_from, old.account_id IS NULL AS is_new, new.*)
  SELECT place::int, is_new, ${BOUND} FROM raised w WHERE is_new OR spend_micros >= look_from`,
};

/** Raises the bounds of slots; answers those whose windows have to be read before anything is written. */
export async function raiseBounds(client: ClientBase, slots: readonly RaisedSlot[]): Promise<RaisedSlot[]> {
  if (slots.length === 0) return [];
  const ordered = slots.toSorted((a, b) => (a.accountId < b.accountId ? -1 : a.accountId > b.accountId ? 1 : 0));
  const { rows } = await client.query<BoundRow & { place: number; is_new: boolean }>({
    ...RAISE,
    values: [
      ...columnsOf(ordered),
      integerArray(ordered.map((s) => s.charged)),
      integersOrNull(ordered.map((s) => s.thresholds[0])),
      integersOrNull(ordered.map((s) => finite(s.latest))),
      `{${ordered.map((s) => s.falls).join()}}`,
    ],
  });
  return rows.flatMap((row) => {
    const slot = ordered[row.place - 1]!;
    const bound = boundOf(row);
    return !row.is_new && isBetweenThresholds(bound, bound.spend, slot) ? [] : [slot];
  });
}

/** What was found of a slot when its windows were read. */
export interface FoundSlot {
  slot: WindowSlot;
  spend: Micros;
  latestEnd: Instant;
  floor: Floor | undefined;
}

export async function setBounds(client: ClientBase, found: readonly FoundSlot[]): Promise<void> {
  if (found.length === 0) return;
  await client.query(
    `UPDATE window_bounds w
        SET spend_micros = d.spend, latest_end = coalesce(to_timestamp(d.latest_ms / 1000.0), '-infinity'), floor_micros = d.floor,
            floor_from = to_timestamp(d.floor_from_ms / 1000.0), floor_until = to_timestamp(d.floor_until_ms / 1000.0)
       FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
                   $9::bigint[], $10::bigint[])
            AS d (account_id, service_id, traffic, hours, from_ms, spend, latest_ms, floor, floor_from_ms, floor_until_ms)
      WHERE w.account_id = d.account_id AND w.slot_start = to_timestamp(d.from_ms / 1000) AND w.hours = d.hours
        AND w.traffic = d.traffic AND w.service_id = d.service_id`,
    [
      ...columnsOf(found.map(({ slot }) => slot)),
      integerArray(found.map(({ spend }) => spend)),
      integersOrNull(found.map(({ latestEnd }) => finite(latestEnd))),
      integersOrNull(found.map(({ floor }) => floor?.spend)),
      integersOrNull(found.map(({ floor }) => floor?.from)),
      integersOrNull(found.map(({ floor }) => floor?.until)),
    ],
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

/** Bounds that hardly any usage needs any more; by the primary key. */
const OLD = `slot_start < $1::timestamptz - make_interval(hours => 2 * hours)`;

export async function accountsOfOldBounds(client: ClientBase, at: Instant): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(
    `SELECT DISTINCT account_id FROM window_bounds WHERE ${OLD}`,
    [toDate(at - KEPT_MS)],
  );
  return rows.map((row) => row.account_id);
}

/** Nobody may be counting these accounts meanwhile. */
export async function forgetOldBounds(client: ClientBase, at: Instant, accounts: readonly string[]): Promise<void> {
  await client.query(`DELETE FROM window_bounds WHERE account_id = ANY ($2) AND ${OLD}`, [
    toDate(at - KEPT_MS),
    accounts,
  ]);
}

function finite(instant: Instant): Instant | undefined {
  return instant === -Infinity ? undefined : instant;
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
