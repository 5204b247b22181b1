/** What a score calls for, and whether that was done before. Pure. */
import type { Thresholds } from './calibration.ts';
import type { Family } from './scales.ts';
import { AT, type Signature } from './signature.ts';
import { DAY_S } from './weight.ts';

export const LEVELS = ['none', 'warn', 'hold', 'suspend'] as const;
export type Level = (typeof LEVELS)[number];

/** What has been quiet for so long may act anew. */
const QUIET_S = 7 * DAY_S;
export const HELD = LEVELS.indexOf('hold');
export const SUSPENDED = LEVELS.indexOf('suspend');
/** In place of {@link HELD} where there was nothing that could be barred. */
const HELD_NOTHING = LEVELS.length;

/** Whether a score calls for more than has been decided; a level holds until it was quiet for a week. */
export function rise(signature: Signature, score: number, thresholds: Thresholds, family: Family): Level {
  const { u } = signature;
  const now = u[AT.now]!;
  if (u[AT.level]! > 0 && score < thresholds.warn && now - u[AT.loudAt]! > QUIET_S) u[AT.level] = 0;
  const level = levelFor(score, thresholds, family);
  if (level === 0) return 'none';
  u[AT.loudAt] = now;
  if (level <= doneLevel(signature)) return 'none';
  u[AT.level] = level;
  return LEVELS[level]!;
}

/** The level (an index into {@link LEVELS}) at which something was done. */
export function doneLevel({ u }: Signature): number {
  return u[AT.level] === HELD_NOTHING ? HELD : u[AT.level]!;
}

/** Notes of a hold what it bars. One that bars nothing is due once more as soon as there is something: {@link isHeldInVain}. */
export function noteHold({ u }: Signature, bars: readonly unknown[]): void {
  u[AT.level] = bars.length === 0 ? HELD_NOTHING : HELD;
}

/** Whether what calls for a hold was held before, but nothing could be barred. */
export function isHeldInVain({ u }: Signature, level: number): boolean {
  return level === HELD && u[AT.level] === HELD_NOTHING;
}

/**
 * The level (an index into {@link LEVELS}) that a score calls for, whatever was done. What is spent on ordinary calls at home
 * suspends nothing: a hold of the numbers that it goes to is the most.
 */
export function levelFor(score: number, thresholds: Thresholds, family: Family): number {
  if (score >= thresholds.suspend && family !== 'all' && family !== 'calls') return 3;
  if (score >= thresholds.hold) return 2;
  return score >= thresholds.warn ? 1 : 0;
}
