/**
 * Spend held against caps: applies what usage moves to counters and windows, and finds the thresholds that are crossed,
 * each once per cap, account and period. Pure; live and replay run this same code, over state that the shell around it
 * has read or keeps.
 */
import type { Account } from '../accounts/account.ts';
import type { Instant } from '../kernel/clock.ts';
import { percentOf, type Micros } from '../kernel/money.ts';
import { calendarPeriod, rollingHours, type CalendarPeriod } from '../kernel/period.ts';
import type { Movement, Version } from '../ledger/version.ts';
import { counterKey } from '../spend/counters.ts';
import type { RunningCall } from '../spend/exposure.ts';
import { RollingWindow, type WindowEntry } from '../spend/rolling-window.ts';
import type { Threshold } from './cap.ts';
import { cutNow, endOf, inWindow, isPeriodOf, windowPeriod } from './cap-periods.ts';
import { changeOf, deedsOf, hasSuspended, suspends, warnedOf, type Deed } from './changed-cap.ts';
import { crossed } from './crossed.ts';
import type { Meter, Meters } from './meters.ts';

/** What one movement does to one meter of one account. */
export interface Step {
  account: Account;
  meter: Meter;
  /** names the counter or the window */
  key: string;
  /** the calendar period; undefined for a rolling window */
  period: CalendarPeriod | undefined;
  /** what is added; in a window, at which starts */
  delta: Micros;
  entries: readonly WindowEntry[];
  /** the version that came to hold */
  record: Version;
}

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
  /** where neither a record nor a change of the cap did it: an uplift, or calls in progress */
  occasion?: Occasion;
  /** of a cap that counts calls in progress: what they come to beside `spend`, when it was crossed */
  exposure?: { amount: Micros; calls: readonly { call: RunningCall; amount: Micros }[] };
}

export interface Occasion {
  /** `manual`: a person granted or ended an uplift; `cap`: by itself; `correction`: calls in progress came to less */
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
  /** whether what it suspends waits for a person, whom the cap's mode had asked; looked at where a cap is held anew */
  waits?: boolean;
}

/** The steps of a movement: what it takes from the meters of the version before and gives to those of the new one. */
export function stepsOf({ from, to }: Movement, accounts: ReadonlyMap<string, Account>, meters: Meters): Step[] {
  const given = stepsBy(to, to.amount, to, accounts, meters);
  if (!from) return given;
  const steps = stepsBy(from, -from.amount, to, accounts, meters);
  for (const step of given) {
    const known = steps.find(({ key }) => key === step.key);
    if (!known) steps.push(step);
    else {
      known.delta += step.delta;
      for (const entry of step.entries) known.entries = withEntry(known.entries, entry);
    }
  }
  // A version that moved between meters touches both: where it only changed its amount, the two become one step, and
  // where not even that, none.
  return steps.filter((step) => step.delta !== 0n || step.entries.length > 0);
}

/** What `delta` does to each meter of a version; each is another. */
function stepsBy(
  version: Version,
  delta: Micros,
  record: Version,
  accounts: ReadonlyMap<string, Account>,
  meters: Meters,
): Step[] {
  const account = accounts.get(version.accountId);
  // An account that was removed has no caps, so nothing of it is counted.
  if (delta === 0n || !account) return [];
  return meters.of(version, account).map((meter) => {
    const { cap, serviceId } = meter;
    const hours = rollingHours(cap.period);
    const period =
      hours === undefined
        ? calendarPeriod(cap.period as 'day' | 'week' | 'month', version.startedAt, account)
        : undefined;
    const key = counterKey(account.accountId, serviceId, cap.traffic, cap.period, period?.from);
    const entries = period ? NO_ENTRIES : [{ startedAt: version.startedAt, amount: delta }];
    return { account, meter, key, period, delta, entries, record };
  });
}

const NO_ENTRIES: readonly WindowEntry[] = [];

/** What starts at the same instant is one entry; one that comes to nothing is none. */
function withEntry(entries: readonly WindowEntry[], { startedAt, amount }: WindowEntry): WindowEntry[] {
  const others = entries.filter((each) => each.startedAt !== startedAt);
  const sum = entries.reduce((total, each) => (each.startedAt === startedAt ? total + each.amount : total), amount);
  return sum === 0n ? others : [...others, { startedAt, amount: sum }];
}

