/** Which thresholds were crossed before, so that each acts once per cap, account and period. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import { rollingHours } from '../kernel/period.ts';
import { endOf } from './cap-periods.ts';
import { deedsOf, hasSuspended, suspends, warnedOf } from './changed-cap.ts';
import type { Crossing, CrossingState, InProgress, Occasion } from './crossing.ts';
import type { Meter } from './meters.ts';

/** Of what has been crossed before, and acts as for the first time. */
const ONCE_MORE: Occasion = { trigger: 'cap', words: 'once more' };

/** Of what was decided before and held back. */
const HELD_BACK: Record<NonNullable<CrossingState['heldBack']>, Occasion> = {
  'let-go': { trigger: 'manual', words: 'since nothing holds it back any more' },
  corrected: { trigger: 'correction', words: 'since it is reached as corrected as well' },
};

/** Why a threshold of which something was held back acts anew; nothing of any other. */
export function occasionOf(state: CrossingState | undefined): { occasion?: Occasion } {
  return state?.heldBack ? { occasion: HELD_BACK[state.heldBack] } : {};
}

export class CrossingStates {
  readonly inProgress: InProgress;
  readonly #states = new Map<string, CrossingState[]>();
  readonly #touched = new Set<CrossingState>();

  /** What spend and `inProgress` reach together does not fall. */
  constructor(inProgress: InProgress) {
    this.inProgress = inProgress;
  }

  /** Takes up what is known of thresholds crossed before. */
  recall(states: Iterable<CrossingState>): void {
    for (const state of states) this.of(state.accountId, state.capId).push(state);
  }

  /** The states that changed since they were recalled. */
  touched(): CrossingState[] {
    return [...this.#touched];
  }

  /** What of a cap was crossed, stands, and is of a period that still runs. */
  standing({ accountId }: Account, { cap }: Meter, at: Instant): CrossingState[] {
    return this.of(accountId, cap.id).filter(({ uncrossedAt, period }) => uncrossedAt === undefined && period.to > at);
  }

  /** Notes that a state was changed. */
  touch(state: CrossingState): void {
    this.#touched.add(state);
  }

  /** Adds to `crossings` what a threshold's rise or fall comes to: nothing, where it had come to it before. */
  settle(crossings: Crossing[], crossing: Omit<Crossing, 'again'>, at: Instant): void {
    const all = this.of(crossing.account.accountId, crossing.meter.cap.id);
    const states = all.filter(({ percent }) => percent === crossing.threshold.percent);
    const known = states.find((state) => state.period.name === crossing.period.name);
    const settled =
      crossing.direction === 'fell' ? this.#fall(crossing, known, at) : this.#rise(crossing, known, states, at);
    if (settled) crossings.push(settled);
  }

  #fall(crossing: Omit<Crossing, 'again'>, known: CrossingState | undefined, at: Instant): Crossing | undefined {
    const { account, meter, threshold, period } = crossing;
    if (!known || known.uncrossedAt !== undefined) return undefined;
    if (crossing.spend + this.inProgress(account, meter, period) >= threshold.amount) return undefined;
    known.uncrossedAt = at;
    this.#touched.add(known);
    return { ...crossing, again: false, hadSuspended: hasSuspended(known.done) };
  }

  /** `states` of the threshold; `known` is the one of the period. */
  #rise(
    crossing: Omit<Crossing, 'again'>,
    known: CrossingState | undefined,
    states: readonly CrossingState[],
    at: Instant,
  ): Crossing | undefined {
    const { account, meter, threshold, period, record } = crossing;
    const rolling = rollingHours(meter.cap.period) !== undefined;
    // What was over runs again as the account is cut now: all that it had done has ended with it, and is due anew.
    const runsAgain = !rolling && known !== undefined && known.period.to <= at && at < period.to;
    const near = rolling
      ? states.filter((state) => Math.abs(endOf(state.period) - endOf(period)) < period.to - endOf(period))
      : states.filter((state) => state === known && !runsAgain);
    if (near.some((state) => state.uncrossedAt === undefined && (wasHeeded(state) || period.to <= at)))
      return undefined;
    const { actions } = threshold;
    const isShadow = meter.cap.mode === 'shadow';
    const earlier = near.filter((state) => state === known || wasHeeded(state)).flatMap(({ done }) => done);
    // What had suspended was lifted when it fell.
    const told = warnedOf(earlier);
    const done = [...new Set([...told, ...deedsOf(actions, meter.cap.mode, account)])];
    // The account may be cut otherwise than when it was crossed first.
    if (known) Object.assign(known, { uncrossedAt: undefined, period, done });
    const state = known ?? {
      accountId: account.accountId,
      capId: meter.cap.id,
      percent: threshold.percent,
      period,
      crossedAt: at,
      recordId: record?.recordId ?? '',
      uncrossedAt: undefined,
      done,
    };
    if (!known) this.of(account.accountId, meter.cap.id).push(state);
    this.#touched.add(state);
    // What was recorded only, or is to be told of anew, acts as for the first time.
    const again = isShadow ? earlier.length > 0 : earlier.some((deed) => deed !== 'recorded');
    const due = actions.filter((action) => !told.includes(action));
    if (again && !isShadow && !due.every(suspends)) {
      const armed = { threshold: { ...threshold, actions: due }, direction: 'armed' as const, again: false };
      return { ...crossing, period: state.period, ...armed, ...occasionOf(known) };
    }
    const occasion = known && !again ? { occasion: ONCE_MORE } : {};
    return { ...crossing, period: state.period, again, ...occasion };
  }

  /** All of a cap and an account that are known; what is added to them is. */
  of(accountId: string, capId: string): CrossingState[] {
    const key = `${accountId}\u0000${capId}`;
    let states = this.#states.get(key);
    if (!states) this.#states.set(key, (states = []));
    return states;
  }
}

/** Whether more was done of it than to tell the operators, as of what rises when its period is over. */
function wasHeeded({ crossedAt, period }: Pick<CrossingState, 'period' | 'crossedAt'>): boolean {
  return crossedAt < period.to;
}

/**
 * Of a window that stands: after and before which others end that it keeps from acting, a length around its own end. One that
 * was over when it rose keeps back only such.
 */
export function keepsBack(
  state: Pick<CrossingState, 'period' | 'crossedAt'>,
  at: Instant,
): { after: Instant; before: Instant } {
  const end = endOf(state.period);
  const length = state.period.to - end;
  const before = end + length;
  return { after: end - length, before: wasHeeded(state) ? before : Math.min(before, at - length + 1) };
}
