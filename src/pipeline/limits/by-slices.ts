/** Accounts are gone through some at a time, in a transaction each: an importer waits for one such slice, however many there are. */
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { Stopwatch } from '../../kernel/clock.ts';
import { lockShards, shardOf } from '../../ledger/usage-store.ts';

/** So long an importer may wait for a slice, but for accounts of very much usage: to begin one costs something, however few they are. */
const SLICE_MS = 200;
const SLICE_ACCOUNTS = { min: 20, first: 50, max: 1_000 };

/** A slice whose shards are locked; `revision` is that of the cap book. */
interface Slice {
  accounts: readonly string[];
  revision: string;
}

/**
 * Does `work` for all `accounts`, while importers go on. Neighbours share a shard, and where those of one are few a slice has
 * several: each slice waits for the batches that run.
 */
export async function bySlices(
  dataSource: DataSource,
  accounts: readonly string[],
  work: (client: ClientBase, slice: Slice) => Promise<void>,
): Promise<void> {
  const stopwatch = new Stopwatch();
  let size = SLICE_ACCOUNTS.first;
  const ordered = accounts.toSorted((a, b) => shardOf(a) - shardOf(b));
  for (let from = 0; from < ordered.length;) {
    const slice = ordered.slice(from, from + size);
    const took = await inTransaction(dataSource, async ({ client }) => {
      const { revision } = await lockShards(client, slice.map(shardOf));
      // Who waits for importers is no slower by that.
      const began = stopwatch.now();
      await work(client, { accounts: slice, revision });
      return stopwatch.now() - began;
    });
    from += slice.length;
    const fitting = Math.floor((slice.length * SLICE_MS) / Math.max(1, took));
    size = Math.max(SLICE_ACCOUNTS.min, Math.min(SLICE_ACCOUNTS.max, size * 2, fitting));
  }
}
