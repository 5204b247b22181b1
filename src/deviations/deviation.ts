/** What was unusual, as data: for the evidence, the explanation, and what a hold bars. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Traffic } from '../destinations/traffic.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import type { UsageKind } from '../feeds/usage-record.ts';
import { endOf, type Version } from '../ledger/version.ts';
import type { Thresholds } from './calibration.ts';
import { destinationKey, numberBlock, placeOf, type Place } from './destination-key.ts';
import { rangesAtHome } from './home-ranges.ts';
import { dailyOf, WAITING_DAYS } from './learning.ts';
import type { Model, SegmentModel } from './model.ts';
import { microsPerEuro } from './norms.ts';
import type { Level } from './levels.ts';
import type { Reading } from './observe.ts';
import { SCALE, type Family } from './scales.ts';
import { AT, callsAt, FACTORS, keyAt, SLOT, SLOTS, SLOT_WORDS, type Factor, type Signature } from './signature.ts';
import { measure, statistics } from './statistics.ts';
import { asTravellers } from './travel.ts';
import { DAY_S } from './weight.ts';

export interface Deviation {
  level: Level;
  /** in how many account-months a harmless account shows the like once */
  score: number;
  thresholds: Thresholds;
  family: Family;
  /** how long evidence of this kind lasts */
  windowHours: number;
  since: Instant;
  /** records; of what is at home at least so many */
  calls: number;
  /** of which kind all of them are; undefined where there are several, since nothing remembers theirs */
  kind: UsageKind | undefined;
  money: Micros;
  /** the most unusual first; `isNew`: never used before, as far as is remembered */
  places: (Place & { calls: number; isNew: boolean })[];
  /** whether calls to places are counted from `since` on; else since unusual usage began, which is not when spend abroad did */
  areCounted: boolean;
  /** the number block of the deciding record, where that is what is unusual, if with others; undefined where no block says it, as of use from abroad */
  block: Traffic | undefined;
  /** what raised the score, by which share of what raised it; the greatest first. Shares add up to 1, or there are none. */
  raised: { factor: Factor; share: number }[];
  /** what raised a score that no single record's weight did: so many times as much as is to be expected */
  exceeds: { what: Excess; times: number }[];
  /** of calls at home: as many as so many short ones to new numbers, on the days that the score looks at, against what is usual then */
  shortCalls: { count: number; usual: number; days: number } | undefined;
  usual: {
    /** a day: abroad and to premium numbers, or of everything, as {@link isOfEverything} says */
    perDay: Micros;
    /** days behind it */
    days: number;
  };
  /** what a hold bars: new or risky destinations only; at home the ranges that usage goes to. Empty where a number says nothing (data) */
  bars: Traffic[];
}

/** Money, calls, how often a subscription is used abroad, and what each use of it costs. */
export type Excess = 'spend' | 'calls' | 'oftener' | 'dearer';

const LATE_MS = 72 * 3_600_000;
const PLACES_MAX = 4;
const PLACE_SHARE_MIN = 0.1;
const SLOTS_AT = Array.from({ length: SLOTS }, (_, index) => AT.slots + index * SLOT_WORDS);

