import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';
import mobileExamples from 'libphonenumber-js/mobile/examples';
import { classify } from './classify.ts';
import { TRAFFIC_BIT } from './traffic.ts';

describe('libphonenumber agrees', () => {
  /** Country and premium of a number that libphonenumber holds valid, seen from a country that shares no calling code. */
  function expectAgreement(number: string, home = 'ZZ'): void {
    const parsed = parsePhoneNumberFromString(number)!;
    expect(classify(number, home)).toMatchObject({ number: parsed.number, country: parsed.country ?? '001' });
    const premium = (classify(number, home)!.traffic & TRAFFIC_BIT.premium) !== 0;
    expect([number, premium]).toEqual([number, parsed.getType() === 'PREMIUM_RATE']);
  }

  it.each(Object.entries(mobileExamples))(
    'on the example mobile number of %s, abroad and in the national form',
    (country, example) => {
      const parsed = parsePhoneNumberFromString(example, country as CountryCode)!;
      expectAgreement(parsed.number);
      const dialled = parsed.formatNational();
      // What a phone in that country makes of the national form is libphonenumber's to say, too.
      const read = parsePhoneNumberFromString(dialled, country as CountryCode)!;
      expect(classify(dialled, country)).toMatchObject({ number: read.number, country: read.country });
    },
  );

  it('on any number that it holds valid', () => {
    const codes = [...Object.keys(metadata.country_calling_codes), ...Object.keys(metadata.nonGeographic)];
    const number = fc
      .tuple(fc.constantFrom(...codes), fc.stringMatching(/^\d{4,12}$/))
      .map(([code, rest]) => `+${code}${rest}`)
      .filter((text) => text.length <= 16 && parsePhoneNumberFromString(text)?.isValid() === true);
    fc.assert(
      fc.property(number, (text) => expectAgreement(text)),
      { numRuns: 500 },
    );
  });
});
