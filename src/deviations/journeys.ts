/** What travellers do, fitted from their own usage. Pure. */
import type { UsageKind } from '../feeds/usage-record.ts';
import { everywhereOf, logWorth, worthKey, type TravelNorms } from './travel.ts';

/** Days without use within so many are days of the journey. */
const GAP_DAYS = 3;
/** What was believed before weighs as much as so many days, and as so many records of a kind. */
const DAYS_WEIGHT = 40;
const RECORDS_WEIGHT = 20;
const SHAPE_MIN = 0.5;
const SHAPE_MAX = 12;
const SPREAD_MIN = 0.5;

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

/** Fits to journeys; where they are few it leans on `prior`. */
export function travelNorms(journeys: readonly Journeys[], prior: TravelNorms): TravelNorms {
  // Moments of records a day, days without any among them; the prior's as if they had been seen.
  let count = DAYS_WEIGHT;
  let sum = DAYS_WEIGHT * prior.perDay;
  let squares = DAYS_WEIGHT * (prior.perDay ** 2 * (1 + 1 / prior.shape) + prior.perDay);
  const worth = new Map<number, Worth>();
  for (const each of journeys) {
    let before: number | undefined;
    for (const [day, records] of [...each.days].toSorted(([a], [b]) => a - b)) {
      count += before !== undefined && day - before <= GAP_DAYS ? day - before : 1;
      sum += records;
      squares += records ** 2;
      before = day;
    }
    for (const [key, one] of each.worth) {
      addWorth(worth, key, one);
      const everywhere = everywhereOf(key);
      addWorth(worth, everywhere, one);
      if (everywhere !== 0) addWorth(worth, 0, one);
    }
  }
  const perDay = sum / count;
  const beyondChance = squares / count - perDay ** 2 - perDay;
  const means: Record<string, number> = { ...prior.worth };
  // The general before the special, which leans on it.
  let spreadCount = RECORDS_WEIGHT;
  let spreadSquares = RECORDS_WEIGHT * prior.spread ** 2;
  for (const [key, one] of [...worth].toSorted(([a], [b]) => awayOf(a) - awayOf(b) || a - b)) {
    const general = means[everywhereOf(key)] ?? means[0]!;
    const before = prior.worth[key] ?? general;
    const mean = (one.sum + RECORDS_WEIGHT * before) / (one.records + RECORDS_WEIGHT);
    means[key] = mean;
    if (awayOf(key) === 0) continue;
    spreadCount += one.records;
    spreadSquares += one.squares - 2 * mean * one.sum + one.records * mean ** 2;
  }
  return {
    perDay,
    shape: Math.max(SHAPE_MIN, Math.min(SHAPE_MAX, perDay ** 2 / Math.max(perDay ** 2 / SHAPE_MAX, beyondChance))),
    worth: means,
    spread: Math.max(SPREAD_MIN, Math.sqrt(spreadSquares / spreadCount)),
  };
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
