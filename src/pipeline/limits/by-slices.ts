/** Accounts are gone through some at a time, in a transaction each: an importer waits for one such slice, however many there are. */
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import type { Clock } from '../../kernel/clock.ts';
import { lockShards, shardOf } from '../../ledger/usage-store.ts';

/** So long an importer may wait for a slice, but for accounts of very much usage: to begin one costs something, however few they are. */
const SLICE_MS = 200;
const SLICE_ACCOUNTS = { min: 20, first: 50, max: 1_000 };

/** A slice whose shards are locked; `revision` is that of the cap book. */
export interface Slice {
  accounts: readonly string[];
  revision: string;
}

/** Does `work` for all accounts, while importers go on; none in one slice with those of another group. */
export async function bySlices(
  dataSource: DataSource,
  clock: Clock,
  groups: Iterable<readonly string[]>,
  work: (client: ClientBase, slice: Slice) => Promise<void>,
): Promise<void> {
  let size = SLICE_ACCOUNTS.first;
  for (const group of groups) {
    for (let from = 0; from < group.length;) {
      const slice = group.slice(from, from + size);
      const took = await inTransaction(dataSource, async ({ client }) => {
        const { revision } = await lockShards(client, slice.map(shardOf));
        // Who waits for importers is no slower by that.
        const began = clock.now();
        await work(client, { accounts: slice, revision });
        return clock.now() - began;
      });
      from += slice.length;
      const fitting = Math.floor((slice.length * SLICE_MS) / Math.max(1, took));
      size = Math.max(SLICE_ACCOUNTS.min, Math.min(SLICE_ACCOUNTS.max, size * 2, fitting));
    }
  }
}
