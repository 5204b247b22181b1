import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { RollingWindow, type WindowEntry } from './rolling-window.ts';

const HOUR = 3_600_000;
const windowOf = (hours: number, entries: readonly WindowEntry[]) => {
  const window = new RollingWindow(hours);
  for (const entry of entries) window.add(entry);
  return window;
};

/** The definition: what started after `end − length` and not after `end`. */
const naive = (entries: readonly WindowEntry[], hours: number, end: number) =>
  entries
    .filter(({ startedAt }) => startedAt > end - hours * HOUR && startedAt <= end)
    .reduce((sum, { amount }) => sum + amount, 0n);

// Starts fall on half hours around windows of a few hours, so that edges are met often.
const entry = fc.record({
  startedAt: fc.nat(60).map((n) => n * (HOUR / 2)),
  amount: fc.bigInt({ min: -5n, max: 50n }),
});
const entries = fc.array(entry, { minLength: 1, maxLength: 40 });
const hours = fc.integer({ min: 1, max: 8 });

describe('a rolling window', () => {
  it('holds what started after its beginning and up to its end', () => {
    const window = windowOf(24, [
      { startedAt: 0, amount: 1n },
      { startedAt: 1, amount: 10n },
      { startedAt: 24 * HOUR, amount: 100n },
      { startedAt: 24 * HOUR + 1, amount: 1000n },
    ]);
    expect(window.spendAt(24 * HOUR)).toBe(110n);
    expect(window.spendAt(24 * HOUR - 1)).toBe(11n);
    expect(window.spendAt(24 * HOUR + 1)).toBe(1100n);
    expect(window.spendAt(100 * HOUR)).toBe(0n);
  });

  it('looks at seventeen of a hundred thousand starts, twice, to tell what it holds', () => {
    let looks = 0;
    const window = new RollingWindow(24);
    for (let index = 0; index < 100_000; index++) {
      const entry = {
        amount: 1n,
        get startedAt() {
          looks++;
          return index * 1_000;
        },
      };
      window.add(entry);
    }
    looks = 0;
    expect(window.spendAt(90_000_000)).toBe(86_400n);
    expect(looks).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(100_000)));
  });

  it('is empty before anything was added', () => expect(new RollingWindow(1).spendAt(0)).toBe(0n));

  it('spends what the definition says at any end, in whatever order entries come', () => {
    fc.assert(
      fc.property(hours, entries, (length, added) => {
        const window = new RollingWindow(length);
        for (const [index, each] of added.entries()) {
          window.add(each);
          // After each one, since the sum of the newest window is carried on.
          const newest = Math.max(...added.slice(0, index + 1).map(({ startedAt }) => startedAt));
          expect(window.spendAt(newest)).toBe(naive(added.slice(0, index + 1), length, newest));
        }
        const ends = Array.from({ length: 80 }, (_, index) => index * (HOUR / 2) - (index % 3));
        expect(ends.map((end) => window.spendAt(end))).toEqual(ends.map((end) => naive(added, length, end)));
      }),
    );
  });

  it('reaches an amount since, and until, what the definition says', () => {
    fc.assert(
      fc.property(hours, entries, fc.nat(60), fc.bigInt({ min: 0n, max: 80n }), (length, added, at, amount) => {
        const window = windowOf(length, added);
        const [from, end, before] = [(at - 6) * (HOUR / 2), at * (HOUR / 2), (at + 10) * (HOUR / 2)];
        fc.pre(naive(added, length, end) >= amount);
        const reached = window.reaches(amount, end, from, before);
        const ends = Array.from({ length: 16 }, (_, index) => from + index * (HOUR / 2));
        const below = ends.filter((each) => naive(added, length, each) < amount);
        expect(reached.from).toBe(Math.max(from, ...below.filter((each) => each < end).map((each) => each + HOUR / 2)));
        expect(reached.until).toBe(Math.min(before, ...below.filter((each) => each > end)));
      }),
    );
  });

  it('knows the latest start between two instants', () => {
    const window = windowOf(
      24,
      [2, 5, 5, 9].map((startedAt) => ({ startedAt, amount: 1n })),
    );
    expect([window.latestStart(0, 9), window.latestStart(5, 6), window.latestStart(6, 9)]).toEqual([5, 5, -Infinity]);
    expect([window.latestStart(0, 2), window.latestStart(9, 10)]).toEqual([-Infinity, 9]);
  });

  it('a start touches the window that ends there, and those of later starts within a length', () => {
    fc.assert(
      fc.property(hours, entries, fc.nat(60), (length, added, at) => {
        const start = at * (HOUR / 2);
        const within = added
          .map(({ startedAt }) => startedAt)
          .filter((startedAt) => startedAt > start && startedAt < start + length * HOUR);
        const ends = [...new Set([start, ...within])].toSorted((a, b) => a - b);
        expect(windowOf(length, added).endsTouchedBy(start)).toEqual(ends);
      }),
    );
  });

  it('finds the first end between two instants that reaches an amount', () => {
    fc.assert(
      fc.property(hours, entries, fc.nat(60), fc.nat(60), fc.bigInt(1n, 150n), (length, added, a, b, amount) => {
        const [after, before] = [Math.min(a, b) * (HOUR / 2), Math.max(a, b) * (HOUR / 2)];
        const ends = added
          .map(({ startedAt }) => startedAt)
          .filter((end) => end > after && end < before && naive(added, length, end) >= amount)
          .toSorted((x, y) => x - y);
        expect(windowOf(length, added).endsReaching(amount, after, before)).toEqual([...new Set(ends)]);
      }),
    );
  });

  it('is exact for what comes many lengths late, however much there is', () => {
    const added = Array.from({ length: 9_000 }, (_, index) => ({ startedAt: index * 60_000, amount: 1n }));
    const window = windowOf(1, added);
    window.add({ startedAt: 30 * 60_000, amount: 7n });
    expect(window.spendAt(59 * 60_000)).toBe(67n);
  });

  it('takes a day of a busy trunk backwards with some looks at each record', () => {
    let looks = 0;
    const counted = (startedAt: number) => ({
      get startedAt() {
        looks++;
        return startedAt;
      },
      amount: 1n,
    });
    const window = new RollingWindow(24);
    for (let i = 20_000; i > 0; i--) window.add(counted(i * 4_000));
    expect(window.spendAt(80_000_000)).toBe(20_000n);
    expect(looks).toBeLessThan(20_000 * 25);
  });

  it('charges at the most what its dearest end does without credits', () => {
    fc.assert(
      fc.property(hours, entries, fc.nat(60), fc.nat(60), (length, added, a, b) => {
        const [from, before] = [Math.min(a, b) * (HOUR / 2), (Math.max(a, b) + 1) * (HOUR / 2)];
        const charged = added.filter(({ amount }) => amount > 0n);
        const ends = [from, ...charged.map(({ startedAt }) => startedAt)].filter((end) => end >= from && end < before);
        const most = ends.map((end) => naive(charged, length, end)).reduce((x, y) => (x > y ? x : y), 0n);
        expect(windowOf(length, added).highestCharge(from, before)).toBe(most);
      }),
    );
  });
});
