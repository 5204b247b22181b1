/** What travellers do, fitted from their own usage. Pure. */
import type { UsageKind } from '../feeds/usage-record.ts';
import { everywhereOf, logWorth, worthKey, type TravelNorms } from './travel.ts';

/** Days without use within so many are days of the journey. */
const GAP_DAYS = 3;
/** What was believed before weighs as much as so many days, records within journeys, and journeys. */
const DAYS_WEIGHT = 40;
const RECORDS_WEIGHT = 20;
const JOURNEYS_WEIGHT = 3;
const SHAPE_MIN = 0.5;
const SHAPE_MAX = 12;
const SPREAD_MIN = 0.5;
const BETWEEN_MIN = 0.2;

/** Of logarithms of worth. */
interface Worth {
  records: number;
  sum: number;
  squares: number;
}

/** What one account used from abroad. */
export class Journeys {
  /** records by day */
  readonly days = new Map<number, number>();
  /** by `worthKey` */
  readonly worth = new Map<number, Worth>();

  /** `away`: key of use from there. */
  add(away: number, kind: UsageKind, euros: number, day: number): void {
    this.days.set(day, (this.days.get(day) ?? 0) + 1);
    addWorth(this.worth, worthKey(away, kind), { records: 1, sum: logWorth(euros), squares: logWorth(euros) ** 2 });
  }
}

/** Fits to everyone's journeys; where they are few it leans on `prior`. */
export function travelNorms(journeys: readonly Journeys[], prior: TravelNorms): TravelNorms {
  return { ...busyness(journeys, prior), ...worths(journeys, prior) };
}

/** How busy these travellers are: moments of records a day, days without any among them; the prior's as if they had been seen. */
export function busyness(journeys: readonly Journeys[], prior: TravelNorms): Pick<TravelNorms, 'perDay' | 'shape'> {
  let count = DAYS_WEIGHT;
  let sum = DAYS_WEIGHT * prior.perDay;
  let squares = DAYS_WEIGHT * (prior.perDay ** 2 * (1 + 1 / prior.shape) + prior.perDay);
  for (const each of journeys) {
    let before: number | undefined;
    for (const [day, records] of [...each.days].toSorted(([a], [b]) => a - b)) {
      count += before !== undefined && day - before <= GAP_DAYS ? day - before : 1;
      sum += records;
      squares += records ** 2;
      before = day;
    }
  }
  const perDay = sum / count;
  const beyondChance = squares / count - perDay ** 2 - perDay;
  const shape = perDay ** 2 / Math.max(perDay ** 2 / SHAPE_MAX, beyondChance);
  return { perDay, shape: Math.max(SHAPE_MIN, Math.min(SHAPE_MAX, shape)) };
}

/**
 * What is usual for a kind and a country, and how much records and journeys differ from it. A journey tells once: its records are alike.
 * How journeys differ is seen by holding each against what the others say, as the next one will be.
 */
function worths(journeys: readonly Journeys[], prior: TravelNorms): Pick<TravelNorms, 'worth' | 'spread' | 'between'> {
  const byKey = new Map<number, Worth[]>();
  let records = RECORDS_WEIGHT;
  let within = RECORDS_WEIGHT * prior.spread ** 2;
  for (const each of journeys) {
    for (const [key, one] of each.worth) {
      for (const at of new Set([key, everywhereOf(key), 0])) {
        const those = byKey.get(at);
        if (those) those.push(one);
        else byKey.set(at, [one]);
      }
      records += one.records - 1;
      within += Math.max(0, one.squares - one.sum ** 2 / one.records);
    }
  }
  const spread = Math.max(SPREAD_MIN, Math.sqrt(within / records));
  const worth: Record<string, number> = { ...prior.worth };
  let told = JOURNEYS_WEIGHT;
  let differing = JOURNEYS_WEIGHT * prior.between ** 2;
  // The general before the special, which leans on it.
  for (const [key, those] of [...byKey].toSorted(([a], [b]) => awayOf(a) - awayOf(b) || a - b)) {
    const general = awayOf(key) === 0 ? (prior.worth[key] ?? worth[0]!) : worth[everywhereOf(key)]!;
    let weight = JOURNEYS_WEIGHT;
    let sum = JOURNEYS_WEIGHT * general;
    for (const one of those) {
      const tells = telling(one, prior);
      weight += tells;
      sum += tells * (one.sum / one.records);
    }
    worth[key] = sum / weight;
    if (awayOf(key) === 0) continue;
    for (const one of those) {
      const tells = telling(one, prior);
      const mean = one.sum / one.records;
      const others = (sum - tells * mean) / (weight - tells);
      told += tells;
      differing += tells * ((mean - others) ** 2 - spread ** 2 / one.records);
    }
  }
  return { worth, spread, between: Math.sqrt(Math.max(0, differing / told)) };
}

/** The part of a whole journey that its mean tells: with few records much of it is chance. */
function telling({ records }: Worth, { spread, between }: TravelNorms): number {
  return 1 / (1 + spread ** 2 / (records * Math.max(BETWEEN_MIN, between) ** 2));
}

/** 0: from anywhere. */
function awayOf(key: number): number {
  return key - everywhereOf(key);
}

function addWorth(worth: Map<number, Worth>, key: number, more: Worth): void {
  const known = worth.get(key);
  if (!known) worth.set(key, { ...more });
  else {
    known.records += more.records;
    known.sum += more.sum;
    known.squares += more.squares;
  }
}
