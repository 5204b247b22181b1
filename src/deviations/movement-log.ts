/**
 * What has moved in the ledger and has not been looked at yet: a log by account shard, written in the transaction that
 * moves, read by whoever takes the shard's turn.
 *
 * A writer holds the lock of each shard it moves (`lockShards`) until it has committed, so the entries of a shard are
 * numbered in the order in which they commit: whoever has read up to a number has missed none below it.
 *
 * The log stands in slots of some hours (partitions); a slot is emptied as a whole when all of it has been read.
 */
import type { ClientBase } from 'pg';
import { binaryTextArray, integerArray, textArray } from '../database/array-literal.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { SHARDS } from '../ledger/usage-store.ts';
import type { LogLines, MovementSource } from './movement-lines.ts';

const SLOTS = 4;
const SLOT_MS = 6 * 3_600_000;

function slotOf(at: Instant): number {
  return Math.floor(at / SLOT_MS) % SLOTS;
}

/**
 * Appends an entry a delivery and shard, in their order, and asks for each shard's turn (`asked`): `WITH` queries of the
 * statement that sees to it that the turns are taken, with the values that {@link logged} makes. Where a shard was asked for
 * before, so that `times` is not 1, one job is on its way. Its row is locked all the same, so that whoever takes the turn,
 * and deletes the row first, waits for this transaction and reads what it wrote.
 */
export const LOG_MOVEMENTS = `
  logged AS (
    INSERT INTO movement_log (slot, shard, at, feed, import_id, movements, lines, batch)
    SELECT $1, shard, $2, feed, import_id, movements, lines, batch
      FROM unnest($3::smallint[], $4::int[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
             AS e (shard, movements, lines, feed, import_id, batch)),
  asked AS (
    INSERT INTO shard_turns_asked AS turn (shard) SELECT DISTINCT shard FROM unnest($3::smallint[]) AS s (shard) ORDER BY shard
    ON CONFLICT (shard) DO UPDATE SET times = turn.times + 1 RETURNING shard, times)`;

/** What {@link LOG_MOVEMENTS} takes. The caller holds the locks of the shards. */
export function logged(entries: readonly LogLines[], at: Instant): unknown[] {
  return [
    slotOf(at),
    toDate(at),
    integerArray(entries.map(({ shard }) => shard)),
    integerArray(entries.map(({ movements }) => movements)),
    binaryTextArray(entries.map(({ lines }) => lines.take())),
    textArray(entries.map(({ source }) => source?.feed ?? '')),
    integerArray(entries.map(({ source }) => BigInt(source?.importId ?? 0))),
    integerArray(entries.map(({ batch }) => batch)),
  ];
}

/** A shard's turn: up to which entry it has been read. */
export interface Turn {
  shard: number;
  entryNo: string;
}

/** In the order of the shards, as everyone locks them. */
const TAKE_TURNS = {
  name: 'take-turns',
  text: `
    INSERT INTO shard_turns AS turn (shard) SELECT shard FROM unnest((SELECT $1::smallint[])) AS s (shard) ORDER BY shard
    ON CONFLICT (shard) DO UPDATE SET shard = excluded.shard RETURNING shard, entry_no`,
};

/** Makes the turns of shards one's own until the transaction ends. */
export async function takeTurns(client: ClientBase, shards: readonly number[]): Promise<Turn[]> {
  const { rows } = await client.query<{ shard: number; entry_no: string }>({
    ...TAKE_TURNS,
    values: [integerArray(shards)],
  });
  return rows.map(({ shard, entry_no }) => ({ shard, entryNo: entry_no }));
}

/** Until the transaction ends nobody looks at usage. */
export async function takeAllTurns(client: ClientBase): Promise<void> {
  await takeTurns(client, [...Array(SHARDS).keys()]);
}

/**
 * Has whoever moves something in the shards from now on ask for their turn again. In a transaction of its own, before the
 * turn; in the order of the shards, as everyone locks them.
 */
export async function answerAsked(client: ClientBase, shards: readonly number[]): Promise<void> {
  await client.query({ ...ANSWER_ASKED, values: [integerArray(shards)] });
}

const ANSWER_ASKED = {
  name: 'answer-asked',
  text: `
    DELETE FROM shard_turns_asked
     WHERE shard IN (SELECT shard FROM shard_turns_asked WHERE shard = ANY ((SELECT $1::smallint[])::smallint[])
                      ORDER BY shard FOR UPDATE)`,
};

export interface LogEntry {
  shard: number;
  entryNo: string;
  /** when it became durable */
  at: Instant;
  source: MovementSource | undefined;
  /** in the order of usage: what was fitted with a lower number is what it is held against */
  batch: number;
  /** what {@link movementsOf} reads */
  lines: string;
}

interface LogRow {
  shard: number;
  entry_no: string;
  at_ms: string;
  feed: string;
  import_id: string;
  batch: string;
  movements: number;
  lines: string;
}

