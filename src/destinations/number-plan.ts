import metadata from 'libphonenumber-js/max/metadata';
import { RISK_DESTINATIONS } from './tables/risk.ts';
import { SATELLITE_NETWORKS } from './tables/satellite.ts';

/**
 * libphonenumber's numbering plans, compiled once at load. Every pattern is anchored to the whole E.164 number, `+` and
 * calling code included, so that no substring is made for a record.
 */

/** What the numbering plan says a number is. `satellite` overrides it by our own table. */
export type NumberType = 'fixed' | 'mobile' | 'premium' | 'toll-free' | 'shared-cost' | 'satellite' | 'other';

/** The country (`001` for non-geographic world numbers) and type that a plan gives a number. */
export interface Assignment {
  readonly country: string;
  readonly type: NumberType;
}

interface Range {
  assignment: Assignment;
  /** Bit n is set where a national number may have n digits. */
  lengths: number;
  pattern: RegExp;
}

interface Plan {
  country: string;
  general: RegExp;
  /** Sufficient for the number to be this country's among those that share the calling code. */
  leading: RegExp | undefined;
  ranges: Range[];
}

/** A calling code with the plans that share it, the main country's first. */
export interface CallingCode {
  code: string;
  plans: readonly Plan[];
  /** A national prefix that was left in after the calling code, as in `+31 (0)20 …`. */
  trunkPrefix: RegExp | undefined;
  satellitePrefixes: readonly string[] | undefined;
  riskPrefixes: readonly string[] | undefined;
}

/** A plan as libphonenumber-js minifies it (its METADATA.md): positions are fixed, absent parts are 0. */
type PlanRow = readonly unknown[];
const ROW = { general: 2, lengths: 3, nationalPrefix: 5, nationalPrefixForParsing: 7, leading: 10, types: 11 } as const;

/** Types in the order in which libphonenumber tries them, with their position in a plan row. */
const TYPES: readonly (readonly [position: number, type: NumberType])[] = [
  [0, 'fixed'],
  [1, 'mobile'],
  [3, 'premium'],
  [2, 'toll-free'],
  [9, 'shared-cost'],
  [8, 'other'], // VoIP
  [4, 'other'], // personal numbers
  [7, 'other'], // pagers
  [6, 'other'], // universal access numbers
  [5, 'other'], // voice mail
];

const countries = metadata.countries as Readonly<Record<string, PlanRow>>;

const byCountry = new Map<string, CallingCode>();
/** Calling codes are prefix-free, so the first three digits of a number find its code without a search. */
const byFirstThreeDigits: (CallingCode | undefined)[] = Array.from({ length: 1000 });

for (const [code, sharing] of Object.entries(metadata.country_calling_codes)) {
  const plans = (sharing as string[]).map((country) => compilePlan(code, country, countries[country]!));
  add(code, plans, countries[sharing[0]!]!);
}
for (const [code, row] of Object.entries(metadata.nonGeographic as Readonly<Record<string, PlanRow>>)) {
  add(code, [compilePlan(code, '001', row)], row);
}

function add(code: string, plans: Plan[], main: PlanRow): void {
  const trunk = (main[ROW.nationalPrefixForParsing] || main[ROW.nationalPrefix]) as string | 0 | undefined;
  const callingCode: CallingCode = {
    code,
    plans,
    trunkPrefix: trunk ? new RegExp(`^\\+${code}(?:${trunk})`) : undefined,
    satellitePrefixes: prefixesUnder(code, SATELLITE_NETWORKS),
    riskPrefixes: prefixesUnder(code, RISK_DESTINATIONS),
  };
  for (const plan of plans) if (plan.country !== '001') byCountry.set(plan.country, callingCode);
  const span = 10 ** (3 - code.length);
  for (let digits = Number(code) * span; digits < (Number(code) + 1) * span; digits++) {
    byFirstThreeDigits[digits] = callingCode;
  }
}

function compilePlan(code: string, country: string, row: PlanRow): Plan {
  const types = (row[ROW.types] || []) as readonly (readonly [pattern: string, lengths?: number[]] | 0)[];
  const ranges: Range[] = [];
  for (const [position, type] of TYPES) {
    const range = types[position];
    // An empty pattern stands for "the same as the fixed lines", which are tried first.
    if (!range || !range[0]) continue;
    const lengths = (range[1] ?? row[ROW.lengths]) as number[];
    ranges.push({
      assignment: { country, type },
      lengths: lengths.reduce((bits, length) => bits | (1 << length), 0),
      pattern: new RegExp(`^\\+${code}(?:${range[0]})$`),
    });
  }
  const leading = row[ROW.leading] as string | 0 | undefined;
  return {
    country,
    general: new RegExp(`^\\+${code}(?:${row[ROW.general] as string})$`),
    leading: leading ? new RegExp(`^\\+${code}(?:${leading})`) : undefined,
    ranges,
  };
}

function prefixesUnder(code: string, table: readonly { prefix: string }[]): string[] | undefined {
  const prefixes = table.map((row) => row.prefix).filter((prefix) => prefix.startsWith(`+${code}`));
  return prefixes.length > 0 ? prefixes : undefined;
}

/** Whether libphonenumber has a numbering plan for this ISO 3166-1 alpha-2 code (and for AC, TA and XK, which have one without being in the standard). */
export function isCountry(code: string): boolean {
  return byCountry.has(code);
}

/** The calling code of a country that has a plan. */
export function callingCodeOfCountry(country: string): CallingCode | undefined {
  return byCountry.get(country);
}

/** The calling code that an E.164 number (`+` and at least three digits) begins with. */
export function callingCodeOf(number: string): CallingCode | undefined {
  const [first, second, third] = [number.charCodeAt(1), number.charCodeAt(2), number.charCodeAt(3)];
  return byFirstThreeDigits[(first - 48) * 100 + (second - 48) * 10 + (third - 48)];
}

/**
 * What the plan assigns an E.164 number to; `undefined` where today's plan has no such number.
 *
 * Where countries share a code, libphonenumber's rule holds (`getCountryByNationalNumber`): in the order of its list, a
 * country with leading digits takes the numbers that begin with them, one without takes those that fit one of its types.
 */
export function assignmentOf(number: string, callingCode: CallingCode): Assignment | undefined {
  const { plans } = callingCode;
  if (plans.length === 1) return rangeOf(number, callingCode, plans[0]!)?.assignment;
  for (const plan of plans) {
    if (plan.leading) {
      if (plan.leading.test(number)) return rangeOf(number, callingCode, plan)?.assignment;
    } else {
      const range = rangeOf(number, callingCode, plan);
      if (range) return range.assignment;
    }
  }
  return undefined;
}

/** What one country's own plan says of a number, whoever shares its calling code. */
export function assignmentIn(country: string, number: string, callingCode: CallingCode): Assignment | undefined {
  const plan = callingCode.plans.find((candidate) => candidate.country === country);
  return plan && rangeOf(number, callingCode, plan)?.assignment;
}

/** The country of a number that is in no plan: by its leading digits, else the calling code's main country. */
export function likelyCountry(number: string, callingCode: CallingCode): string {
  return (callingCode.plans.find((plan) => plan.leading?.test(number)) ?? callingCode.plans[0]!).country;
}

function rangeOf(number: string, callingCode: CallingCode, plan: Plan): Range | undefined {
  if (!plan.general.test(number)) return undefined;
  const lengthBit = 1 << (number.length - 1 - callingCode.code.length);
  for (const range of plan.ranges) {
    if ((range.lengths & lengthBit) !== 0 && range.pattern.test(number)) return range;
  }
  return undefined;
}
