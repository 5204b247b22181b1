/** A suspension that a person asks for, within the transaction that records why. */
import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import type { BarScope } from '../../caps/barring.ts';
import type { Decision } from '../../decisions/decision.ts';
import { insertDecisions } from '../../decisions/store.ts';
import type { Instant } from '../../kernel/clock.ts';
import { insertByHand, type SuspensionRow } from '../../suspensions/store.ts';
import { suspensionDecision } from './suspension-decision.ts';

export interface AskedByHand {
  account: Account;
  scope: BarScope;
  /** in words for the billing team; kept with the suspension */
  reason: string;
  explanation: string;
  /** who answers for it */
  actor: string;
  /** undefined: until lifted by hand */
  until?: Instant | undefined;
}

/** Writes it down as wanted, with its decision. The caller appends the evidence and has the switch reconciled. */
export async function suspendByHand(
  client: ClientBase,
  { account, scope, reason, explanation, actor, until }: AskedByHand,
  at: Instant,
): Promise<{ decision: Decision; row: SuspensionRow }> {
  const id = randomUUID();
  const decision = suspensionDecision({
    suspension: { id, class: scope, capId: '', period: '' },
    account,
    type: 'suspend',
    trigger: 'manual',
    at,
    explanation,
  });
  await insertDecisions(client, [decision]);
  const row = await insertByHand(client, {
    id,
    accountId: account.accountId,
    class: scope,
    decisionId: decision.id,
    reason,
    terms: account.suspensionTerms,
    requestedBy: actor,
    requestedAt: at,
    endsAt: until,
  });
  return { decision, row };
}
