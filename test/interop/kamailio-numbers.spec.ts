/** What docker/kamailio knows of the world's numbers, held against Plafond's own plans. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import examples from 'libphonenumber-js/mobile/examples';
import { classify } from '../../src/destinations/classify.ts';
import { callingCodeOfCountry } from '../../src/destinations/number-plan.ts';
import { ROOT } from '../harness/root.ts';
import { kamailioTables } from '../../docker/kamailio/tables/kamailio-tables.ts';
import { beginningsOf } from '../../docker/kamailio/tables/number-prefixes.ts';

const text = kamailioTables().get('countries.cfg')!;
const countries = new Map(
  [...text.matchAll(/\$sht\(country=>(\+\d+)\) = "(\w+)";/g)].map(([, prefix, country]) => [prefix!, country!]),
);
/** As `route[BARRED]` looks a number up. */
const countryOf = (number: string): string | undefined => {
  for (let length = Math.min(number.length, 16); length > 1; length--) {
    const found = countries.get(number.slice(0, length));
    if (found !== undefined) return found;
  }
  return undefined;
};

it.each([...kamailioTables()])('docker/kamailio/%s is as it would be made now', (name, made) => {
  expect(readFileSync(join(ROOT, 'docker/kamailio', name), 'utf8')).toBe(made);
});

describe('the countries that Kamailio knows', () => {
  it.each(Object.entries(examples))('%s: a mobile number is found there', (country, national) => {
    const number = `+${callingCodeOfCountry(country)!.code}${national}`;
    expect(countryOf(number)).toBe(classify(number, 'NL')!.country);
  });

  it('are those that Plafond finds for a number of each range of each plan', () => {
    const wrong: string[] = [];
    let asked = 0;
    const codes = new Set(Object.keys(examples).map((country) => callingCodeOfCountry(country)!));
    for (const code of codes) {
      for (const { ranges } of code.plans) {
        for (const { sample } of ranges.flatMap(({ pattern }) => beginningsOf(pattern))) {
          const found = classify(sample, 'NL');
          if (!found || found.number !== sample) continue;
          asked++;
          if (countryOf(sample) !== found.country) wrong.push(`${sample} ${found.country} not ${countryOf(sample)}`);
        }
      }
    }
    expect(asked).toBeGreaterThan(10_000);
    expect(wrong).toEqual([]);
  });
});
