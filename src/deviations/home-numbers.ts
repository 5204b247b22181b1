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
/** Of the bits of what is known, so many may be set. */
const FULL = 0.6 * 32 * HOME_WORDS;

/** Whether a number at home was called in a week before this one, as far as is remembered. */
export function isKnownAtHome({ u }: Signature, number: string): boolean {
  return isIn(u, AT.home, numberHash(number));
}

export function rememberAtHome({ u }: Signature, number: string, start: number): void {
  const week = Math.floor(start / WEEK_S) & 0xffff;
  const weeks = (week - (u[AT.homeLearnt]! >>> 16) + 0x10000) & 0xffff;
  // What comes late is remembered with what was called this week.
  if (weeks > 0 && weeks < 0x8000) {
    learnWeek(u, week);
    u[AT.homeLearnt] = (week << 16) >>> 0;
  }
  const hash = numberHash(number);
  if ((u[AT.homeLearnt]! & 0xffff) >= LEARNT_A_WEEK || isIn(u, WEEK, hash)) return;
  u[AT.homeLearnt] = u[AT.homeLearnt]! + 1;
  for (const bit of [hash, hash >>> 16]) {
    const at = WEEK + ((bit >>> 5) % HOME_WORDS);
    u[at] = u[at]! | (1 << (bit & 31));
  }
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
