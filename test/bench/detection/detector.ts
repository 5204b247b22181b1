/** What is measured: anything that gives each record a score, where a higher one is more suspicious. Pure but for its own memory. */
import type { Account } from '../../../src/accounts/account.ts';
import type { Movement } from '../../../src/ledger/version.ts';

export interface Detector {
  name: string;
  /** called once, when the warm-up is over */
  warmed?(): void;
  score(movement: Movement, account: Account, at: number): number;
}
