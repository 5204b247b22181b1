/**
 * What a cap for everyone or a segment needs counted is counted before it holds: importers count it from one moment on, and
 * then what was spent before is counted, some accounts of a shard at a time, each in a transaction of its own. So an
 * importer waits for one such slice, however many accounts and records there are, and when the cap comes to hold there is
 * nothing left to count. Whoever does it has the lock of caps to itself until then; what a process that died left behind
 * is let go by the next change of a cap, or within a minute.
 */
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { Cap, CapDefinition } from '../../caps/cap.ts';
import { beginAhead, endAhead } from '../../caps/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Clock } from '../../kernel/clock.ts';
import { rollingHours } from '../../kernel/period.ts';
import { lockCounting, lockShards, shardOf } from '../../ledger/usage-store.ts';
import { forgetUncounted, recount } from '../../spend/counters.ts';
import { grouped } from '../grouped.ts';

/** So long an importer may wait for a slice, but for accounts of very much usage: to begin one costs something, however few they are. */
const SLICE_MS = 200;
const SLICE_ACCOUNTS = { min: 20, first: 50, max: 1_000 };

/** Whether a cap is counted ahead: rolling windows are read from the ledger, and others concern few accounts. */
export function isCountedAhead({ scope, period }: Pick<Cap, 'scope' | 'period'>): boolean {
  return (scope.kind === 'everyone' || scope.kind === 'segment') && rollingHours(period) === undefined;
}

const NAMED = `
  SELECT account_id FROM accounts WHERE currency = $1 AND ($2::text = '' OR segment = $2) ORDER BY account_id`;

/** Counts for `definition` all that was spent, while importers go on. The caller has the lock of caps, and keeps nobody out. */
export async function countAhead(dataSource: DataSource, clock: Clock, definition: CapDefinition): Promise<void> {
  await inTransaction(dataSource, async ({ client }) => {
    await lockCounting(client);
    await beginAhead(client, definition);
  });
  // Read only now: those that are made from now on are counted from their first record.
  const accounts = await inTransaction(dataSource, async ({ client }) => {
    const { rows } = await client.query<{ account_id: string }>(NAMED, [
      definition.currency,
      definition.scope.segment ?? '',
    ]);
    return rows.map((row) => row.account_id);
  });
  let size = SLICE_ACCOUNTS.first;
  for (const [shard, ofShard] of grouped(accounts, shardOf)) {
    for (let from = 0; from < ofShard.length;) {
      const slice = ofShard.slice(from, from + size);
      const took = await inTransaction(dataSource, ({ client }) => countSlice(client, clock, shard, slice, definition));
      from += slice.length;
      const fitting = Math.floor((slice.length * SLICE_MS) / Math.max(1, took));
      size = Math.max(SLICE_ACCOUNTS.min, Math.min(SLICE_ACCOUNTS.max, size * 2, fitting));
    }
  }
}

/** Answers how long nobody else could count in the shard, in milliseconds: who waits for importers is no slower by that. */
async function countSlice(
  client: ClientBase,
  clock: Clock,
  shard: number,
  accounts: readonly string[],
  { traffic, period }: CapDefinition,
): Promise<number> {
  await lockShards(client, [shard]);
  const began = clock.now();
  // Importers join by keys alone; here all usage of an account is joined with periods, which have none.
  await client.query('SET LOCAL enable_hashjoin = on');
  await recount(client, traffic, period, accounts);
  return clock.now() - began;
}

/**
 * Ends what was counted ahead, now that `holds`, where there is one, holds: what that needs stays. Nobody may be counting
 * meanwhile.
 */
export async function settleAhead(client: ClientBase, holds: Cap | undefined): Promise<void> {
  for (const { scope, traffic, period, currency } of await endAhead(client)) {
    const isIt =
      holds?.scope.kind === scope.kind &&
      holds.scope.value === scope.value &&
      holds.traffic === traffic &&
      holds.period === period &&
      holds.currency === currency;
    if (!isIt) await forgetUncounted(client, traffic, period);
  }
}
