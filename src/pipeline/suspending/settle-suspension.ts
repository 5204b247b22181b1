/** What people want of suspensions, by hand. States and rules: suspensions/README.md. */
import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { accountOf, lockAccounts } from '../../accounts/store.ts';
import type { BarScope } from '../../caps/barring.ts';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { step, type SuspensionEvent } from '../../suspensions/states.ts';
import {
  approveSuspensions,
  endSuspensions,
  liveByHand,
  lockSuspension,
  type SuspensionRow,
} from '../../suspensions/store.ts';
import { suspendByHand } from './suspend-by-hand.ts';
import { tellOfSuspensions } from './tell-of-suspensions.ts';

/** A suspension that a person asks for. It needs no terms on file: the person answers for it, and is named. */
export interface SuspensionRequest {
  accountId: string;
  class: BarScope;
  reason: string;
  actor: string;
  /** undefined: until lifted by hand */
  until?: Instant;
}

@Injectable()
export class SettleSuspensions {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Suspends by hand. Refuses with `unknown_account`, `in_the_past` and, where one by hand is in force, `already_suspended`. */
  async request({ accountId, class: barringClass, reason, actor, until }: SuspensionRequest): Promise<{ id: string }> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      if (until !== undefined && until <= at) {
        throw new Refusal('invalid', 'in_the_past', 'the suspension would be over already', [
          { field: 'until', detail: 'must be in the future' },
        ]);
      }
      const [row] = await lockAccounts(client, [accountId]);
      if (!row) throw new Refusal('not-found', 'unknown_account', `there is no account ${accountId}`);
      const standing = await liveByHand(client, accountId, barringClass);
      if (standing !== undefined) {
        throw new Refusal(
          'conflict',
          'already_suspended',
          `suspension ${standing} bars ${barringClass} by hand already`,
        );
      }
      const account = accountOf(row);
      const explanation = `Suspended by hand by ${actor}: ${reason}`;
      const asked = { account, scope: barringClass, reason, explanation, actor, until };
      const { id, evidence } = await suspendByHand(client, asked, at);
      await appendEvidence(client, [evidence]);
      return { id };
    });
  }

  /** Lets a suspension be that waits for a person. Refuses with a state's own word, such as `already_approved`, and with `period_ended`. */
  async approve(id: string, actor: string): Promise<void> {
    await this.#decideOn(id, 'approve', actor, undefined, (client, before, at) => {
      if (before.ends_at !== null && before.ends_at.getTime() <= at) {
        throw new Refusal('conflict', 'period_ended', 'the period for which it was meant is over');
      }
      return approveSuspensions(client, [id], actor, at);
    });
  }

  /** Ends a suspension that waits for a person: it never was on the switch. Refuses with a state's own word. */
  async decline(id: string, actor: string, reason: string): Promise<void> {
    await this.#end(id, 'decline', actor, reason);
  }

  /** Has a suspension taken off the switch. Refuses with a state's own word, such as `already_lifted`. */
  async lift(id: string, actor: string, reason: string): Promise<void> {
    await this.#end(id, 'lift', actor, reason);
  }

  #end(id: string, event: SuspensionEvent, actor: string, reason: string): Promise<void> {
    return this.#decideOn(id, event, actor, reason, (client, _before, at) =>
      endSuspensions(client, [id], { trigger: 'manual', by: actor, reason, at }),
    );
  }

  async #decideOn(
    id: string,
    event: SuspensionEvent,
    by: string,
    reason: string | undefined,
    change: (client: ClientBase, before: SuspensionRow, at: Instant) => Promise<SuspensionRow[]>,
  ): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const before = await lockSuspension(client, id);
      if (!before) throw new Refusal('not-found', 'unknown_suspension', `there is no suspension ${id}`);
      const next = step(before.state, event);
      if ('no' in next) throw new Refusal('conflict', next.no.code, next.no.detail);
      const at = this.clock.now();
      const changed = await change(client, before, at);
      await appendEvidence(client, await tellOfSuspensions(client, changed, { by, reason, at }));
    });
  }
}
