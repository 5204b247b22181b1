/**
 * The engine: one movement of what holds against one account's signature. Evidence is unusual money: what a record is worth times how
 * unusual it is, added up and fading at several scales, against what this account's own has reached before. Pure and deterministic:
 * the same movements in the same order give the same bytes, live and in a replay.
 */
import type { Account } from '../accounts/account.ts';
import { TRAFFIC_BIT } from '../destinations/traffic.ts';
import type { Movement, Version } from '../ledger/version.ts';
import { NOTHING_UNUSUAL, type Thresholds } from './calibration.ts';
import { awayKey, destinationKey, isAway } from './destination-key.ts';
import { turnTo } from './learning.ts';
import { rise, type Level } from './levels.ts';
import { fadeRanges, followRange } from './home-ranges.ts';
import { afterCall, knownShare, rememberAtHome, triedShare } from './home-numbers.ts';
import type { Model, SegmentModel } from './model.ts';
import { callWeight, isAnswered, microsPerEuro, moneyOf, weekPart } from './norms.ts';
import { rememberBlock } from './number-blocks.ts';
import { ALL_4_DAYS, fadeBy, fades as left, SCALE } from './scales.ts';
import {
  addCalls,
  AT as WORD,
  endRunAt,
  FACTORS,
  keyAt,
  SCALES,
  SLOT,
  SLOTS,
  SLOT_WORDS,
  type Signature,
} from './signature.ts';
import { measure, statistics } from './statistics.ts';
import {
  DAY_S,
  factors,
  hourShare,
  isRedialled,
  rememberLast,
  rememberNumber,
  rememberOrigin,
  slotOf,
  unusualHour,
  weigh,
} from './weight.ts';
import { daysBetween, dearness, TRAVEL_DAYS, unlikeTravel } from './travel.ts';
import { hourOfWeek } from '../kernel/local-time.ts';

/** Names of this file's own: what is imported is looked up by each use, and there are hundreds a record. */
const AT = WORD;
const fades = left;

const ROAMING = SCALES - 1;
/** Of what one record costs, beyond so many euros the root counts: one dear call is not yet a series of calls. */
const DEAR_RECORD = 20;
/** Who redials repeats what was weighed: the logarithm of what that counts less, and the share in how often somebody calls. */
const REDIALLED = -0.5;
const REDIALLED_RATE = 0.2;

/**
 * Who abuses premium numbers does so within hours; help desks and votes are called honestly again and again over days. So
 * such a call counts more at the scales of hours, and less at the longest one, which everything else unusual shares with it.
 */
const PREMIUM_HOURS = 1.5;
const PREMIUM_DAYS = 0.4;

/** A run of unusual usage is over when its evidence at the longest scale is below this (euros' worth). */
const RUN_OVER = 0.5;
/** … or below this share of the account's own highest. */
const RUN_OVER_ALL = 0.5;
/** … or nothing unfamiliar was called for so long, in which evidence fades by e twice: what had been is no part of what comes. */
const RUN_SILENT_S = 12 * DAY_S;
/** What started so long before a run is no part of it: a file that was forgotten tells nothing of today. */
const RUN_REACHES_BACK_S = 3 * DAY_S;
/** What weighs less is usual, and not told as part of what is not. */
const TOLD_WEIGHT = 0.2;
/** Evidence that is as good as none. */
const NOTHING = 1e-6;
/** From this score on learning takes its time, once scores mean something. */
const HEARD_SCORE = 130;
/** What the engine says of a record. */
export interface Reading {
  /** in how many account-months the like is to be expected once, of a harmless account */
  score: number;
  /** the scale that says so: an index into {@link SCALE} */
  scale: number;
  /** what is to be done now, and was not before; `none` where nothing new is */
  rose: Level;
}

/**
 * Takes a movement of what holds into the signature. `thresholds` undefined: learns, but stays silent (a warm-up).
 *
 * A later version of a record replaces what its predecessor had added: a growing call counts once, with what it has come to.
 */
