/** Numbers that an account may call whatever is barred: its head office abroad, the alarm company, a doctor. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';

/** By the primary key; of each account in the order of the numbers. */
export async function allowedNumbers(
  client: ClientBase,
  accountIds: readonly string[],
): Promise<Map<string, string[]>> {
  const { rows } = await client.query<{ account_id: string; number: string }>(
    'SELECT account_id, number FROM allowed_numbers WHERE account_id = ANY ($1::text[]) AND removed_at IS NULL ORDER BY account_id, number',
    [accountIds],
  );
  const allowed = new Map<string, string[]>();
  for (const { account_id, number } of rows) {
    const known = allowed.get(account_id);
    if (known) known.push(number);
    else allowed.set(account_id, [number]);
  }
  return allowed;
}

/** Makes these the account's numbers, and no others; one that is removed stays on record, for the switches to follow. */
export async function replaceAllowedNumbers(
  client: ClientBase,
  accountId: string,
  numbers: readonly string[],
  at: Instant,
): Promise<void> {
  await client.query(
    `UPDATE allowed_numbers SET removed_at = $3 WHERE account_id = $1 AND number <> ALL ($2::text[]) AND removed_at IS NULL`,
    [accountId, numbers, toDate(at)],
  );
  await client.query(
    `INSERT INTO allowed_numbers (account_id, number) SELECT $1, unnest($2::text[])
     ON CONFLICT (account_id, number) DO UPDATE SET removed_at = NULL`,
    [accountId, numbers],
  );
}

export interface NumberOnSwitch {
  accountId: string;
  number: string;
  /** false: allowed no more */
  allowed: boolean;
}

/** What the switches have to know: of these accounts, or of all of whom something is barred. */
const ON_SWITCH = `
  SELECT n.account_id AS "accountId", n.number, n.removed_at IS NULL AS allowed FROM allowed_numbers n
   WHERE CASE WHEN $1::text[] IS NULL
              THEN EXISTS (SELECT FROM suspensions s
                            WHERE s.account_id = n.account_id AND s.state IN ('wanted', 'applied', 'lifting'))
              ELSE n.account_id = ANY ($1) END
   ORDER BY n.account_id, n.number`;

export async function numbersOnSwitch(
  client: ClientBase,
  accountIds: readonly string[] | undefined,
): Promise<NumberOnSwitch[]> {
  const { rows } = await client.query<NumberOnSwitch>(ON_SWITCH, [accountIds ?? null]);
  return rows;
}