/** Reads the deviation of a signature whose {@link Reading} has risen to a level, right after the record that raised it. */
export function deviationOf(
  signature: Signature,
  reading: Reading,
  record: Version,
  account: Account,
  model: Model,
  thresholds: Thresholds,
): Deviation {
  const { f } = signature;
  const segment = model.segment(account.segment);
  const { family, seconds } = SCALE[reading.scale]!;
  const unit = microsPerEuro(account.currency);
  const atHome = isAtHome(family);
  const micros = (euros: number): Micros => BigInt(Math.round(euros * 100)) * BigInt(Math.round(unit / 100));
  const told = toldOf(signature, family, seconds, record, micros);
  const daily = isOfEverything(family)
    ? dailyOf(f[AT.learntAll]!, segment.dayAll, f[AT.days]!)
    : dailyOf(f[AT.learntInternational]!, segment.dayInternational, f[AT.days]!);
  const slots = SLOTS_AT.filter((at) => told.callsTo(at) > 0)
    .filter(
      (at) =>
        family === 'international' || (placeOf(keyAt(signature, at)).kind === 'roaming') === (family === 'roaming'),
    )
    .toSorted((a, b) => f[b + SLOT.weight]! - f[a + SLOT.weight]!);
  const weight = slots.reduce((sum, at) => sum + f[at + SLOT.weight]!, 0);
  const places = slots
    .filter((at) => f[at + SLOT.weight]! >= PLACE_SHARE_MIN * weight)
    .slice(0, PLACES_MAX)
    .map((at) => ({
      ...placeOf(keyAt(signature, at)),
      calls: told.callsTo(at),
      isNew: f[at + SLOT.learnt]! < 0.5,
    }));
  const key = destinationKey(record.destination, record.originCountry, account.homeCountry);
  const place = key === 0 || family === 'roaming' ? undefined : placeOf(key);
  const ranges = atHome ? rangesAtHome(signature) : [];
  const own = numberBlock(record.destination.number);
  const isNamed = atHome ? ranges.some((range) => range === own) : place !== undefined && place.kind !== 'roaming';
  const block = isNamed ? own : undefined;
  const raised = f.subarray(AT.factors, AT.factors + FACTORS.length).reduce((sum, each) => sum + each, 0);
  return {
    level: reading.rose,
    score: reading.score,
    thresholds,
    family,
    windowHours: seconds / 3_600,
    since: told.since * 1_000,
    calls: told.calls,
    kind: told.calls === 1 && key !== 0 ? record.kind : undefined,
    money: told.money,
    places: atHome ? [] : places,
    block,
    raised:
      family === 'unusual' && raised > 0
        ? FACTORS.map((factor, index) => ({ factor, share: f[AT.factors + index]! / raised }))
            .filter(({ share }) => share >= 0.02)
            .toSorted((a, b) => b.share - a.share)
        : [],
    exceeds: exceedsOf(signature, reading.scale, segment),
    areCounted: family !== 'international' || told.days !== undefined,
    shortCalls:
      told.days && family === 'calls'
        ? {
            count: Math.round(waiting(signature, AT.waitingCalls, told.days)),
            usual: told.days * dailyOf(f[AT.learntCalls]!, segment.dayCalls, f[AT.days]!),
            days: told.days,
          }
        : undefined,
    usual: { perDay: micros(daily), days: Math.round(f[AT.days]!) },
    bars: atHome ? ranges : barsOf(places, block, place, account),
  };
}

/** What becomes known later than this after a call has ended is learnt, but nobody is barred or told for it. */
export function isLate(record: Version, at: Instant): boolean {
  return at - endOf(record) > LATE_MS;
}

/** Since when (in seconds) what is told goes on, how many records it is, and their money. */
type Run = { since: number } & Pick<Deviation, 'calls' | 'money'>;

interface Told extends Run {
  /** how many (UTC) days it is of; undefined where it is a run's */
  days: number | undefined;
  /** of which to the destination of the slot there */
  callsTo: (slot: number) => number;
}

/** A run abroad that is older than its longest scale looks back has no beginning to tell. */
const RUN_TOLD_S = Math.max(...SCALE.filter(({ family }) => family === 'international').map(({ seconds }) => seconds));

/**
 * A run; or the (UTC) days that a scale looks back on, as far as they wait to be learnt: what is spent at home, and abroad by who
 * spends there all the time. Who uses something every day has a run that began with their first call, and cheap calls have a
 * new one with every few cents.
 */