/** Of what has been crossed before, and acts as for the first time. */
const ONCE_MORE: Occasion = { trigger: 'cap', words: 'once more' };

/** What calls in progress come to that count in a period of a cap, beside spend. */
export type InProgress = (account: Account, meter: Meter, period: CalendarPeriod) => Micros;

export class Evaluation {
  readonly counters = new Map<string, Micros>();
  readonly windows = new Map<string, RollingWindow>();
  readonly #states = new Map<string, CrossingState[]>();
  readonly #touched = new Set<CrossingState>();
  readonly #inProgress: InProgress;

  /** What spend and `inProgress` reach together does not fall; without it, what is held against caps is the whole. */
  constructor(inProgress: InProgress = () => 0n) {
    this.#inProgress = inProgress;
  }

  /** Takes up what is known of thresholds crossed before. */
  recall(states: Iterable<CrossingState>): void {
    for (const state of states) this.#statesOf(state.accountId, state.capId).push(state);
  }

  /** The states that changed since they were recalled. */
  touched(): CrossingState[] {
    return [...this.#touched];
  }

  /** Adds a step to its counter or window; answers what that crosses. */
  apply(step: Step, at: Instant): Crossing[] {
    return step.period ? this.#applyToCounter(step, step.period, at) : this.#applyToWindow(step, at);
  }

  /** Holds a counter against its cap as it stands: after the cap was made or changed. */
  hold(account: Account, meter: Meter, period: CalendarPeriod, spend: Micros, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    for (const threshold of meter.cap.thresholds) {
      const direction = spend >= threshold.amount ? 'rose' : 'fell';
      this.#settle(crossings, { account, meter, period, threshold, direction, spend, record: undefined }, at);
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
      for (const state of this.#standing(account, meter, at)) {
        if (state.percent !== threshold.percent) continue;
        const period = cutNow(meter.cap, state.period, account);
        if (period.from === state.period.from && period.to === state.period.to) continue;
        state.period = period;
        this.#touched.add(state);
        const spend = spendIn(period);
        if (period.to <= at || spend >= threshold.amount) continue;
        this.#settle(crossings, { account, meter, period, threshold, direction: 'fell', spend, record: undefined }, at);
      }
    }
    return crossings;
  }

  /** Holds rolling windows against their cap as it stands: those that have acted and still do, and the one that ends now. */
  holdWindow(account: Account, meter: Meter, window: RollingWindow, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    const hours = rollingHours(meter.cap.period)!;
    const record = undefined;
    for (const threshold of meter.cap.thresholds) {
      for (const { percent, period } of this.#standing(account, meter, at)) {
        if (percent !== threshold.percent) continue;
        const spend = window.spendAt(endOf(period));
        if (spend >= threshold.amount) continue;
        this.#settle(crossings, { account, meter, period, threshold, direction: 'fell', spend, record }, at);
        const after = Math.max(endOf(period), at) - window.lengthMs;
        this.#riseAround(crossings, { account, meter, threshold, record }, window, after, endOf(period), at);
      }
      const spend = window.spendAt(at);
      if (spend < threshold.amount) continue;
      const period = windowPeriod(at, hours, account);
      this.#settle(crossings, { account, meter, period, threshold, direction: 'rose', spend, record }, at);
    }
    return crossings;
  }

  /**
   * Of what was crossed and still acts, what the cap as it is now takes back or does only now: it may have changed since, also
   * while the account was under another one; `spendIn` a period. To be asked before the cap is held anew: what that lets rise
   * or fall is new.
   */
  change(account: Account, meter: Meter, spendIn: (period: CalendarPeriod) => Micros, at: Instant): Crossing[] {
    const crossings: Crossing[] = [];
    const { cap } = meter;
    for (const state of this.#standing(account, meter, at)) {
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
      if (due.length > 0 && !falls) crossings.push({ ...crossing, direction: 'armed' });
      if (!now || falls) state.uncrossedAt = at;
      else state.done = [...standing, ...(due.length > 0 ? deedsOf(due, cap.mode, account) : [])];
      this.#touched.add(state);
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
      this.#settle(crossings, { account, meter, period, threshold, direction, spend, record }, at);
    }
    return crossings;
  }

  #applyToWindow(step: Step, at: Instant): Crossing[] {
    const { account, meter, record } = step;
    const hours = rollingHours(meter.cap.period)!;
    let window = this.windows.get(step.key);
    if (!window) this.windows.set(step.key, (window = new RollingWindow(hours)));
    const touched = new Set<Instant>();
    for (const entry of step.entries) for (const end of window.endsTouchedBy(entry.startedAt)) touched.add(end);
    // Where a window has acted, a correction must be seen even if no record starts at its end any more.
    for (const { percent, period } of this.#statesOf(account.accountId, meter.cap.id)) {
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
      const running = this.#inProgress(account, meter, windowPeriod(at, hours, account));
      for (const { threshold, direction } of risenOrFallen) {
        // Calls that have begun since are in the window that ends now: the next look at them moves what stands to there.
        const isNearNow = at < period.to && running > 0n && window.spendAt(at) + running >= threshold.amount;
        if (direction === 'fell' && isNearNow) continue;
        this.#settle(crossings, { account, meter, period, threshold, direction, spend, record }, at);
      }
    }
    // Less usage may leave a gap before a window: then it rises to the threshold anew, though it was above it already.
    if (step.entries.some(({ amount }) => amount < 0n)) {
      for (const threshold of meter.cap.thresholds) {
        for (const [index, spend] of spends.entries()) {
          if (spend < threshold.amount || window.spendBefore(ends[index]!) >= threshold.amount) continue;
          const period = windowPeriod(ends[index]!, hours, account);
          this.#settle(crossings, { account, meter, period, threshold, direction: 'rose', spend, record }, at);
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
      this.#settle(crossings, { ...crossing, direction: 'rose', period, spend: window.spendAt(end) }, at);
    }
  }

  #settle(crossings: Crossing[], crossing: Omit<Crossing, 'again'>, at: Instant): void {
    const { account, meter, threshold, period, direction, record } = crossing;
    const all = this.#statesOf(account.accountId, meter.cap.id);
    const states = all.filter(({ percent }) => percent === threshold.percent);
    const rolling = rollingHours(meter.cap.period) !== undefined;
    const known = states.find((state) => state.period.name === period.name);
    if (direction === 'fell') {
      if (!known || known.uncrossedAt !== undefined) return;
      if (crossing.spend + this.#inProgress(account, meter, period) >= threshold.amount) return;
      known.uncrossedAt = at;
      this.#touched.add(known);
      crossings.push({ ...crossing, again: false, hadSuspended: hasSuspended(known.done) });
      return;
    }
    // What was over runs again as the account is cut now: all that it had done has ended with it, and is due anew.
    const runsAgain = !rolling && known !== undefined && known.period.to <= at && at < period.to;
    const near = rolling
      ? states.filter((state) => Math.abs(endOf(state.period) - endOf(period)) < period.to - endOf(period))
      : states.filter((state) => state === known && !runsAgain);
    if (near.some((state) => state.uncrossedAt === undefined)) return;
    const { actions } = threshold;
    const isShadow = meter.cap.mode === 'shadow';
    const earlier = near.flatMap(({ done }) => done);
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
    if (!known) all.push(state);
    this.#touched.add(state);
    // What was recorded only, or is to be told of anew, acts as for the first time.
    const again = isShadow ? earlier.length > 0 : earlier.some((deed) => deed !== 'recorded');
    const due = actions.filter((action) => !told.includes(action));
    if (again && !isShadow && !due.every(suspends)) {
      const armed = { threshold: { ...threshold, actions: due }, direction: 'armed' as const, again: false };
      crossings.push({ ...crossing, period: state.period, ...armed });
      return;
    }
    const occasion = known && !again ? { occasion: ONCE_MORE } : {};
    crossings.push({ ...crossing, period: state.period, again, ...occasion });
  }

  /** What of a cap was crossed, stands, and is of a period that still runs. */
  #standing({ accountId }: Account, { cap }: Meter, at: Instant): CrossingState[] {
    return this.#statesOf(accountId, cap.id).filter(
      ({ uncrossedAt, period }) => uncrossedAt === undefined && period.to > at,
    );
  }

  #statesOf(accountId: string, capId: string): CrossingState[] {
    const key = `${accountId}\u0000${capId}`;
    let states = this.#states.get(key);
    if (!states) this.#states.set(key, (states = []));
    return states;
  }
}
