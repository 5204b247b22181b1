import { describe, expect, it } from '@jest/globals';
import { isEmergency } from './emergency.ts';

describe('emergency numbers', () => {
  it.each<[story: string, number: string, home: string, emergency: boolean]>([
    ['112 in the Netherlands is one', '112', 'NL', true],
    ['112 written as +31112 in the Netherlands is one', '+31112', 'NL', true],
    ['911 in the United States is one', '911', 'US', true],
    ['999 in the United Kingdom is one', '999', 'GB', true],
    ['112 of an account without a known country is one', '112', '', true],
    ['110 in Germany is one', '110', 'DE', true],
    ['110 in the Netherlands is none', '110', 'NL', false],
    ['18 in France is one', '18', 'FR', true],
    ['000 in Australia is one', '000', 'AU', true],
    ['111 in New Zealand is one', '111', 'NZ', true],
    ['119 in Japan is one', '119', 'JP', true],
    ['190 in Brazil is one', '190', 'BR', true],
    ['a number that begins with 112 is none', '1121234', 'NL', false],
    ['the 112 of another country, dialled abroad, is none', '+49112', 'NL', false],
    ['a text is none', 'help', 'NL', false],
  ])('%s', (_story, number, home, emergency) => {
    expect(isEmergency(number, home)).toBe(emergency);
  });
});