function toldOf(
  signature: Signature,
  family: Family,
  seconds: number,
  record: Version,
  micros: (euros: number) => Micros,
): Told {
  const { u } = signature;
  const run = runOf(signature, family === 'unusual' ? 0 : isAtHome(family) ? 2 : 1, record);
  const isLong = family === 'international' && run.since < u[AT.now]! - RUN_TOLD_S;
  if (!isAtHome(family) && !isLong) return { ...run, days: undefined, callsTo: (slot) => callsAt(signature, slot) };

  const day = u[AT.day]!;
  const days = Math.min(WAITING_DAYS, day - Math.floor((u[AT.now]! - seconds) / DAY_S) + 1);
  const since = Math.max(u[AT.first]!, (day + 1 - days) * DAY_S);
  const callsTo = (slot: number): number => Math.round(waiting(signature, slot + SLOT.waiting, days));
  if (isLong) {
    const calls = SLOTS_AT.reduce((all, slot) => all + callsTo(slot), 0);
    const money = micros(waiting(signature, AT.waitingInternational, days));
    return { since, calls: Math.max(1, calls), money, days, callsTo };
  }
  // A run that began within the days knows some of their records, if not all. `waitingCalls` are as the engine weighs them: a
  // short one to a new number is one, all others are less.
  const least = Math.round(waiting(signature, AT.waitingCalls, days));
  const calls = run.since < since ? least : Math.max(least, run.calls);
  return { since, calls, money: micros(waiting(signature, AT.waitingAll, days)), days, callsTo };
}

/** A call that grows after a verdict begins no run: what is told is that call. */
function runOf(signature: Signature, run: number, { startedAt }: Version): Run {
  const { u } = signature;
  const since = u[AT.runSince + run]! || Math.floor(startedAt / 1_000);
  return { since, calls: Math.max(1, u[AT.runCalls + run]!), money: BigInt(signature.moneyOf(run)) };
}

/** What the youngest `days` that wait to be learnt come to, of what stands `at`. */
function waiting({ f }: Signature, at: number, days: number): number {
  return f.subarray(at, at + days).reduce((all, each) => all + each, 0);
}

/** What is hardly more than is to be expected is not told. */
const TOLD_TIMES = 1.1;

/** The most first. */
function exceedsOf(signature: Signature, scale: number, segment: SegmentModel): Deviation['exceeds'] {
  return excesses(signature, scale, segment)
    .filter(({ times }) => times >= TOLD_TIMES)
    .toSorted((a, b) => b.times - a.times);
}

function excesses(signature: Signature, scale: number, segment: SegmentModel): Deviation['exceeds'] {
  const { f } = signature;
  const { family } = SCALE[scale]!;
  if (family === 'unusual') return [];
  if (family === 'roaming') {
    const { oftener, dearer } = asTravellers(f[AT.awayRecords]!, f[AT.awayDear]!, f[AT.awayDays]!, segment.travel);
    return [
      { what: 'oftener', times: oftener },
      { what: 'dearer', times: dearer },
    ];
  }
  measure(signature, segment);
  return [{ what: family === 'calls' ? 'calls' : 'spend', times: Math.exp(statistics[scale]!) }];
}

/** What goes abroad or to premium numbers. `decided`: the place of the deciding record, whose block bars no other place. */
function barsOf(
  places: Deviation['places'],
  block: Traffic | undefined,
  decided: Place | undefined,
  { homeCountry }: Account,
): Traffic[] {
  const bars = new Set<Traffic>();
  for (const { kind, country } of places) {
    if (kind === 'country' && country !== homeCountry && country !== '001') bars.add(`country:${country}`);
    else if (block !== undefined && kind === decided?.kind && country === decided.country) bars.add(block);
  }
  return [...bars];
}

/** Whether it is about all usage, wherever it goes. */
export function isAtHome(family: Family): boolean {
  return family === 'all' || family === 'calls';
}

/** Whether what is usual is told of all spend: what is used abroad is neither a call there nor one to a premium number. */
export function isOfEverything(family: Family): boolean {
  return isAtHome(family) || family === 'roaming';
}
