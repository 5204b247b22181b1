/**
 * What is remembered of one account: its signature. It is its own bytes, so what is stored and what is computed with are the same
 * to the bit, whenever it is put away and taken up again. Times are whole seconds since 1970, money is micros of the account's currency.
 */
import { assert } from '../kernel/assert.ts';

const VERSION = 8;

export const SCALES = 10;
export const SLOTS = 10;
export const SLOT_WORDS = 8;
export const NUMBERS = 17;
export const ORIGINS = 4;
export const BLOCKS = 5;
export const HOME_WORDS = 8;
export const FACTORS = ['new', 'rare', 'risk', 'hour', 'rate', 'overlap', 'origin', 'hot', 'block'] as const;
/** What can raise the weight of a call. */
export type Factor = (typeof FACTORS)[number];

/** Number blocks at home that are followed. */
export const RANGES = 3;
/** Runs of what is unusual, each with its own beginning: weighed usage, all that goes abroad or comes from there, everything. */
export const RUNS = 3;

let next = 0;
const words = (count = 1): number => (next += count) - count;

/** Where what stands, in words of four bytes; what needs eight begins at an even word. */
export const AT = {
  version: words(),
  /** when the first record started */
  first: words(),
  /** the latest start that was seen: up to here evidence has faded */
  now: words(),
  /** the (UTC) day of the youngest of the three days that wait to be learnt */
  day: words(),
  /** money of what is unusual, in micros (eight bytes each): weighed usage, all abroad, everything */
  runMoney: words(2 * RUNS),
  /** number blocks at home that money goes to (eight bytes each): digits as a whole number */
  ranges: words(2 * RANGES),
  /** euros that went to them: to numbers that were not called in weeks before, and to others, while they are followed */
  rangeUnknown: words(RANGES),
  rangeKnown: words(RANGES),
  runSince: words(RUNS),
  runCalls: words(RUNS),
  /** 0 none, 1 warned, 2 held, 3 suspended, 4 held with nothing to bar */
  level: words(),
  /** when the score was last at the level of a warning */
  loudAt: words(),
  /** when it was last so high that learning takes its time */
  heardAt: words(),
  /** end of the latest call to an unfamiliar destination */
  lastEnd: words(),
  /** the number (its hash) that was weighed last */
  lastNumber: words(),

  /** days behind what was learnt, as they count after forgetting */
  days: words(),
  learntInternational: words(),
  learntAll: words(),
  learntCalls: words(),
  /** the highest that each scale has been, learnt late and forgotten slowly */
  peaks: words(SCALES),
  hours: words(6),

  waitingInternational: words(3),
  waitingAll: words(3),
  waitingCalls: words(3),
  waitingPeaks: words(3 * SCALES),

  evidence: words(SCALES),
  /** calls to unfamiliar destinations within some two hours */
  burst: words(),
  factors: words(FACTORS.length),
  /** a journey, as far as it has not faded: records, how dear they were, days, and when the latest record started */
  awayRecords: words(),
  awayDear: words(),
  awayDays: words(),
  awayLast: words(),
  /** the highest statistic of each scale since `maximaSince`: what calibration reads */
  maximaSince: words(),
  maxima: words(SCALES),

  origins: words(ORIGINS),
  numbers: words(NUMBERS),
  /** number blocks that were called of late: which and since when; which of their numbers and until when */
  blocks: words(2 * BLOCKS),
  /** numbers at home: those that are known, and this week's */
  home: words(2 * HOME_WORDS),
  /** which week it is, and how many numbers it has taught */
  homeLearnt: words(),
  slots: words(SLOTS * SLOT_WORDS),
} as const;

/** Within a slot, which is a destination country (or what stands for one: see `destination-key.ts`). */
export const SLOT = { keyAndCalls: 0, first: 1, last: 2, learnt: 3, waiting: 4, weight: 7 } as const;

/** Bits of a destination's key; those above count the calls of its run, up to some 500,000. */
const KEY_BITS = 13;
const KEYS = 2 ** KEY_BITS;
const CALLS_MOST = 2 ** (32 - KEY_BITS) - 1;

/** The destination of the slot at `at`; 0 where it is empty. */
export function keyAt({ u }: Signature, at: number): number {
  return u[at + SLOT.keyAndCalls]! & (KEYS - 1);
}

