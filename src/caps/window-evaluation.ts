/**
 * Spend held against caps that count in rolling windows. A window may end at any instant; it acts once, until all that is in
 * it has left again. Pure.
 */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import { rollingHours } from '../kernel/period.ts';
import { RollingWindow } from '../spend/rolling-window.ts';
import { endOf, inWindow, windowPeriod } from './cap-periods.ts';
import type { CrossingStates } from './crossing-states.ts';
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
    const spends = ends.map((end) => window.spendAt(end));
    const crossings: Crossing[] = [];
    for (const [index, spend] of spends.entries()) {
      const risenOrFallen = crossed(before[index]!, spend, meter.cap.thresholds);
      if (risenOrFallen.length === 0) continue;
      const period = windowPeriod(ends[index]!, hours, account);
      const running = this.#states.inProgress(account, meter, windowPeriod(at, hours, account));
      for (const { threshold, direction } of risenOrFallen) {
        // Calls that have begun since are in the window that ends now: the next look at them moves what stands to there.
        const isNearNow = at < period.to && running > 0n && window.spendAt(at) + running >= threshold.amount;
        if (direction === 'fell' && isNearNow) continue;
        this.#states.settle(crossings, { account, meter, period, threshold, direction, spend, record }, at);
      }
    }
    // Less usage may leave a gap before a window: then it rises to the threshold anew, though it was above it already.
    if (step.entries.some(({ amount }) => amount < 0n)) {
      for (const threshold of meter.cap.thresholds) {
        for (const [index, spend] of spends.entries()) {
          if (spend < threshold.amount || window.spendBefore(ends[index]!) >= threshold.amount) continue;
          const period = windowPeriod(ends[index]!, hours, account);
          this.#states.settle(crossings, { account, meter, period, threshold, direction: 'rose', spend, record }, at);
        }
      }
    }
    // One that fell had kept those around it from acting: where such a one still reaches the threshold, it is due now.
    for (const { period, threshold } of crossings.filter((each) => each.direction === 'fell')) {
      const fallen = endOf(period);
      const after = fallen - window.lengthMs;
      this.#riseAround(crossings, { account, meter, threshold, record }, window, after, fallen, at);
    }
    return crossings;
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
