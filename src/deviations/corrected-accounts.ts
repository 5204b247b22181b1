/**
 * Accounts whose signatures are to be made anew. A correction takes the old version out again, but what had followed from it
 * meanwhile (how high it got, what was forgotten for it) stays behind; and of an account that is of another segment by now,
 * or was not watched for a while, the signature is not what it would be.
 */
import type { ClientBase } from 'pg';
import { textArray } from '../database/array-literal.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { PolicyScope } from './policy.ts';

/** Within the transaction that corrects. */
export async function noteCorrected(client: ClientBase, accountIds: Iterable<string>, at: Instant): Promise<void> {
  const ids = [...new Set(accountIds)].toSorted();
  if (ids.length === 0) return;
  await client.query(
    'INSERT INTO corrected_accounts (account_id, corrected_at) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING',
    [textArray(ids), toDate(at)],
  );
}

/** All accounts that a policy is for. */
export async function noteScope(client: ClientBase, { kind, value }: PolicyScope, at: Instant): Promise<void> {
  await client.query(
    `INSERT INTO corrected_accounts (account_id, corrected_at)
     SELECT account_id, $3 FROM accounts
      WHERE CASE $1 WHEN 'account' THEN account_id = $2 WHEN 'segment' THEN segment = $2 ELSE true END
      ORDER BY account_id
     ON CONFLICT DO NOTHING`,
    [kind, value, toDate(at)],
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
