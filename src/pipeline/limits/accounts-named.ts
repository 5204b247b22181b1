/** Whom a cap's scope names. Those who used a service are found in all of the ledger: so most of it is read before importers wait. */
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { Cap, Scope } from '../../caps/cap.ts';
import { inTransaction } from '../../database/transaction.ts';
import { toDate, type Instant } from '../../kernel/clock.ts';
import { daysTouchedSince } from '../../ledger/usage-store.ts';

/** Who had used services at `at`. */
export interface KnownUsers {
  at: Instant;
  byService: ReadonlyMap<string, readonly string[]>;
}

export async function usersBefore(
  dataSource: DataSource,
  scopes: readonly (Scope | undefined)[],
  at: Instant,
): Promise<KnownUsers> {
  const byService = new Map<string, readonly string[]>();
  for (const scope of scopes) {
    if (scope?.kind !== 'service' || byService.has(scope.value)) continue;
    // In a transaction of its own: whoever drops a day is not to wait for what comes next.
    byService.set(
      scope.value,
      await inTransaction(dataSource, ({ client }) => usersOf(client, scope.value, undefined)),
    );
  }
  return { at, byService };
}

/** The accounts that a cap's scope names; undefined where it is too many to name: everyone. */
export async function accountsNamed(client: ClientBase, cap: Cap, users?: KnownUsers): Promise<string[] | undefined> {
  switch (cap.scope.kind) {
    case 'account':
      return [cap.scope.value];
    case 'service': {
      const known = users?.byService.get(cap.scope.value);
      const others = await usersOf(client, cap.scope.value, known && users?.at);
      return [...new Set([...(known ?? []), ...others])];
    }
    case 'segment': {
      const { rows } = await client.query<{ account_id: string }>(
        'SELECT account_id FROM accounts WHERE segment = $1 AND currency = $2',
        [cap.scope.value, cap.currency],
      );
      return rows.map((row) => row.account_id);
    }
    case 'everyone':
      return undefined;
  }
}

/** Of all days, or of those alone of which usage came since `since`. */
async function usersOf(client: ClientBase, service: string, since: Instant | undefined): Promise<string[]> {
  const { rows } = await client.query<{ account_id: string }>(
    'SELECT DISTINCT account_id FROM usage WHERE service_id = $1 AND ($2::date[] IS NULL OR day = ANY ($2))',
    [service, since === undefined ? null : await daysTouchedSince(client, toDate(since))],
  );
  return rows.map((row) => row.account_id);
}
