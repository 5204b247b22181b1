/**
 * Spend held against caps: applies what usage moves to counters and windows, and finds the thresholds that are crossed,
 * each once per cap, account and period. Pure; live and replay run this same code, over state that the shell around it
 * has read or keeps.
 */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import { percentOf, type Micros } from '../kernel/money.ts';
import type { CalendarPeriod } from '../kernel/period.ts';
import type { RollingWindow } from '../spend/rolling-window.ts';
import { cutNow, isPeriodOf } from './cap-periods.ts';
import { changeOf, deedsOf, hasSuspended, suspends } from './changed-cap.ts';
import { CrossingStates, occasionOf } from './crossing-states.ts';
import type { Crossing, CrossingState, InProgress } from './crossing.ts';
import { crossed } from './crossed.ts';
import type { Meter } from './meters.ts';
import type { Step } from './steps.ts';
import { WindowEvaluation } from './window-evaluation.ts';

export class Evaluation {
  readonly counters = new Map<string, Micros>();
  readonly #states: CrossingStates;
  readonly #rolling: WindowEvaluation;

  /** What spend and `inProgress` reach together does not fall; without it, what is held against caps is the whole. */
  constructor(inProgress: InProgress = () => 0n) {
    this.#states = new CrossingStates(inProgress);
    this.#rolling = new WindowEvaluation(this.#states);
  }

  get windows(): Map<string, RollingWindow> {
    return this.#rolling.windows;
  }

  /** Takes up what is known of thresholds crossed before. */
  recall(states: Iterable<CrossingState>): void {
    this.#states.recall(states);
  }

  /** The states that changed since they were recalled. */
  touched(): CrossingState[] {
    return this.#states.touched();
  }

  /** Adds a step to its counter or window; answers what that crosses. */
  apply(step: Step, at: Instant): Crossing[] {
    return step.period ? this.#applyToCounter(step, step.period, at) : this.#rolling.apply(step, at);
  }

  /** Holds a counter against its cap as it stands: after the cap was made or changed. */
  hold(account: Account, meter: Meter, period: CalendarPeriod, spend: Micros, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    for (const threshold of meter.cap.thresholds) {
      const direction = spend >= threshold.amount ? 'rose' : 'fell';
      this.#states.settle(crossings, { account, meter, period, threshold, direction, spend, record: undefined }, at);
    }
    return crossings;
  }

  /**
   * Moves what stands to where periods of its name lie, since the account may be cut otherwise: one that is over acts no more,
   * and one that holds too little, such as one that is still to begin, falls. `spendIn` a period.
   */
  recut(account: Account, meter: Meter, spendIn: (period: CalendarPeriod) => Micros, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    for (const threshold of meter.cap.thresholds) {
      for (const state of this.#states.standing(account, meter, at)) {
        if (state.percent !== threshold.percent) continue;
        const period = cutNow(meter.cap, state.period, account);
        if (period.from === state.period.from && period.to === state.period.to) continue;
        state.period = period;
        this.#states.touch(state);
        const spend = spendIn(period);
        if (period.to <= at || spend >= threshold.amount) continue;
        this.#states.settle(
          crossings,
          { account, meter, period, threshold, direction: 'fell', spend, record: undefined },
          at,
        );
      }
    }
    return crossings;
  }

  /** Holds rolling windows against their cap as it stands: those that have acted and still do, and the one that ends now. */
  holdWindow(account: Account, meter: Meter, window: RollingWindow, at: Instant): Crossing[] {
    return this.#rolling.hold(account, meter, window, at);
  }

  /**
   * Of what was crossed and still acts, what the cap as it is now takes back or does only now: it may have changed since, also
   * while the account was under another one; `spendIn` a period. To be asked before the cap is held anew: what that lets rise
   * or fall is new.
   */
  change(account: Account, meter: Meter, spendIn: (period: CalendarPeriod) => Micros, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    const { cap } = meter;
    for (const state of this.#states.standing(account, meter, at)) {
      const { percent } = state;
      const now = isPeriodOf(cap, state.period) ? cap.thresholds.find((each) => each.percent === percent) : undefined;
      const { isWithdrawn, due, standing } = changeOf(state.done, now, cap.mode, state.waits);
      if (now && !isWithdrawn && due.length === 0) continue;
      const period = now ? cutNow(cap, state.period, account) : state.period;
      const spend = spendIn(period);
      const falls = now !== undefined && spend < now.amount;
      // What falls by the change is lifted as such, but by a threshold that suspends nothing any more.
      if (period.to <= at || (falls && (!isWithdrawn || now.actions.some(suspends)))) continue;
      const threshold = { percent, amount: percentOf(cap.limit, percent), actions: due };
      const crossing = { account, meter, period, threshold, spend, record: undefined, again: false };
      if (isWithdrawn) crossings.push({ ...crossing, direction: 'withdrawn', hadSuspended: hasSuspended(state.done) });
      if (due.length > 0 && !falls) crossings.push({ ...crossing, direction: 'armed', ...occasionOf(state) });
      if (!now || falls) state.uncrossedAt = at;
      else state.done = [...standing, ...(due.length > 0 ? deedsOf(due, cap.mode, account) : [])];
      this.#states.touch(state);
    }
    return crossings;
  }

  #applyToCounter(step: Step, period: CalendarPeriod, at: Instant): Crossing[] {
    const before = this.counters.get(step.key) ?? 0n;
    const spend = before + step.delta;
    this.counters.set(step.key, spend);
    const crossings: Crossing[] = [];
    const { account, meter, record } = step;
    for (const { threshold, direction } of crossed(before, spend, meter.cap.thresholds)) {
      this.#states.settle(crossings, { account, meter, period, threshold, direction, spend, record }, at);
    }
    return crossings;
  }
}
