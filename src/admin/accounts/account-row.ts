import type { DataSource } from 'typeorm';
import { z } from 'zod';
import type { AccountRow } from '../../accounts/store.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { accountForm, accountId } from '../../accounts/account-form.ts';
import { notFound } from '../http/identifiers.ts';
import type { KeyRole } from '../keys/role.ts';
import { addressFor } from '../http/masking.ts';
import { instant } from '../http/wire.ts';

export const accountResponse = accountForm
  .extend({ account_id: accountId, version: z.int(), created_at: instant, updated_at: instant })
  .meta({ id: 'Account' });
export type AccountResponse = z.output<typeof accountResponse>;

const ACCOUNT = 'SELECT * FROM accounts WHERE account_id = $1';

/** Throws where there is no such account. */
export async function readAccount(dataSource: DataSource, id: string): Promise<AccountRow> {
  const [row] = await dataSource.query<AccountRow[]>(ACCOUNT, [id]);
  if (!row) throw notFound(`account ${id}`);
  return row;
}

/** An account as `role` may see it. */
export function showAccount(row: AccountRow, role: KeyRole): AccountResponse {
  return {
    ...row,
    email: addressFor(row.email, role),
    msisdn: addressFor(row.msisdn, role),
    created_at: formatInstant(row.created_at.getTime(), row.time_zone),
    updated_at: formatInstant(row.updated_at.getTime(), row.time_zone),
  };
}
