/** Which accounts have still to be held against which caps. */
import type { ClientBase } from 'pg';

interface ToHold {
  accountId: string;
  capId: string;
}

const KEEP = `
  INSERT INTO caps_to_hold (account_id, cap_id) SELECT account_id, $2 FROM unnest($1::text[]) AS account_id
  ON CONFLICT DO NOTHING`;

export async function keepToHold(client: ClientBase, capId: string, accounts: readonly string[]): Promise<void> {
  if (accounts.length > 0) await client.query(KEEP, [accounts, capId]);
}

export async function accountsToHold(
  client: ClientBase,
  among: readonly string[] | undefined,
  limit?: number,
): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(
    `SELECT DISTINCT account_id FROM caps_to_hold WHERE $1::text[] IS NULL OR account_id = ANY ($1)
      ORDER BY account_id LIMIT $2`,
    [among ?? null, limit ?? null],
  );
  return rows.map((row) => row.account_id);
}

/** By the primary key; so are those below. */
const TAKE = {
  name: 'take-to-hold',
  text: 'DELETE FROM caps_to_hold WHERE account_id = ANY ($1::text[]) RETURNING account_id, cap_id',
};

/** What is due of these accounts; whoever takes it holds them in the same transaction. */
export async function takeToHold(client: ClientBase, accounts: readonly string[]): Promise<ToHold[]> {
  const { rows } = await client.query<{ account_id: string; cap_id: string }>({ ...TAKE, values: [accounts] });
  return rows.map((row) => ({ accountId: row.account_id, capId: row.cap_id }));
}

const STILL = {
  name: 'still-to-hold',
  text: `
    SELECT DISTINCT account_id FROM caps_to_hold JOIN unnest($1::text[], $2::uuid[]) AS asked (account_id, cap_id) USING (account_id, cap_id)`,
};

/** The accounts among these, each under a cap, that have still to be held against it. */
export async function stillToHold(
  client: ClientBase,
  asked: readonly { accountId: string; capId: string }[],
): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>({
    ...STILL,
    values: [asked.map(({ accountId }) => accountId), asked.map(({ capId }) => capId)],
  });
  return rows.map((row) => row.account_id);
}
