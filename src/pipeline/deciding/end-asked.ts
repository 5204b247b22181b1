/** Ends bars that wait, since nobody is to be asked about them any more. */
import type { ClientBase } from 'pg';
import type { Trigger } from '../../decisions/decision.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import type { Instant } from '../../kernel/clock.ts';
import { BY_RULE, endSuspensions } from '../../suspensions/store.ts';
import { tellOfSuspensions } from '../suspending/tell-of-suspensions.ts';

/** Answers the evidence, for the caller to append. */
export async function endAsked(
  client: ClientBase,
  ids: readonly string[],
  trigger: Trigger,
  reason: string,
  at: Instant,
): Promise<NewEvidence[]> {
  if (ids.length === 0) return [];
  const ending = { trigger, by: BY_RULE, reason, at };
  const ended = await endSuspensions(client, ids, ending);
  return tellOfSuspensions(client, ended, { ...ending, explain: () => `Not asked any more: ${reason}.` });
}
