import { describe, expect, it } from '@jest/globals';
import type { Account } from '../accounts/account.ts';
import { CapBook, capKey } from './cap-book.ts';
import { capDefinition, capOf, type Cap } from './cap.ts';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';

const account = (change: Partial<Account> = {}): Account => ({ ...SAMPLE_ACCOUNT, ...change });

function cap(id: string, scope: Record<string, string>, change: Record<string, unknown> = {}): Cap {
  const definition = { traffic: 'international', period: 'month', limit: '100.00', currency: 'EUR', ...change };
  const thresholds = [{ percent: 100, actions: ['warn'] }];
  return capOf(id, 1, capDefinition.parse({ name: id, scope, thresholds, ...definition }));
}

const ids = (caps: readonly Cap[]) => caps.map(({ id }) => id).toSorted();

const everyone = cap('everyone', {});
const segment = cap('segment', { segment: 'smb' });
const own = cap('own', { account: '1001' });
const service = cap('service', { service: 'trunk' });

describe('the caps that hold for an account', () => {
  it.each([
    ['everyone’s where there is no other', [everyone], account(), ['everyone']],
    ['its segment’s before everyone’s', [everyone, segment], account(), ['segment']],
    ['its own before its segment’s, in whatever order they were made', [own, segment, everyone], account(), ['own']],
    [
      'everyone’s for another segment',
      [everyone, segment, own],
      account({ accountId: '1002', segment: 'soho' }),
      ['everyone'],
    ],
    ['everyone’s without a segment', [everyone, segment], account({ segment: '' }), ['everyone']],
    ['none in another currency', [everyone, segment, own], account({ currency: 'USD' }), []],
    ['a service’s is none of the account’s', [service], account(), []],
    [
      'another traffic or period is another matter',
      [own, cap('all', {}, { traffic: 'all' }), cap('day', { segment: 'smb' }, { period: 'day' }), everyone],
      account(),
      ['all', 'day', 'own'],
    ],
    [
      'the most specific of its own currency, where the book has more of them',
      [everyone, cap('dollars', { segment: 'smb' }, { currency: 'USD' })],
      account(),
      ['everyone'],
    ],
  ])('are %s', (_, caps, who, expected) => expect(ids(new CapBook(caps).ofAccount(who))).toEqual(expected));

  it('are the same list for accounts that have none of their own, so that a million of them share one', () => {
    const book = new CapBook([everyone, segment]);
    expect(book.ofAccount(account({ accountId: '1' }))).toBe(book.ofAccount(account({ accountId: '2' })));
  });

  it('are not mixed up by names that run into each other', () => {
    const first = account({ accountId: 'a', segment: 'b EUR c' });
    const second = account({ accountId: 'a EUR b', segment: 'c' });
    const book = new CapBook([cap('first', { account: 'a' }), cap('second', { account: 'a EUR b' })]);
    expect([ids(book.ofAccount(first)), ids(book.ofAccount(second))]).toEqual([['first'], ['second']]);
  });
});

describe('the caps of a service’s own', () => {
  const book = new CapBook([everyone, own, service, cap('day', { service: 'trunk' }, { period: 'day' })]);
  it.each([
    ['are those that name it', 'trunk', account(), ['day', 'service']],
    ['are none for another service', 'trunk-2', account(), []],
    ['are none where usage names no service', '', account(), []],
    ['are none in another currency', 'trunk', account({ currency: 'USD' }), []],
  ])('%s', (_, serviceId, who, expected) => expect(ids(book.ofService(serviceId, who))).toEqual(expected));
});

it('two caps may not stand in the same place', () => {
  expect(() => new CapBook([everyone, cap('twin', {})])).toThrow('"everyone" and "twin"');
  expect(capKey(everyone)).toBe(capKey(cap('twin', {})));
  expect(capKey(everyone)).not.toBe(capKey(segment));
});
