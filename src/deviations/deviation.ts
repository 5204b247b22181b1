/** What was unusual, as data: for the evidence, the explanation, and what a hold bars. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Traffic } from '../destinations/traffic.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import type { Version } from '../ledger/version.ts';
import type { Thresholds } from './calibration.ts';
import { numberBlock, placeOf, type Place } from './destination-key.ts';
import { dailyOf } from './learning.ts';
import type { Model } from './model.ts';
import { microsPerEuro } from './norms.ts';
import type { Level, Reading } from './observe.ts';
import { SCALE, type Family } from './scales.ts';
import { AT, FACTORS, SLOT, SLOTS, SLOT_WORDS, type Factor, type Signature } from './signature.ts';

export interface Deviation {
  level: Level;
  /** in how many account-months a harmless account shows the like once */
  score: number;
  thresholds: Thresholds;
  family: Family;
  /** how long evidence of this kind lasts */
  windowHours: number;
  since: Instant;
  calls: number;
  money: Micros;
  /** the most unusual first; `isNew`: never used before, as far as is remembered */
  places: (Place & { calls: number; isNew: boolean })[];
  /** the number block of the deciding record */
  block: Traffic | undefined;
  /** what raised the score, by which share of what raised it; the greatest first. Shares add up to 1, or there are none. */
  raised: { factor: Factor; share: number }[];
  usual: {
    /** a day, of everything that `family` is about */
    perDay: Micros;
    /** days behind it */
    days: number;
  };
  /** what a hold bars: new or risky destinations only. Empty where a number says nothing (data) */
  bars: Traffic[];
}

const PLACES_MAX = 4;
const PLACE_SHARE_MIN = 0.1;

/** Reads the deviation of a signature whose {@link Reading} has risen to a level, right after the record that raised it. */
export function deviationOf(
  signature: Signature,
  reading: Reading,
  record: Version,
  account: Account,
  model: Model,
  thresholds: Thresholds,
): Deviation {
  const { u, f } = signature;
  const segment = model.segment(account.segment);
  const { family, seconds } = SCALE[reading.scale]!;
  const unit = microsPerEuro(account.currency);
  const unusual = family === 'unusual';
  const run = unusual ? 0 : isAtHome(family) ? 2 : 1;
  const daily = isAtHome(family)
    ? dailyOf(f[AT.learntAll]!, segment.dayAll, f[AT.days]!)
    : dailyOf(f[AT.learntInternational]!, segment.dayInternational, f[AT.days]!);
  const slots = Array.from({ length: SLOTS }, (_, index) => AT.slots + index * SLOT_WORDS)
    .filter((at) => u[at + SLOT.key] !== 0 && f[at + SLOT.calls]! > 0)
    .filter(
      (at) => family === 'international' || (placeOf(u[at + SLOT.key]!).kind === 'roaming') === (family === 'roaming'),
    )
    .toSorted((a, b) => f[b + SLOT.weight]! - f[a + SLOT.weight]!);
  const weight = slots.reduce((sum, at) => sum + f[at + SLOT.weight]!, 0);
  const places = slots
    .filter((at) => f[at + SLOT.weight]! >= PLACE_SHARE_MIN * weight)
    .slice(0, PLACES_MAX)
    .map((at) => ({
      ...placeOf(u[at + SLOT.key]!),
      calls: Math.round(f[at + SLOT.calls]!),
      isNew: f[at + SLOT.learnt]! < 0.5,
    }));
  const block = isAtHome(family) ? blockAtHome(signature) : numberBlock(record.destination.number);
  const raised = f.subarray(AT.factors, AT.factors + FACTORS.length).reduce((sum, each) => sum + each, 0);
  return {
    level: reading.rose,
    score: reading.score,
    thresholds,
    family,
    windowHours: seconds / 3_600,
    since: u[AT.runSince + run]! * 1_000,
    calls: u[AT.runCalls + run]!,
    money: BigInt(signature.moneyOf(run)),
    places: isAtHome(family) ? [] : places,
    block,
    raised:
      unusual && raised > 0
        ? FACTORS.map((factor, index) => ({ factor, share: raised > 0 ? f[AT.factors + index]! / raised : 0 }))
            .filter(({ share }) => share >= 0.02)
            .toSorted((a, b) => b.share - a.share)
        : [],
    usual: { perDay: BigInt(Math.round(daily * 100)) * BigInt(Math.round(unit / 100)), days: Math.round(f[AT.days]!) },
    bars: barsOf(places, family, block, account),
  };
}

function barsOf(
  places: Deviation['places'],
  family: Family,
  block: Traffic | undefined,
  { homeCountry }: Account,
): Traffic[] {
  const bars = new Set<Traffic>();
  if (isAtHome(family)) return block === undefined ? [] : [block];
  for (const { kind, country } of places) {
    if (kind === 'country' && country !== homeCountry && country !== '001') bars.add(`country:${country}`);
    else if (kind !== 'roaming' && block !== undefined) bars.add(block);
  }
  return [...bars];
}

/** Where at least a quarter of the money went, of numbers at home. */
function blockAtHome(signature: Signature): Traffic | undefined {
  const digits = signature.d[AT.block / 2]!;
  const euros = signature.f[AT.blockEuros]!;
  return digits > 0 && euros >= 0.25 * signature.f[AT.evidence + 6]! ? `prefix:+${digits}` : undefined;
}

/** Whether it is about all usage, wherever it goes. */
export function isAtHome(family: Family): boolean {
  return family === 'all' || family === 'calls';
}
