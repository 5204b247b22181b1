/**
 * Ends suspensions and holds in the caller's transaction, whoever or whatever ends them: those that wait are declined,
 * those on the switch are to be lifted from it, each with its decision, its evidence, and a word to the switch.
 */
import type { ClientBase } from 'pg';
import { accountsById } from '../../accounts/store.ts';
import { insertDecisions } from '../../decisions/store.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { enqueue } from '../../queues/outbox.ts';
import { endSuspensions, type Ending, type SuspensionRow } from '../../suspensions/store.ts';
import { inChunks } from '../grouped.ts';
import { aboutRow, decisionEvidence, suspensionDecision } from './suspension-decision.ts';

/** Answers those that it ended, as they are since; one that was over already is left as it was. The caller holds their locks. */
export async function endAll(
  client: ClientBase,
  ids: readonly string[],
  ending: Ending,
  explain: (row: SuspensionRow) => string,
): Promise<SuspensionRow[]> {
  const rows = await endSuspensions(client, ids, ending);
  if (rows.length === 0) return rows;
  const accounts = await accountsById(client, [...new Set(rows.map((row) => row.account_id))]);
  const accountOf = new Map(accounts.map((account) => [account.accountId, account]));
  const decided = rows.map((row) => {
    const account = accountOf.get(row.account_id)!;
    const decision = suspensionDecision({
      suspension: aboutRow(row),
      account,
      type: row.state === 'lifting' ? 'restore' : 'notify-operator',
      trigger: ending.trigger,
      at: ending.at,
      explanation: explain(row),
    });
    const said = { by: ending.by, reason: row.lift_reason! };
    return { decision, evidence: decisionEvidence(decision, row, account.timeZone, said) };
  });
  await insertDecisions(
    client,
    decided.map(({ decision }) => decision),
  );
  await appendEvidence(
    client,
    decided.map(({ evidence }) => evidence),
  );
  const toReconcile = [...new Set(rows.filter((row) => row.state === 'lifting').map((row) => row.account_id))];
  await enqueue(
    client,
    inChunks(toReconcile, 500).map((chunk) => ({ job: 'reconcile-suspensions', payload: { accounts: chunk } })),
  );
  return rows;
}
