import type { ClientBase } from 'pg';
import { textArray } from '../database/array-literal.ts';
import type { Account } from './account.ts';

export interface AccountRow {
  account_id: string;
  name: string;
  segment: string;
  currency: string;
  time_zone: string;
  cycle_day: number;
  locale: string;
  email: string;
  msisdn: string;
  home_country: string;
  suspension_terms: string;
  parent_id: string;
  version: number;
  created_at: Date;
  updated_at: Date;
}

/** What an account is, without when it came to be so: instants cost more to read than all the rest. */
const COLUMNS = `
  account_id, name, segment, currency, time_zone, cycle_day, locale, email, msisdn, home_country, suspension_terms, parent_id`;

export function accountOf(row: Omit<AccountRow, 'version' | 'created_at' | 'updated_at'>): Account {
  return {
    accountId: row.account_id,
    name: row.name,
    segment: row.segment,
    currency: row.currency,
    timeZone: row.time_zone,
    cycleDay: row.cycle_day,
    locale: row.locale,
    email: row.email,
    msisdn: row.msisdn,
    homeCountry: row.home_country,
    suspensionTerms: row.suspension_terms,
    parentId: row.parent_id,
  };
}

/** From a subselect, any number of accounts is alike to the planner: where the statement has a `name`, it is planned once a connection. */
export async function accountsById(client: ClientBase, ids: readonly string[], name?: string): Promise<Account[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<Omit<AccountRow, 'version' | 'created_at' | 'updated_at'>>({
    name,
    text: `SELECT ${COLUMNS} FROM accounts WHERE account_id = ANY ((SELECT $1::text[])::text[])`,
    values: [textArray(ids)],
  });
  return rows.map((row) => accountOf({ ...row, ...sharedWords(row) }));
}

const SHARED_MAX = 10_000;
const shared = new Map<string, string>();

/** What many accounts have in common, as one string for all: importers remember accounts by the hundred thousand. */
function sharedWords(row: Omit<AccountRow, 'version' | 'created_at' | 'updated_at'>) {
  const { segment, currency, time_zone, locale, home_country, suspension_terms, parent_id } = row;
  const words = { segment, currency, time_zone, locale, home_country, suspension_terms, parent_id };
  if (shared.size > SHARED_MAX) shared.clear();
  for (const [column, word] of Object.entries(words) as [keyof typeof words, string][]) {
    const known = shared.get(word);
    if (known === undefined) shared.set(word, word);
    else words[column] = known;
  }
  return words;
}

/** The accounts among `ids` with their versions, which stay as they are while the transaction lasts. */
export async function lockAccounts(client: ClientBase, ids: readonly string[]): Promise<AccountRow[]> {
  const { rows } = await client.query<AccountRow>(
    'SELECT * FROM accounts WHERE account_id = ANY ($1) ORDER BY account_id FOR UPDATE',
    [ids],
  );
  return rows;
}

const MAKE = `
  INSERT INTO accounts AS a (account_id, name, segment, currency, time_zone, cycle_day, locale, email, msisdn, home_country,
                             suspension_terms, parent_id, created_at, updated_at)
  SELECT *, $13::timestamptz, $13::timestamptz
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::text[])`;

/** The version counts the changes. */
const CHANGE = `${MAKE}
  ON CONFLICT (account_id) DO UPDATE
     SET name = excluded.name, segment = excluded.segment, currency = excluded.currency, time_zone = excluded.time_zone,
         cycle_day = excluded.cycle_day, locale = excluded.locale, email = excluded.email, msisdn = excluded.msisdn,
         home_country = excluded.home_country, suspension_terms = excluded.suspension_terms,
         parent_id = excluded.parent_id, updated_at = excluded.updated_at, version = a.version + 1`;

/** @throws a unique violation where one is there already */
export function makeAccounts(client: ClientBase, accounts: readonly Account[], at: Date): Promise<AccountRow[]> {
  return put(client, MAKE, accounts, at);
}

export function changeAccounts(client: ClientBase, accounts: readonly Account[], at: Date): Promise<AccountRow[]> {
  return put(client, CHANGE, accounts, at);
}

async function put(client: ClientBase, sql: string, accounts: readonly Account[], at: Date): Promise<AccountRow[]> {
  if (accounts.length === 0) return [];
  const { rows } = await client.query<AccountRow>(`${sql} RETURNING *`, [
    accounts.map((a) => a.accountId),
    accounts.map((a) => a.name),
    accounts.map((a) => a.segment),
    accounts.map((a) => a.currency),
    accounts.map((a) => a.timeZone),
    accounts.map((a) => a.cycleDay),
    accounts.map((a) => a.locale),
    accounts.map((a) => a.email),
    accounts.map((a) => a.msisdn),
    accounts.map((a) => a.homeCountry),
    accounts.map((a) => a.suspensionTerms),
    accounts.map((a) => a.parentId),
    at,
  ]);
  return rows;
}
