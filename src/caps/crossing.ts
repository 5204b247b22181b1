/** A threshold of a cap that is crossed, and what is kept of it for the next time. */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import type { CalendarPeriod } from '../kernel/period.ts';
import type { Version } from '../ledger/version.ts';
import type { RunningCall } from '../spend/exposure.ts';
import type { Threshold } from './cap.ts';
import type { Deed } from './changed-cap.ts';
import type { Meter } from './meters.ts';

/** A threshold that was crossed and has not been acted on before in this direction. */
export interface Crossing {
  account: Account;
  meter: Meter;
  /** a calendar period, or the window: from, to and the instant by which it is named */
  period: CalendarPeriod;
  threshold: Threshold;
  /**
   * By a change of the cap, of what was crossed before: `withdrawn`: it is asked for no more; `armed`: the threshold's
   * actions are asked for only now.
   */
  direction: 'rose' | 'fell' | 'withdrawn' | 'armed';
  /** it rose, fell by a correction, and rose again */
  again: boolean;
  /** of one that fell or is withdrawn: whether it had suspended anything, as the account's terms were then */
  hadSuspended?: boolean;
  spend: Micros;
  /** the record that decided; undefined where the limit was changed */
  record: Version | undefined;
  /** where neither a record nor a change of the cap did it: an uplift, calls in progress, or what had been held back */
  occasion?: Occasion;
  /** of a cap that counts calls in progress: what they come to beside `spend`, when it was crossed */
  exposure?: { amount: Micros; calls: readonly { call: RunningCall; amount: Micros }[] };
}

export interface Occasion {
  /**
   * `manual`: a person granted or ended an uplift, or let go; `cap`: by itself; `correction`: calls in progress came to less, or what was
   * wrongly rated was corrected
   */
  trigger: 'manual' | 'cap' | 'correction';
  /** such as "since its limit is raised by 50.00 EUR until …" */
  words: string;
}

export interface CrossingState {
  accountId: string;
  capId: string;
  percent: number;
  period: CalendarPeriod;
  crossedAt: Instant;
  recordId: string;
  uncrossedAt: Instant | undefined;
  /** what the cap has done of it and not withdrawn since; none: it is to act as if it had never been crossed */
  done: readonly Deed[];
  /** where something is not among `done` that was decided and held back; looked at where a cap is held anew, or usage was corrected */
  heldBack?: 'let-go' | 'corrected';
  /** whether what it suspends waits for a person, whom the cap's mode had asked; looked at where a cap is held anew */
  waits?: boolean;
}

/** What calls in progress come to that count in a period of a cap, beside spend. */
export type InProgress = (account: Account, meter: Meter, period: CalendarPeriod) => Micros;
