/**
 * What is usual among comparable accounts: the prior of an account of which little is known yet, fitted from the provider's own
 * usage. Pure. The live side fits on schedule, a replay on its warm-up; both by {@link NormsCollector}.
 */
import type { Account } from '../accounts/account.ts';
import { TRAFFIC_BIT } from '../destinations/traffic.ts';
import { hourOfWeek } from '../kernel/local-time.ts';
import type { Version } from '../ledger/version.ts';
import { busyness, Journeys, travelNorms } from './journeys.ts';
import { TRAVEL_UNFITTED, type TravelNorms } from './travel.ts';
import { awayKey, destinationKey } from './destination-key.ts';

/** Parts of the week: night, day and evening of a working day, and of a weekend. */
export const WEEK_PARTS = 6;

/** The part of the week of an hour that is counted from Monday 0:00. */
export function weekPart(hour: number): number {
  const ofDay = hour % 24;
  return (hour >= 120 ? 3 : 0) + (ofDay < 7 ? 0 : ofDay < 18 ? 1 : 2);
}

/** The share of the week's 168 hours that each part has. */
export const EVEN_SHARES: readonly number[] = [35, 55, 30, 14, 22, 12].map((hours) => hours / 168);

/** Plain data, to be stored as JSON. Money is in euros' worth, as a number: it is weighed, never booked. */
export interface SegmentNorms {
  accounts: number;
  /** the typical account's spend a day */
  dayInternational: number;
  dayAll: number;
  /** the typical account's calls at home a day, as the engine weighs them */
  dayCalls: number;
  /** share of usage in each part of the week */
  hours: number[];
  /** by destination key the share of accounts that use it */
  reach: Record<string, number>;
  travel: TravelNorms;
}

export interface Norms {
  everyone: SegmentNorms;
  segments: Record<string, SegmentNorms>;
}

/** Before there is any history: a small business's week, and no destination more usual than another. */
export const UNFITTED_NORMS: Norms = {
  everyone: {
    accounts: 0,
    dayInternational: 0.1,
    dayAll: 0.6,
    dayCalls: 3,
    hours: [0.02, 0.7, 0.14, 0.01, 0.08, 0.05],
    reach: {},
    travel: TRAVEL_UNFITTED,
  },
  segments: {},
};

interface Seen {
  segment: string;
  first: number;
  international: number;
  all: number;
  calls: number;
  hours: number[];
  keys: Set<number>;
  away: Journeys | undefined;
}

const DAY_MS = 86_400_000;
const SEGMENT_WEIGHT = 20;
const EVERYONE_WEIGHT = 5;
/** Hours of each week part are weighed by accounts, each as heavy as this many calls at most, so that no call centre sets them. */
const HOURS_CALLS_MAX = 200;
/** Added to a day's spend before its logarithm: below a few cents all accounts are alike. */
const DAY_FLOOR = 0.02;

/** Takes usage that holds, in any order; the first version of a record is enough. */
export class NormsCollector {
  readonly #accounts = new Map<string, Seen>();
  #latest = 0;

  add(version: Version, account: Account): void {
    let seen = this.#accounts.get(account.accountId);
    if (!seen) {
      seen = {
        segment: account.segment,
        first: version.startedAt,
        international: 0,
        all: 0,
        calls: 0,
        away: undefined,
        hours: zeros(),
        keys: new Set(),
      };
      this.#accounts.set(account.accountId, seen);
    }
    seen.segment = account.segment;
    seen.first = Math.min(seen.first, version.startedAt);
    this.#latest = Math.max(this.#latest, version.startedAt);
    const money = worthOf(version, account.currency);
    seen.all += money;
    if ((version.destination.traffic & TRAFFIC_BIT.international) !== 0) seen.international += money;
    seen.hours[weekPart(hourOfWeek(account.timeZone, version.startedAt))]!++;
    const key = destinationKey(version.destination, version.originCountry, account.homeCountry);
    if (key !== 0) seen.keys.add(key);
    else seen.calls += callWeight(version);
    const away = awayKey(version.originCountry, account.homeCountry);
    if (away !== 0)
      (seen.away ??= new Journeys()).add(away, version.kind, money, Math.floor(version.startedAt / DAY_MS));
  }

