/** What a batch does to the meters of accounts, step by step: in the order in which its states are looked at. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Movement } from '../ledger/version.ts';
import type { WindowEntry } from '../spend/rolling-window.ts';
import { stepsOf, type Step } from './evaluation.ts';
import type { Meters } from './meters.ts';

/**
 * The steps of movements, which are one batch: what is new goes on one by one. In rolling windows what corrects records that
 * were held before goes first, as one step, by the last of them: between two corrections there would be windows that were never
 * those of what held, since each that falls lets others rise.
 */
export function stepsOfBatch(
  movements: readonly Movement[],
  accounts: ReadonlyMap<string, Account>,
  meters: Meters,
): Step[] {
  const steps = movements.flatMap((movement) => stepsOf(movement, accounts, meters));
  if (steps.every(({ period }) => period)) return steps;
  const fresh = new Set(movements.filter(({ from }) => !from).map(({ to }) => to.recordId));
  const corrections = new Map<string, Step & { entries: WindowEntry[] }>();
  const inOrder = steps.flatMap((step): Step[] => {
    if (step.period) return [step];
    const known = corrections.get(step.key);
    const correction = known ?? { ...step, delta: 0n, entries: [] };
    corrections.set(step.key, correction);
    const isFresh = fresh.has(step.record.recordId);
    if (!isFresh) {
      correction.delta += step.delta;
      correction.entries.push(...step.entries);
      correction.record = step.record;
    }
    return [...(known ? [] : [correction]), ...(isFresh ? [step] : [])];
  });
  return inOrder.filter(({ period, entries }) => period || entries.length > 0);
}
