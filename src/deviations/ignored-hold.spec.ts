import { describe, expect, it } from '@jest/globals';
import { furtherRanges, ignoresHold } from './ignored-hold.ts';

const HELD_AT = Date.UTC(2026, 2, 20, 2);
const MINUTE_MS = 60_000;

const held = (money: bigint) => ({ at: HELD_AT, family: 'unusual', money, bars: [] });
const now = (money: bigint, hoursBefore = 1) => ({
  family: 'unusual' as const,
  since: HELD_AT - hoursBefore * 60 * MINUTE_MS,
  money,
});
const record = (minutes: number) => ({ startedAt: HELD_AT + minutes * MINUTE_MS });

describe('a hold', () => {
  it.each([
    ['is ignored where as much again was spent by calls that began later', 40_000_000n, 20_000_000n, 30, true],
    ['is not ignored by calls that had begun already', 40_000_000n, 20_000_000n, 5, false],
    ['is not ignored while less than as much again was spent', 39_000_000n, 20_000_000n, 30, false],
    ['that came early is not ignored below ten euros', 9_000_000n, 1_000_000n, 30, false],
  ])('%s', (_, money, then, minutes, ignored) => {
    expect(ignoresHold(now(money), held(then), record(minutes), 'EUR')).toBe(ignored);
  });

  it('says nothing of a run of unusual usage that began after it, nor of another kind', () => {
    expect(ignoresHold(now(90_000_000n, -1), held(10_000_000n), record(90), 'EUR')).toBe(false);
    expect(ignoresHold(now(90_000_000n), { ...held(10_000_000n), family: 'all' }, record(90), 'EUR')).toBe(false);
  });

  it.each(['all', 'calls'] as const)('of what is spent at home (%s) is followed by no suspension', (family) => {
    const past = { ...now(90_000_000n), family };
    expect(ignoresHold(past, { ...held(10_000_000n), family }, record(90), 'EUR')).toBe(false);
  });
});

describe('a hold of ranges at home', () => {
  const of = (family: 'calls' | 'all' | 'unusual', ...digits: string[]) => ({
    family,
    bars: digits.map((each) => `prefix:+${each}` as const),
  });

  it.each([
    ['is extended by one that became clear', of('calls', '311', '312'), of('calls', '312', '313'), ['prefix:+313']],
    ['is not by those that it bars', of('calls', '311', '312'), of('calls', '312'), []],
    ['is by no more than three in all', of('calls', '311', '312'), of('calls', '313', '314'), ['prefix:+313']],
    ['is not where it bars three', of('calls', '311', '312', '313'), of('calls', '314'), []],
    ['is not by what another kind of usage goes to', of('all', '311'), of('calls', '312'), []],
    ['is none where usage abroad was held', of('unusual', '2526'), of('unusual', '2637'), []],
    ['that barred nothing is decided on as a whole', of('calls'), of('calls', '312'), []],
  ])('%s', (_, before, current, further) => {
    expect(furtherRanges(current, { ...held(1n), ...before })).toEqual(further);
  });
});
