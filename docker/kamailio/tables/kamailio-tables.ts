/** What docker/kamailio knows of the world's numbers, made from Plafond's own tables: `npm run kamailio-tables` writes it. */
import { assignmentOf, callingCodeOf, type CallingCode } from '../../../src/destinations/number-plan.ts';
import { EMERGENCY_BY_COUNTRY, EMERGENCY_EVERYWHERE } from '../../../src/destinations/tables/emergency.ts';
import { beginningsOf, shortestPrefixes } from './number-prefixes.ts';

/** Each file of docker/kamailio that is made, by its name. */
export function kamailioTables(): Map<string, string> {
  return new Map([
    ['countries.cfg', countriesTable()],
    ['emergency.cfg', emergencyTable()],
  ]);
}

function countriesTable(): string {
  const lines = callingCodes().flatMap((code) => {
    const main = code.plans[0]!.country;
    return [[`+${code.code}`, main], ...sharedPrefixes(code, main)].map(
      ([prefix, country]) => `\t$sht(country=>${prefix}) = "${country}";`,
    );
  });
  return `# Which country a number is in: calling codes, and the longer prefixes of countries that share one (+1, +7, +44 and others).
# The longest that fits holds. Made from libphonenumber's plans, as Plafond reads them, by \`npm run kamailio-tables\`.
route[COUNTRIES] {
${lines.join('\n')}
}
`;
}

function callingCodes(): CallingCode[] {
  const codes = new Set<CallingCode>();
  for (let digits = 100; digits < 1000; digits++) {
    const code = callingCodeOf(`+${digits}`);
    if (code) codes.add(code);
  }
  return [...codes].toSorted((a, b) => (a.code < b.code ? -1 : 1));
}

function sharedPrefixes(code: CallingCode, main: string): [string, string][] {
  if (code.plans.length === 1) return [];
  const beginnings = new Map<string, string>();
  for (const { leading, ranges } of code.plans) {
    for (const pattern of [...(leading ? [leading] : []), ...ranges.map((range) => range.pattern)]) {
      for (const { prefix, sample } of beginningsOf(pattern)) {
        const assigned = assignmentOf(sample, code)?.country;
        if (assigned !== undefined) beginnings.set(prefix, assigned);
      }
    }
  }
  return shortestPrefixes(beginnings, main).filter(([prefix]) => prefix.length > 1 + code.code.length);
}

function emergencyTable(): string {
  const everywhere = [...EMERGENCY_EVERYWHERE].map((number) => `\t$sht(emergency=>${number}) = 1;`);
  const countries = Object.entries(EMERGENCY_BY_COUNTRY).flatMap(([country, numbers]) =>
    numbers.split(' ').map((number) => `\t$sht(emergency=>${country}:${number}) = 1;`),
  );
  return `# Emergency numbers: those that are treated as such wherever they are dialled (3GPP TS 22.101, 10.1.1, and 999), and what each
# country has besides, by libphonenumber's ShortNumberMetadata.xml. Made from Plafond's own table
# (src/destinations/tables/emergency.ts, which names its sources in full) by \`npm run kamailio-tables\`. What your regulator
# names beyond them belongs into ALSO_PASS in kamailio.cfg.
route[EMERGENCY_NUMBERS] {
${[...everywhere, ...countries].join('\n')}
}
`;
}
