/** Suspensions that a person settled together: a decision and evidence for each, and the switch is told. */
import type { ClientBase } from 'pg';
import { accountsById } from '../../accounts/store.ts';
import { insertDecisions } from '../../decisions/store.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import type { Instant } from '../../kernel/clock.ts';
import { enqueue } from '../../queues/outbox.ts';
import type { SuspensionRow } from '../../suspensions/store.ts';
import { inChunks } from '../grouped.ts';
import { aboutRow, decisionEvidence, suspensionDecision } from './suspension-decision.ts';
import { tellOfApprovals } from '../telling/tell-of-approvals.ts';

const ACCOUNTS_OF_JOB = 500;

/** Writes the decisions; answers their evidence, which the caller appends. */
export async function tellOfSuspensions(
  client: ClientBase,
  rows: readonly SuspensionRow[],
  { by, reason, at }: { by: string; reason: string; at: Instant },
): Promise<NewEvidence[]> {
  if (rows.length === 0) return [];
  const accounts = await accountsById(client, [...new Set(rows.map((row) => row.account_id))]);
  const accountOf = new Map(accounts.map((account) => [account.accountId, account]));
  const decided = rows.map((row) => {
    const account = accountOf.get(row.account_id)!;
    const [type, what] = wordsOf(row);
    const explanation = `${what} by ${by}: ${reason}`;
    const decision = suspensionDecision({
      suspension: aboutRow(row),
      account,
      type,
      trigger: 'manual',
      at,
      explanation,
    });
    return { row, account, decision };
  });
  await insertDecisions(
    client,
    decided.map(({ decision }) => decision),
  );
  const approved = decided.filter(({ row }) => row.state === 'wanted');
  const messages = await tellOfApprovals(client, approved, at);
  const ids = [...new Set(rows.filter(({ state }) => state !== 'declined').map((row) => row.account_id))];
  await enqueue(
    client,
    inChunks(ids, ACCOUNTS_OF_JOB).map((chunk) => ({ job: 'reconcile-suspensions', payload: { accounts: chunk } })),
  );
  return decided.map(({ row, account, decision }) =>
    decisionEvidence(decision, row, account.timeZone, { by, reason, messages: messages.get(row.suspension_id) }),
  );
}

function wordsOf({ state }: SuspensionRow): ['suspend' | 'restore' | 'notify-operator', string] {
  if (state === 'wanted') return ['suspend', 'Approved'];
  return state === 'declined' ? ['notify-operator', 'Declined, nothing was barred,'] : ['restore', 'Lifted'];
}
