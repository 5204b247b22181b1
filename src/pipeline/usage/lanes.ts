/**
 * Lanes: an importer counts a large batch in two transactions side by side, so that the database works on one while the
 * other is prepared. An account is always in the same lane, so what happens to it happens in the order of the file. Pure.
 */
import type { FeedRow } from '../../feeds/usage-record.ts';
import { shardOf } from '../../ledger/usage-store.ts';

export const LANES = 2;
const ROWS_WORTH_SPLITTING = 2_000;

/** For each lane the line up to which its rows have their outcome. */
export type SettledLines = readonly number[];

export const NOTHING_SETTLED: SettledLines = Array.from({ length: LANES }, () => 0);

export function lineOf(row: FeedRow): number {
  if ('record' in row) return row.record.line;
  return 'reject' in row ? row.reject.line : row.skipped.line;
}

function laneOf(row: FeedRow): number {
  return 'record' in row ? shardOf(row.record.accountId) % LANES : 0;
}

/** The rows of a batch that an import which broke off has not settled yet. */
export function unsettled(rows: readonly FeedRow[], settled: SettledLines): readonly FeedRow[] {
  const first = Math.max(...settled);
  return first === 0 ? rows : rows.filter((row) => lineOf(row) > settled[laneOf(row)]!);
}

/** A part of a batch that one transaction settles, and what it leaves settled. */
export interface LaneBatch {
  rows: readonly FeedRow[];
  before: SettledLines;
  after: SettledLines;
}

/** Splits a batch by lane where that is worth it; a record that stands in it under two accounts keeps it whole. */
export function splitIntoLanes(rows: readonly FeedRow[], settled: SettledLines): LaneBatch[] {
  const last = lineOf(rows.at(-1)!);
  const whole = [{ rows, before: settled, after: settled.map(() => last) }];
  if (rows.length < ROWS_WORTH_SPLITTING || hasRecordOfTwoAccounts(rows)) return whole;
  const byLane = settled.map((): FeedRow[] => []);
  for (const row of rows) byLane[laneOf(row)]!.push(row);
  // Where one lane has it all, it settles the others too: nothing of theirs was left out.
  if (byLane.filter((each) => each.length > 0).length === 1) return whole;
  return byLane.map((each, lane) => ({
    rows: each,
    before: settled,
    after: settled.map((line, other) => (other === lane ? last : line)),
  }));
}

function hasRecordOfTwoAccounts(rows: readonly FeedRow[]): boolean {
  const accounts = new Map<string, string>();
  for (const row of rows) {
    if (!('record' in row)) continue;
    const { recordId, accountId } = row.record;
    const known = accounts.get(recordId);
    if (known === undefined) accounts.set(recordId, accountId);
    else if (known !== accountId) return true;
  }
  return false;
}
