/** What the promise of a deviation policy came to: by the verdicts on what it did, or in shadow mode would have done. */
import type { ClientBase } from 'pg';
import type { DeviationPolicy } from '../../deviations/policy.ts';
import { toDate, type Instant } from '../../kernel/clock.ts';

const DAY_MS = 86_400_000;
const WINDOW_MS = 90 * DAY_MS;
const MONTH_DAYS = 30.4375;

export interface Realised {
  /** holds and suspensions of cases that were found legitimate, each case once */
  falseActions: number;
  /** of cases that nobody has judged */
  unjudged: number;
  customerMonths: number;
}

/**
 * By segment and account: cases in which a deviation called for a bar, and how long how many accounts were watched. A case
 * counts once, however often it acted.
 */
const COUNTS = `
  WITH acted AS (
    SELECT c.account_id, c.state
      FROM cases c
     WHERE c.kind = 'account' AND c.opened_at >= $1
       AND EXISTS (SELECT FROM case_decisions cd JOIN decisions d USING (decision_id)
                    WHERE cd.case_no = c.case_no AND d.score IS NOT NULL AND (d.action = 'hold' OR d.action LIKE 'suspend:%')))
  SELECT count(*) FILTER (WHERE acted.state = 'legitimate')::int AS false_actions,
         count(*) FILTER (WHERE acted.state IN ('open', 'closed'))::int AS unjudged,
         (SELECT count(*) FROM deviation_signatures s JOIN accounts a USING (account_id)
           WHERE ($2 = 'everyone' OR ($2 = 'segment' AND a.segment = $3) OR ($2 = 'account' AND a.account_id = $3)))::int AS watched,
         (SELECT min(fitted_at) FROM deviation_norms) AS since
    FROM acted JOIN accounts a USING (account_id)
   WHERE $2 = 'everyone' OR ($2 = 'segment' AND a.segment = $3) OR ($2 = 'account' AND a.account_id = $3)`;

/** For each policy in its order, of all accounts in its scope. */
export async function realisedFalse(
  client: ClientBase,
  policies: readonly DeviationPolicy[],
  now: Instant,
): Promise<Realised[]> {
  const realised: Realised[] = [];
  for (const { scope } of policies) {
    const { rows } = await client.query<{
      false_actions: number;
      unjudged: number;
      watched: number;
      since: Date | null;
    }>(COUNTS, [toDate(now - WINDOW_MS), scope.kind, scope.value]);
    const { false_actions, unjudged, watched, since } = rows[0]!;
    const days = since === null ? 0 : Math.min(WINDOW_MS, Math.max(0, now - since.getTime())) / DAY_MS;
    realised.push({ falseActions: false_actions, unjudged, customerMonths: (watched * days) / MONTH_DAYS });
  }
  return realised;
}