export function observe(
  signature: Signature,
  movement: Movement,
  account: Account,
  model: Model,
  thresholds: Thresholds | undefined,
): Reading {
  const segment = model.segment(account.segment);
  const { from, to } = movement;
  advance(signature, Math.floor(to.startedAt / 1_000), segment);
  const key = keyOf(to, account);
  // A growing call stays one call; what moved elsewhere goes there as a whole.
  let calls = 1;
  if (from !== undefined) {
    const before = keyOf(from, account);
    if (before === key && from.startedAt === to.startedAt) calls = 0;
    add(signature, from, before, -1, -calls, -calls, account, model, segment);
  }
  // Where its feed tells of a call before anybody has answered it, it is one once somebody has.
  const begun = from !== undefined && !isAnswered(from) ? 1 : calls;
  add(signature, to, key, 1, calls, begun, account, model, segment);

  const { u, f } = signature;
  const unusual = measure(signature, segment);
  if (unusual && Math.floor(to.startedAt / 1_000) >= u[AT.maximaSince]!) {
    for (let scale = 0; scale < SCALES; scale++) {
      if (statistics[scale]! > f[AT.maxima + scale]!) f[AT.maxima + scale] = statistics[scale]!;
    }
  }
  const { score, scale } = unusual ? model.score(account.segment, f[AT.days]!, statistics) : NOTHING_UNUSUAL;
  if (score >= HEARD_SCORE && model.isCalibrated) u[AT.heardAt] = u[AT.now]!;
  return {
    score,
    scale,
    rose: thresholds === undefined ? 'none' : rise(signature, score, thresholds, SCALE[scale]!.family),
  };
}

/** Whether two versions of a record are the same to the engine: it takes no notice of a service, a tariff, or a cost below the price. */
export function isSameUsage(a: Version, b: Version): boolean {
  return (
    a.accountId === b.accountId &&
    a.startedAt === b.startedAt &&
    a.durationSeconds === b.durationSeconds &&
    a.kind === b.kind &&
    a.destination.number === b.destination.number &&
    a.originCountry === b.originCountry &&
    moneyOf(a) === moneyOf(b)
  );
}

function keyOf(version: Version, account: Account): number {
  return destinationKey(version.destination, version.originCountry, account.homeCountry);
}

/** Lets evidence fade up to `start`, and learns the days that have waited long enough. A clock that goes back changes nothing. */
function advance(signature: Signature, start: number, segment: SegmentModel): void {
  const { u, f } = signature;
  if (u[AT.first] === 0 || start < u[AT.first]!) u[AT.first] = start;
  const now = u[AT.now]!;
  if (start <= now) return;
  fadeBy(start - now);
  for (let scale = 0; scale < SCALES; scale++) f[AT.evidence + scale] = f[AT.evidence + scale]! * fades[scale]!;
  const journey = fades[ROAMING]!;
  f[AT.awayRecords] = f[AT.awayRecords]! * journey;
  f[AT.awayDear] = f[AT.awayDear]! * journey;
  f[AT.awayDays] = f[AT.awayDays]! * journey;
  f[AT.burst] = f[AT.burst]! * fades[0]!;
  fadeRanges(signature, fades[ALL_4_DAYS]!);
  // What destinations weigh is what unusual evidence is made of: where that is gone, there is nothing to fade.
  if (f[AT.evidence + 2]! > NOTHING) {
    for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS)
      f[at + SLOT.weight] = f[at + SLOT.weight]! * fades[2]!;
  }
  u[AT.now] = start;
  const day = Math.floor(start / DAY_S);
  if (day !== u[AT.day]) turnTo(signature, day, segment);
}

/**
 * Adds (`sign` 1) or takes out (−1) what a version to `key` is worth; `calls` is 0 where its record was counted before and still is, and
 * `begun` where that was counted before as well, once somebody had answered.
 */
