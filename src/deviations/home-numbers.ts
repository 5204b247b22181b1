/**
 * Which numbers at home an account calls: what runs away by itself calls ever other ones, or one that nobody had called. A filter (B. Bloom
 * 1970) of what is known, and one of what was called this week, which is learnt at its end; a week teaches only so many numbers, and
 * what is known is forgotten in part where it gets too much. Pure.
 */
import { numberHash } from './destination-key.ts';
import { AT as WORD, HOME_WORDS, type Signature } from './signature.ts';

/** A name of this file's own: see `observe.ts`. */
const AT = WORD;

const WEEK = AT.home + HOME_WORDS;
const WEEK_S = 7 * 86_400;
const LEARNT_A_WEEK = 40;
/** A call to a number that was called in a week before counts so much as one to another. */
const KNOWN_CALL = 0.2;
/** One to the number that was called last counts so much, until that goes on for longer than a busy line is tried: a machine is stuck. */
const CALL_AGAIN = 0.3;
const TRIES_MOST = 20;
/** Who talks for so long is no machine that runs away: so much is left of what there was. */
const TALK_S = 120;
const AFTER_TALK = 0.5;
/** Bits of what is remembered beside the week: how many numbers it has taught, how often the last one was called in a row, which it was. */
const TAUGHT = 0x3f;
const ROW_AT = 6;
const ROW_MOST = 0x1f;
const LAST_AT = 11;
const LAST_MARKS = 0x1f;
/** Of the bits of what is known, so many may be set. */
const FULL = 0.4 * 32 * HOME_WORDS;

/** Whether a number at home was called in a week before this one, as far as is remembered. */
export function isKnownAtHome({ u }: Signature, number: string): boolean {
  return isIn(u, AT.home, numberHash(number));
}

/** What a call to the number counts among calls at home, before {@link triedShare}. */
export function knownShare(signature: Signature, number: string): number {
  return isKnownAtHome(signature, number) ? KNOWN_CALL : 1;
}

/** What is left of that where the number was the last one that was called at home as well, and is nobody's acquaintance. */
export function triedShare(signature: Signature, number: string): number {
  const remembered = signature.u[AT.homeLearnt]!;
  const row = (remembered >>> ROW_AT) & ROW_MOST;
  const isTried = row > 0 && row <= TRIES_MOST && lastOf(remembered) === markOf(number);
  return isTried && !isKnownAtHome(signature, number) ? CALL_AGAIN : 1;
}

/** The share of the evidence before it that a call at home leaves. */
export function afterCall(seconds: number): number {
  return seconds >= TALK_S ? AFTER_TALK : 1;
}

export function rememberAtHome({ u }: Signature, number: string, start: number): void {
  const week = Math.floor(start / WEEK_S) & 0xffff;
  const weeks = (week - (u[AT.homeLearnt]! >>> 16) + 0x10000) & 0xffff;
  // What comes late is remembered with what was called this week.
  if (weeks > 0 && weeks < 0x8000) {
    learnWeek(u, week);
    u[AT.homeLearnt] = ((week << 16) | (u[AT.homeLearnt]! & 0xffff & ~TAUGHT)) >>> 0;
  }
  rememberLast(u, number);
  const hash = numberHash(number);
  if ((u[AT.homeLearnt]! & TAUGHT) >= LEARNT_A_WEEK || isIn(u, WEEK, hash)) return;
  u[AT.homeLearnt] = u[AT.homeLearnt]! + 1;
  for (const bit of [hash, hash >>> 16]) {
    const at = WEEK + ((bit >>> 5) % HOME_WORDS);
    u[at] = u[at]! | (1 << (bit & 31));
  }
}

function rememberLast(u: Uint32Array, number: string): void {
  const remembered = u[AT.homeLearnt]!;
  const mark = markOf(number);
  const row = (remembered >>> ROW_AT) & ROW_MOST;
  const times = lastOf(remembered) === mark ? Math.min(ROW_MOST, row + 1) : 1;
  const rest = remembered & ~((ROW_MOST << ROW_AT) | (LAST_MARKS << LAST_AT));
  u[AT.homeLearnt] = (rest | (times << ROW_AT) | (mark << LAST_AT)) >>> 0;
}

/** Of the last number five bits: of others one in thirty-two is taken for it. */
function markOf(number: string): number {
  return (numberHash(number) >>> 11) & LAST_MARKS;
}

function lastOf(remembered: number): number {
  return (remembered >>> LAST_AT) & LAST_MARKS;
}

function learnWeek(u: Uint32Array, week: number): void {
  let bits = 0;
  for (let each = 0; each < HOME_WORDS; each++) bits += bitsIn(u[AT.home + each]!);
  for (let each = 0; each < HOME_WORDS; each++) {
    // One bit in eight, other ones each time: a number that goes on being called is taught anew.
    const kept = bits > FULL ? ~(0x01010101 << ((week + each) % 8)) : -1;
    u[AT.home + each] = (u[AT.home + each]! & kept) | u[WEEK + each]!;
  }
  u.fill(0, WEEK, WEEK + HOME_WORDS);
}

function isIn(u: Uint32Array, at: number, hash: number): boolean {
  const second = hash >>> 16;
  const one = u[at + ((hash >>> 5) % HOME_WORDS)]! >>> (hash & 31);
  const other = u[at + ((second >>> 5) % HOME_WORDS)]! >>> (second & 31);
  return (one & other & 1) !== 0;
}

/** How many bits of a word are set. */
export function bitsIn(word: number): number {
  let left = word;
  let count = 0;
  for (; left !== 0; count++) left &= left - 1;
  return count;
}
