/**
 * Numbers that are rented out for fraud come in blocks of some thousand, next to each other: many within ten thousand numbers, none of them
 * called before, within days. A partner has few numbers, and is called again. Pure.
 */
import { blockDigits, numberHash } from './destination-key.ts';
import { bitsIn } from './home-numbers.ts';
import { AT as WORD, BLOCKS, type Signature } from './signature.ts';

/** A name of this file's own: see `observe.ts`. */
const AT = WORD;

/** Times are kept in steps of six hours, in ten bits: they come round after 256 days. */
const STEP_S = 6 * 3_600;
const STEPS = 1_024;
/** Bits that a sketch has: a number sets one of them. */
const SKETCH_BITS = 22;
/** Of a block that was silent for so long it is not known any more which numbers were called. */
const SKETCH_STEPS = 16;
/** From then on a block is as well known as it gets. */
const KNOWN_STEPS = 84;
const POWER = 0.8;
const FACTOR_MAX = 2;

/** By how many bits of a sketch are set, so many numbers are likely behind it (linear counting: Whang et al. 1990). */
const DISTINCT = Array.from({ length: SKETCH_BITS + 1 }, (_, bits) =>
  bits === SKETCH_BITS ? 3 * SKETCH_BITS : -SKETCH_BITS * Math.log(1 - bits / SKETCH_BITS),
);

/** Log-weight of numbers beyond the first of each young block, of those called of late. */
const FACTORS_BY_MORE = Array.from({ length: 64 }, (_, more) => Math.min(FACTOR_MAX, POWER * Math.log1p(more)));

/** Log-weight of a call to `number` by how many other numbers of young blocks were called within days, where its own block is young. */
export function blockFactor({ u }: Signature, number: string, start: number): number {
  const block = blockDigits(number);
  if (block === 0) return 0;
  const now = stepOf(start);
  const name = nameOf(block);
  let more = 0;
  let isOwn = false;
  for (let at = AT.blocks; at < AT.blocks + 2 * BLOCKS; at += 2) {
    const head = u[at]!;
    if (head === 0) continue;
    const age = since(head, now);
    const own = head >>> 10 === name;
    if (own && age >= KNOWN_STEPS) return 0;
    const bits = u[at + 1]! >>> 10;
    if (age >= KNOWN_STEPS || since(u[at + 1]!, now) > SKETCH_STEPS) continue;
    const set = own ? bits | bitOf(number) : bits;
    more += Math.max(0, DISTINCT[bitsIn(set)]! - 1);
    if (own) isOwn = true;
  }
  return isOwn ? FACTORS_BY_MORE[Math.min(63, Math.round(more))]! : 0;
}

/** Remembers that a number was called; the block that was silent for longest makes place for a new one. */
export function rememberBlock({ u }: Signature, number: string, start: number): void {
  const block = blockDigits(number);
  if (block === 0) return;
  const now = stepOf(start);
  const name = nameOf(block);
  let place = AT.blocks;
  let silent = -1;
  for (let at = AT.blocks; at < AT.blocks + 2 * BLOCKS; at += 2) {
    const head = u[at]!;
    if (head !== 0 && head >>> 10 === name) {
      const age = since(u[at + 1]!, now);
      const bits = age > SKETCH_STEPS ? 0 : u[at + 1]! >>> 10;
      u[at + 1] = (((bits | bitOf(number)) << 10) | now) >>> 0;
      return;
    }
    const age = head === 0 ? STEPS : since(u[at + 1]!, now);
    if (age > silent) {
      silent = age;
      place = at;
    }
  }
  u[place] = ((name << 10) | now) >>> 0;
  u[place + 1] = ((bitOf(number) << 10) | now) >>> 0;
}

/** Every block that was called is an acquaintance from now on. */
export function knowBlocks({ u }: Signature, now: number): void {
  const first = (stepOf(now) - KNOWN_STEPS + STEPS) % STEPS;
  for (let at = AT.blocks; at < AT.blocks + 2 * BLOCKS; at += 2) {
    if (u[at] !== 0) u[at] = (((u[at]! >>> 10) << 10) | first) >>> 0;
  }
}

/** 22 bits of which ten thousand numbers the block belongs to; never 0. */
function nameOf(block: number): number {
  return (Math.imul(Math.floor(block / 10) % 4_294_967_291, 2_654_435_761) >>> 10) | 1;
}

function bitOf(number: string): number {
  return 1 << (numberHash(number) % SKETCH_BITS);
}

function stepOf(start: number): number {
  return Math.floor(start / STEP_S) % STEPS;
}

/** Steps since the time in the low ten bits; what comes late is not older than now. */
function since(word: number, now: number): number {
  const steps = (now - (word & (STEPS - 1)) + STEPS) % STEPS;
  return steps > STEPS - 64 ? 0 : steps;
}
