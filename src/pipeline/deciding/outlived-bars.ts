/**
 * Bars of caps that have waited, for a brake, the guard or a verdict, until nothing asks for them any more: the cap was removed or changed,
 * the account came under another one, or its threshold is not reached any more. Where whoever held them lets go they end; where the
 * cap comes to hold once more, it asks anew (`undoneOf`).
 */
import type { ClientBase } from 'pg';
import { accountsById } from '../../accounts/store.ts';
import { capBook } from '../../caps/uplift-store.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import type { Instant } from '../../kernel/clock.ts';
import { capsOfWaiting } from '../../suspensions/planned.ts';
import { endAsked } from './end-asked.ts';

/** Ends those of `ids` that wait and are asked for no more; answers the others, in their order, and the evidence. The caller holds their locks. */
export async function endOutlived<Bar extends { suspension_id: string }>(
  client: ClientBase,
  bars: readonly Bar[],
  at: Instant,
): Promise<{ left: readonly Bar[]; evidence: NewEvidence[] }> {
  const waiting = await capsOfWaiting(
    client,
    bars.map((bar) => bar.suspension_id),
  );
  if (waiting.length === 0) return { left: bars, evidence: [] };
  const book = await capBook(client);
  const ids = [...new Set(waiting.map((bar) => bar.account_id))];
  const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
  const isOutlived = ({ account_id, cap_id, service_id, percent, class: scope, reached }: (typeof waiting)[number]) => {
    const account = accounts.get(account_id);
    const caps = account ? [...book.ofAccount(account), ...book.ofService(service_id, account)] : [];
    const cap = caps.find(({ id }) => id === cap_id);
    const asked = cap?.thresholds.find((each) => each.percent === percent)?.actions.includes(`suspend:${scope}`);
    return !reached || !asked || cap?.mode === 'shadow';
  };
  const outlived = new Set(waiting.filter(isOutlived).map((bar) => bar.suspension_id));
  const reason = 'its cap does not ask for it any more';
  return {
    left: bars.filter((bar) => !outlived.has(bar.suspension_id)),
    evidence: await endAsked(client, [...outlived], 'manual', reason, at),
  };
}
