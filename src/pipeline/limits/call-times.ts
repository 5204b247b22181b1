/**
 * Whether what is told of calls can be. What runs counts from its start, so one wrong clock could suspend. Not believed is
 * that a call runs which began more than a day ago (switches end them sooner: Kamailio's dialogs after 12 hours), and that
 * one begins or ends in the future, or ends before it began, by more than clocks differ. What a switch could not tell for
 * a day, since nobody took it, is let go by the same rule: those calls have ended, and their records come. Pure.
 */
import { formatInstant, type Instant } from '../../kernel/clock.ts';
import type { Fault } from '../../kernel/refusal.ts';
import { startsInFuture } from '../../ledger/admit.ts';

const LONGEST_MS = 24 * 3_600_000;

/** Whether a call may still run that began then. */
export function mayRun(startedAt: Instant, now: Instant): boolean {
  return now - startedAt <= LONGEST_MS;
}

export interface CallMoment {
  event: 'answered' | 'ended';
  callId: string;
  at: Instant;
}

/**
 * The faults of what is told of calls, in the order in which it happened; `starts` are those of calls that are known. Of a call
 * that is not known an end is told for nothing, whenever it was.
 */
export function faultsOfTimes(
  moments: readonly CallMoment[],
  starts: ReadonlyMap<string, Instant>,
  now: Instant,
): Fault[] {
  const begun = new Map(starts);
  return moments.flatMap((moment, index) => {
    const detail = faultOf(moment, begun.get(moment.callId), now);
    if (moment.event === 'answered') begun.set(moment.callId, moment.at);
    return detail === undefined ? [] : [{ field: `events.${index}.at`, detail }];
  });
}

function faultOf({ event, at }: CallMoment, start: Instant | undefined, now: Instant): string | undefined {
  if (startsInFuture(at, now)) return `is in the future: it is ${formatInstant(now)}`;
  if (event === 'answered')
    return mayRun(at, now) ? undefined : 'is more than 24 hours ago: no call is taken to run so long';
  // Within what clocks differ by, it ended as it began.
  return start !== undefined && startsInFuture(start, at)
    ? `is before the call began, at ${formatInstant(start)}`
    : undefined;
}
