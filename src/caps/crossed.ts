/** A threshold is crossed when spend goes from below its amount to that or above. Pure. */
import type { Micros } from '../kernel/money.ts';
import type { Threshold } from './cap.ts';

export interface Crossed {
  threshold: Threshold;
  /** `fell`: a correction took spend from the amount or above to below it */
  direction: 'rose' | 'fell';
}

/** The thresholds that a step of spend from `before` to `after` crosses, in the order in which it meets them. */
export function crossed(before: Micros, after: Micros, thresholds: readonly Threshold[]): Crossed[] {
  if (after > before) {
    return thresholds
      .filter(({ amount }) => before < amount && amount <= after)
      .map((threshold) => ({ threshold, direction: 'rose' }));
  }
  return thresholds
    .filter(({ amount }) => after < amount && amount <= before)
    .map((threshold): Crossed => ({ threshold, direction: 'fell' }))
    .toReversed();
}