/** Calls of the run to the destination of the slot at `at`. */
export function callsAt({ u }: Signature, at: number): number {
  return u[at + SLOT.keyAndCalls]! >>> KEY_BITS;
}

export function addCalls(signature: Signature, at: number, more: number): void {
  const calls = Math.min(CALLS_MOST, Math.max(0, callsAt(signature, at) + more));
  signature.u[at + SLOT.keyAndCalls] = calls * KEYS + keyAt(signature, at);
}

/** The run of the slot at `at` is over: neither its calls nor their weight is told any more. */
export function endRunAt(signature: Signature, at: number): void {
  signature.u[at + SLOT.keyAndCalls] = keyAt(signature, at);
  signature.f[at + SLOT.weight] = 0;
}

const WORDS = next + (next % 2);
export const SIGNATURE_BYTES_MAX = WORDS * 4;

/** So many signatures share a piece of memory: a turn makes thousands, and each piece is the collector's to follow. */
const SLAB_SIGNATURES = 64;
let slab = new ArrayBuffer(0);
let slabUsed = 0;

/** A bit a word, set where the word is not 0; then those words. */
const BITMAP_WORDS = Math.ceil(WORDS / 32);
/** Set in the first word of what is stored so. */
const SPARSE = 0x8000_0000;

export class Signature {
  /** counts and times */
  readonly u: Uint32Array;
  /** everything that is measured */
  readonly f: Float32Array;
  /** whole numbers that need eight bytes, by the word at which they begin, halved */
  readonly d: Float64Array;

  constructor() {
    if (slabUsed + SIGNATURE_BYTES_MAX > slab.byteLength) {
      slab = new ArrayBuffer(SLAB_SIGNATURES * SIGNATURE_BYTES_MAX);
      slabUsed = 0;
    }
    this.u = new Uint32Array(slab, slabUsed, WORDS);
    this.f = new Float32Array(slab, slabUsed, WORDS);
    this.d = new Float64Array(slab, slabUsed, WORDS / 2);
    slabUsed += SIGNATURE_BYTES_MAX;
    this.u[AT.version] = VERSION;
  }

  /** Micros of a run, a whole number. */
  moneyOf(run: number): number {
    return this.d[AT.runMoney / 2 + run]!;
  }

  /**
   * At most {@link SIGNATURE_BYTES_MAX} bytes: the words that are not 0, and which they are; all of them where that is not less. Bytes are
   * in the machine's order (little-endian).
   */
  encode(): Uint8Array {
    const stored = new Uint32Array(WORDS);
    return new Uint8Array(stored.buffer, 0, 4 * this.encodeInto(stored));
  }

  /** The same, from the beginning of `stored`, which has room for any signature; answers how many words that took. */
  encodeInto(stored: Uint32Array): number {
    const { u } = this;
    stored.fill(0, 0, 1 + BITMAP_WORDS);
    let end = 1 + BITMAP_WORDS;
    for (let at = 1; at < WORDS; at++) {
      const word = u[at]!;
      if (word === 0) continue;
      if (end === WORDS) {
        stored.set(u);
        return WORDS;
      }
      stored[1 + (at >>> 5)]! |= 1 << (at & 31);
      stored[end++] = word;
    }
    stored[0] = (VERSION | SPARSE) >>> 0;
    return end;
  }

  /** Throws where the bytes are none of a signature of this version: it is then rebuilt from the ledger. */
  static decode(bytes: Uint8Array): Signature {
    assert(bytes.length >= 4 && bytes.length <= SIGNATURE_BYTES_MAX && bytes.length % 4 === 0, 'no signature');
    const stored = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    const words = new Uint32Array(stored.buffer, stored.byteOffset, stored.length / 4);
    const version = (words[0]! & ~SPARSE) >>> 0;
    assert(version === VERSION, `a signature of version ${version}, not ${VERSION}`);
    const signature = new Signature();
    if (version === words[0]) {
      signature.u.set(words);
      return signature;
    }
    let from = 1 + BITMAP_WORDS;
    for (let each = 0; each < BITMAP_WORDS; each++) {
      for (let left = words[1 + each]!; left !== 0; left &= left - 1) {
        signature.u[32 * each + 31 - Math.clz32(left & -left)] = words[from++]!;
      }
    }
    assert(from === words.length, 'a signature that was cut off');
    return signature;
  }
}
