/**
 * Suspensions and holds that were approved, declined or lifted, whoever or whatever did it: each with its decision, its
 * evidence and a word to the switch; and with one to the customer where it was approved.
 */
import type { ClientBase } from 'pg';
import { accountsById } from '../../accounts/store.ts';
import { joinCaseOfCause } from '../../cases/store.ts';
import type { Trigger } from '../../decisions/decision.ts';
import { insertDecisions } from '../../decisions/store.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import type { Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { enqueue } from '../../queues/outbox.ts';
import { endSuspensions, type Ending, type SuspensionRow } from '../../suspensions/store.ts';
import { inChunks } from '../grouped.ts';
import { tellOfApprovals } from '../telling/tell-of-approvals.ts';
import { aboutRow, decisionEvidence, suspensionDecision } from './suspension-decision.ts';

const ACCOUNTS_OF_JOB = 500;

interface Settled {
  /** `manual` where not said */
  trigger?: Trigger;
  by: string;
  /** undefined: that for which it was asked */
  reason: string | undefined;
  at: Instant;
  explain?: (row: SuspensionRow) => string;
}

/**
 * Tells of rows as they are since, in the transaction that changed them; answers their evidence, which the caller appends.
 * @throws Refusal account_removed
 */
export async function tellOfSuspensions(
  client: ClientBase,
  rows: readonly SuspensionRow[],
  { trigger = 'manual', by, reason, at, explain = (row) => byHand(row, by, reason) }: Settled,
): Promise<NewEvidence[]> {
  if (rows.length === 0) return [];
  const accounts = await accountsById(client, [...new Set(rows.map((row) => row.account_id))]);
  const accountOf = new Map(accounts.map((account) => [account.accountId, account]));
  const decided = rows.map((row) => {
    const account = accountOf.get(row.account_id);
    if (!account) {
      const gone = `account ${row.account_id} was removed while it was suspended; make it again, and then go on`;
      throw new Refusal('conflict', 'account_removed', gone);
    }
    const about = { suspension: aboutRow(row), account, type: typeOf(row), trigger, at };
    return { row, account, decision: suspensionDecision({ ...about, explanation: explain(row) }) };
  });
  await insertDecisions(
    client,
    decided.map(({ decision }) => decision),
  );
  await joinCaseOfCause(
    client,
    decided.map(({ row, decision }) => ({ decisionId: decision.id, cause: row.decision_id })),
  );
  const approved = decided.filter(({ row }) => row.state === 'wanted');
  const messages = await tellOfApprovals(client, approved, at);
  const toReconcile = new Set(rows.filter(({ state }) => state !== 'declined').map((row) => row.account_id));
  await enqueue(
    client,
    inChunks([...toReconcile], ACCOUNTS_OF_JOB).map((chunk) => ({
      job: 'reconcile-suspensions',
      payload: { accounts: chunk },
    })),
  );
  return decided.map(({ row, account, decision }) =>
    decisionEvidence(decision, row, account.timeZone, {
      by,
      reason: row.lift_reason ?? reason,
      messages: messages.get(row.suspension_id),
    }),
  );
}

/**
 * Ends what waits or stands, and tells of it; answers those that it ended, as they are since. One that was over already is
 * left as it was. The caller holds their locks.
 */
export async function endAll(
  client: ClientBase,
  ids: readonly string[],
  ending: Ending,
  explain?: (row: SuspensionRow) => string,
): Promise<SuspensionRow[]> {
  const rows = await endSuspensions(client, ids, ending);
  await appendEvidence(client, await tellOfSuspensions(client, rows, { ...ending, ...(explain ? { explain } : {}) }));
  return rows;
}

/** `notify-operator` where nothing changes on the switch. */
function typeOf({ state }: SuspensionRow): 'suspend' | 'restore' | 'notify-operator' {
  if (state === 'wanted') return 'suspend';
  return state === 'declined' ? 'notify-operator' : 'restore';
}

function byHand({ state, reason: asked }: SuspensionRow, by: string, reason: string | undefined): string {
  if (state === 'wanted') return `Approved by ${by}: ${reason ?? asked}`;
  return state === 'declined'
    ? `Declined by ${by}, nothing was barred: ${reason}`
    : `Lifted by hand by ${by}: ${reason}`;
}
