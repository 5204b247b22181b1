/** What a cap, as it is now, makes of a threshold that has been crossed and acted already. Pure. */
import type { Account } from '../accounts/account.ts';
import { suspendedClass } from './barring.ts';
import type { Action, Mode, Threshold } from './cap.ts';

/** What was done at a threshold; `recorded`: nothing, in shadow mode; `refused`: no suspension, since there were no terms. */
export type Deed = Action | 'recorded' | 'refused';

/** What is done of `actions` for an account. */
export function deedsOf(actions: readonly Action[], mode: Mode, { suspensionTerms }: Account): readonly Deed[] {
  if (mode === 'shadow') return ['recorded'];
  return suspensionTerms === '' && actions.some(suspends) ? [...actions, 'refused'] : actions;
}

/** Whether any suspension was among it. */
export function hasSuspended(done: readonly Deed[]): boolean {
  return done.some(suspends) && !done.includes('refused');
}

export interface ChangedThreshold {
  /** whether a suspension that was done is asked for no more */
  isWithdrawn: boolean;
  /** what is asked for now and has not been done, or is lifted with what is withdrawn */
  due: readonly Action[];
  /** what of it stays done */
  standing: readonly Deed[];
}

/**
 * Compares what was `done` at a threshold with what `asked` asks for; undefined: the threshold is no more. Shadow mode does
 * nothing; and a change to it undoes nothing, as the removal of a whole cap does not. Where a suspension `waits` for a person
 * whom the cap does not ask any more, it is done now, and the customer, who was told of no bar, is warned of it.
 */
export function changeOf(
  done: readonly Deed[],
  asked: Threshold | undefined,
  mode: Mode,
  waits = false,
): ChangedThreshold {
  const actions = asked?.actions ?? [];
  const isWithdrawn = done.some((deed) => suspends(deed) && !actions.some((action) => action === deed));
  // What is lifted is lifted as a whole; what of it is still asked for is done anew.
  const standing = isWithdrawn
    ? warnedOf(done)
    : waits && mode === 'enforce'
      ? warnedOf(done).filter((deed) => deed !== 'warn')
      : done;
  const due = mode === 'shadow' ? [] : actions.filter((action) => !standing.includes(action));
  return { isWithdrawn, due, standing };
}

/** What of it is no suspension. */
export function warnedOf(done: readonly Deed[]): Deed[] {
  return done.filter((deed) => !suspends(deed) && deed !== 'refused');
}

export function suspends(deed: Deed): boolean {
  return suspendedClass(deed) !== undefined;
}
