import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseInstant } from '../kernel/clock.ts';
import { readBrand } from './brand.ts';
import type { WarningFacts } from './facts.ts';
import { BUILT_IN_TEMPLATES, renderEmail, renderSms } from './render.ts';

const BRAND = readBrand('/nowhere/brand.json', 'Plafond <plafond@localhost>');
const FIRST_OF_APRIL = parseInstant('2010-04-01T00:00:00+02:00')!;
const LIMIT = 100_000_000n;

/** Subject, mail and SMS. */
function written(...told: [WarningFacts, ...WarningFacts[]]): string[] {
  const message = { told, brand: BRAND, link: undefined };
  const { subject, text } = renderEmail(message, BUILT_IN_TEMPLATES, false);
  return [subject, text, renderSms(message, BUILT_IN_TEMPLATES)];
}
const NEXT = { percent: 100, amount: LIMIT, warn: true, suspend: 'international' } as const;

describe('whatever is told', () => {
  const country = fc.constantFrom('SO', '001', '');
  const scopes = fc.uniqueArray(fc.constantFrom('country:SO', 'prefix:+25261', 'prefix:+31851234'), { maxLength: 3 });
  const facts = fc
    .record({
      locale: fc.constantFrom('nl-NL', 'en-GB', 'de-DE', 'fr-FR'),
      kind: fc.constantFrom('warn', 'suspend', 'approve', 'hold', 'unusual', 'forecast' as const),
      traffic: fc.constantFrom('all', 'international', 'premium', 'country:SO', 'prefix:+25261'),
      isOfCap: fc.boolean(),
      percent: fc.constantFrom(50, 100),
      period: fc.constantFrom('day', 'week', 'month', 'rolling' as const),
      periodHours: fc.constantFrom(1, 24),
      scopes,
      until: fc.constantFrom(undefined, FIRST_OF_APRIL),
      barred: fc.constantFrom('international', 'premium', 'outgoing' as const),
      mostSpentOn: fc.array(fc.record({ country, amount: fc.constant(5_000_000n), calls: fc.nat(12) }), {
        maxLength: 3,
      }),
      hasNext: fc.boolean(),
    })
    .map(({ isOfCap, percent, scopes: barredScopes, until, barred, hasNext, ...given }): WarningFacts => {
      // Only a cap has a limit, and only caps warn, wait for a person, or look ahead.
      const limit = isOfCap || ['warn', 'approve', 'forecast'].includes(given.kind) ? LIMIT : undefined;
      const terms = 'GTC 7.3';
      return {
        accountName: 'Bakkerij De Korenaar',
        timeZone: 'Europe/Amsterdam',
        spend: 82_100_000n,
        currency: 'EUR',
        periodEnd: FIRST_OF_APRIL,
        ...given,
        limit,
        percent: limit === undefined ? undefined : percent,
        next: limit !== undefined && hasNext ? NEXT : undefined,
        ...(given.kind === 'suspend' && { suspended: { class: barred, until, terms } }),
        ...(given.kind === 'hold' && { held: { scopes: barredScopes, until, terms } }),
        ...(given.kind === 'forecast' && {
          forecast: { likely: FIRST_OF_APRIL, earliest: FIRST_OF_APRIL, latest: FIRST_OF_APRIL },
        }),
      };
    });

  it('is whole sentences: nothing is left out, and no list is empty', () => {
    fc.assert(
      fc.property(facts, fc.array(facts, { maxLength: 2 }), (main, others) => {
        const also = others.map((each) => ({ ...each, locale: main.locale }));
        for (const text of written(main, ...also)) {
          expect(text).not.toMatch(/ {2}| [.,]|[:;,] ?[.,]|: ?$|\( ?\)|undefined/);
        }
      }),
    );
  });

  it('of a hold that bars nothing is only that usage is unusual', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { suspended: _, held: __, forecast: ___, ...facts } = given;
        const hold = { ...facts, kind: 'hold' as const, held: { scopes: [], until: undefined, terms: 'GTC 7.3' } };
        const unusual = { ...facts, kind: 'unusual' as const };
        expect(written(hold)).toEqual(written(unusual));
      }),
    );
  });
});
