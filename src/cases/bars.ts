/** Bars that a case is about: those that its verdict approves, ends or puts back. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { CaseRow } from './store.ts';

/**
 * Live or waiting suspensions that rules made for the decisions of a case; locked. With `ofCaps` those of caps too, with `notOverAt` none that
 * is over by then.
 */
export async function lockBarsOfCase(
  client: ClientBase,
  caseNo: string,
  { ofCaps, notOverAt }: { ofCaps: boolean; notOverAt?: Instant | undefined },
): Promise<BarOfCase[]> {
  const { rows } = await client.query<BarOfCase>(
    `SELECT s.suspension_id, s.account_id, s.state FROM case_decisions c JOIN suspensions s USING (decision_id)
      WHERE c.case_no = $1 AND s.state IN ('awaiting-approval', 'wanted', 'applied') AND s.requested_by = 'plafond'
        AND ($2 OR s.cap_id IS NULL) AND ($3::timestamptz IS NULL OR coalesce(s.ends_at > $3, true))
      ORDER BY s.suspension_id FOR UPDATE OF s`,
    [caseNo, ofCaps, notOverAt === undefined ? null : toDate(notOverAt)],
  );
  return rows;
}

/** What verdicts before had ended waits once more, unless it would be over by now, or its cap bars the same anew. */
export async function putBarsBack(client: ClientBase, caseNo: string, at: Instant): Promise<void> {
  await client.query(
    `INSERT INTO suspensions (suspension_id, account_id, class, state, decision_id, cap_id, period, reason, terms, ends_at,
                              told_when_approved, requested_by, requested_at)
     SELECT gen_random_uuid(), s.account_id, s.class, 'awaiting-approval', s.decision_id, s.cap_id, s.period, s.reason, s.terms, s.ends_at,
            s.told_when_approved, s.requested_by, $2
       FROM (SELECT DISTINCT ON (s.decision_id, s.class) s.* FROM case_decisions c JOIN suspensions s USING (decision_id)
              WHERE c.case_no = $1 ORDER BY s.decision_id, s.class, s.suspension_no DESC) s
      WHERE s.state IN ('declined', 'lifting', 'lifted') AND s.requested_by = 'plafond' AND coalesce(s.ends_at > $2, true)
        AND s.lift_wanted_at IN (SELECT at FROM case_events WHERE case_no = $1 AND what IN ('legitimate', 'rating-error'))
        AND NOT EXISTS (SELECT FROM suspensions o WHERE o.account_id = s.account_id AND o.class = s.class AND o.cap_id = s.cap_id
                                                    AND o.state IN ('awaiting-approval', 'wanted', 'applied'))
      ORDER BY s.suspension_no`,
    [caseNo, toDate(at)],
  );
}

export interface BarOfCase {
  suspension_id: string;
  account_id: string;
  state: 'awaiting-approval' | 'wanted' | 'applied';
}

export interface BarThatWaits extends BarOfCase {
  decision_id: string;
  cap_id: string | null;
  /** whether a cap asked for it by amounts that had been corrected */
  is_corrected: boolean;
  /** of the cap, where it is one's that is there still */
  cap_mode: string | null;
}

const OF_BRAKE = `
  SELECT s.suspension_id, s.account_id, s.decision_id, s.state, s.cap_id, c.definition ->> 'mode' AS cap_mode,
         s.cap_id IS NOT NULL AND d.trigger = 'correction' AS is_corrected
    FROM braked_decisions b JOIN suspensions s USING (decision_id) JOIN decisions d USING (decision_id) LEFT JOIN caps c ON c.cap_id = s.cap_id
   WHERE b.case_no = $1 AND s.state = ANY ($2) AND ($3::timestamptz IS NULL OR coalesce(s.ends_at > $3, true)) ORDER BY s.suspension_no FOR UPDATE OF s`;

/** Suspensions that wait for a tariff case, and are not over by themselves, in the order in which they were decided; locked. */
export async function lockBarsThatWait(client: ClientBase, caseNo: string, at: Instant): Promise<BarThatWaits[]> {
  return (await client.query<BarThatWaits>(OF_BRAKE, [caseNo, ['awaiting-approval'], toDate(at)])).rows;
}

/** The same with those that had waited for it and stand, or are over. */
export async function lockBarsOfBrake(client: ClientBase, caseNo: string): Promise<BarThatWaits[]> {
  return (await client.query<BarThatWaits>(OF_BRAKE, [caseNo, ['awaiting-approval', 'wanted', 'applied'], null])).rows;
}

/**
 * What rules had barred, since prices went wrong and before the brake held, of accounts that gave a sign of it: it stood on those prices.
 * What they barred afterwards has passed the brake, so it is about something else. Locked.
 */
export async function lockBarsOfWrongPrices(
  client: ClientBase,
  { case_no, from_at }: CaseRow,
): Promise<(BarOfCase & { decision_id: string })[]> {
  const { rows } = await client.query<BarOfCase & { decision_id: string }>(
    `SELECT s.suspension_id, s.account_id, s.decision_id, s.state FROM suspensions s
      WHERE s.state IN ('awaiting-approval', 'wanted', 'applied') AND s.requested_by = 'plafond' AND s.requested_at >= $2
        AND EXISTS (SELECT FROM tariff_brakes b JOIN tariff_signs t USING (range)
                     WHERE b.case_no = $1 AND b.braked_at >= s.requested_at AND coalesce(t.seen_at, 'infinity') >= b.braked_at
                       AND t.account_id = s.account_id AND t.kind = 'price' AND t.ratio >= 5)
      ORDER BY s.suspension_id FOR UPDATE OF s`,
    [case_no, from_at],
  );
  return rows;
}
