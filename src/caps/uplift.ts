/**
 * An uplift raises an account's limit for a while, as the billing team or the customer agreed: while it is in force the
 * limit that holds is the cap's and the uplift together, and every threshold is its percent of that. Pure.
 */
import type { Traffic } from '../destinations/traffic.ts';
import { percentOf, type Micros } from '../kernel/money.ts';
import type { Cap } from './cap.ts';

export interface Uplift {
  accountId: string;
  /** of one cap, or of all that hold for the account on a traffic */
  of: { cap: string } | { traffic: Traffic };
  amount: Micros;
}

export function raises({ of }: Uplift, cap: Cap): boolean {
  return 'cap' in of ? of.cap === cap.id : of.traffic === cap.traffic;
}

/** The cap as it holds for an account with these uplifts; the very same where none is of it. */
export function raisedBy(cap: Cap, uplifts: readonly Uplift[]): Cap {
  const uplift = uplifts.filter((each) => raises(each, cap)).reduce((sum, { amount }) => sum + amount, 0n);
  if (uplift === 0n) return cap;
  const limit = cap.limit + uplift;
  const thresholds = cap.thresholds.map((each) => ({ ...each, amount: percentOf(limit, each.percent) }));
  return { ...cap, limit, uplift: cap.uplift + uplift, thresholds };
}