function add(
  signature: Signature,
  version: Version,
  key: number,
  sign: 1 | -1,
  calls: number,
  begun: number,
  account: Account,
  model: Model,
  segment: SegmentModel,
): void {
  const { u, f } = signature;
  const micros = moneyOf(version);
  const price = micros / microsPerEuro(account.currency);
  const euros = sign * price;
  const start = Math.floor(version.startedAt / 1_000);
  const day = Math.floor(start / DAY_S);
  const waits = Math.min(2, Math.max(0, u[AT.day]! - day));
  const late = u[AT.now]! - start;
  fadeBy(Math.max(0, late));
  // Who is paid by the call answers: that nobody does endangers nothing.
  const answered = isAnswered(version) ? begun : 0;
  const isNational = (version.destination.traffic & (TRAFFIC_BIT.international | TRAFFIC_BIT.premium)) === 0;
  sum(f, AT.waitingAll + waits, euros);
  const part = weekPart(hourOfWeek(account.timeZone, version.startedAt));
  if (calls > 0) f[AT.hours + part] = f[AT.hours + part]! + 1;
  const money = sign * micros;
  if (calls > 0 && isOver(signature, 2, f[AT.evidence + 6]!, f[AT.peaks + 6]!)) beginRun(signature, 2, start);
  extendRun(signature, 2, start, money, calls);
  const believed = sign * (price > DEAR_RECORD ? Math.sqrt(DEAR_RECORD * price) : price);
  raise(f, 5, believed, waits);
  raise(f, 6, believed, waits);
  const share = hourShare(f, segment, part);
  if (key === 0) {
    followRange(signature, version.destination.number, believed * fades[ALL_4_DAYS]!);
    countAtHome(signature, version, calls, start, unusualHour(share, part), waits);
    return;
  }
  const away = awayKey(version.originCountry, account.homeCountry);
  // Who calls abroad all the time has a run that is never over: a journey is told from where it began.
  const setsOut = away !== 0 && start > u[AT.awayLast]! + TRAVEL_DAYS * DAY_S;
  const abroad = f[AT.evidence + 4]! + f[AT.awayRecords]!;
  if (calls > 0 && (setsOut || isOver(signature, 1, abroad, f[AT.peaks + 4]!))) beginRun(signature, 1, start);
  extendRun(signature, 1, start, money, calls);
  if (away !== 0) travel(signature, version, price, sign, calls, away, start, waits, segment);
  if (!isNational) {
    sum(f, AT.waitingInternational + waits, euros);
    raise(f, 3, believed, waits);
    raise(f, 4, believed, waits);
  }

  const redialled = calls > 0 && isRedialled(signature, version.destination);
  const log = weigh(signature, version, account, key, part, share, price, calls, model, segment);
  const weight = Math.exp(redialled ? log + REDIALLED : log);
  const value = (believed + answered * perCall(version, price)) * weight;
  // What travellers use is weighed among travellers' alone: everywhere it would look new, dear and from abroad.
  if (key !== away) {
    const isSilent = start - u[AT.lastEnd]! > RUN_SILENT_S;
    if (calls > 0 && (isSilent || isOver(signature, 0, f[AT.evidence + 2]!, f[AT.peaks + 2]!))) {
      beginRun(signature, 0, start);
    }
    const isPremium = (version.destination.traffic & TRAFFIC_BIT.premium) !== 0;
    raise(f, 0, isPremium ? value * PREMIUM_HOURS : value, waits);
    raise(f, 1, isPremium ? value * PREMIUM_HOURS : value, waits);
    raise(f, 2, isPremium ? value * PREMIUM_DAYS : value, waits);
    for (let each = 0; each < FACTORS.length; each++) {
      sum(f, AT.factors + each, value * Math.max(0, factors[each]!));
    }
    const rate = redialled ? REDIALLED_RATE * answered : answered;
    f[AT.burst] = Math.max(0, f[AT.burst]! + rate * fades[0]! * Math.min(1, weight));
    if (calls > 0) rememberLast(signature, version.destination.number);
    if (weight >= TOLD_WEIGHT) extendRun(signature, 0, start, money, calls);
    u[AT.lastEnd] = Math.max(u[AT.lastEnd]!, start + version.durationSeconds);
  }

  const slot = placeFor(signature, key, start);
  u[slot + SLOT.last] = Math.max(u[slot + SLOT.last]!, start);
  sum(f, slot + SLOT.waiting + waits, calls);
  if (isOfRun(signature, isAway(key) ? 1 : 0, start)) addCalls(signature, slot, calls);
  sum(f, slot + SLOT.weight, value);
  if (calls > 0) {
    rememberNumber(signature, version.destination.number, start);
    rememberBlock(signature, version.destination.number, start);
    if (version.originCountry !== '' && version.originCountry !== account.homeCountry) {
      rememberOrigin(signature, version.originCountry, start);
    }
  }
}

/** Adds what is used from abroad to the journey, and holds that against what travellers do. */
function travel(
  { u, f }: Signature,
  version: Version,
  price: number,
  sign: 1 | -1,
  calls: number,
  away: number,
  start: number,
  waits: number,
  segment: SegmentModel,
): void {
  if (start > u[AT.awayLast]!) {
    f[AT.awayDays] = f[AT.awayDays]! + daysBetween(start - u[AT.awayLast]!);
    u[AT.awayLast] = start;
  }
  const { travel } = segment;
  const journey = fades[ROAMING]!;
  sum(f, AT.awayRecords, calls * journey);
  const dear = sign * dearness(price, segment.worthAway(away, version.kind), travel.spread);
  f[AT.awayDear] = f[AT.awayDear]! + dear * journey;
  const at = AT.evidence + ROAMING;
  f[at] = unlikeTravel(f[AT.awayRecords]!, f[AT.awayDear]!, f[AT.awayDays]!, travel);
  const peak = AT.waitingPeaks + 3 * ROAMING + waits;
  if (f[at] > f[peak]!) f[peak] = f[at];
}

