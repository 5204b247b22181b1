/**
 * What a cap for everyone or a segment needs counted is counted before it holds: importers count it from one moment on, and
 * then what was spent before is counted by slices; when the cap comes to hold there is nothing left to count. Whoever does
 * it has the lock of caps to itself until then; what a process that died left behind is let go by the next change of a cap,
 * or within a minute.
 */
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { Cap, CapDefinition } from '../../caps/cap.ts';
import { beginAhead, endAhead } from '../../caps/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { rollingHours } from '../../kernel/period.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { forgetUncounted, recount } from '../../spend/counters.ts';
import { bySlices } from './by-slices.ts';

/** Whether a cap is counted ahead: rolling windows are read from the ledger, and others concern few accounts. */
export function isCountedAhead({ scope, period }: Pick<Cap, 'scope' | 'period'>): boolean {
  return (scope.kind === 'everyone' || scope.kind === 'segment') && rollingHours(period) === undefined;
}

const NAMED = `
  SELECT account_id FROM accounts WHERE currency = $1 AND ($2::text = '' OR segment = $2) ORDER BY account_id`;

/** Counts for `definition` all that was spent, while importers go on. The caller has the lock of caps, and keeps nobody out. */
export async function countAhead(dataSource: DataSource, definition: CapDefinition): Promise<void> {
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
  await bySlices(dataSource, accounts, async (client, slice) => {
    // Importers join by keys alone; here all usage of an account is joined with periods, which have none.
    await client.query('SET LOCAL enable_hashjoin = on');
    await recount(client, definition.traffic, definition.period, slice.accounts);
  });
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
