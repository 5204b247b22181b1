import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { classify, NO_DESTINATION, normalizeCaller } from './classify.ts';
import { RISK_DESTINATIONS } from './tables/risk.ts';
import { SATELLITE_NETWORKS } from './tables/satellite.ts';
import { TRAFFIC_BIT, type TrafficClass } from './traffic.ts';

/** The classes of a destination in words, in the order of their bits: `international premium`. */
function classesOf(traffic: number): string {
  const names = Object.keys(TRAFFIC_BIT) as TrafficClass[];
  return names.filter((name) => (traffic & TRAFFIC_BIT[name]) !== 0).join(' ');
}

describe('a called number is classified', () => {
  it.each([
    ['a Dutch caller dials a Dutch mobile', 'NL', '+31612345678', '+31612345678 NL mobile national'],
    ['a Dutch caller dials Deventer in the national form', 'NL', '0570123456', '+31570123456 NL fixed national'],
    ['a Dutch caller dials The Hague in the national form', 'NL', '0701234567', '+31701234567 NL fixed national'],
    ['a Dutch caller dials Maastricht in the national form', 'NL', '0431234567', '+31431234567 NL fixed national'],
    ['a Dutch caller dials London with 00', 'NL', '00442071234567', '+442071234567 GB fixed international'],
    ['a Dutch caller dials Guernsey, which shares +44', 'NL', '+441481256789', '+441481256789 GG fixed international'],
    [
      'a British caller dials Guernsey, which is another country',
      'GB',
      '01481256789',
      '+441481256789 GG fixed international',
    ],
    [
      'a Dutch caller dials the Vatican, which shares +39',
      'NL',
      '+390669812345',
      '+390669812345 VA fixed international',
    ],
    ['a Dutch caller dials Kazakhstan, which shares +7', 'NL', '+77012345678', '+77012345678 KZ mobile international'],
    ['a Dutch caller dials Svalbard, which shares +47', 'NL', '+4779123456', '+4779123456 SJ fixed international'],
    ['a US caller dials Canada, which shares +1', 'US', '4165550123', '+14165550123 CA fixed international'],
    ['a US caller dials with a leading 1', 'US', '1 (212) 736-5000', '+12127365000 US fixed national'],
    ['a US caller dials London with 011', 'US', '011 44 20 7123 4567', '+442071234567 GB fixed international'],
    ['a US feed writes London with 00', 'US', '00442071234567', '+442071234567 GB fixed international'],
    ['a Russian caller dials Amsterdam with 8~10', 'RU', '810 31 20 794 0000', '+31207940000 NL fixed international'],
    ['a Singaporean caller dials London with 001', 'SG', '001442071234567', '+442071234567 GB fixed international'],
    [
      'a Canadian caller dials freephone, which is nobody’s alone',
      'CA',
      '+18005550199',
      '+18005550199 CA toll-free national',
    ],
    ['a Dutch caller dials American freephone', 'NL', '+18005550199', '+18005550199 US toll-free international'],
    ['a Dutch caller dials Italy, whose 0 stays', 'NL', '+390612345678', '+390612345678 IT fixed international'],
    ['a number is written as +31 (0)20', 'NL', '+31 (0)20-794.0000', '+31207940000 NL fixed national'],
    ['a number is written as a tel: URI', 'NL', 'tel:+31-20-794-0000;ext=5', '+31207940000 NL fixed national'],
    ['a Dutch caller dials a 0900 service', 'NL', '0900-1234', '+319001234 NL premium national premium'],
    [
      'a Dutch caller dials a German 0900 service',
      'NL',
      '+499001123456',
      '+499001123456 DE premium international premium',
    ],
    ['a Dutch caller dials a US 900 number', 'NL', '+19002345678', '+19002345678 US premium international premium'],
    [
      'a Dutch caller dials international premium rate',
      'NL',
      '+979123456789',
      '+979123456789 001 premium international premium',
    ],
    ['a Dutch caller dials international freephone', 'NL', '+80012345678', '+80012345678 001 toll-free international'],
    ['a Dutch caller dials a Dutch 0800 number', 'NL', '0800-1234', '+318001234 NL toll-free national'],
    ['a German caller dials a shared-cost 0180 number', 'DE', '01805123456', '+491805123456 DE shared-cost national'],
    [
      'a Dutch caller dials Iridium',
      'NL',
      '+881612345678',
      '+881612345678 001 satellite international satellite high-risk',
    ],
    ['a Dutch caller dials Inmarsat', 'NL', '+870761234567', '+870761234567 001 satellite international satellite'],
    [
      'a Dutch caller dials Thuraya',
      'NL',
      '+8821655512345',
      '+8821655512345 001 satellite international satellite high-risk',
    ],
    ['a Dutch caller dials a VoIP network under +883', 'NL', '+883510012345', '+883510012345 001 other international'],
    ['a Dutch caller dials Somalia', 'NL', '+252612345678', '+252612345678 SO mobile international high-risk'],
    ['a Somali caller dials Somalia', 'SO', '+252612345678', '+252612345678 SO mobile national'],
    ['a Dutch caller dials a Bosnian mobile', 'NL', '+38761123456', '+38761123456 BA mobile international high-risk'],
    ['a Dutch caller dials Sarajevo', 'NL', '+38733423456', '+38733423456 BA fixed international'],
    [
      'a Dutch caller dials Antigua, which shares +1',
      'NL',
      '+12684601234',
      '+12684601234 AG fixed international high-risk',
    ],
    ['a Dutch caller dials 112', 'NL', '112', '112 NL short-code national'],
    ['a French caller dials 15, an emergency number of two digits', 'FR', '15', '15 FR short-code national'],
    ['an Australian caller dials 000', 'AU', '000', '000 AU short-code national'],
    ['a Dutch caller dials the directory on 1888', 'NL', '1888', '1888 NL short-code national'],
    ['a Dutch caller dials the child helpline on 116111', 'NL', '116111', '116111 NL short-code national'],
    ['a number is not in today’s Dutch plan', 'NL', '+31990000000', '+31990000000 NL other national'],
    ['a number is not in today’s Zimbabwean plan', 'NL', '+2630', '+2630 ZW other international high-risk'],
    ['a number is not in today’s Bahamian plan', 'NL', '+12420000000', '+12420000000 BS other international'],
    ['a national form is not in today’s plan', 'NL', '0990000000', '+31990000000 NL other national'],
    ['a feed drops the + of a foreign number', 'NL', '252612345678', '+252612345678 SO mobile international high-risk'],
    ['a feed drops the + of a home number', 'NL', '31612345678', '+31612345678 NL mobile national'],
  ])('%s (home %s): %s is %s', (_story, home, dialled, expected) => {
    const { number, country, type, traffic } = classify(dialled, home)!;
    expect(`${number} ${country} ${type} ${classesOf(traffic)}`).toBe(expected);
  });

  it.each([
    ['an empty text', ''],
    ['spaces only', '   '],
    ['a plus alone', '+'],
    ['letters', '+31HOTLINE'],
    ['a name', 'anonymous'],
    ['a calling code that nobody has', '+999123456'],
    ['a calling code that nobody has, with 00', '00999123456'],
    ['more than fifteen digits', '+3161234567890123'],
    ['two digits', '+31'],
    ['two digits that are no emergency number', '16'],
    ['a second plus', '+31+612345678'],
    ['a supplementary service code', '*21*0612345678#'],
    ['digits of another script', '٠٦١٢٣٤٥٦٧٨'],
  ])('refuses %s', (_story, dialled) => {
    expect(classify(dialled, 'NL')).toBeUndefined();
  });

  it('gives data without a number no class of its own', () => {
    expect(classesOf(NO_DESTINATION.traffic)).toBe('');
  });
});

