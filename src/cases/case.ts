/**
 * A case: what belongs together (deviations, crossings, warnings, suspensions of one account within an episode) and wants
 * a word from the billing team. Pure; README.md tells what each verdict changes.
 */
import type { Instant } from '../kernel/clock.ts';

export const CASE_STATES = ['open', 'confirmed-fraud', 'legitimate', 'rating-error', 'closed'] as const;
export type CaseState = (typeof CASE_STATES)[number];

/** What a person can say of a case. `closed` says nothing of what it was, so it follows no finding. */
export const VERDICTS = ['confirmed-fraud', 'legitimate', 'rating-error', 'closed'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Who says what of a case, and why. */
export interface Said {
  verdict: Verdict;
  by: string;
  why: string;
  at: Instant;
}

/** `tariff`: of a number range for everyone, not of one account. */
export type CaseKind = 'account' | 'tariff';

/** Why a verdict can't be given; `code` is a word for programs. */
export interface NoVerdict {
  code: string;
  detail: string;
}

/**
 * Whether a case in `state` takes a verdict. A wrong one can be put right; what is closed stays closed. What was found settles
 * a case: only a tariff that was found wrong has to be closed as well, since its brake holds until prices are right.
 */
export function refuseVerdict(state: CaseState, verdict: Verdict, kind: CaseKind): NoVerdict | undefined {
  if (state === 'closed')
    return { code: 'case_closed', detail: 'it is closed; what comes later opens a case of its own' };
  if (state === verdict) return { code: 'same_verdict', detail: `it is ${verdict} already` };
  if (verdict === 'closed' && state !== 'open' && !(kind === 'tariff' && state === 'rating-error')) {
    const detail = `it was found to be ${state}, which settles it: nothing is left to close, and another verdict puts a wrong one right`;
    return { code: 'case_settled', detail };
  }
  return undefined;
}

/** Whether a tariff brake that belongs to the case holds on: until the prices are right, or found to be. */
export function keepsBrake(state: CaseState): boolean {
  return state === 'open' || state === 'rating-error';
}

/** What comes later than this after the last that belongs to a case is another episode. */
export const EPISODE_MS = 7 * 24 * 3_600_000;
