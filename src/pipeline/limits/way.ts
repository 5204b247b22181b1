/** How a change of a cap is made: for good, or only to see what it does. */
import type { ClientBase } from 'pg';
import type { Cap } from '../../caps/cap.ts';
import type { Crossing } from '../../caps/crossing.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Instant } from '../../kernel/clock.ts';
import { rollingHours } from '../../kernel/period.ts';
import { forgetUncounted, recount } from '../../spend/counters.ts';
import { forgetBounds } from '../../spend/window-bounds.ts';
import { wouldDecide } from '../deciding/carry-out.ts';
import { accountsNamed, type KnownUsers } from './accounts-named.ts';
import { askToHold, holdFew } from './come-to-hold.ts';
import { isCountedAhead, settleAhead } from './count-ahead.ts';
import { holdCap } from './hold-cap.ts';

type Count = (client: ClientBase, cap: Cap, accountIds: readonly string[] | undefined, at: Instant) => Promise<void>;

export interface Way {
  count: Count;
  uncount: Count;
  accountsNamed(client: ClientBase, cap: Cap): Promise<string[] | undefined>;
  hold: Count;
  /** Decides about what was held. */
  decide(client: ClientBase, at: Instant): Promise<void>;
}

export const forGood = (users: KnownUsers): Way => ({
  async count(client, cap, accountIds) {
    // What was counted ahead is there.
    if (!isCountedAhead(cap)) await recountUnder(client, cap, accountIds);
    await settleAhead(client, cap);
  },
  async uncount(client, cap, accountIds) {
    if (isCountedAhead(cap)) await forgetUncounted(client, cap.traffic, cap.period);
    else await recountUnder(client, cap, accountIds);
  },
  accountsNamed: (client, cap) => accountsNamed(client, cap, users),
  hold: askToHold,
  decide: (client, at) => holdFew(client, at),
});

const countToSee: Count = async (client, cap, accountIds, at) => {
  await client.query('CREATE TEMP TABLE IF NOT EXISTS counters (LIKE counters INCLUDING ALL) ON COMMIT DROP');
  if (rollingHours(cap.period) === undefined) await recountUnder(client, cap, accountIds, at);
};

/**
 * In counters of the transaction's own, which hide the others from it, and of periods that run alone; `decided` is what would be.
 */
export function toSee(decided: (decisions: readonly Decision[]) => void): Way {
  const crossings: Crossing[] = [];
  return {
    count: countToSee,
    uncount: countToSee,
    accountsNamed,
    async hold(client, cap, accountIds, at) {
      crossings.push(...(await holdCap(client, cap, accountIds, at)));
    },
    async decide(client, at) {
      decided(await wouldDecide(client, crossings, at));
    },
  };
}

/** Only calendar periods have counters; of rolling windows it is forgotten how high they can be. */
export async function recountUnder(
  client: ClientBase,
  cap: Pick<Cap, 'traffic' | 'period'>,
  accountIds: readonly string[] | undefined,
  since?: Instant,
): Promise<void> {
  const hours = rollingHours(cap.period);
  if (hours === undefined) await recount(client, cap.traffic, cap.period, accountIds, since);
  else await forgetBounds(client, cap.traffic, hours, accountIds);
}
