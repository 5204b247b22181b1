/**
 * How unusual one record is for its account: log-factors that add up, so that each can be told (after Becker, Volinsky, Wilks 2010:
 * models that people understand). Pure.
 */
import type { Account } from '../accounts/account.ts';
import type { Destination } from '../destinations/classify.ts';
import { TRAFFIC_BIT } from '../destinations/traffic.ts';
import type { Version } from '../ledger/version.ts';
import { countryKey, isAway, numberHash } from './destination-key.ts';
import { blockFactor } from './number-blocks.ts';
import type { Model, SegmentModel } from './model.ts';
import { EVEN_SHARES, WEEK_PARTS } from './norms.ts';
import { AT as WORD, FACTORS, keyAt, NUMBERS, ORIGINS, SLOT, SLOTS, SLOT_WORDS, type Signature } from './signature.ts';
import { KNOWN_AFTER_DAYS } from './learning.ts';

/** A name of this file's own: see `observe.ts`. */
const AT = WORD;

export const DAY_S = 86_400;
/** What is younger may be an attacker's doing. */
const LEARNT_AFTER_DAYS = 3;

/** The word at which the slot of a destination begins; −1 where the account has none. */
export function slotOf(signature: Signature, key: number): number {
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS)
    if (keyAt(signature, at) === key) return at;
  return -1;
}

/** The log-factors of the latest record that was weighed, in the order of `FACTORS`; one array for all, since one is made a record. */
export const factors = new Float64Array(FACTORS.length);

const HOUR_WEIGHT = 20;
/** Each premium number is a service of its own: what was learnt of others counts so much. */
const OTHER_PREMIUM = 0.3;
/** A number that was called days ago, by somebody who need be no attacker. */
const KNOWN_NUMBER = -1.9;
/** One that was called before, if only just now: who has an acquaintance talks to one, who is paid by the call has many numbers called. */
const SAME_NUMBER = -1.2;

/** The sum of the log-factors of a record to destination `key` in a part of the week that has this {@link hourShare}; leaves the single ones in {@link factors}. */
export function weigh(
  signature: Signature,
  version: Version,
  account: Account,
  key: number,
  part: number,
  share: number,
  euros: number,
  calls: number,
  model: Model,
  segment: SegmentModel,
): number {
  const { u, f } = signature;
  const start = Math.floor(version.startedAt / 1_000);
  const { destination } = version;
  const roaming = version.originCountry !== '' && version.originCountry !== account.homeCountry;

  // Of an account that is new itself everything is new; one that calls everywhere is not unusual in one country more.
  const slot = slotOf(signature, key);
  const knownFor = slot < 0 ? 0 : (start - u[slot + SLOT.first]!) / DAY_S;
  const isPremium = (destination.traffic & TRAFFIC_BIT.premium) !== 0;
  const word = numberWord(signature, destination.number);
  const numberIsKnown = word !== 0 && age(word & 255, start, 256) >= LEARNT_AFTER_DAYS;
  let learnt = slot < 0 ? 0 : f[slot + SLOT.learnt]! * between(0, knownFor / KNOWN_AFTER_DAYS, 1);
  if (isPremium && !numberIsKnown) learnt *= OTHER_PREMIUM;
  let known = 0;
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS) if (f[at + SLOT.learnt]! > 0.5) known++;
  const days = f[AT.days]!;
  factors[0] = Math.log((days + 4) / (days + 24)) - Math.log1p(1.5 * learnt) - Math.log1p(known / 6);

  factors[1] = learnt > 1 ? Math.min(0, segment.rare(key)) : segment.rare(key);

  let risk = 0;
  if ((destination.traffic & (TRAFFIC_BIT['high-risk'] | TRAFFIC_BIT.satellite)) !== 0) risk += 0.5;
  if (isPremium) risk += 0.4;
  if (version.durationSeconds > 0) {
    const perMinute = Math.max(0, euros) / Math.max(0.5, version.durationSeconds / 60);
    risk += between(-0.5, 0.5 * Math.log((perMinute + 0.01) / 0.2), 0.9);
  }
  factors[2] = risk;

  factors[3] = between(-0.3, -0.6 * Math.log(share / EVEN_SHARES[part]!), 0.9);

  const burst = f[AT.burst]!;
  factors[4] = Math.min(2.3, Math.log1p(burst / (isPremium ? 0.6 : 1.5)));
  factors[5] = burst > 0.2 && start + 30 < u[AT.lastEnd]! ? 0.5 : 0;

  factors[6] = roaming && !isKnownOrigin(signature, version.originCountry, start) ? 0.7 : 0;

  factors[7] = destination.number !== '' && model.isHot(destination.number) ? 2 : 0;

  // What a traveller calls here and at home lies close together.
  factors[8] = isAway(key) ? 0 : blockFactor(signature, destination.number, start);

  let sum = 0;
  for (let each = 0; each < FACTORS.length; each++) sum += factors[each]!;
  if (numberIsKnown) sum += KNOWN_NUMBER;
  // A call that grows, or is taken out, has been remembered itself.
  else if (!isPremium && (calls > 0 ? word !== 0 : (word & CALLED_AGAIN) !== 0)) sum += SAME_NUMBER;
  return sum;
}

