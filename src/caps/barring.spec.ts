import { describe, expect, it } from '@jest/globals';
import { classify } from '../destinations/classify.ts';
import { barredTraffic, covers, parseBarScope, stops, type BarScope, type HoldScope } from './barring.ts';

describe('what a bar covers', () => {
  it.each([
    ['a class', 'international', 'international'],
    ['all outgoing calls', 'outgoing', 'outgoing'],
    ['a country', 'country:SO', 'country:SO'],
    ['numbers that begin alike', 'prefix:+25261', 'prefix:+25261'],
    ['no class that only caps know', 'satellite', undefined],
    ['not everything', 'all', undefined],
    ['no country that is none', 'country:XX', undefined],
    ['no prefix without digits', 'prefix:+', undefined],
    ['nothing', '', undefined],
  ])('is %s: %j', (_, text, expected) => expect(parseBarScope(text)).toBe(expected));

  it('is told in a decision as the traffic that it stops', () => {
    expect([barredTraffic('outgoing'), barredTraffic('premium'), barredTraffic('country:SO')]).toEqual([
      'all',
      'premium',
      'country:SO',
    ]);
  });
});

describe('a call of a Dutch customer', () => {
  it.each<[story: string, number: string, scope: BarScope, stopped: boolean]>([
    ['abroad stops at a bar of international calls', '+252612345678', 'international', true],
    ['at home passes it', '+31207940000', 'international', false],
    ['to a premium number at home passes it', '+31900123456', 'international', false],
    ['to a premium number stops at a bar of those', '+31900123456', 'premium', true],
    ['at home passes a bar of premium numbers', '+31207940000', 'premium', false],
    ['at home stops at a bar of all outgoing calls', '+31207940000', 'outgoing', true],
    ['to 112 passes a bar of all outgoing calls', '112', 'outgoing', false],
    ['to 112 as some switches write it passes too', '+31112', 'outgoing', false],
    ['to another country passes a hold', '+4930123456', 'country:SO', false],
    ['to the country that is held stops', '+252612345678', 'country:SO', true],
    ['to a prefix that is held stops', '+252612345678', 'prefix:+25261', true],
    ['to an allowed number abroad passes a bar of international calls', '+4930111111', 'international', false],
    ['to an allowed number passes a bar of all outgoing calls', '+4930111111', 'outgoing', false],
    ['to the number beside an allowed one stops', '+4930111112', 'international', true],
  ])('%s', (_, number, scope, stopped) => {
    expect(stops(scope, classify(number, 'NL')!, 'NL', new Set(['+4930111111']))).toBe(stopped);
  });
});

describe('a suspension of a Dutch customer', () => {
  it.each<[story: string, suspended: BarScope, hold: HoldScope, covered: boolean]>([
    ['of international calls covers a hold on a country abroad', 'international', 'country:SO', true],
    ['of international calls covers a hold on a prefix abroad', 'international', 'prefix:+25261', true],
    ['of international calls covers none at home', 'international', 'country:NL', false],
    ['of international calls covers no prefix at home', 'international', 'prefix:+31900', false],
    ['of international calls covers no prefix that is in part at home', 'international', 'prefix:+3', false],
    ['of outgoing calls covers every hold', 'outgoing', 'country:NL', true],
    ['of premium numbers covers none', 'premium', 'country:SO', false],
    ['of a shorter prefix covers a longer one', 'prefix:+252', 'prefix:+25261', true],
    ['of a longer prefix covers no shorter one', 'prefix:+25261', 'prefix:+252', false],
  ])('%s', (_, suspended, hold, covered) => expect(covers(suspended, hold, 'NL')).toBe(covered));
});
