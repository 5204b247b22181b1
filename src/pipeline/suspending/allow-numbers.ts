import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { allowedNumbers, replaceAllowedNumbers } from '../../accounts/allowed-numbers.ts';
import { lockAccounts } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { enqueue } from '../../queues/outbox.ts';
import { recordChanges } from '../recorded-change.ts';

/** Says which numbers an account may call whatever is barred; the switch follows where something is. */
@Injectable()
export class AllowNumbers {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** `numbers` in E.164. Refuses with `unknown_account`. */
  async put(accountId: string, numbers: readonly string[], actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const [account] = await lockAccounts(client, [accountId]);
      if (!account) throw new Refusal('not-found', 'unknown_account', `there is no account ${accountId}`);
      const before = (await allowedNumbers(client, [accountId])).get(accountId) ?? [];
      const after = [...new Set(numbers)].toSorted();
      if (before.join() === after.join()) return;
      const at = this.clock.now();
      await replaceAllowedNumbers(client, accountId, after, at);
      const change = { subject: 'allowed-numbers', subjectId: accountId, change: 'changed', before, after } as const;
      await recordChanges(client, [{ actor, ...change }], at);
      await appendEvidence(client, [{ accountId, at, kind: 'allowed-numbers', body: { by: actor, before, after } }]);
      await enqueue(client, [{ job: 'reconcile-suspensions', payload: { accounts: [accountId] } }]);
    });
  }
}
