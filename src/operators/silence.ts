/** A silence withholds messages to operators for a while: it has an author, a reason and an end, and stops nothing else. */
import { z } from 'zod';
import { INSTANT_WANTED, parseInstant, type Instant } from '../kernel/clock.ts';

/** So that none is forgotten for good. */
const SILENCE_DAYS_MAX = 31;

const word = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]*$/u, { error: 'must be one line' });
const instant = z
  .string()
  .refine((text) => parseInstant(text) !== undefined, { error: INSTANT_WANTED })
  .meta({ format: 'date-time' });

export const silenceForm = z
  .strictObject({
    kind: word.optional().meta({ description: 'such as `notify-operator`, `alarm`, or an alarm’s own, `feed-behind`' }),
    subject: word.optional().meta({ description: 'an account, a feed, a receiver: what the events are about' }),
    reason: z
      .string()
      .min(1, { error: 'must say why' })
      .max(1_000)
      .refine((text) => !text.includes('\0'), { error: 'must be text' }),
    starts_at: instant.optional().meta({ description: 'without it, now' }),
    ends_at: instant,
  })
  .refine(({ kind, subject }) => kind !== undefined || subject !== undefined, {
    path: ['kind'],
    error: 'must name a kind, a subject, or both: nothing silences everything',
  })
  .meta({ id: 'SilenceForm' });
export type SilenceForm = z.output<typeof silenceForm>;

/** When a silence holds; or which field of it is wrong, and why. */
export function silenceSpan(
  { starts_at, ends_at }: Pick<SilenceForm, 'starts_at' | 'ends_at'>,
  now: Instant,
): { from: Instant; to: Instant } | { field: string; detail: string } {
  const from = starts_at === undefined ? now : parseInstant(starts_at)!;
  const to = parseInstant(ends_at)!;
  if (to <= now) return { field: 'ends_at', detail: 'must be in the future' };
  if (to <= from) return { field: 'ends_at', detail: 'must be after starts_at' };
  if (to - from > SILENCE_DAYS_MAX * 86_400_000) {
    return { field: 'ends_at', detail: `must be within ${SILENCE_DAYS_MAX} days of its start` };
  }
  return { from, to };
}
