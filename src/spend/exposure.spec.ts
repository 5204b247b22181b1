import { describe, expect, it } from '@jest/globals';
import { eachCallOnce, exposureOf, settledBy, type RunningCall } from './exposure.ts';

const MINUTE = 60_000;
const call = (change: Partial<RunningCall> = {}): RunningCall => ({
  source: 'switch:core',
  callId: 'c1',
  accountId: '1001',
  serviceId: '',
  number: '+252612345678',
  country: 'SO',
  traffic: 2,
  startedAt: 0,
  countedUntil: undefined,
  endedAt: undefined,
  price: { amount: 680_000n, seconds: 60, from: 'own-range' },
  ...change,
});

describe('the exposure of a call', () => {
  it.each([
    ['that runs grows with it', {}, 10 * MINUTE, 6_800_000n],
    ['is rounded up to the second and the micro', {}, 100, 11_334n],
    ['that begins in the future is none', { startedAt: MINUTE }, 0, 0n],
    ['that is counted in part is the rest', { countedUntil: 9 * MINUTE }, 10 * MINUTE, 680_000n],
    ['that has ended stays until its record comes', { endedAt: 5 * MINUTE }, 90 * MINUTE, 3_400_000n],
    ['that is counted to its end is none', { countedUntil: MINUTE, endedAt: MINUTE }, 2 * MINUTE, 0n],
    ['of no known price is none', { price: { amount: 0n, seconds: 0, from: 'unknown' as const } }, MINUTE, 0n],
    ['of a feed that fell silent is none', { source: 'feed:default', countedUntil: 0 }, 61 * MINUTE, 0n],
    ['of a feed goes on for a while', { source: 'feed:default', countedUntil: 0 }, 60 * MINUTE, 40_800_000n],
  ])('%s', (_, change, now, amount) => expect(exposureOf(call(change), now)).toBe(amount));
});

describe('a call that a switch and a feed tell of', () => {
  const interim = call({ source: 'feed:default', callId: 'r1', startedAt: 4_000, countedUntil: 5 * MINUTE });

  it('counts once, up to where the feed has counted it', () => {
    expect(eachCallOnce([interim, call()])).toEqual([{ ...call(), countedUntil: 5 * MINUTE }]);
  });

  it('is two calls where the numbers, the accounts or the starts differ', () => {
    expect(eachCallOnce([interim, call({ number: '+252612345679' })])).toHaveLength(2);
    expect(eachCallOnce([interim, call({ accountId: '1002' })])).toHaveLength(2);
    expect(eachCallOnce([interim, call({ startedAt: 30_000 })])).toHaveLength(2);
  });

  it('is told apart from others to the same number, one to one', () => {
    expect(eachCallOnce([interim, call(), call({ callId: 'c2' })])).toHaveLength(2);
  });

  it('goes with the first of the feed that is left, and the others stand behind in their order', () => {
    const of = (callId: string, accountId = '1001') => ({ ...interim, callId, accountId });
    const calls = [of('r1'), of('r2', '1002'), of('r3'), of('r4'), call({ callId: 'c1' }), call({ callId: 'c2' })];
    expect(eachCallOnce(calls).map(({ callId }) => callId)).toEqual(['c1', 'c2', 'r2', 'r4']);
  });
});

describe('a record', () => {
  const record = (recordId: string, seconds: number) => ({
    recordId,
    accountId: '1001',
    number: '+252612345678',
    startedAt: 1_000,
    seconds,
  });
  const settle = (calls: RunningCall[], ...records: ReturnType<typeof record>[]) =>
    [...settledBy(calls, records)].map(([{ callId }, { recordId }]) => `${callId} ${recordId}`);

  it('settles the call that ended nearest to it, and each only one', () => {
    const calls = [
      call({ endedAt: 2 * MINUTE }),
      call({ callId: 'c2', endedAt: 5 * MINUTE }),
      call({ callId: 'c3', endedAt: 9 * MINUTE }),
    ];
    expect(settle(calls, record('r1', 300), record('r2', 120))).toEqual(['c2 r1', 'c1 r2']);
  });

  it('settles no call that still runs', () => expect(settle([call()], record('r1', 60))).toEqual([]));

  it('settles none to another number', () =>
    expect(settle([call({ number: '+31207940000', endedAt: MINUTE })], record('r1', 60))).toEqual([]));

  it('is held against the calls alone that began about when it did, of however many to one number', () => {
    let looked = 0;
    const calls = Array.from({ length: 1_000 }, (_, index) => ({
      ...call({ callId: `c${index}`, startedAt: index * MINUTE }),
      get endedAt() {
        looked++;
        return index * MINUTE + 30_000;
      },
    }));
    const records = calls.map(({ callId, startedAt }) => ({ ...record(callId, 30), startedAt }));
    looked = 0;
    expect([...settledBy(calls, records)].filter(([{ callId }, { recordId }]) => callId !== recordId)).toEqual([]);
    expect(looked).toBeLessThan(3 * calls.length);
  });
});
