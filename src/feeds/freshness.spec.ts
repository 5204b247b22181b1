import { describe, expect, it } from '@jest/globals';
import { parseInstant, type Instant } from '../kernel/clock.ts';
import { freshnessOf, type FeedStanding } from './freshness.ts';

const now = parseInstant('2026-03-10T12:00:00Z')!;
const ago = (minutes: number): Instant => now - minutes * 60_000;
const feed = (told: Partial<FeedStanding>): FeedStanding => ({
  createdAt: ago(10_000),
  lastImportAt: ago(1),
  watermark: ago(2),
  rhythm: { everySeconds: 300, lateAfterSeconds: undefined },
  ...told,
});

describe('a feed that is to come every five minutes', () => {
  it.each([
    ['is fresh while it comes', feed({}), 'fresh', 'as it is expected'],
    ['is fresh at two rhythms to the second', feed({ lastImportAt: ago(10), watermark: ago(10) }), 'fresh', ''],
    ['is silent when two rhythms have passed', feed({ lastImportAt: ago(11) }), 'silent', 'since 2026-03-10T11:49:00Z'],
    ['is late where what comes is old', feed({ watermark: ago(11) }), 'late', 'it may be 10 minutes old at most'],
    ['is silent, not late, where nothing comes', feed({ lastImportAt: ago(60), watermark: ago(60) }), 'silent', ''],
    [
      'may have usage as old as its definition says',
      feed({ watermark: ago(59), rhythm: { everySeconds: 300, lateAfterSeconds: 3_600 } }),
      'fresh',
      '',
    ],
    [
      'is late when that has passed',
      feed({ watermark: ago(61), rhythm: { everySeconds: 300, lateAfterSeconds: 3_600 } }),
      'late',
      '1 hour old at most',
    ],
    [
      'is silent where it never came since it was made',
      feed({ createdAt: ago(11), lastImportAt: undefined, watermark: undefined }),
      'silent',
      'nothing has ever arrived',
    ],
    [
      'has time to come for the first time',
      feed({ createdAt: ago(9), lastImportAt: undefined, watermark: undefined }),
      'fresh',
      '',
    ],
    ['is late where no row could be used', feed({ watermark: undefined }), 'late', 'no usage has arrived yet'],
    [
      'is never silent where only the age of its usage is limited',
      feed({ lastImportAt: ago(9_000), rhythm: { everySeconds: undefined, lateAfterSeconds: 600 } }),
      'fresh',
      '',
    ],
    ['is nothing that can be told where no rhythm is defined', feed({ rhythm: undefined }), 'unknown', 'no rhythm'],
  ])('%s', (_, standing, state, words) => {
    const found = freshnessOf(standing, now);
    expect(found.state).toBe(state);
    expect(found.words).toContain(words);
  });
});
