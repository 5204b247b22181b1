/**
 * What deviations have done about an account, as far as it stands: an attack that is loud still is acted on anew where what
 * was decided about it was only "would have", or could not be done then and can be now.
 */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Held } from '../../deviations/ignored-hold.ts';
import { LEVELS } from '../../deviations/levels.ts';
import type { DeviationMode } from '../../deviations/policy.ts';
import { grouped } from '../grouped.ts';

/** A decision about a deviation, and what has become of it. */
export interface Decided {
  action: string;
  type: Decision['type'];
  mode: Decision['mode'];
  /** the guard asks the operators about it */
  asked: boolean;
  /** whether a tariff brake held it back, and holds on */
  brake: 'none' | 'on' | 'off';
  /** states of its bars */
  bars: readonly string[];
  /** what waited was declined with the verdict that prices were wrong, or when they were right again */
  wronglyRated: boolean;
}

/** The level of a deviation's action, as a signature counts them. */
function levelOf(action: string): number {
  return LEVELS.indexOf(action.startsWith('suspend:') ? 'suspend' : action === 'hold' ? 'hold' : 'warn');
}

/**
 * Whether what was decided is all that can be done about it in the mode that its account has now. What a person has lifted or
 * declined stands as that. Pure.
 */
export function stands(decided: Decided, mode: DeviationMode, terms: string): boolean {
  const { bars, brake } = decided;
  if (decided.mode === 'shadow') return mode === 'shadow';
  if (decided.asked || brake === 'on') return true;
  if (brake === 'off' && (bars.length === 0 || decided.wronglyRated)) return false;
  if (bars.includes('awaiting-approval')) return mode !== 'enforce';
  return bars.length > 0 || decided.type !== 'notify-operator' || decided.action === 'warn' || terms === '';
}

/** Of an account: the highest level that stands, and the hold that is in force. */
export interface Standing {
  level: number;
  hold: Held | undefined;
}

/** Latest first; what a verdict has settled is over. By `decisions_of_account`: only of accounts whose level is raised. */
const DECIDED = `
  SELECT d.account_id, cd.case_no, d.at, d.action, d.type, d.mode, d.trigger = 'guard' OR coalesce(bars.asked, false) AS asked, d.evidence ->> 'family' AS family, d.evidence -> 'bars' AS held, d.spend_micros,
         CASE WHEN b.case_no IS NULL THEN 'none' WHEN brake.state IN ('open', 'rating-error') THEN 'on' ELSE 'off' END AS brake,
         bars.states AS bars, bars.approved_at, coalesce(bars.wrongly_rated, false) AS wrongly_rated
    FROM decisions d
    LEFT JOIN case_decisions cd USING (decision_id) LEFT JOIN cases c ON c.case_no = cd.case_no
    LEFT JOIN braked_decisions b USING (decision_id) LEFT JOIN cases brake ON brake.case_no = b.case_no
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(s.state), '{}') AS states, max(s.approved_at) AS approved_at,
             bool_or(s.state = 'awaiting-approval' AND s.guard_question IS NOT NULL) AS asked,
             bool_and(s.state = 'declined' AND EXISTS (
               SELECT FROM case_events e WHERE e.case_no = b.case_no AND e.what IN ('rating-error', 'closed') AND e.at = s.lift_wanted_at)) AS wrongly_rated
        FROM suspensions s WHERE s.account_id = d.account_id AND s.decision_id = d.decision_id) bars
   WHERE d.account_id = ANY ($1) AND d.score IS NOT NULL AND coalesce(c.state IN ('open', 'closed'), true)
   ORDER BY d.account_id, d.decision_no DESC`;

interface DecidedRow extends Omit<Decided, 'wronglyRated'> {
  account_id: string;
  case_no: string | null;
  at: Date;
  family: string;
  /** what it names to be barred */
  held: string[];
  spend_micros: string;
  approved_at: Date | null;
  wrongly_rated: boolean;
}

/** Of accounts about which something was decided, each with the mode it has now. */
export async function whatStands(
  client: ClientBase,
  accounts: ReadonlyMap<string, { account: Account; policy: { mode: DeviationMode } }>,
): Promise<Map<string, Standing>> {
  const standing = new Map<string, Standing>();
  if (accounts.size === 0) return standing;
  for (const id of accounts.keys()) standing.set(id, { level: 0, hold: undefined });
  const { rows } = await client.query<DecidedRow>(DECIDED, [[...accounts.keys()]]);
  for (const [accountId, decided] of grouped(rows, ({ account_id }) => account_id)) {
    const { account, policy } = accounts.get(accountId)!;
    // Of an episode before nothing stands.
    const standingNow = decided
      .filter(({ case_no }) => case_no === decided[0]!.case_no)
      .filter((row) => stands({ ...row, wronglyRated: row.wrongly_rated }, policy.mode, account.suspensionTerms));
    const holds = standingNow.filter(({ action }) => action === 'hold');
    const [latest] = holds;
    standing.set(accountId, {
      level: Math.max(0, ...standingNow.map(({ action }) => levelOf(action))),
      hold: latest && isInForce(latest) ? heldBy(latest, holds) : undefined,
    });
  }
  return standing;
}

/** Whether a hold bars what it was to bar; one that has nothing to bar is in force as it is told. */
function isInForce({ type, mode, bars }: DecidedRow): boolean {
  if (bars.length === 0) return type === 'hold' && mode === 'enforce';
  return bars.some((state) => state === 'wanted' || state === 'applied');
}

function heldBy({ at, approved_at, family, spend_micros }: DecidedRow, holds: readonly DecidedRow[]): Held {
  const bars = holds.filter((each) => each.family === family).flatMap(({ held }) => held);
  return { at: (approved_at ?? at).getTime(), family, money: BigInt(spend_micros), bars };
}
