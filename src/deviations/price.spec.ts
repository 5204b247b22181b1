import { describe, expect, it } from '@jest/globals';
import { chargedPerMinute, rangeOf, UsualPrices } from './price.ts';

describe('the price of a minute', () => {
  it.each([
    [
      'is what a long call was charged, by the minute',
      { kind: 'voice', amount: 1_360_000n, durationSeconds: 120 },
      680_000,
    ],
    [
      'says nothing of a short call, which may be a minimum charge',
      { kind: 'voice', amount: 500_000n, durationSeconds: 20 },
      undefined,
    ],
    ['says nothing of a call within a bundle', { kind: 'voice', amount: 0n, durationSeconds: 120 }, undefined],
    ['says nothing of a credit', { kind: 'voice', amount: -10n, durationSeconds: 120 }, undefined],
    ['says nothing of an SMS', { kind: 'sms', amount: 100_000n, durationSeconds: 0 }, undefined],
  ] as const)('%s', (_, call, price) => {
    expect(chargedPerMinute(call)).toBe(price);
  });

  it.each([
    ['+252612345678', '+25261'],
    ['112', undefined],
    ['', undefined],
    ['+2526', undefined],
  ])('belongs to a range: %s to %s', (number, range) => {
    expect(rangeOf(number)).toBe(range);
  });
});

describe('the highest usual price', () => {
  const count = (segment: string, price: number, calls: number) => ({
    currency: 'EUR',
    segment,
    range: '+25261',
    bucket: Math.round(Math.log(price) * 10),
    calls,
  });

  it.each([
    [
      'is the dearest of those that are paid regularly',
      [count('smb', 680_000, 60), count('smb', 1_000_000, 40)],
      1_000_000,
    ],
    ['is not moved by one in a hundred', [count('smb', 680_000, 199), count('smb', 68_000_000, 1)], 680_000],
    [
      'is what others pay where a segment has little of its own',
      [count('consumer', 680_000, 40), count('smb', 680_000, 2)],
      680_000,
    ],
  ])('%s', (_, counts, price) => {
    const highest = new UsualPrices(counts).highest('EUR', 'smb', '+25261')!;
    expect(highest / price).toBeGreaterThan(0.95);
    expect(highest / price).toBeLessThan(1.12);
  });

  it.each([
    ['too few calls', [count('smb', 680_000, 20)]],
    ['another currency', [{ ...count('smb', 680_000, 100), currency: 'GBP' }]],
  ])('is not known by %s', (_, counts) => {
    expect(new UsualPrices(counts).highest('EUR', 'smb', '+25261')).toBeUndefined();
  });
});
