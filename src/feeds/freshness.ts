/** How fresh a feed is: what has come of it, held against the rhythm that is expected of it. Pure. */
import { formatInstant, type Instant } from '../kernel/clock.ts';

/** What is expected of a feed. */
export interface Rhythm {
  /** how often something is to come; undefined: at any time */
  everySeconds: number | undefined;
  /** how old its latest usage may be; undefined: two rhythms */
  lateAfterSeconds: number | undefined;
}

export interface FeedStanding {
  createdAt: Instant;
  /** when something of it last arrived, whatever it held */
  lastImportAt: Instant | undefined;
  /** the latest start among the usage it brought */
  watermark: Instant | undefined;
  /** undefined: none is expected of it */
  rhythm: Rhythm | undefined;
}

/**
 * `silent`: nothing has arrived for two rhythms; `late`: something arrives, but the newest usage in it is too old;
 * `unknown`: no rhythm is defined, so nothing can be said.
 */
export type FreshnessState = 'fresh' | 'late' | 'silent' | 'unknown';

export interface FeedFreshness {
  state: FreshnessState;
  /** a sentence for operators, without the feed's name; the same for as long as nothing changes */
  words: string;
}

export const NO_RHYTHM: FeedFreshness = { state: 'unknown', words: 'no rhythm is expected of it' };

/** A delivery may be missed by the length of one rhythm before the feed counts as silent. */
const RHYTHMS_MAX = 2;

export function freshnessOf(feed: FeedStanding, now: Instant): FeedFreshness {
  const { rhythm, lastImportAt, watermark, createdAt } = feed;
  if (!rhythm) return NO_RHYTHM;
  const { everySeconds } = rhythm;
  if (everySeconds !== undefined && now - (lastImportAt ?? createdAt) > RHYTHMS_MAX * everySeconds * 1000) {
    const since =
      lastImportAt === undefined
        ? `nothing has ever arrived since it was made at ${formatInstant(createdAt)}`
        : `nothing has arrived since ${formatInstant(lastImportAt)}`;
    return { state: 'silent', words: `${since}, but something is to come every ${inWords(everySeconds)}` };
  }
  const lateAfterSeconds = rhythm.lateAfterSeconds ?? RHYTHMS_MAX * (everySeconds ?? Infinity);
  if (now - (watermark ?? createdAt) > lateAfterSeconds * 1000) {
    const newest =
      watermark === undefined
        ? 'no usage has arrived yet'
        : `the newest usage that arrived started at ${formatInstant(watermark)}`;
    return { state: 'late', words: `${newest}, but it may be ${inWords(lateAfterSeconds)} old at most` };
  }
  return { state: 'fresh', words: 'it comes as it is expected' };
}

/** Whether a feed's data are behind: then nothing that rests on there being no more usage is done of itself. */
export function isBehind(state: FreshnessState): boolean {
  return state === 'late' || state === 'silent';
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

function inWords(seconds: number): string {
  const [unit, size] = UNITS.find(([, each]) => seconds >= each && seconds % each === 0) ?? ['second', 1];
  const count = seconds / size;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
