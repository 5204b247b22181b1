/**
 * A matter: one decision with all that follows from it, whatever caused it. Made by a pure function of its cause
 * (`crossing-matters.ts`), written down by `carry-out.ts` in the transaction of that cause.
 */
import type { Account } from '../../accounts/account.ts';
import type { BarScope } from '../../caps/barring.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Traffic } from '../../destinations/traffic.ts';
import type { Instant } from '../../kernel/clock.ts';
import type { WarningFacts } from '../../warnings/facts.ts';

/** Calls that are to be barred, if the decision's mode is not `shadow`; in mode `approve` when a person has said so. */
export interface WantedBar {
  scope: BarScope;
  /** undefined: until lifted by hand */
  endsAt: Instant | undefined;
  /** whether it is barred, or asked about, already */
  stands?: boolean;
  /** suspensions that wait for a person, whom its cap does not ask any more: they give way to it */
  outdoes?: readonly string[];
  /** whether the customer was told, when these began to wait, what had been reached */
  told?: boolean;
}

/** The usage that a matter is about: of whom, on what, from when (inclusive) to when (exclusive). */
export interface Stretch {
  accountId: string;
  /** empty: of all services */
  serviceId: string;
  traffic: Traffic;
  from: Instant;
  to: Instant;
}

export interface Matter {
  decision: Decision;
  account: Account;
  /** names what had caused it: a `restore` of the same cause takes back what was decided before it */
  cause: string;
  /** for evidence, beside the decision: the rule, the records and whatever else was known; as JSON */
  known: Record<string, unknown>;
  /** what was spent in it, by country, is told to the customer and kept in evidence */
  stretch: Stretch;
  bars: readonly WantedBar[];
  /** what the customer is told; undefined: nothing */
  words: Words | undefined;
  /** what the customer is told of no sooner than a person approves the bars of its cause */
  wordsIfApproved?: Words | undefined;
}

export type Words = Omit<WarningFacts, 'mostSpentOn' | 'series'>;