describe('the tables agree with the classification', () => {
  it.each(RISK_DESTINATIONS.map(({ name, prefix }) => [name, prefix]))(
    '%s (%s) is high-risk from abroad',
    (_n, prefix) => {
      expect(classesOf(classify(`${prefix}000000`, 'NL')!.traffic)).toContain('international');
      expect(classesOf(classify(`${prefix}000000`, 'NL')!.traffic)).toContain('high-risk');
    },
  );

  it.each(SATELLITE_NETWORKS.map(({ network, prefix }) => [network, prefix]))('%s (%s) is satellite', (_n, prefix) => {
    expect(classify(`${prefix}000000`, 'NL')).toMatchObject({ country: '001', type: 'satellite' });
  });

  it('names no destination twice', () => {
    const prefixes = RISK_DESTINATIONS.map(({ prefix }) => prefix);
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});

describe('whatever the text', () => {
  const home = fc.constantFrom('NL', 'US', 'SG', 'IT', 'RU', '', 'XX');
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[+0-9 ().-]{0,20}$/));

  it('classification answers and is stable: a destination’s E.164 number is classified as itself', () => {
    fc.assert(
      fc.property(text, home, (dialled, country) => {
        const destination = classify(dialled, country);
        if (destination?.number.startsWith('+')) expect(classify(destination.number, country)).toEqual(destination);
      }),
    );
  });

  it('a destination is either national or international', () => {
    fc.assert(
      fc.property(text, home, (dialled, country) => {
        const destination = classify(dialled, country);
        if (!destination) return;
        const both = TRAFFIC_BIT.national | TRAFFIC_BIT.international;
        expect([TRAFFIC_BIT.national, TRAFFIC_BIT.international]).toContain(destination.traffic & both);
      }),
    );
  });

  it('a calling number is never refused', () => {
    fc.assert(fc.property(text, home, (given, country) => /^\+?\d*$/.test(normalizeCaller(given, country))));
  });
});

describe('a calling number', () => {
  it.each([
    ['in the national form becomes E.164', '020 794 0000', '+31207940000'],
    ['in E.164 stays', '+31207940000', '+31207940000'],
    ['that is an extension stays as given', '17', '17'],
    ['of an unknown calling code stays as given', '+999123', '+999123'],
    ['that is withheld is empty', 'anonymous', ''],
    ['that is an alphanumeric sender is empty', 'PostNL', ''],
    ['that is missing is empty', '', ''],
  ])('%s', (_story, given, expected) => {
    expect(normalizeCaller(given, 'NL')).toBe(expected);
  });
});
