import { describe, expect, it } from '@jest/globals';
import { brakeCause, brakeInWords, type TariffSign } from './tariff-brake.ts';

const NOW = Date.UTC(2026, 2, 20, 12);
const HOUR_MS = 3_600_000;
const dear = (accountId: string, hoursAgo = 1, ratio = 100): TariffSign => ({
  kind: 'price',
  accountId,
  at: NOW - hoursAgo * HOUR_MS,
  ratio,
});
const usual = (accountId: string): TariffSign => dear(accountId, 1, 1);
const alarm = (accountId: string, hoursAgo = 1): TariffSign => ({
  kind: 'alarm',
  accountId,
  at: NOW - hoursAgo * HOUR_MS,
  ratio: 1,
});
const many = (count: number, of: (account: string) => TariffSign) =>
  Array.from({ length: count }, (_, i) => of(`a${i}`));

describe('the tariff brake', () => {
  it.each<[string, TariffSign[], string | undefined]>([
    ['holds on no sign', [], undefined],
    [
      'does not hold on one account, however dear its calls: that may be a dear number',
      many(20, () => dear('a')),
      undefined,
    ],
    ['does not hold on two calls', [dear('a'), dear('b')], undefined],
    ['holds on three dear calls of two accounts', [dear('a'), dear('b'), dear('b')], 'price'],
    ['does not hold where others go on at the usual price', [dear('a'), dear('b'), dear('b'), usual('c')], undefined],
    ['holds where one in five still pays the usual price', [...many(4, dear), usual('x')], 'price'],
    ['forgets dear calls after a day', [dear('a', 25), dear('b', 25), dear('b', 25)], undefined],
    ['holds where ten accounts alarm within hours', many(10, alarm), 'alarms'],
    ['does not hold where ten alarms are one account’s', many(10, () => alarm('a')), undefined],
    [
      'does not hold on ten alarms in a day',
      many(10, (account) => alarm(account, account === 'a0' ? 8 : 1)),
      undefined,
    ],
  ])('%s', (_, signs, kind) => {
    expect(brakeCause(signs, NOW)?.kind).toBe(kind);
  });

  it('takes what was found right for usual, and holds on what is dear beside that', () => {
    const signs = (ratio: number) => [dear('a', 1, ratio), dear('b', 1, ratio), dear('b', 1, ratio)];
    expect(brakeCause(signs(10), NOW, { right: 10 })).toBeUndefined();
    expect(brakeCause(signs(60), NOW, { right: 10 })).toMatchObject({ kind: 'price', ratio: 60 });
  });

  it('takes a fault that is on five ranges to be on all, where prices are wrong by about as much', () => {
    const fault = (ratio: number, ranges: number) => ({ caseNo: '1', words: '', ratio, ranges: Array<string>(ranges) });
    const faults = [fault(10, 9), fault(80, 5)];
    expect(brakeCause([dear('a')], NOW, { faults })).toMatchObject({ kind: 'price', calls: 1, ratio: 100 });
    expect(brakeCause([dear('a'), usual('b')], NOW, { faults })).toBeUndefined();
    expect(brakeCause([dear('a', 1, 500)], NOW, { faults })).toBeUndefined();
    expect(brakeCause([dear('a')], NOW, { faults: [fault(80, 4)] })).toBeUndefined();
  });

  it('says in words what it saw', () => {
    const cause = brakeCause([dear('a', 2), dear('b', 1), dear('b', 1)], NOW)!;
    expect(cause).toMatchObject({ accounts: 2, calls: 3, since: NOW - 2 * HOUR_MS });
    expect(brakeInWords('+25261', cause)).toMatch(/^Calls to \+25261 are charged 100 times .* 3 calls of 2 accounts/);
  });
});
