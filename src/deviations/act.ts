/** What follows from a reading, live and in a replay: at most one thing. Pure, but for what the signature notes of it. */
import type { Version } from '../ledger/version.ts';
import type { Deviation } from './deviation.ts';
import { furtherRanges, ignoresHold, type Held } from './ignored-hold.ts';
import { HELD, isHeldInVain, LEVELS, noteHold, SUSPENDED, type Level } from './levels.ts';
import { AT, type Signature } from './signature.ts';

export interface Act {
  deviation: Deviation;
  /** the hold past which spend goes on: that suspends, whatever the score has come to */
  ignoredHold?: Held;
}

/**
 * `level`: what the score calls for; `isDue`: it has not been done; `hold`: one that is in force. `read` tells the deviation as
 * one of a level. A hold that found nothing to bar is decided once more when there is something, and one at home when there are further
 * ranges: of those alone.
 */
export function actOn(
  signature: Signature,
  { level, isDue, hold }: { level: number; isDue: boolean; hold: Held | undefined },
  read: (level: Level) => Deviation,
  record: Version,
  currency: string,
): Act | undefined {
  const inVain = !isDue && isHeldInVain(signature, level);
  if (!isDue && !inVain && !hold) return undefined;
  const deviation = read(isDue || inVain ? LEVELS[level]! : 'suspend');
  if (isDue || (inVain && deviation.bars.length > 0)) {
    if (level === HELD) noteHold(signature, deviation.bars);
    return { deviation };
  }
  if (!hold) return undefined;
  const further = level === HELD ? furtherRanges(deviation, hold) : [];
  if (further.length > 0) return { deviation: { ...deviation, level: 'hold', bars: further } };
  if (!ignoresHold(deviation, hold, record, currency)) return undefined;
  signature.u[AT.level] = SUSPENDED;
  return { deviation: { ...deviation, level: 'suspend' }, ignoredHold: hold };
}
