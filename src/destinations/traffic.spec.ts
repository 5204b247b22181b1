import { describe, expect, it } from '@jest/globals';
import { classify, NO_DESTINATION } from './classify.ts';
import { matchesTraffic, parseTraffic, type Traffic } from './traffic.ts';

describe('a traffic word', () => {
  it.each([
    'all',
    'national',
    'international',
    'premium',
    'satellite',
    'high-risk',
    'country:SO',
    'country:XK',
    'prefix:+25261',
    'prefix:+1',
  ])('%s is read', (text) => {
    expect(parseTraffic(text)).toBe(text);
  });

  it.each([
    ['an empty word', ''],
    ['an unknown word', 'roaming'],
    ['another case', 'International'],
    ['a name that every object has', 'constructor'],
    ['a country in lower case', 'country:so'],
    ['a country that is none', 'country:ZZ'],
    ['a country of three letters', 'country:SOM'],
    ['the world', 'country:001'],
    ['no country', 'country:'],
    ['a prefix without +', 'prefix:25261'],
    ['a prefix without digits', 'prefix:+'],
    ['a prefix of sixteen digits', 'prefix:+1234567890123456'],
    ['a prefix with a line feed', 'prefix:+252\n'],
    ['a space around', ' all'],
  ])('refuses %s', (_story, text) => {
    expect(parseTraffic(text)).toBeUndefined();
  });
});

describe('usage counts for a traffic', () => {
  const somalia = classify('+252612345678', 'NL')!;
  const premium = classify('0900-1234', 'NL')!;
  const emergency = classify('112', 'NL')!;

  it.each<[story: string, traffic: Traffic, counts: boolean]>([
    ['a call to Somalia counts for all', 'all', true],
    ['a call to Somalia counts for international', 'international', true],
    ['a call to Somalia counts for high-risk', 'high-risk', true],
    ['a call to Somalia counts for its country', 'country:SO', true],
    ['a call to Somalia counts for its prefix', 'prefix:+25261', true],
    ['a call to Somalia doesn’t count for national', 'national', false],
    ['a call to Somalia doesn’t count for premium', 'premium', false],
    ['a call to Somalia doesn’t count for another country', 'country:ZW', false],
    ['a call to Somalia doesn’t count for another prefix', 'prefix:+25262', false],
  ])('%s', (_story, traffic, counts) => {
    expect(matchesTraffic(traffic, somalia)).toBe(counts);
  });

  it('a national 0900 call counts for national and for premium', () => {
    expect(matchesTraffic('national', premium)).toBe(true);
    expect(matchesTraffic('premium', premium)).toBe(true);
  });

  it('a short code counts for its country', () => {
    expect(matchesTraffic('country:NL', emergency)).toBe(true);
  });

  it('data without a number counts for all alone', () => {
    expect(matchesTraffic('all', NO_DESTINATION)).toBe(true);
    for (const traffic of ['national', 'international', 'country:NL', 'prefix:+3'] as const) {
      expect(matchesTraffic(traffic, NO_DESTINATION)).toBe(false);
    }
  });
});
