import { describe, expect, it } from '@jest/globals';
import { barredTraffic, parseBarScope } from './barring.ts';

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
