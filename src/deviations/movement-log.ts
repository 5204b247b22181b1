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
import { LineWriter } from '../database/line-writer.ts';
import { KINDS, STATES } from '../feeds/usage-record.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { shardOf } from '../ledger/usage-store.ts';
import type { Movement, Version } from '../ledger/version.ts';

/** What moved: nothing comes in where a version was taken out of the ledger for good. */
export interface Moved {
  from: Version | undefined;
  to: Version | undefined;
}

/** The delivery that moved it; undefined where upkeep did. */
export interface MovementSource {
  feed: string;
  importId: string;
}

/** What one delivery moved, and the number that it has in its batch. */
export interface MovedBy {
  source: MovementSource | undefined;
  batch: number;
  moved: readonly Moved[];
}

const SLOTS = 4;
const SLOT_MS = 6 * 3_600_000;

function slotOf(at: Instant): number {
  return Math.floor(at / SLOT_MS) % SLOTS;
}

/**
 * Appends an entry a delivery and shard, in their order, and asks for each shard's turn, in one statement. Where a shard was
 * asked for already ({@link FIRST_ASKED}), one job is on its way. Its row is locked all the same, so that whoever takes the
 * turn, and deletes the row first, waits for this transaction and reads what it wrote.
 */
const APPEND = {
  name: 'log-movements',
  text: `
  WITH logged AS (
    INSERT INTO movement_log (slot, shard, at, feed, import_id, movements, lines, batch)
    SELECT $1, shard, $2, feed, import_id, movements, lines, batch
      FROM unnest($3::smallint[], $4::int[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
             AS e (shard, movements, lines, feed, import_id, batch)
  )
  INSERT INTO shard_turns_asked AS asked (shard) SELECT DISTINCT shard FROM unnest($3::smallint[]) AS s (shard) ORDER BY shard
  ON CONFLICT (shard) DO UPDATE SET times = asked.times + 1`,
};

/** Of the shards that this transaction has logged for, `$1`, those for whose turn nobody had asked before. */
export const FIRST_ASKED =
  'SELECT shard FROM shard_turns_asked WHERE shard = ANY ((SELECT $1::smallint[])::smallint[]) AND times = 1';

/** What one delivery moved in one shard. */
export interface LogLines {
  source: MovementSource | undefined;
  batch: number;
  shard: number;
  movements: number;
  lines: LineWriter;
}

/** What there is to log of what deliveries moved in the accounts that are watched. */
export function linesOf(movedBy: readonly MovedBy[], isWatched: (accountId: string) => boolean): LogLines[] {
  return movedBy.flatMap(({ source, batch, moved }) => {
    const entries = new Map<number, LogLines>();
    const add = (version: Version, moves: '-' | '+') => {
      if (!isWatched(version.accountId)) return;
      const shard = shardOf(version.accountId);
      let entry = entries.get(shard);
      if (!entry) entries.set(shard, (entry = { source, batch, shard, movements: 0, lines: new LineWriter() }));
      entry.movements++;
      writeMovement(entry.lines, version, moves);
    };
    for (const { from, to } of moved) {
      if (from) add(from, '-');
      if (to) add(to, '+');
    }
    return [...entries.values()];
  });
}

/** Appends to the log, and asks for the turns of its shards. The caller holds their locks. */
export async function logMovements(client: ClientBase, entries: readonly LogLines[], at: Instant): Promise<void> {
  await client.query({
    ...APPEND,
    values: [
      slotOf(at),
      toDate(at),
      integerArray(entries.map(({ shard }) => shard)),
      integerArray(entries.map(({ movements }) => movements)),
      binaryTextArray(entries.map(({ lines }) => lines.take())),
      textArray(entries.map(({ source }) => source?.feed ?? '')),
      integerArray(entries.map(({ source }) => BigInt(source?.importId ?? 0))),
      integerArray(entries.map(({ batch }) => batch)),
    ],
  });
}

function writeMovement(line: LineWriter, v: Version, moves: '-' | '+'): void {
  line.mark(moves);
  line.text(v.accountId);
  line.text(v.recordId);
  line.text(v.origin);
  line.text(v.serviceId);
  line.integer(v.startedAt);
  line.integer(v.durationSeconds);
  line.integer(KINDS.indexOf(v.kind));
  if (v.units === undefined) line.text('');
  else line.integer(v.units);
  line.text(v.aNumber);
  line.text(v.destination.number);
  line.text(v.destination.country);
  line.integer(v.destination.traffic);
  line.integer(v.amount);
  if (v.cost === undefined) line.text('');
  else line.integer(v.cost);
  line.integer(STATES.indexOf(v.state));
  line.integer(v.revision);
  line.text(v.originCountry);
  line.integer(v.receivedAt);
  line.endLine();
}

/** The movements that an entry tells, in its order. What was taken out for good, or went to another account, is worth nothing from then on. */
export function movementsOf(lines: string): Movement[] {
  const movements: Movement[] = [];
  let out: Version | undefined;
  for (const line of lines.split('\n').slice(0, -1)) {
    const version = versionOfLine(line);
    const comesIn = line.charCodeAt(0) === PLUS;
    if (out && !(comesIn && out.accountId === version.accountId && out.recordId === version.recordId)) {
      movements.push({ from: out, to: { ...out, amount: 0n, cost: undefined } });
      out = undefined;
    }
    if (comesIn) movements.push({ from: out, to: version });
    out = comesIn ? undefined : version;
  }
  if (out) movements.push({ from: out, to: { ...out, amount: 0n, cost: undefined } });
  return movements;
}

