/** Numbers that an account may call whatever is barred: its head office abroad, the alarm company, a doctor. */
import type { ClientBase } from 'pg';

/** By the primary key; of each account in the order of the numbers. */
export async function allowedNumbers(
  client: ClientBase,
  accountIds: readonly string[],
): Promise<Map<string, string[]>> {
  const { rows } = await client.query<{ account_id: string; number: string }>(
    'SELECT account_id, number FROM allowed_numbers WHERE account_id = ANY ($1::text[]) ORDER BY account_id, number',
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

/** Makes these the account's numbers, and no others. */
export async function replaceAllowedNumbers(
  client: ClientBase,
  accountId: string,
  numbers: readonly string[],
): Promise<void> {
  await client.query('DELETE FROM allowed_numbers WHERE account_id = $1 AND number <> ALL ($2::text[])', [
    accountId,
    numbers,
  ]);
  await client.query(
    'INSERT INTO allowed_numbers (account_id, number) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING',
    [accountId, numbers],
  );
}
