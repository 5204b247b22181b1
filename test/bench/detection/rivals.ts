/** What others do, each as a score whose threshold is swept: the limit in euros, or the multiple of its rule's limits. */
import { TRAFFIC_BIT } from '../../../src/destinations/traffic.ts';
import type { Movement, Version } from '../../../src/ledger/version.ts';
import type { Detector } from './detector.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const euros = (version: Version): number => Number(version.amount) / 1e6;
const abroad = (version: Version): boolean => (version.destination.traffic & TRAFFIC_BIT.international) !== 0;
/** What a movement adds. */
const added = ({ from, to }: Movement): number => euros(to) - (from ? euros(from) : 0);

function remember<T>(map: Map<string, T>, key: string, make: () => T): T {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = make()));
  return found;
}

/** A sum over the last hours. */
class Window {
  #entries: [at: number, value: number][] = [];
  #head = 0;
  sum = 0;
  add(at: number, value: number, length: number): number {
    this.#entries.push([at, value]);
    this.sum += value;
    while (this.#head < this.#entries.length && this.#entries[this.#head]![0] <= at - length)
      this.sum -= this.#entries[this.#head++]![1];
    if (this.#head > 1_000) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return this.sum;
  }
}

/** Sipwise NGCP: all spend of a calendar period against one limit for everybody. */
function calendarLimit(name: string, period: (at: number) => number): Detector {
  const spent = new Map<string, { period: number; sum: number }>();
  return {
    name,
    score(movement, account) {
      const current = period(movement.to.startedAt);
      const state = remember(spent, account.accountId, () => ({ period: current, sum: 0 }));
      if (state.period < current) Object.assign(state, { period: current, sum: 0 });
      return (state.sum += added(movement));
    },
  };
}

/** OpenSIPS fraud_detection, its sample profile by user and country: calls a minute, in all, at once, in a row, and their length. */
function openSips(): Detector {
  const limits = { perMinute: 5, total: 35, concurrent: 5, sequential: 20, seconds: 7_200 };
  const profiles = new Map<
    string,
    { day: number; total: number; starts: Window; ends: number[]; last: string; row: number }
  >();
  return {
    name: 'OpenSIPS rules',
    score({ from, to }, account) {
      if (!abroad(to)) return 0;
      const state = remember(profiles, `${account.accountId} ${to.destination.country}`, () => ({
        day: 0,
        total: 0,
        starts: new Window(),
        ends: [],
        last: '',
        row: 0,
      }));
      const day = Math.floor(to.startedAt / DAY);
      if (state.day !== day) Object.assign(state, { day, total: 0, row: 0 });
      if (from) return to.durationSeconds / limits.seconds;
      state.total++;
      state.row = state.last === to.destination.number ? state.row + 1 : 1;
      state.last = to.destination.number;
      state.ends = state.ends.filter((end) => end > to.startedAt);
      state.ends.push(to.startedAt + to.durationSeconds * 1_000);
      return Math.max(
        state.starts.add(to.startedAt, 1, 60_000) / limits.perMinute,
        state.total / limits.total,
        state.ends.length / limits.concurrent,
        state.row / limits.sequential,
        to.durationSeconds / limits.seconds,
      );
    },
  };
}

/** Spend of 72 hours on countries that were first called within 30 days. */
function noveltyMoney(): Detector {
  const first = new Map<string, number>();
  const spent = new Map<string, Window>();
  return {
    name: 'novelty-money',
    score(movement, account) {
      const { to } = movement;
      if (!abroad(to)) return 0;
      const since = remember(first, `${account.accountId} ${to.destination.country}`, () => to.startedAt);
      if (to.startedAt - since > 30 * DAY) return 0;
      return remember(spent, account.accountId, () => new Window()).add(to.startedAt, added(movement), 72 * HOUR);
    },
  };
}

/** International spend of 24 hours over a floor and some of the trailing daily mean. */
function adaptiveCap(): Detector {
  const states = new Map<string, { window: Window; mean: number; day: number; today: number }>();
  return {
    name: 'adaptive cap',
    score(movement, account) {
      const { to } = movement;
      if (!abroad(to)) return 0;
      const state = remember(states, account.accountId, () => ({
        window: new Window(),
        mean: 0,
        day: Math.floor(to.startedAt / DAY),
        today: 0,
      }));
      const day = Math.floor(to.startedAt / DAY);
      for (; state.day < day; state.day++) {
        state.mean = 0.97 * state.mean + 0.03 * state.today;
        state.today = 0;
      }
      const more = added(movement);
      state.today += more;
      return state.window.add(to.startedAt, more, DAY) / (20 + 8 * state.mean);
    },
  };
}

/** A day's international spend against mean and deviation of all accounts, from the warm-up. */
function globalZ(): Detector {
  const days = new Map<string, { day: number; sum: number }>();
  let [count, total, squares] = [0, 0, 0];
  let warm = true;
  return {
    name: 'global z',
    warmed: () => (warm = false),
    score(movement, account) {
      const { to } = movement;
      if (!abroad(to)) return 0;
      const day = Math.floor(to.startedAt / DAY);
      const state = remember(days, account.accountId, () => ({ day, sum: 0 }));
      if (state.day < day) {
        if (warm) [count, total, squares] = [count + 1, total + state.sum, squares + state.sum ** 2];
        Object.assign(state, { day, sum: 0 });
      }
      state.sum += added(movement);
      const mean = count > 0 ? total / count : 0;
      return (state.sum - mean) / Math.sqrt(Math.max(1, squares / Math.max(1, count) - mean ** 2));
    },
  };
}

/** A day's spend against the account's own exponentially weighted mean and deviation. */
function ewma(): Detector {
  const states = new Map<string, { day: number; sum: number; mean: number; variance: number }>();
  return {
    name: 'EWMA',
    score(movement, account) {
      const day = Math.floor(movement.to.startedAt / DAY);
      const state = remember(states, account.accountId, () => ({ day, sum: 0, mean: 0, variance: 4 }));
      for (; state.day < day; state.day++) {
        const off = state.sum - state.mean;
        state.mean += 0.06 * off;
        state.variance = 0.94 * (state.variance + 0.06 * off * off);
        state.sum = 0;
      }
      state.sum += added(movement);
      return (state.sum - state.mean) / Math.sqrt(state.variance + 4);
    },
  };
}

/** Calls to a country in 24 hours against the account's own usual, by deviations; blind below 1,000 calls in 12 hours. */
function vonageLike(): Detector {
  const states = new Map<string, { half: Window; day: Window; mean: number; variance: number; at: number }>();
  const all = new Map<string, Window>();
  return {
    name: 'Vonage-like',
    score({ from, to }, account) {
      if (from) return 0;
      const calls = remember(all, account.accountId, () => new Window()).add(to.startedAt, 1, 12 * HOUR);
      if (!abroad(to)) return 0;
      const state = remember(states, `${account.accountId} ${to.destination.country}`, () => ({
        half: new Window(),
        day: new Window(),
        mean: 0,
        variance: 1,
        at: 0,
      }));
      const inDay = state.day.add(to.startedAt, 1, DAY);
      const z = (inDay - state.mean) / Math.sqrt(state.variance + 1);
      const off = inDay - state.mean;
      const share = Math.min(1, (to.startedAt - state.at) / (30 * DAY));
      state.at = Math.max(state.at, to.startedAt);
      state.mean += share * off;
      state.variance = (1 - share) * (state.variance + share * off * off);
      return calls < 1_000 ? 0 : z;
    },
  };
}

/** A usage trigger on all spend of 24 hours. */
function twilioLike(): Detector {
  const spent = new Map<string, Window>();
  return {
    name: 'Twilio-like',
    score: (movement, account) =>
      remember(spent, account.accountId, () => new Window()).add(movement.to.startedAt, added(movement), DAY),
  };
}

export function rivals(): Detector[] {
  return [
    calendarLimit('Sipwise day', (at) => Math.floor(at / DAY)),
    calendarLimit('Sipwise month', (at) => Math.floor(at / DAY / 30.4375)),
    openSips(),
    noveltyMoney(),
    adaptiveCap(),
    globalZ(),
    ewma(),
    vonageLike(),
    twilioLike(),
  ];
}
