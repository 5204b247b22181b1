/**
 * The number blocks at home that money goes to which an account had not called in weeks before: what a dialler rings are a few of them, and
 * a hold at home bars those. Three counters find each that has more than a quarter of the money to numbers that are unknown, and count none
 * too high (J. Misra, D. Gries, "Finding repeated elements", Science of Computer Programming 2, 1982). Pure.
 */
import type { Traffic } from '../destinations/traffic.ts';
import { blockDigits } from './destination-key.ts';
import { isKnownAtHome } from './home-numbers.ts';
import { ALL_4_DAYS } from './scales.ts';
import { AT as WORD, RANGES, type Signature } from './signature.ts';

/** A name of this file's own: see `observe.ts`. */
const AT = WORD;

/** Ranges are barred that together have more than this share of all that was spent lately, */
const SHARE_TOGETHER = 0.5;
/** … and each no less of it than as many as are followed would have on average. */
const SHARE_MIN = SHARE_TOGETHER / RANGES;

/** Takes in what a call at home is worth (euros; negative to take it out again). */
export function followRange(signature: Signature, number: string, euros: number): void {
  const block = blockDigits(number);
  if (block === 0) return;
  const { d, f } = signature;
  const isKnown = isKnownAtHome(signature, number);
  let least = 0;
  for (let range = 0; range < RANGES; range++) {
    if (d[AT.ranges / 2 + range] === block) {
      const at = (isKnown ? AT.rangeKnown : AT.rangeUnknown) + range;
      f[at] = Math.max(0, f[at]! + euros);
      return;
    }
    if (f[AT.rangeUnknown + range]! < f[AT.rangeUnknown + least]!) least = range;
  }
  if (isKnown || euros <= 0) return;
  const place = AT.rangeUnknown + least;
  const left = euros - f[place]!;
  const taken = Math.min(euros, f[place]!);
  for (let at = AT.rangeUnknown; at < AT.rangeUnknown + RANGES; at++) f[at] = f[at]! - taken;
  if (left <= 0) return;
  d[AT.ranges / 2 + least] = block;
  f[place] = left;
  f[AT.rangeKnown + least] = 0;
}

/** Lets what was spent on each fade to a share of it. */
export function fadeRanges({ f }: Signature, share: number): void {
  for (let at = AT.rangeUnknown; at < AT.rangeUnknown + 2 * RANGES; at++) f[at] = f[at]! * share;
}

/** The ranges that most of what was spent lately went to, the most first; none where it went to many, or to acquaintances. */
export function rangesAtHome(signature: Signature): Traffic[] {
  const all = signature.f[AT.evidence + ALL_4_DAYS]!;
  const ranges = Array.from({ length: RANGES }, (_, range) => ({
    scope: `prefix:+${signature.d[AT.ranges / 2 + range]!}` as Traffic,
    euros: eurosOf(signature, range),
  }))
    .filter(({ euros }) => euros > SHARE_MIN * all)
    .toSorted((a, b) => b.euros - a.euros);
  const together = ranges.reduce((sum, { euros }) => sum + euros, 0);
  return together > SHARE_TOGETHER * all ? ranges.map(({ scope }) => scope) : [];
}

/**
 * What known numbers cost counts as far as unknown ones cost as much: of what a dialler calls some seem to be known, of where an acquaintance is
 * all are.
 */
function eurosOf({ f }: Signature, range: number): number {
  const unknown = f[AT.rangeUnknown + range]!;
  return unknown + Math.min(unknown, f[AT.rangeKnown + range]!);
}