/** Bounds of how much likelier, of which the root counts: calls come one after another, so their hours say less than each by itself. */
const HOUR_LEAST = 0.3;
const HOUR_MOST = 6;

/** How many times likelier the hour is of a machine, which knows none, than of an account that has this {@link hourShare}. */
export function unusualHour(share: number, part: number): number {
  return Math.sqrt(between(HOUR_LEAST, EVEN_SHARES[part]! / share, HOUR_MOST));
}

/** The share of this account's usage in a part of the week, as far as it is known; else its segment's. */
export function hourShare(f: Float32Array, segment: SegmentModel, part: number): number {
  let calls = 0;
  for (let each = 0; each < WEEK_PARTS; each++) calls += f[AT.hours + each]!;
  return (f[AT.hours + part]! + HOUR_WEIGHT * segment.hourShares[part]!) / (calls + HOUR_WEIGHT);
}

function between(low: number, value: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** In a number's word: it was called more than once. */
const CALLED_AGAIN = 256;

/** What is remembered of a number: 23 bits of its hash, {@link CALLED_AGAIN}, and 8 bits of the day on which it was first called; 0 for nothing. */
function numberWord({ u }: Signature, number: string): number {
  if (number === '') return 0;
  const hash = numberHash(number);
  const word = u[AT.numbers + (hash % NUMBERS)]!;
  return word >>> 9 === hash >>> 9 ? word : 0;
}

/**
 * Whether the number is the one that was weighed last: who redials has mostly reached nobody, and that is no series of calls. Each call to
 * a premium number is charged for itself.
 */
export function isRedialled({ u }: Signature, { number, traffic }: Destination): boolean {
  return number !== '' && (traffic & TRAFFIC_BIT.premium) === 0 && u[AT.lastNumber] === numberHash(number);
}

/** Remembers the number that was weighed last. */
export function rememberLast({ u }: Signature, number: string): void {
  u[AT.lastNumber] = numberHash(number);
}

/** Remembers a number that was called; the place of one that was called before it is taken. */
export function rememberNumber({ u }: Signature, number: string, start: number): void {
  if (number === '') return;
  const hash = numberHash(number);
  const at = AT.numbers + (hash % NUMBERS);
  if (u[at] !== 0 && u[at]! >>> 9 === hash >>> 9) u[at] = u[at]! | CALLED_AGAIN;
  else u[at] = (((hash >>> 9) << 9) | dayOf(start, 256)) >>> 0;
}

function isKnownOrigin({ u }: Signature, country: string, start: number): boolean {
  const key = countryKey(country);
  for (let at = AT.origins; at < AT.origins + ORIGINS; at++) {
    if (u[at]! >>> 16 === key) return age(u[at]! & 0xffff, start, 0x10000) >= LEARNT_AFTER_DAYS;
  }
  return false;
}

/** Remembers where usage came from; the youngest goes where there is no place left. */
export function rememberOrigin({ u }: Signature, country: string, start: number): void {
  const key = countryKey(country);
  let place = AT.origins;
  for (let at = AT.origins; at < AT.origins + ORIGINS; at++) {
    if (u[at]! >>> 16 === key) return;
    if (u[at] === 0 || age(u[at]! & 0xffff, start, 0x10000) < age(u[place]! & 0xffff, start, 0x10000)) place = at;
    if (u[at] === 0) break;
  }
  u[place] = ((key << 16) | dayOf(start, 0x10000)) >>> 0;
}

function dayOf(start: number, modulus: number): number {
  return Math.floor(start / DAY_S) % modulus;
}

function age(day: number, start: number, modulus: number): number {
  return (dayOf(start, modulus) - day + modulus) % modulus;
}