/** Entries of a shard that are read at once. */
const ENTRIES_MAX = 256;
/** By the index on (shard, entry_no). */
const READ = {
  name: 'read-log',
  text: `
    SELECT shard, entry_no, (extract(epoch FROM at) * 1000)::bigint AS at_ms, feed, import_id, batch, movements, lines
      FROM (SELECT next.*, sum(movements) OVER (ORDER BY shard, entry_no) - movements AS before
              FROM unnest((SELECT $1::smallint[]), (SELECT $2::bigint[])) AS turn (of_shard, after)
                   CROSS JOIN LATERAL (SELECT * FROM movement_log WHERE shard = of_shard AND entry_no > after
                                        ORDER BY entry_no LIMIT ${ENTRIES_MAX}) AS next) AS e
     WHERE before < $3 ORDER BY shard, entry_no`,
};

/** What comes next in the turns, shard by shard: no more than about `movementsMax` movements, but an entry whole. */
export async function readLog(
  client: ClientBase,
  turns: readonly Turn[],
  movementsMax: number,
): Promise<{ entries: LogEntry[]; isAll: boolean }> {
  const { rows } = await client.query<LogRow>({
    ...READ,
    values: [
      integerArray(turns.map(({ shard }) => shard)),
      integerArray(turns.map(({ entryNo }) => BigInt(entryNo))),
      movementsMax,
    ],
  });
  const entries = rows.map(({ shard, entry_no, at_ms, feed, import_id, batch, lines }) => ({
    shard,
    entryNo: entry_no,
    at: Number(at_ms),
    source: feed === '' ? undefined : { feed, importId: import_id },
    batch: Number(batch),
    lines,
  }));
  const movements = rows.reduce((sum, row) => sum + row.movements, 0);
  return { entries, isAll: rows.length < ENTRIES_MAX && movements < movementsMax };
}

const END_TURNS = {
  name: 'end-turns',
  text: `
    UPDATE shard_turns AS turn SET entry_no = read.entry_no
      FROM unnest((SELECT $1::smallint[]), (SELECT $2::bigint[])) AS read (shard, entry_no) WHERE turn.shard = read.shard`,
};

/** The shards have been read up to these entries. */
export async function endTurns(client: ClientBase, turns: readonly Turn[]): Promise<void> {
  await client.query({
    ...END_TURNS,
    values: [integerArray(turns.map(({ shard }) => shard)), integerArray(turns.map(({ entryNo }) => BigInt(entryNo)))],
  });
}

/** The end of the index, whatever the planner knows of the log: it would read all of it for an entry that is not there. */
function isUnread(shard: string): string {
  return `(SELECT max(l.entry_no) FROM movement_log l WHERE l.shard = ${shard}) >
          coalesce((SELECT t.entry_no FROM shard_turns t WHERE t.shard = ${shard}), 0)`;
}

/** Shards that have entries nobody has read; for the case that an ask got lost. One probe of the index a shard. */
const UNREAD = `
  SELECT shard FROM generate_series(0, $1::int - 1) AS shard
   WHERE ${isUnread('shard.shard')}`;

export async function unreadShards(client: ClientBase, shards: number): Promise<number[]> {
  const { rows } = await client.query<{ shard: number }>(UNREAD, [shards]);
  return rows.map(({ shard }) => shard);
}

/** Whether something of a shard waits to be read. */
export async function hasUnread(client: ClientBase, shard: number): Promise<boolean> {
  const { rows } = await client.query<{ unread: boolean }>(
    `SELECT coalesce(${isUnread('$1::smallint')}, false) AS unread`,
    [shard],
  );
  return rows[0]!.unread;
}

/**
 * Empties the slots that are neither written now nor were last, where all of it has been read; answers how many. An entry
 * that nobody has read keeps its slot: it is looked at the next time. A lock that everyone who reads the log waits behind is
 * asked for only where there is something to empty.
 */
export async function emptyOldSlots(client: ClientBase, at: Instant): Promise<number> {
  const kept = [slotOf(at), slotOf(at - SLOT_MS)];
  let emptied = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (kept.includes(slot)) continue;
    if (!(await isRead(client, slot))) continue;
    await client.query(`LOCK TABLE movement_log_${slot} IN ACCESS EXCLUSIVE MODE`);
    if (!(await isRead(client, slot))) continue;
    await client.query(`TRUNCATE movement_log_${slot}`);
    emptied++;
  }
  return emptied;
}

/** Whether there is something in a slot, and all of it has been read. */
async function isRead(client: ClientBase, slot: number): Promise<boolean> {
  const { rows } = await client.query<{ read: boolean }>(
    `SELECT EXISTS (SELECT FROM movement_log_${slot})
            AND NOT EXISTS (SELECT FROM movement_log_${slot} l LEFT JOIN shard_turns t USING (shard)
                             WHERE l.entry_no > coalesce(t.entry_no, 0)) AS read`,
  );
  return rows[0]!.read;
}
