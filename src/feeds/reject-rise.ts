/** Whether more of a feed's rows are rejected than usual. Pure. */

export interface RowCounts {
  received: number;
  rejected: number;
}

const REJECTED_MIN = 10;
const RISE = 3;
/** A rise lasts until the share is down to so many times the usual one: about where it was told, it would be told again and again. */
const RISE_LASTS = 1.5;
const DEVIATIONS = 4;
/** A feed that never had a reject may have one in a thousand rows before that is a rise. */
const USUAL_SHARE_MIN = 0.001;
/** In its first week, in which nobody knows what is usual with it, one in a hundred: a few that it has from the first day are no rise. */
const FIRST_SHARE_MIN = 0.01;
const HALF_LIFE_MS = 7 * 24 * 3_600_000;

/**
 * Whether there is a rise, or one that was there before (`lasts`) is there still. A rise is at least ten rejected rows, three
 * times the usual share, and more than chance brings: four standard deviations of the binomial distribution above what the
 * usual share makes of as many rows. `known_ms`: since when the feed brings usage.
 */
export function rejectsRise(
  { received, rejected }: RowCounts,
  usualShare: number,
  known_ms: number,
  lasts = false,
): boolean {
  const share = Math.max(usualShare, known_ms < HALF_LIFE_MS ? FIRST_SHARE_MIN : USUAL_SHARE_MIN);
  const expected = received * share;
  if (lasts) return rejected > RISE_LASTS * expected;
  const chance = DEVIATIONS * Math.sqrt(expected * (1 - share));
  return rejected >= REJECTED_MIN && rejected >= RISE * expected && rejected > expected + chance;
}

/** The usual share after `elapsed_ms` with `recent`: it comes half the way to what lasts for a week. */
export function nextUsualShare(usualShare: number, { received, rejected }: RowCounts, elapsed_ms: number): number {
  if (received === 0) return usualShare;
  return usualShare + (rejected / received - usualShare) * (1 - 2 ** (-Math.max(elapsed_ms, 0) / HALF_LIFE_MS));
}
