/** What a change of a cap means for a threshold that has been crossed and acted already. Pure. */
import { suspendedClass } from './barring.ts';
import type { Action, Cap, Threshold } from './cap.ts';

export interface ChangedThreshold {
  /** what the cap had asked for and asks for no more: as it stood, where a suspension is among it */
  withdrawn: Threshold | undefined;
  /** with the actions that the cap asks for now and that have not been done; undefined: none */
  armed: Threshold | undefined;
}

/**
 * Compares what a threshold has done under `before` with what it is to do under `after`. In shadow mode nothing has been
 * done; and a change to shadow mode undoes nothing, as the removal of a whole cap does not.
 */
export function changeOf(before: Cap, after: Cap, percent: number): ChangedThreshold {
  const was = before.thresholds.find((each) => each.percent === percent);
  const is = after.thresholds.find((each) => each.percent === percent);
  const done = before.mode === 'shadow' ? [] : (was?.actions ?? []);
  const asked = is?.actions ?? [];
  const isWithdrawn = done.filter(suspends).some((action) => !asked.includes(action));
  // What is lifted is lifted as a whole; what of it is still asked for is done anew.
  const standing = isWithdrawn ? done.filter((action) => !suspends(action)) : done;
  const due = after.mode === 'shadow' ? [] : asked.filter((action) => !standing.includes(action));
  return {
    withdrawn: isWithdrawn ? was : undefined,
    armed: is && due.length > 0 ? { ...is, actions: due } : undefined,
  };
}

export function suspends(action: Action): boolean {
  return suspendedClass(action) !== undefined;
}