/** A call endangers more than it has cost so far: it adds what five more minutes would, within bounds. */
function perCall(version: Version, euros: number): number {
  if (version.kind === 'data') return 0;
  if (version.kind === 'sms') return 0.1;
  const perMinute = Math.max(0, euros) / Math.max(0.5, version.durationSeconds / 60);
  return 0.3 + Math.min(1.5, 5 * perMinute);
}

function sum(f: Float32Array, at: number, more: number): void {
  f[at] = Math.max(0, f[at]! + more);
}

function raise(f: Float32Array, scale: number, more: number, waits: number): void {
  const at = AT.evidence + scale;
  const evidence = Math.max(0, f[at]! + more * fades[scale]!);
  f[at] = evidence;
  const peak = AT.waitingPeaks + 3 * scale + waits;
  if (evidence > f[peak]!) f[peak] = evidence;
}

/** A run is over, or has not begun, where little is left of its evidence. */
function isOver({ u }: Signature, run: number, evidence: number, peak: number): boolean {
  return u[AT.runSince + run] === 0 || evidence < RUN_OVER_ALL * peak + RUN_OVER;
}

function beginRun(signature: Signature, run: number, start: number): void {
  const { u, f, d } = signature;
  d[AT.runMoney / 2 + run] = 0;
  u[AT.runSince + run] = start;
  u[AT.runCalls + run] = 0;
  if (run === 2) return;
  if (run === 0) f.fill(0, AT.factors, AT.factors + FACTORS.length);
  // What is used from abroad goes on where a call to a third country begins a run of its own.
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS)
    if (isAway(keyAt(signature, at)) === (run === 1)) endRunAt(signature, at);
}

function extendRun(signature: Signature, run: number, start: number, micros: number, calls: number): void {
  if (!isOfRun(signature, run, start)) return;
  const { u, d } = signature;
  d[AT.runMoney / 2 + run] = Math.max(0, d[AT.runMoney / 2 + run]! + micros);
  u[AT.runCalls + run] = Math.max(0, u[AT.runCalls + run]! + calls);
  if (calls > 0 && u[AT.runSince + run]! > start) u[AT.runSince + run] = start;
}

function isOfRun({ u }: Signature, run: number, start: number): boolean {
  return start >= u[AT.runSince + run]! - RUN_REACHES_BACK_S;
}

/** What runs away by itself calls at home; who calls one country often, as in a family's crisis, is weighed by the money alone. */
function countAtHome(
  signature: Signature,
  version: Version,
  calls: number,
  start: number,
  unusual: number,
  waits: number,
): void {
  const { f } = signature;
  const { number } = version.destination;
  const counted = calls * callWeight(version) * knownShare(signature, number);
  const tried = counted * triedShare(signature, number);
  if (calls > 0 && version.kind === 'voice') {
    rememberAtHome(signature, number, start);
    f[AT.evidence + 7] = f[AT.evidence + 7]! * afterCall(version.durationSeconds);
  }
  sum(f, AT.waitingCalls + waits, counted);
  raise(f, 7, tried * unusual, waits);
  raise(f, 8, counted * unusual, waits);
}

/** The slot of a destination; the one that is least missed is given up where there is none left. */
function placeFor(signature: Signature, key: number, start: number): number {
  const { u, f } = signature;
  const known = slotOf(signature, key);
  if (known >= 0) return known;
  let place = AT.slots;
  let least = Infinity;
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS) {
    if (keyAt(signature, at) === 0) {
      place = at;
      break;
    }
    const worth = f[at + SLOT.learnt]! + f[at + SLOT.weight]! - Math.max(0, start - u[at + SLOT.last]!) / DAY_S / 30;
    if (worth < least) {
      least = worth;
      place = at;
    }
  }
  u.fill(0, place, place + SLOT_WORDS);
  u[place + SLOT.keyAndCalls] = key;
  u[place + SLOT.first] = start;
  return place;
}
