/** What caps have done of what was crossed, as far as that came to be. */
import type { ClientBase } from 'pg';
import { suspends } from '../../caps/changed-cap.ts';
import type { CrossingState } from '../../caps/crossing.ts';
import { undoneOf, withheldOf, type CrossedThreshold } from '../../cases/withheld.ts';

/**
 * Takes out of what was done what was decided and not carried out, by no person's word: it is due where the cap holds still.
 * `corrected`: also what was ended since prices were wrong, by which amounts stood that have been corrected since.
 */
export async function takeOutHeldBack(
  client: ClientBase,
  states: readonly CrossingState[],
  corrected: boolean,
): Promise<void> {
  const acted = states.filter(({ done }) => done.some((deed) => deed !== 'recorded'));
  if (acted.length === 0) return;
  const accounts = [...new Set(acted.map(({ accountId }) => accountId))];
  const caps = [...new Set(acted.map(({ capId }) => capId))];
  const undone = keysOf(await undoneOf(client, accounts, caps, corrected));
  const withheld = keysOf(await withheldOf(client, accounts, caps, corrected));
  for (const state of acted) {
    const key = JSON.stringify([state.accountId, state.capId, state.percent, state.period.name]);
    const done = state.done
      .filter((deed) => !suspends(deed) || !undone.has(key))
      .filter((deed) => deed !== 'warn' || !withheld.has(key));
    if (done.length < state.done.length) Object.assign(state, { done, heldBack: corrected ? 'corrected' : 'let-go' });
  }
}

function keysOf(rows: readonly CrossedThreshold[]): Set<string> {
  return new Set(rows.map((row) => JSON.stringify([row.account_id, row.cap_id, row.percent, row.period])));
}
