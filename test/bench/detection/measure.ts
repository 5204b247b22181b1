/**
 * Runs a made-up world past detectors, and says what each would have lost at any threshold. What a detector did to one account within a
 * week is one action. Money is lost when it is the price of an attack's call that started before the action.
 */
import type { Account } from '../../../src/accounts/account.ts';
import { classify, NO_DESTINATION, type Destination } from '../../../src/destinations/classify.ts';
import type { Version } from '../../../src/ledger/version.ts';
import type { Attack, Shape } from '../../../src/simulation/world/attacks.ts';
import { DAY_S } from '../../../src/simulation/world/call.ts';
import { accountOf } from '../../../src/simulation/world/provider.ts';
import type { Delivered, World } from '../../../src/simulation/world/world.ts';
import type { Detector } from './detector.ts';

const WEEK_S = 7 * DAY_S;
const MONTH_S = 30.4375 * DAY_S;

/** One record in so many is timed: reading the clock costs some tens of nanoseconds itself. */
const TIMED_EVERY = 16;

/** What a detector said of one attack: each new height of its score, and when. */
interface Trace {
  attack: Attack;
  euros: number;
  heights: { at: number; score: number }[];
}

export interface Measured {
  name: string;
  /** nanoseconds a record, of CPU that this detector alone took */
  nanoseconds: number;
  accountMonths: number;
  /** the highest score of each week of each harmless account in the test */
  weeks: { type: string; tenureDays: number; account: number; week: number; score: number }[];
  traces: Trace[];
  records: number;
}

export function measure(world: World, detectors: readonly Detector[], until: 'warm-up' | 'end' = 'end'): Measured[] {
  const attacked = new Map<number, Attack>(world.attacks.map((attack) => [attack.account, attack]));
  const accounts: Account[] = world.customers.map((customer) => accountOf(customer));
  const months = world.customers
    .filter(({ index }) => !attacked.has(index))
    .reduce((sum, { joins }) => sum + Math.max(0, world.ends - Math.max(world.warmUntil, joins)) / MONTH_S, 0);
  const weeks = detectors.map(() => new Map<number, number>());
  const traces = detectors.map(() =>
    world.attacks.map((attack): Trace => ({ attack, euros: eurosOf(attack), heights: [] })),
  );
  const held = new Map<string, Version>();
  let records = 0;
  let warm = true;
  const took = detectors.map(() => 0);
  let timed = 0;
  for (const delivered of world.days()) {
    for (const each of delivered) {
      if (warm && each.received >= world.warmUntil) {
        if (until === 'warm-up') return [];
        warm = false;
        for (const detector of detectors) detector.warmed?.();
      }
      records++;
      const account = accounts[each.call.account]!;
      const to = versionOf(each, account);
      const from = held.get(each.id);
      if (each.interim) held.set(each.id, to);
      else held.delete(each.id);
      const attack = attacked.get(each.call.account);
      const isTimed = records % TIMED_EVERY === 0;
      if (isTimed) timed++;
      for (const [index, detector] of detectors.entries()) {
        const began = isTimed ? performance.now() : 0;
        const score = detector.score({ from, to }, account, each.received * 1_000);
        if (isTimed) took[index]! += performance.now() - began;
        if (warm) continue;
        if (attack === undefined) {
          const week = each.call.account * 1_000 + Math.floor((each.received - world.warmUntil) / WEEK_S);
          if (score > (weeks[index]!.get(week) ?? -Infinity)) weeks[index]!.set(week, score);
        } else if (each.received >= attack.calls[0]!.start) {
          const { heights } = traces[index]![attack.index]!;
          if (heights.length === 0 || score > heights.at(-1)!.score) heights.push({ at: each.received, score });
        }
      }
    }
  }
  return detectors.map(({ name }, index) => ({
    name,
    accountMonths: months,
    nanoseconds: (took[index]! * 1e6) / Math.max(1, timed),
    records,
    traces: traces[index]!,
    weeks: [...weeks[index]!].map(([key, score]) => {
      const customer = world.customers[Math.floor(key / 1_000)]!;
      const at = world.warmUntil + (key % 1_000) * WEEK_S;
      return {
        type: customer.type,
        tenureDays: (at - customer.joins) / DAY_S,
        account: customer.index,
        week: key % 1_000,
        score,
      };
    }),
  }));
}

function eurosOf({ calls }: Attack): number {
  return calls.reduce((sum, { micros }) => sum + micros, 0) / 1e6;
}

