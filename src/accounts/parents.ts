import type { ClientBase } from 'pg';
import { Refusal } from '../kernel/refusal.ts';
import type { Account } from './account.ts';

const PARENTS_LOCK = 7_051;

/** Of the accounts named the first that stands above itself; a step up is a look at the primary key. */
const ABOVE_ITSELF = `
  WITH RECURSIVE above AS (
    SELECT account_id, parent_id FROM accounts WHERE account_id = ANY ((SELECT $1::text[])::text[]) AND parent_id <> ''
    UNION
    SELECT above.account_id, p.parent_id FROM above JOIN accounts p ON p.account_id = above.parent_id WHERE p.parent_id <> '')
  SELECT account_id FROM above WHERE parent_id = account_id ORDER BY 1 LIMIT 1`;

/**
 * A parent may be the name of a group alone, but no account stands above itself. To be asked when `accounts` have been
 * written, in the same transaction; others who give parents wait for its end.
 * @throws Refusal parent_cycle
 */
export async function refuseParentCycle(client: ClientBase, accounts: readonly Account[]): Promise<void> {
  const ids = accounts.filter(({ parentId }) => parentId !== '').map(({ accountId }) => accountId);
  if (ids.length === 0) return;
  await client.query('SELECT pg_advisory_xact_lock($1)', [PARENTS_LOCK]);
  const { rows } = await client.query<{ account_id: string }>(ABOVE_ITSELF, [ids]);
  for (const { account_id } of rows) {
    const itself = accounts.some(({ accountId, parentId }) => accountId === account_id && parentId === account_id);
    const detail = itself ? 'must be another account' : `must not stand below ${account_id} itself`;
    throw new Refusal('invalid', 'parent_cycle', `account ${account_id} can't stand above itself by its parent`, [
      { field: 'parent_id', detail },
    ]);
  }
}