function versionOfLine(line: string): Version {
  const cells = line.split('\t') as Cells;
  return {
    accountId: readText(cells[0].slice(1)),
    recordId: readText(cells[1]),
    origin: readText(cells[2]),
    serviceId: readText(cells[3]),
    startedAt: Number(cells[4]),
    durationSeconds: Number(cells[5]),
    kind: KINDS[Number(cells[6])]!,
    units: cells[7] === '' ? undefined : BigInt(cells[7]),
    aNumber: readText(cells[8]),
    // As from the ledger: the type of number is not asked for again.
    destination: { number: cells[9], country: cells[10], type: 'other', traffic: Number(cells[11]) },
    amount: BigInt(cells[12]),
    cost: cells[13] === '' ? undefined : BigInt(cells[13]),
    state: STATES[Number(cells[14])]!,
    revision: Number(cells[15]),
    originCountry: cells[16],
    tariff: '',
    receivedAt: Number(cells[17]),
  };
}

type Cell = string;
type Nine = [Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell];
type Cells = [...Nine, ...Nine];

const PLUS = '+'.charCodeAt(0);
const ESCAPED: Record<string, string> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r', '\\t': '\t' };

/** Undoes what {@link LineWriter.text} escapes. */
function readText(cell: string): string {
  return cell.includes('\\') ? cell.replaceAll(/\\[\\nrt]/g, (escape) => ESCAPED[escape]!) : cell;
}

/**
 * Makes the shard's turn one's own until the transaction ends, and takes away what asked for it: who asks from now on asks
 * anew. Answers up to which entry the shard has been read.
 */
const TAKE_TURN = `
  INSERT INTO shard_turns AS turn (shard) VALUES ($1) ON CONFLICT (shard) DO UPDATE SET shard = excluded.shard
  RETURNING entry_no`;

export async function takeTurn(client: ClientBase, shard: number): Promise<string> {
  const { rows } = await client.query<{ entry_no: string }>(TAKE_TURN, [shard]);
  return rows[0]!.entry_no;
}

/** Makes all turns one's own: what has been looked at by then is all that was looked at before the caller commits. */
export async function takeTurns(client: ClientBase, shards: number): Promise<void> {
  await client.query(
    `INSERT INTO shard_turns AS turn (shard) SELECT generate_series(0, $1::int - 1)
     ON CONFLICT (shard) DO UPDATE SET shard = excluded.shard`,
    [shards],
  );
}

/**
 * Has whoever moves something in the shards from now on ask for their turn again. In a transaction of its own, before the
 * turn; in the order of the shards, as everyone locks them.
 */
export async function answerAsked(client: ClientBase, shards: readonly number[]): Promise<void> {
  for (const shard of shards) await client.query('DELETE FROM shard_turns_asked WHERE shard = $1', [shard]);
}

export interface LogEntry {
  entryNo: string;
  /** when it became durable */
  at: Instant;
  source: MovementSource | undefined;
  /** in the order of usage: what was fitted with a lower number is what it is held against */
  batch: number;
  movements: Movement[];
}

interface LogRow {
  entry_no: string;
  at_ms: string;
  feed: string;
  import_id: string;
  batch: string;
  lines: string;
}

/** By the index on (shard, entry_no); no more than about `movements_max` movements, but an entry whole. */
const READ = `
  SELECT entry_no, (extract(epoch FROM at) * 1000)::bigint AS at_ms, feed, import_id, batch, lines
    FROM (SELECT *, sum(movements) OVER (ORDER BY entry_no) - movements AS before
            FROM (SELECT * FROM movement_log WHERE shard = $1 AND entry_no > $2 ORDER BY entry_no LIMIT 256) next) e
   WHERE before < $3 ORDER BY entry_no`;

export async function readLog(
  client: ClientBase,
  shard: number,
  after: string,
  movementsMax: number,
): Promise<LogEntry[]> {
  const { rows } = await client.query<LogRow>(READ, [shard, after, movementsMax]);
  return rows.map(({ entry_no, at_ms, feed, import_id, batch, lines }) => ({
    entryNo: entry_no,
    at: Number(at_ms),
    source: feed === '' ? undefined : { feed, importId: import_id },
    batch: Number(batch),
    movements: movementsOf(lines),
  }));
}

export async function endTurn(client: ClientBase, shard: number, entryNo: string): Promise<void> {
  await client.query('UPDATE shard_turns SET entry_no = $2 WHERE shard = $1', [shard, entryNo]);
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
 * that nobody has read keeps its slot: it is looked at the next time.
 */
export async function emptyOldSlots(client: ClientBase, at: Instant): Promise<number> {
  const kept = [slotOf(at), slotOf(at - SLOT_MS)];
  let emptied = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (kept.includes(slot)) continue;
    await client.query(`LOCK TABLE movement_log_${slot} IN ACCESS EXCLUSIVE MODE`);
    const { rows } = await client.query<{ unread: boolean; any: boolean }>(
      `SELECT EXISTS (SELECT FROM movement_log_${slot}) AS any,
              EXISTS (SELECT FROM movement_log_${slot} l LEFT JOIN shard_turns t USING (shard)
                       WHERE l.entry_no > coalesce(t.entry_no, 0)) AS unread`,
    );
    if (!rows[0]!.any || rows[0]!.unread) continue;
    await client.query(`TRUNCATE movement_log_${slot}`);
    emptied++;
  }
  return emptied;
}
