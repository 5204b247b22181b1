import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { noteScope } from '../../deviations/corrected-accounts.ts';
import type { DeviationMode, DeviationPolicy, PolicyScope } from '../../deviations/policy.ts';
import { deletePolicy, policyBook, putPolicy } from '../../deviations/policy-store.ts';
import { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { recordChanges } from '../recorded-change.ts';

/** What is done about deviations, as people change it: it holds for what is counted from then on. */
@Injectable()
export class ChangePolicies {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Refuses with `unknown_account` where it is for one that does not exist. */
  async put(scope: PolicyScope, mode: DeviationMode, falseBudget: number, actor: string): Promise<DeviationPolicy> {
    return inTransaction(this.dataSource, async ({ client }) => {
      // Importers remember policies, and read them again at the next revision.
      await lockCounting(client);
      if (scope.kind === 'account') {
        const { rows } = await client.query('SELECT FROM accounts WHERE account_id = $1', [scope.value]);
        if (rows.length === 0) throw new Refusal('not-found', 'unknown_account', `there is no account ${scope.value}`);
      }
      const at = this.clock.now();
      const { all } = await policyBook(client);
      if (mode === 'off' || isAnyOff(all)) await noteScope(client, scope, at);
      const before = own(all, scope);
      const after = await putPolicy(client, { scope, mode, falseBudget }, actor, at);
      const change = before ? 'changed' : 'created';
      await recordChanges(
        client,
        [{ actor, subject: 'deviation-policy', subjectId: nameOf(scope), change, before, after }],
        at,
      );
      return after;
    });
  }

  /** Refuses with `unknown_policy`. */
  async remove(scope: PolicyScope, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      await lockCounting(client);
      const at = this.clock.now();
      const { all } = await policyBook(client);
      const before = own(all, scope);
      if (!before) throw new Refusal('not-found', 'unknown_policy', `there is no deviation policy of ${nameOf(scope)}`);
      if (isAnyOff(all)) await noteScope(client, scope, at);
      await deletePolicy(client, scope);
      await recordChanges(
        client,
        [{ actor, subject: 'deviation-policy', subjectId: nameOf(scope), change: 'removed', before }],
        at,
      );
    });
  }
}

/** Whom nobody watches remembers nothing, and who is watched again has missed something. */
function isAnyOff(policies: readonly DeviationPolicy[]): boolean {
  return policies.some(({ mode }) => mode === 'off');
}

function own(policies: readonly DeviationPolicy[], { kind, value }: PolicyScope): DeviationPolicy | undefined {
  return policies.find(({ scope }) => scope.kind === kind && scope.value === value);
}

export function nameOf({ kind, value }: PolicyScope): string {
  return kind === 'everyone' ? 'everyone' : `${kind} ${value}`;
}
