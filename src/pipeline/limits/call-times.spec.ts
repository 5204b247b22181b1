import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../../kernel/clock.ts';
import { faultsOfTimes, mayRun, type CallMoment } from './call-times.ts';

const NOW = parseInstant('2010-03-10T12:00:00Z')!;
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

const answered = (ago_ms: number, callId = 'a'): CallMoment => ({ event: 'answered', callId, at: NOW - ago_ms });
const ended = (ago_ms: number, callId = 'a'): CallMoment => ({ event: 'ended', callId, at: NOW - ago_ms });
const faults = (moments: CallMoment[], known: Record<string, number> = {}) =>
  faultsOfTimes(moments, new Map(Object.entries(known).map(([id, ago_ms]) => [id, NOW - ago_ms])), NOW);

describe('what a switch tells of calls', () => {
  it.each<[story: string, moments: CallMoment[], known?: Record<string, number>]>([
    ['a call that is answered now', [answered(0)]],
    ['one that has run for a whole day', [answered(DAY_MS)]],
    ['one that began and ended while nobody took it', [answered(20 * 60 * MINUTE_MS), ended(19 * 60 * MINUTE_MS)]],
    ['one that ended as it was answered', [answered(0), ended(0)]],
    ['a clock that is five minutes ahead', [answered(-5 * MINUTE_MS), ended(-5 * MINUTE_MS)]],
    ['an end by a clock that is five minutes behind', [ended(6 * MINUTE_MS)], { a: MINUTE_MS }],
    ['an end of a call that nobody told of, of long ago', [ended(40 * DAY_MS)]],
    ['an id that is used again', [answered(9 * MINUTE_MS), ended(8 * MINUTE_MS), answered(MINUTE_MS)]],
    ['ends of other calls, that began sooner', [answered(0, 'b'), ended(60 * MINUTE_MS)], { a: 120 * MINUTE_MS }],
  ])('%s is believed', (_, moments, known = {}) => {
    expect(faults(moments, known)).toEqual([]);
  });

  it.each<[story: string, moments: CallMoment[], field: string, detail: RegExp, known?: Record<string, number>]>([
    ['a call that has run for more than a day', [answered(DAY_MS + 1)], 'events.0.at', /more than 24 hours ago/],
    ['a clock at 1970', [answered(0, 'b'), answered(NOW)], 'events.1.at', /more than 24 hours ago/],
    [
      'a call that is yet to be answered',
      [answered(-6 * MINUTE_MS)],
      'events.0.at',
      /in the future: it is 2010-03-10T12/,
    ],
    ['an end that is yet to come', [ended(-6 * MINUTE_MS)], 'events.0.at', /in the future/],
    ['an end before the start', [answered(0), ended(6 * MINUTE_MS)], 'events.1.at', /before the call began, at 2010-/],
    [
      'an end before the start that was told before',
      [ended(60 * MINUTE_MS)],
      'events.0.at',
      /before/,
      { a: MINUTE_MS },
    ],
  ])('%s is not', (_, moments, field, detail, known = {}) => {
    expect(faults(moments, known)).toEqual([{ field, detail: expect.stringMatching(detail) }]);
  });

  it('is told of each fault by itself', () => {
    expect(faults([answered(2 * DAY_MS), answered(0, 'b'), ended(-DAY_MS, 'b')]).map(({ field }) => field)).toEqual([
      'events.0.at',
      'events.2.at',
    ]);
  });

  it('lists calls of the last day, and those that got stuck', () => {
    expect([0, -DAY_MS, DAY_MS, DAY_MS + 1, NOW].map((ago_ms) => mayRun(NOW - ago_ms, NOW))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
