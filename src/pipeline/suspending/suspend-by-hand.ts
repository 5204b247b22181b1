/** A suspension that a person asks for, within the transaction that records why. */
import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import type { BarScope } from '../../caps/barring.ts';
import { insertDecisions } from '../../decisions/store.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import type { Instant } from '../../kernel/clock.ts';
import { enqueue } from '../../queues/outbox.ts';
import { insertByHand } from '../../suspensions/store.ts';
import { decisionEvidence, suspensionDecision } from './suspension-decision.ts';

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

/** Writes it down as wanted, with its decision, and has the switch reconciled; answers the evidence for the caller to append. */
export async function suspendByHand(
  client: ClientBase,
  { account, scope, reason, explanation, actor, until }: AskedByHand,
  at: Instant,
): Promise<{ id: string; evidence: NewEvidence }> {
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
  await enqueue(client, [{ job: 'reconcile-suspensions', payload: { accounts: [account.accountId] } }]);
  return { id, evidence: decisionEvidence(decision, row, account.timeZone, { by: actor, reason }) };
}
