/**
 * Lanes: an importer counts large batches in several transactions side by side, so that the database works on some while
 * another is prepared. An account is always in the same lane, so what happens to it happens in the order of the file.
 */
import type { FeedRow } from '../../feeds/usage-record.ts';
import { shardOf } from '../../ledger/usage-store.ts';

const LANES = 4;
const ROWS_WORTH_SPLITTING = 4_000;

/** For each lane the line up to which its rows have their outcome; an import keeps as many lanes as it began with. */
export type SettledLines = readonly number[];

export const NOTHING_SETTLED: SettledLines = Array.from({ length: LANES }, () => 0);

export function lineOf(row: FeedRow): number {
  if ('record' in row) return row.record.line;
  return 'reject' in row ? row.reject.line : row.skipped.line;
}

function laneOf(row: FeedRow, lanes: number): number {
  return 'record' in row ? shardOf(row.record.accountId) % lanes : 0;
}

/** The rows of a batch that an import which broke off has not settled yet. */
export function unsettled(rows: readonly FeedRow[], settled: SettledLines): readonly FeedRow[] {
  const first = Math.max(...settled);
  return first === 0 ? rows : rows.filter((row) => lineOf(row) > settled[laneOf(row, settled.length)]!);
}

/** A part of a batch that one transaction settles, and what it leaves settled. */
export interface LaneBatch {
  rows: readonly FeedRow[];
  before: SettledLines;
  after: SettledLines;
}

/** A batch by lane, and by record whose it is. */
export interface SplitBatch {
  lanes: readonly LaneBatch[];
  accounts: ReadonlyMap<string, string>;
}

/** Splits a batch by lane; undefined where that is not worth it, or a record stands in it under two accounts. */
export function splitIntoLanes(rows: readonly FeedRow[], settled: SettledLines): SplitBatch | undefined {
  const accounts = rows.length < ROWS_WORTH_SPLITTING ? undefined : accountsOfRecords(rows);
  if (!accounts) return undefined;
  const byLane = settled.map((): FeedRow[] => []);
  for (const row of rows) byLane[laneOf(row, settled.length)]!.push(row);
  if (byLane.some((each) => each.length === 0)) return undefined;
  const last = lineOf(rows.at(-1)!);
  const lanes = byLane.map((each, lane) => ({
    rows: each,
    before: settled,
    after: settled.map((line, other) => (other === lane ? last : line)),
  }));
  return { lanes, accounts };
}

/** A batch that one transaction settles for all lanes; one that was further ahead stays there. */
export function wholeBatch(rows: readonly FeedRow[], settled: SettledLines): LaneBatch {
  const last = lineOf(rows.at(-1)!);
  return { rows, before: settled, after: settled.map((line) => Math.max(line, last)) };
}

/** What is settled when lanes have ended. */
export function settledBy(lanes: readonly LaneBatch[]): SettledLines {
  return lanes[0]!.after.map((_, lane) => Math.max(...lanes.map(({ after }) => after[lane]!)));
}

function accountsOfRecords(rows: readonly FeedRow[]): Map<string, string> | undefined {
  const accounts = new Map<string, string>();
  for (const row of rows) {
    if (!('record' in row)) continue;
    const { recordId, accountId } = row.record;
    const known = accounts.get(recordId);
    if (known === undefined) accounts.set(recordId, accountId);
    else if (known !== accountId) return undefined;
  }
  return accounts;
}

/**
 * The lanes of an import at work: each counts its parts of the batches in their order, and none is more than a batch ahead
 * of another. Where one is in the database, another is prepared, whatever batch it is in.
 */
export class LanesAtWork {
  #earlier: readonly Promise<void>[] = [];
  #latest: readonly Promise<void>[] = [];
  #accounts: ReadonlyMap<string, string> = new Map();

  /**
   * Begins a batch; resolves when the one before has ended, and rejects where that has failed. What is read of a file
   * before then would only lie in memory.
   */
  async begin({ lanes, accounts }: SplitBatch, count: (lane: LaneBatch) => Promise<void>): Promise<void> {
    // A record that comes back under another account is in another lane: its versions have to come in their order.
    if (standsUnderAnother(this.#accounts, accounts)) await this.ended();
    this.#earlier = this.#latest;
    this.#latest = lanes.map((lane, index) => (this.#earlier[index] ?? Promise.resolve()).then(() => count(lane)));
    // Its failure is told when it is waited for.
    for (const each of this.#latest) each.catch(() => undefined);
    this.#accounts = accounts;
    await allEnded(this.#earlier);
  }

  /** Waits until all that has begun has ended: nothing goes on behind the caller's back. */
  async ended(): Promise<void> {
    await allEnded([...this.#earlier, ...this.#latest]);
  }
}

/** Whether a record of `later` stood under another account in `earlier`. */
function standsUnderAnother(earlier: ReadonlyMap<string, string>, later: ReadonlyMap<string, string>): boolean {
  let found = false;
  later.forEach((accountId, recordId) => {
    const before = earlier.get(recordId);
    if (before !== undefined && before !== accountId) found = true;
  });
  return found;
}

/** Waits until all have ended, also where one failed. */
async function allEnded(all: readonly Promise<void>[]): Promise<void> {
  const ended = await Promise.allSettled(all);
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
