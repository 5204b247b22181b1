/** The countries that docker/kamailio knows by their calling codes, held against Plafond's own number plans. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { callingCodeOf, callingCodeOfCountry, isCountry, likelyCountry } from '../../src/destinations/number-plan.ts';

const text = readFileSync(new URL('../../docker/kamailio/countries.cfg', import.meta.url), 'utf8');
const lines = [...text.matchAll(/\$sht\(country=>(\+\d+)\) = "(\w+)";/g)].map(
  ([, prefix, country]) => [prefix!, country!] as const,
);

describe('the countries that Kamailio knows', () => {
  it('are those of their calling codes', () => {
    expect(lines.length).toBeGreaterThan(300);
    for (const [prefix, country] of lines) {
      const code = callingCodeOf(prefix.padEnd(15, '0'))!;
      expect([prefix, country, code.plans.some((plan) => plan.country === country)]).toEqual([prefix, country, true]);
    }
  });

  it('have a line for every calling code, under its main country', () => {
    const known = new Map(lines);
    for (const [, country] of lines) {
      if (!isCountry(country)) continue;
      const { code } = callingCodeOfCountry(country)!;
      const main = known.get(`+${code}`);
      expect([code, main]).toEqual([code, likelyCountry(`+${code}`, callingCodeOfCountry(country)!)]);
    }
  });
});