  /** What is usual, shrunk to `before` where accounts are few. */
  norms(before: Norms = UNFITTED_NORMS): Norms {
    const all = [...this.#accounts.values()];
    const journeys = (those: readonly Seen[]): Journeys[] => those.flatMap(({ away }) => away ?? []);
    const everyone = {
      ...this.#summary(all, before.everyone, EVERYONE_WEIGHT),
      travel: travelNorms(journeys(all), before.everyone.travel),
    };
    const segments: Record<string, SegmentNorms> = {};
    for (const name of [...new Set(all.map(({ segment }) => segment))].toSorted()) {
      const within = all.filter(({ segment }) => segment === name);
      // What is charged abroad is known from everyone: a segment's journeys are few.
      segments[name] = {
        ...this.#summary(within, everyone, SEGMENT_WEIGHT),
        travel: { ...everyone.travel, ...busyness(journeys(within), everyone.travel) },
      };
    }
    return { everyone, segments };
  }

  #summary(accounts: readonly Seen[], prior: SegmentNorms, weight: number): Omit<SegmentNorms, 'travel'> {
    const total = accounts.length + weight;
    const typical = (of: (seen: Seen) => number, priorDay: number): number => {
      let sum = weight * Math.log(priorDay + DAY_FLOOR);
      for (const seen of accounts) {
        const days = Math.max(7, (this.#latest - seen.first) / DAY_MS);
        sum += Math.log(Math.max(0, of(seen)) / days + DAY_FLOOR);
      }
      return Math.max(0, Math.exp(sum / total) - DAY_FLOOR);
    };
    const hours = prior.hours.map((share) => share * weight);
    const reach = new Map<number, number>();
    for (const seen of accounts) {
      const calls = seen.hours.reduce((sum, count) => sum + count, 0);
      const worth = Math.min(calls, HOURS_CALLS_MAX) / HOURS_CALLS_MAX / Math.max(1, calls);
      for (let part = 0; part < WEEK_PARTS; part++) hours[part]! += seen.hours[part]! * worth;
      for (const key of seen.keys) reach.set(key, (reach.get(key) ?? 0) + 1);
    }
    const sum = hours.reduce((sum, each) => sum + each, 0);
    for (const key of Object.keys(prior.reach)) reach.set(Number(key), reach.get(Number(key)) ?? 0);
    return {
      accounts: accounts.length,
      dayInternational: typical((seen) => seen.international, prior.dayInternational),
      dayAll: typical((seen) => seen.all, prior.dayAll),
      dayCalls: typical((seen) => seen.calls, prior.dayCalls),
      hours: hours.map((share) => share / sum),
      reach: Object.fromEntries(
        [...reach]
          .toSorted(([a], [b]) => a - b)
          .map(([key, count]) => [key, (count + weight * (prior.reach[key] ?? 0)) / total]),
      ),
    };
  }
}

/** Whether anybody has answered a call, as far as its time and money say it. */
export function isAnswered(version: Version): boolean {
  return version.kind !== 'voice' || version.durationSeconds > 0 || moneyOf(version) > 0;
}

/** Short calls are what runs away by itself; a long one is a person's. */
export function callWeight({ kind, durationSeconds }: Version): number {
  return kind !== 'voice' ? 0 : durationSeconds <= 60 ? 1 : 0.3;
}

/** Micros: the price, or what it costs the provider where that is more (a bundle hides the price). */
export function moneyOf(version: Version): number {
  const price = Number(version.amount);
  return version.cost === undefined ? price : Math.max(price, Number(version.cost));
}

/** The same in euros' worth. */
function worthOf(version: Version, currency: string): number {
  return moneyOf(version) / microsPerEuro(currency);
}

/** Units of a currency that a euro is worth, roughly: evidence needs the order of magnitude, nothing is booked by it. */
const WORTH: Record<string, number> = {
  AED: 4,
  ARS: 1_000,
  AUD: 1.7,
  BGN: 2,
  BRL: 6,
  CAD: 1.5,
  CHF: 1,
  CLP: 1_000,
  CNY: 8,
  COP: 4_500,
  CZK: 25,
  DKK: 7.5,
  EGP: 50,
  GBP: 0.85,
  HKD: 8.5,
  HUF: 390,
  IDR: 17_500,
  ILS: 4,
  INR: 90,
  ISK: 150,
  JPY: 160,
  KES: 140,
  KRW: 1_500,
  MAD: 11,
  MXN: 20,
  MYR: 5,
  NGN: 1_600,
  NOK: 11.5,
  NZD: 1.8,
  PHP: 62,
  PLN: 4.3,
  RON: 5,
  RSD: 117,
  RUB: 95,
  SEK: 11.3,
  SGD: 1.45,
  THB: 38,
  TRY: 35,
  TWD: 35,
  UAH: 45,
  VND: 27_000,
  ZAR: 20,
};

/** Micros of the currency in which a euro is counted. */
export function microsPerEuro(currency: string): number {
  return 1_000_000 * (WORTH[currency] ?? 1);
}

function zeros(): number[] {
  return Array.from({ length: WEEK_PARTS }, () => 0);
}
