/**
 * Spend held against caps that count in rolling windows. A window may end at any instant; it acts once, until all that is in
 * it has left again. Pure.
 */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { rollingHours, type CalendarPeriod } from '../kernel/period.ts';
import { RollingWindow } from '../spend/rolling-window.ts';
import type { Threshold } from './cap.ts';
import { endOf, inWindow, windowPeriod } from './cap-periods.ts';
import { keepsBack, type CrossingStates } from './crossing-states.ts';
import type { Crossing } from './crossing.ts';
import { crossed } from './crossed.ts';
import type { Meter } from './meters.ts';
import type { Step } from './steps.ts';

export class WindowEvaluation {
  readonly windows = new Map<string, RollingWindow>();
  readonly #states: CrossingStates;

  constructor(states: CrossingStates) {
    this.#states = states;
  }

  /** Holds rolling windows against their cap as it stands: those that have acted and still do, and the one that ends now. */
  hold(account: Account, meter: Meter, window: RollingWindow, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    const hours = rollingHours(meter.cap.period)!;
    const record = undefined;
    for (const threshold of meter.cap.thresholds) {
      for (const { percent, period } of this.#states.standing(account, meter, at)) {
        if (percent !== threshold.percent) continue;
        const spend = window.spendAt(endOf(period));
        if (spend >= threshold.amount) continue;
        this.#states.settle(crossings, { account, meter, period, threshold, direction: 'fell', spend, record }, at);
        const after = Math.max(endOf(period), at) - window.lengthMs;
        this.#riseAround(crossings, { account, meter, threshold, record }, window, after, endOf(period), at);
      }
      const spend = window.spendAt(at);
      if (spend < threshold.amount) continue;
      const period = windowPeriod(at, hours, account);
      this.#states.settle(crossings, { account, meter, period, threshold, direction: 'rose', spend, record }, at);
    }
    return crossings;
  }

  /** Adds a step to its window; answers what the windows that it touches cross. */
  apply(step: Step, at: Instant): Crossing[] {
    const { account, meter, record } = step;
    const hours = rollingHours(meter.cap.period)!;
    let window = this.windows.get(step.key);
    if (!window) this.windows.set(step.key, (window = new RollingWindow(hours)));
    const touched = new Set<Instant>();
    for (const entry of step.entries) for (const end of window.endsTouchedBy(entry.startedAt)) touched.add(end);
    // Where a window has acted, a correction must be seen even if no record starts at its end any more.
    for (const { percent, period } of this.#states.of(account.accountId, meter.cap.id)) {
      if (!meter.cap.thresholds.some((threshold) => threshold.percent === percent)) continue;
      if (step.entries.some(({ startedAt }) => inWindow(startedAt, period))) touched.add(endOf(period));
    }
    const ends = [...touched].toSorted((a, b) => a - b);
    const before = ends.map((end) => window.spendAt(end));
    for (const entry of step.entries) window.add(entry);
    const after = ends.map((end) => ({ end, spend: window.spendAt(end) }));
    const crossings: Crossing[] = [];
    for (const [index, { end, spend }] of after.entries()) {
      if (spend >= before[index]!) continue;
      for (const { threshold, direction } of crossed(before[index]!, spend, meter.cap.thresholds)) {
        const period = windowPeriod(end, hours, account);
        if (this.#staysByCalls(account, meter, threshold, window, period, at)) continue;
        this.#states.settle(crossings, { account, meter, period, threshold, direction, spend, record }, at);
      }
    }
    this.#rise(crossings, { account, meter, record }, after, at);
    // One that fell had kept those around it from acting: where such a one still reaches the threshold, it is due now.
    for (const { period, threshold } of crossings.filter((each) => each.direction === 'fell')) {
      const fallen = endOf(period);
      this.#riseAround(crossings, { account, meter, threshold, record }, window, fallen - window.lengthMs, fallen, at);
    }
    return crossings;
  }

  /**
   * Whether calls in progress keep what fell standing: they are in the window that ends now, and the next look at them moves it
   * to there.
   */
  #staysByCalls(
    account: Account,
    meter: Meter,
    { amount }: Threshold,
    window: RollingWindow,
    period: CalendarPeriod,
    at: Instant,
  ): boolean {
    if (at >= period.to) return false;
    const running = this.#states.inProgress(account, meter, windowPeriod(at, rollingHours(meter.cap.period)!, account));
    return running > 0n && window.spendAt(at) + running >= amount;
  }

  /**
   * Those of `windows`, by their ends, that reach a threshold and of which none has acted that ends less than a length away: also
   * one that only goes on above it, since all that was in the one that acted has left. One that was over when it rose keeps
   * only such from acting.
   */
  #rise(
    crossings: Crossing[],
    crossing: Pick<Crossing, 'account' | 'meter' | 'record'>,
    windows: readonly { end: Instant; spend: Micros }[],
    at: Instant,
  ): void {
    const { account, meter } = crossing;
    const { cap } = meter;
    const standing = this.#states.of(account.accountId, cap.id).filter(({ uncrossedAt }) => uncrossedAt === undefined);
    const kept = cap.thresholds.map(({ percent }) =>
      standing.filter((state) => state.percent === percent).map((state) => keepsBack(state, at)),
    );
    for (const { end, spend } of windows) {
      for (const [index, threshold] of cap.thresholds.entries()) {
        if (spend < threshold.amount) break;
        if (kept[index]!.some(({ after, before }) => end > after && end < before)) continue;
        const period = windowPeriod(end, rollingHours(cap.period)!, account);
        this.#states.settle(crossings, { ...crossing, threshold, direction: 'rose', period, spend }, at);
        kept[index]!.push(keepsBack({ period, crossedAt: at }, at));
      }
    }
  }

  /** The windows that end after `after`, and less than a length after `fallen`, and reach the threshold: nothing keeps them from acting. */
  #riseAround(
    crossings: Crossing[],
    crossing: Pick<Crossing, 'account' | 'meter' | 'threshold' | 'record'>,
    window: RollingWindow,
    after: Instant,
    fallen: Instant,
    at: Instant,
  ): void {
    const { account, meter, threshold } = crossing;
    for (const end of window.endsReaching(threshold.amount, after, fallen + window.lengthMs)) {
      const period = windowPeriod(end, rollingHours(meter.cap.period)!, account);
      this.#states.settle(crossings, { ...crossing, direction: 'rose', period, spend: window.spendAt(end) }, at);
    }
  }
}
