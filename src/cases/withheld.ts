/** What caps decided and a tariff case was about: warnings that its brake withheld, and bars that a verdict has ended. */
import type { ClientBase } from 'pg';

/** Of an account and a cap a threshold that was crossed. */
export interface CrossedThreshold {
  account_id: string;
  cap_id: string;
  period: string;
  percent: number;
}

type Asked = [accountIds: readonly string[], capIds: readonly string[], corrected: boolean];

/**
 * Nobody was told, neither by another warning of the threshold nor with a bar of it or of a higher one. Where prices were found wrong,
 * amounts are no good until a correction has come. By `decisions_of_account`.
 */
const WITHHELD = `
  SELECT DISTINCT d.account_id, d.cap_id, d.period, d.threshold::float8 AS percent
    FROM decisions d JOIN braked_decisions b USING (decision_id) JOIN cases c USING (case_no)
   WHERE d.account_id = ANY ($1) AND d.cap_id = ANY ($2) AND d.type = 'notify-operator' AND d.action = 'warn'
     AND (c.state NOT IN ('open', 'rating-error') OR ($3 AND c.state = 'rating-error'))
     AND ($3 OR d.trigger = 'correction' OR c.state <> 'closed'
          OR NOT EXISTS (SELECT FROM case_events e WHERE e.case_no = c.case_no AND e.what = 'rating-error'))
     AND NOT EXISTS (SELECT FROM decisions e
                      WHERE e.account_id = d.account_id AND e.cap_id = d.cap_id AND e.period = d.period AND e.threshold = d.threshold
                        AND e.action = 'warn' AND e.decision_no > d.decision_no)
     AND NOT EXISTS (SELECT FROM suspensions s JOIN decisions e USING (decision_id)
                      WHERE s.account_id = d.account_id AND s.cap_id = d.cap_id AND s.period = d.period AND e.threshold >= d.threshold
                        AND s.told_when_approved IS NOT NULL
                        AND (s.approved_at IS NOT NULL OR (s.state = 'awaiting-approval' AND s.guard_question IS NOT NULL)))`;

/** The crossings of which a brake that has let go withheld the warning; `corrected`: also of prices that were found wrong, whether it holds on or not. */
export function withheldOf(client: ClientBase, ...asked: Asked): Promise<CrossedThreshold[]> {
  return crossedAs(client, WITHHELD, asked);
}

/**
 * Bars of caps that ended before they were made, by nobody's word, or by a verdict that prices were wrong, though their threshold stays
 * reached: the latter where another verdict has put that right, or a correction has come. By `suspensions_of_account`.
 */
const UNDONE = `
  SELECT DISTINCT s.account_id, s.cap_id, s.period, d.threshold::float8 AS percent
    FROM suspensions s JOIN decisions d USING (decision_id)
   WHERE s.account_id = ANY ($1) AND s.cap_id = ANY ($2)
     AND ((s.state = 'declined' AND s.lift_by = 'plafond' AND s.lift_trigger = 'manual')
          OR (s.state IN ('declined', 'lifting', 'lifted') AND EXISTS (
                SELECT FROM cases c JOIN case_events e USING (case_no)
                 WHERE e.at = s.lift_wanted_at AND e.what IN ('rating-error', 'closed') AND ($3 OR c.state IN ('legitimate', 'confirmed-fraud'))
                   AND c.case_no IN (SELECT case_no FROM case_decisions WHERE decision_id = s.decision_id
                                     UNION ALL SELECT case_no FROM braked_decisions WHERE decision_id = s.decision_id))))
     AND NOT EXISTS (SELECT FROM suspensions l JOIN decisions e USING (decision_id)
                      WHERE l.account_id = s.account_id AND l.cap_id = s.cap_id AND l.class = s.class AND l.period = s.period
                        AND e.threshold = d.threshold AND l.suspension_no > s.suspension_no)`;

/** The crossings of which a bar is due once more; `corrected`: also where prices were found wrong. */
export function undoneOf(client: ClientBase, ...asked: Asked): Promise<CrossedThreshold[]> {
  return crossedAs(client, UNDONE, asked);
}

async function crossedAs(client: ClientBase, query: string, asked: Asked): Promise<CrossedThreshold[]> {
  return (await client.query<CrossedThreshold>(query, asked)).rows;
}

/** Of which accounts caps have decided something that belongs to a case, or waited for it, by cap. */
export async function accountsByCap(
  client: ClientBase,
  caseNo: string,
): Promise<{ capId: string; accounts: string[] }[]> {
  const { rows } = await client.query<{ cap_id: string; accounts: string[] }>(
    `SELECT cap_id, array_agg(DISTINCT account_id) AS accounts FROM decisions
      WHERE cap_id IS NOT NULL AND decision_id IN (SELECT decision_id FROM case_decisions WHERE case_no = $1
                                                   UNION ALL SELECT decision_id FROM braked_decisions WHERE case_no = $1)
      GROUP BY cap_id`,
    [caseNo],
  );
  return rows.map(({ cap_id, accounts }) => ({ capId: cap_id, accounts }));
}
