/**
 * What becomes normal, and when: usage waits for two to three days before it is learnt, so that a person can still say what it was; what
 * was learnt fades with a half-life; and no one teaches an account more than a share a day. Pure.
 */
import { AT as WORD, callsAt, endRunAt, keyAt, SCALES, SLOT, SLOTS, SLOT_WORDS, type Signature } from './signature.ts';
import { knowBlocks } from './number-blocks.ts';
import type { SegmentModel } from './model.ts';

/** A name of this file's own: see `observe.ts`. */
const AT = WORD;

const HALF_LIFE_DAYS = 75;
/** Silence teaches that nothing is used for so long; a longer one is a closure, which teaches nothing. */
const SILENT_DAYS_MAX = 14;
/** So many days wait to be learnt. */
export const WAITING_DAYS = 3;
/** From then on a destination that is used is wholly known. */
export const KNOWN_AFTER_DAYS = 30;
/** By so much what is usual, and what was highest, may rise for each day that is learnt. */
const GROWTH = 0.06;
const GROWTH_EUROS = 1;
/** A new account learns faster: so many times after no day, and so many days until that is halved. */
const GROWTH_FRESH = 12;
const GROWTH_FRESH_DAYS = 6;
const MONEY_GROWTH = 3;
/** What is loud is learnt so much slower until somebody says what it was: an attack must not become normal by going on. */
const LOUD_SHARE = 0.15;
const LOUD_DAYS = 4;

/** Brings the waiting days forward to `day`, learning those that have waited. */
export function turnTo(signature: Signature, day: number, segment: SegmentModel): void {
  const { u, f } = signature;
  const gap = day - u[AT.day]!;
  if (u[AT.day] === 0 || gap <= 0) {
    if (u[AT.day] === 0) u[AT.day] = day;
    return;
  }
  const turns = Math.min(gap, WAITING_DAYS);
  const loud = u[AT.heardAt]! !== 0 && day * 86_400 - u[AT.heardAt]! < LOUD_DAYS * 86_400;
  for (let turn = 0; turn < turns; turn++) learnOldest(signature, segment, loud ? LOUD_SHARE : 1);
  const quiet = Math.min(gap, SILENT_DAYS_MAX);
  forget(f, quiet);
  f[AT.days] = f[AT.days]! + quiet;
  u[AT.day] = day;
}

function learnOldest(signature: Signature, segment: SegmentModel, share: number): void {
  const { f } = signature;
  const days = f[AT.days]!;
  const grows = share * (1 + GROWTH_FRESH / (1 + days / GROWTH_FRESH_DAYS));
  learnMoney(f, AT.learntInternational, AT.waitingInternational, segment.dayInternational, days, share);
  learnMoney(f, AT.learntAll, AT.waitingAll, segment.dayAll, days, share);
  f[AT.learntCalls] = f[AT.learntCalls]! + shift(f, AT.waitingCalls);
  for (let scale = 0; scale < SCALES; scale++) {
    const seen = shift(f, AT.waitingPeaks + 3 * scale);
    const peak = f[AT.peaks + scale]!;
    if (seen > peak) f[AT.peaks + scale] = Math.min(seen, peak + grows * (GROWTH * peak + GROWTH_EUROS));
  }
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS) {
    if (keyAt(signature, at) !== 0) f[at + SLOT.learnt] = f[at + SLOT.learnt]! + share * shift(f, at + SLOT.waiting);
  }
}

function learnMoney(
  f: Float32Array,
  learnt: number,
  waiting: number,
  usual: number,
  days: number,
  share: number,
): void {
  const daily = dailyOf(f[learnt]!, usual, days);
  const money = shift(f, waiting);
  f[learnt] = Math.max(0, f[learnt]! + Math.min(money, share * (MONEY_GROWTH * daily + GROWTH_EUROS)));
}

/** What three waiting days hold moves on by one; answers what leaves. */
function shift(f: Float32Array, at: number): number {
  const oldest = f[at + 2]!;
  f[at + 2] = f[at + 1]!;
  f[at + 1] = f[at]!;
  f[at] = 0;
  return oldest;
}

function forget(f: Float32Array, days: number): void {
  const kept = 2 ** (-days / HALF_LIFE_DAYS);
  f[AT.days] = f[AT.days]! * kept;
  f[AT.learntInternational] = f[AT.learntInternational]! * kept;
  f[AT.learntAll] = f[AT.learntAll]! * kept;
  f[AT.learntCalls] = f[AT.learntCalls]! * kept;
  for (let each = 0; each < SCALES; each++) f[AT.peaks + each] = f[AT.peaks + each]! * kept;
  for (let each = 0; each < 6; each++) f[AT.hours + each] = f[AT.hours + each]! * kept;
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS)
    f[at + SLOT.learnt] = f[at + SLOT.learnt]! * kept;
}

const PRIOR_DAYS = 10;

/** Usual spend a day, shrunk to the segment's: gamma-Poisson, as if the segment's had been seen for ten days. */
export function dailyOf(learnt: number, usual: number, days: number): number {
  return (learnt + PRIOR_DAYS * usual) / (PRIOR_DAYS + days);
}

/** A person said that it was the customer: what waits is learnt at once, and the evidence is gone. */
export function takeIn(signature: Signature, segment: SegmentModel): void {
  for (let turn = 0; turn < WAITING_DAYS; turn++) learnOldest(signature, segment, 1);
  for (let scale = 0; scale < SCALES; scale++) {
    signature.f[AT.peaks + scale] = Math.max(signature.f[AT.peaks + scale]!, signature.f[AT.evidence + scale]!);
  }
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS) {
    if (callsAt(signature, at) > 0) {
      signature.u[at + SLOT.first] = Math.min(
        signature.u[at + SLOT.first]!,
        signature.u[AT.now]! - KNOWN_AFTER_DAYS * 86_400,
      );
      signature.f[at + SLOT.learnt] = Math.max(signature.f[at + SLOT.learnt]!, 5);
    }
  }
  knowBlocks(signature, signature.u[AT.now]!);
  calm(signature);
}

/** A person said that it was fraud: nothing that waits is learnt, and the evidence is gone with it. */
export function drop(signature: Signature): void {
  const { u, f } = signature;
  f.fill(0, AT.waitingInternational, AT.evidence);
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS) {
    f.fill(0, at + SLOT.waiting, at + SLOT.waiting + 3);
    if (!(f[at + SLOT.learnt]! > 0)) u.fill(0, at, at + SLOT_WORDS);
  }
  calm(signature);
}

function calm(signature: Signature): void {
  const { u, f } = signature;
  f.fill(0, AT.evidence, AT.maximaSince);
  u.fill(0, AT.runMoney, AT.lastEnd);
  for (let at = AT.slots; at < AT.slots + SLOTS * SLOT_WORDS; at += SLOT_WORDS) endRunAt(signature, at);
}
