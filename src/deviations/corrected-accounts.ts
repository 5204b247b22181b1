/**
 * Accounts whose usage was corrected. A correction takes the old version out again, but what had followed from it meanwhile
 * (how high it got, what was forgotten for it) stays in the signature until that is made anew.
 */
import type { ClientBase } from 'pg';
import { textArray } from '../database/array-literal.ts';
import { toDate, type Instant } from '../kernel/clock.ts';

/** Within the turn that took the correction in. */
export async function noteCorrected(client: ClientBase, accountIds: Iterable<string>, at: Instant): Promise<void> {
  const ids = [...new Set(accountIds)].toSorted();
  if (ids.length === 0) return;
  await client.query(
    'INSERT INTO corrected_accounts (account_id, corrected_at) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING',
    [textArray(ids), toDate(at)],
  );
}

/** Those that wait longest first. */
export async function correctedAccounts(client: ClientBase, most: number): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(
    'SELECT account_id FROM corrected_accounts ORDER BY corrected_at, account_id LIMIT $1',
    [most],
  );
  return rows.map(({ account_id }) => account_id);
}

export async function correctedAmong(client: ClientBase, accountIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ account_id: string }>(
    'SELECT account_id FROM corrected_accounts WHERE account_id = ANY ($1::text[])',
    [textArray(accountIds)],
  );
  return new Set(rows.map(({ account_id }) => account_id));
}

/** Their signatures are what the ledger makes of them. */
export async function forgetCorrected(client: ClientBase, accountIds: readonly string[]): Promise<void> {
  await client.query('DELETE FROM corrected_accounts WHERE account_id = ANY ($1::text[])', [textArray(accountIds)]);
}
