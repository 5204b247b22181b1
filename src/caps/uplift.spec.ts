import { describe, expect, it } from '@jest/globals';
import type { Account } from '../accounts/account.ts';
import { CapBook } from './cap-book.ts';
import { capDefinition, capOf, type Cap } from './cap.ts';
import { raisedBy, type Uplift } from './uplift.ts';

const cap = (id: string, change: object = {}): Cap =>
  capOf(
    id,
    1,
    capDefinition.parse({
      name: id,
      traffic: 'international',
      period: 'month',
      limit: '100.00',
      currency: 'EUR',
      thresholds: [
        { percent: 50, actions: ['warn'] },
        { percent: 100, actions: ['suspend:international'] },
      ],
      ...change,
    }),
  );
const uplift = (of: Uplift['of'], amount: bigint, accountId = '1001'): Uplift => ({ accountId, of, amount });
const account = { accountId: '1001', segment: '', currency: 'EUR' } as Account;

describe('an uplift', () => {
  it.each<[story: string, uplifts: Uplift[], limit: bigint]>([
    ['of the cap raises it', [uplift({ cap: 'c1' }, 20_000_000n)], 120_000_000n],
    ['of its traffic raises it', [uplift({ traffic: 'international' }, 20_000_000n)], 120_000_000n],
    ['of another cap does not', [uplift({ cap: 'c2' }, 20_000_000n)], 100_000_000n],
    ['of other traffic does not', [uplift({ traffic: 'all' }, 20_000_000n)], 100_000_000n],
    ['adds to another', [uplift({ cap: 'c1' }, 20_000_000n), uplift({ cap: 'c1' }, 5n)], 120_000_005n],
  ])('%s', (_, uplifts, limit) => expect(raisedBy(cap('c1'), uplifts).limit).toBe(limit));

  it('raises every threshold with the limit, rounded up like any', () => {
    const raised = raisedBy(cap('c1'), [uplift({ cap: 'c1' }, 1n)]);
    expect(raised.thresholds.map(({ amount }) => amount)).toEqual([50_000_001n, 100_000_001n]);
    expect(raised).toMatchObject({ id: 'c1', version: 1, uplift: 1n });
  });

  it('concerns its account alone, and the same caps are answered each time', () => {
    const book = new CapBook([cap('c1')], [uplift({ cap: 'c1' }, 20_000_000n)]);
    expect(book.ofAccount(account)[0]!.limit).toBe(120_000_000n);
    expect(book.ofAccount(account)).toBe(book.ofAccount(account));
    expect(book.ofAccount({ ...account, accountId: '1002' })[0]!.limit).toBe(100_000_000n);
  });

  it('raises the cap of a service for its account', () => {
    const book = new CapBook([cap('c1', { scope: { service: 's1' } })], [uplift({ traffic: 'international' }, 5n)]);
    expect(book.ofService('s1', account)[0]!.limit).toBe(100_000_005n);
    expect(book.ofService('s1', { ...account, accountId: '1002' })[0]!.limit).toBe(100_000_000n);
  });
});
