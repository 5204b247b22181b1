/** Whether two signatures remember the same usage: the live one, and one that was made anew from the ledger. Pure. */
import type { Instant } from '../kernel/clock.ts';
import { resetMaxima } from './calibration.ts';
import { AT, FACTORS, NUMBERS, ORIGINS, RUNS, SCALES, SLOT, SLOTS, SLOT_WORDS, type Signature } from './signature.ts';

/** What was done about it and by which calibration is no memory of usage: a rebuild takes it over. */
const TAKEN_OVER: readonly [from: number, words: number][] = [
  [AT.level, 1],
  [AT.loudAt, 1],
  [AT.maximaSince, 1],
  [AT.maxima, SCALES],
];

const WHOLE = new Set<number>([
  AT.version,
  AT.first,
  AT.now,
  AT.day,
  ...span(AT.runSince, RUNS),
  ...span(AT.runCalls, RUNS),
  AT.lastEnd,
  AT.lastNumber,
  AT.awayLast,
  ...span(AT.origins, ORIGINS),
  ...span(AT.numbers, NUMBERS),
  ...span(AT.slots, SLOTS * SLOT_WORDS).filter((at) =>
    [SLOT.keyAndCalls, SLOT.first, SLOT.last].includes(((at - AT.slots) % SLOT_WORDS) as 0),
  ),
]);

/** Words that are measured: all that follows from sums, which a correction may have rounded otherwise. */
const MEASURED: readonly number[] = [
  ...span(AT.days, AT.maximaSince - AT.days),
  ...span(AT.slots, SLOTS * SLOT_WORDS),
].filter((at) => !WHOLE.has(at) && !span(AT.factors, FACTORS.length).includes(at));

const RELATIVE = 1e-3;
const ABSOLUTE = 0.02;

/** Whether they are the same to the last bit, or there are none. */
export function isSame(a: Signature | undefined, b: Signature | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.u.every((word, at) => word === b.u[at]);
}

export function isSameMemory(a: Signature, b: Signature): boolean {
  for (const at of WHOLE) if (a.u[at] !== b.u[at]) return false;
  for (const at of MEASURED) {
    const [x, y] = [a.f[at]!, b.f[at]!];
    if (Math.abs(x - y) > ABSOLUTE + RELATIVE * Math.max(Math.abs(x), Math.abs(y))) return false;
  }
  return true;
}

/** Gives a signature that was made anew what had been done about the one before. */
export function takeOver(made: Signature, before: Signature): void {
  for (const [from, words] of TAKEN_OVER) made.u.set(before.u.subarray(from, from + words), from);
}

/** A person has settled what was done: the account may act anew. How high it got by then tells of harmless accounts, if it is one. */
export function settled(signature: Signature, isHarmless: boolean, at: Instant): void {
  for (const word of [AT.level, AT.loudAt]) signature.u[word] = 0;
  if (!isHarmless) resetMaxima(signature, Math.floor(at / 1_000));
}

function span(from: number, words: number): number[] {
  return Array.from({ length: words }, (_, index) => from + index);
}