const destinations = new Map<string, Destination>();

function versionOf({ call, id, received, seconds, micros, interim }: Delivered, account: Account): Version {
  let destination = NO_DESTINATION;
  if (call.number !== '') {
    const known = destinations.get(call.number);
    destination = known ?? classify(call.number, account.homeCountry) ?? NO_DESTINATION;
    if (!known) {
      if (destinations.size > 200_000) destinations.clear();
      destinations.set(call.number, destination);
    }
  }
  return {
    recordId: id,
    origin: 'default',
    accountId: account.accountId,
    serviceId: '',
    startedAt: call.start * 1_000,
    durationSeconds: seconds,
    kind: call.kind,
    units: undefined,
    aNumber: '',
    destination,
    amount: BigInt(micros),
    cost: undefined,
    state: interim ? 'interim' : 'provisional',
    revision: 0,
    originCountry: call.origin,
    tariff: '',
    receivedAt: received * 1_000,
  };
}

/** False actions per 1,000 account-months at a threshold; weeks in a row are one. */
export function falseRate(measured: readonly Measured[], threshold: number): number {
  const { actions, months } = falseActions(measured, threshold);
  return (1_000 * actions) / months;
}

export function falseActions(
  measured: readonly Measured[],
  threshold: number,
): { actions: number; months: number; by: Map<string, number> } {
  let actions = 0;
  let months = 0;
  const by = new Map<string, number>();
  for (const { weeks, accountMonths } of measured) {
    months += accountMonths;
    const acted = new Set(
      weeks.filter(({ score }) => score >= threshold).map(({ account, week }) => account * 1_000 + week),
    );
    for (const { account, week, score, type, tenureDays } of weeks) {
      if (score < threshold || acted.has(account * 1_000 + week - 1)) continue;
      actions++;
      const who = tenureDays < 30 ? 'new' : type;
      by.set(who, (by.get(who) ?? 0) + 1);
    }
  }
  return { actions, months, by };
}

/** The lowest threshold at which the false rate is at most `rate`. */
export function thresholdFor(measured: readonly Measured[], rate: number): number {
  const scores = measured.flatMap(({ weeks }) => weeks.map(({ score }) => score)).toSorted((a, b) => b - a);
  let low = 0;
  let high = Math.min(scores.length - 1, 5_000);
  if (high < 0) return Infinity;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (falseRate(measured, scores[middle]!) <= rate) low = middle;
    else high = middle - 1;
  }
  return falseRate(measured, scores[low]!) <= rate ? scores[low]! : scores[0]! * 1.000_001 + 1e-9;
}

export interface Loss {
  shape: Shape;
  euros: number;
  lost: number;
  share: number;
  missed: boolean;
  delayHours: number;
}

/** What each attack cost before `threshold` was reached. */
export function lossesAt(measured: readonly Measured[], threshold: number): Loss[] {
  return measured.flatMap(({ traces }) =>
    traces.map(({ attack, euros, heights }) => {
      const acted = heights.find(({ score }) => score >= threshold)?.at ?? Infinity;
      return lossOf(attack, euros, acted);
    }),
  );
}

function lossOf(attack: Attack, euros: number, acted: number): Loss {
  const lost = attack.calls.reduce((sum, { start, micros }) => (start < acted ? sum + micros : sum), 0) / 1e6;
  const last = attack.calls.at(-1)!;
  return {
    shape: attack.shape,
    euros,
    lost,
    share: lost / euros,
    missed: acted >= last.start,
    delayHours: (Math.min(acted, last.start + last.seconds) - attack.calls[0]!.start) / 3_600,
  };
}

/** Whoever knows acts on the nth record of the attack that becomes available. */
export function oracle(measured: readonly Measured[], nth: number): Loss[] {
  return measured.flatMap(({ traces }) =>
    traces.map(({ attack, euros }) => {
      const ends = attack.calls.map(({ start, seconds }) => start + seconds + 60).toSorted((a, b) => a - b);
      return lossOf(attack, euros, ends[nth - 1] ?? Infinity);
    }),
  );
}

export function meanShare(losses: readonly Loss[]): number {
  return losses.reduce((sum, { share }) => sum + share, 0) / losses.length;
}

export function euroShare(losses: readonly Loss[]): number {
  return losses.reduce((sum, { lost }) => sum + lost, 0) / losses.reduce((sum, { euros }) => sum + euros, 0);
}
