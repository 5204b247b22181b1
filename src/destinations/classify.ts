import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/max';
import { digitsDialled } from './dialled.ts';
import { isEmergencyCode } from './emergency.ts';
import {
  assignmentIn,
  assignmentOf,
  callingCodeOf,
  isCountry,
  likelyCountry,
  type Assignment,
  type CallingCode,
  type NumberType,
} from './number-plan.ts';
import { TRAFFIC_BIT } from './traffic.ts';

export type DestinationType = NumberType | 'short-code' | 'none';

/** Where usage went, as far as the number says it. */
export interface Destination {
  /** E.164 with `+`, or a short code as it was dialled; `''` for data without a number. */
  readonly number: string;
  /** ISO 3166-1 alpha-2; `001` for non-geographic world numbers; `''` where there is no number. */
  readonly country: string;
  /** Where fixed and mobile share their ranges (North America) it is `fixed`. */
  readonly type: DestinationType;
  /** Bits of `TRAFFIC_BIT`. */
  readonly traffic: number;
}

/** The destination of data that went to no number: it counts for `all` and nothing else. */
export const NO_DESTINATION: Destination = Object.freeze({ number: '', country: '', type: 'none', traffic: 0 });

const E164 = /^\+\d{3,15}$/;

/** Short codes have up to six digits (116xxx, 118xxx, SMS codes); a longer national form is a subscriber number. */
const SHORT_CODE_DIGITS_MAX = 6;

/**
 * The destination of a called number, for a customer of `homeCountry` (ISO 3166-1 alpha-2); `undefined` where the text
 * is no dialable number: empty, with letters, of an unknown calling code, below three digits or above fifteen.
 *
 * E.164 with `+` is read as it stands, everything else as a phone in the home country would read it. A number that is
 * in no plan today is accepted all the same (plans change, and its money must count): its country is that of the calling
 * code, its type `other`.
 */
export function classify(number: string, homeCountry: string): Destination | undefined {
  if (E164.test(number)) return classifyE164(number, homeCountry);
  const digits = digitsDialled(number);
  if (digits === undefined) return undefined;
  return digits.startsWith('+') ? classifyE164(digits, homeCountry) : classifyNationalForm(digits, homeCountry);
}

/**
 * A calling number as E.164, or as the short code it is. Never refuses: what can't be read comes back as the digits that
 * were given, and a withheld number or an alphanumeric sender as `''`.
 */
export function normalizeCaller(number: string, homeCountry: string): string {
  return classify(number, homeCountry)?.number ?? digitsDialled(number) ?? '';
}

function classifyE164(number: string, homeCountry: string): Destination | undefined {
  if (!E164.test(number)) return undefined;
  const callingCode = callingCodeOf(number);
  if (!callingCode) return undefined;
  const assignment = assignmentOf(number, callingCode);
  if (assignment) return destination(number, callingCode, assignment, homeCountry);
  if (callingCode.trunkPrefix?.test(number)) {
    const corrected = withoutTrunkPrefix(number);
    if (corrected !== number) return classifyE164(corrected, homeCountry);
  }
  return destination(number, callingCode, { country: likelyCountry(number, callingCode), type: 'other' }, homeCountry);
}

function destination(number: string, callingCode: CallingCode, assigned: Assignment, homeCountry: string): Destination {
  const { country, type } = atHome(number, callingCode, assigned, homeCountry);
  const national = country === homeCountry;
  const satellite = beginsWith(number, callingCode.satellitePrefixes);
  let traffic: number = national ? TRAFFIC_BIT.national : TRAFFIC_BIT.international;
  if (type === 'premium') traffic |= TRAFFIC_BIT.premium;
  if (satellite) traffic |= TRAFFIC_BIT.satellite;
  // The risk is that of being called from abroad: a Somali customer calls Somalia every day.
  if (!national && beginsWith(number, callingCode.riskPrefixes)) traffic |= TRAFFIC_BIT['high-risk'];
  return { number, country, type: satellite ? 'satellite' : type, traffic };
}

/**
 * Service numbers (freephone, premium and the like) are the same for all countries that share a calling code, and
 * libphonenumber gives them to the main one. To a Canadian caller +1 800 is national, not a call to the United States.
 */
function atHome(number: string, callingCode: CallingCode, assigned: Assignment, homeCountry: string): Assignment {
  if (callingCode.plans.length === 1 || assigned.country === homeCountry) return assigned;
  if (assigned.type === 'fixed' || assigned.type === 'mobile') return assigned;
  const own = assignmentIn(homeCountry, number, callingCode);
  return own?.type === assigned.type ? own : assigned;
}

function beginsWith(number: string, prefixes: readonly string[] | undefined): boolean {
  return prefixes !== undefined && prefixes.some((prefix) => number.startsWith(prefix));
}

/** libphonenumber's own reading of a form that needs its dialling rules, as E.164; `undefined` where it has none. */
function parse(number: string, homeCountry?: string): { number: string; valid: boolean } | undefined {
  const defaultCountry = homeCountry as CountryCode | undefined;
  const parsed = parsePhoneNumberFromString(number, { defaultCountry, extract: false });
  return parsed && { number: parsed.number, valid: parsed.isValid() };
}

/** `+31 (0)20 1234567` is +31201234567, where that is a number. */
const withoutTrunkPrefix = remembered((number) => {
  const parsed = parse(number);
  return parsed?.valid ? parsed.number : number;
});

const classifyNationalForm = remembered((digits: string, homeCountry: string): Destination | undefined => {
  // Some emergency numbers have two digits and some begin like an international prefix, so they come first.
  if (isEmergencyCode(digits, homeCountry)) return shortCode(digits, homeCountry);
  if (digits.length < 3) return undefined;
  const parsed = isCountry(homeCountry) ? parse(digits, homeCountry) : undefined;
  if (parsed?.valid) return classifyE164(parsed.number, homeCountry);
  if (digits.length <= SHORT_CODE_DIGITS_MAX) return shortCode(digits, homeCountry);
  // `00` is what most of the world dials, and feeds use it whatever the home country's own prefix is.
  if (digits.startsWith('00')) return classifyE164(`+${digits.slice(2)}`, homeCountry);
  // Switches drop the `+`: better abroad and counted as such than national by mistake.
  const international = `+${digits}`;
  const callingCode = E164.test(international) ? callingCodeOf(international) : undefined;
  if (callingCode && assignmentOf(international, callingCode)) return classifyE164(international, homeCountry);
  return parsed && classifyE164(parsed.number, homeCountry);
});

function shortCode(digits: string, homeCountry: string): Destination {
  return { number: digits, country: homeCountry, type: 'short-code', traffic: TRAFFIC_BIT.national };
}

const REMEMBERED_MAX = 50_000;

/** Remembers results by argument, so that libphonenumber's parser (some microseconds a number) runs once a form. */
function remembered<Result>(
  compute: (number: string, homeCountry: string) => Result,
): (number: string, homeCountry?: string) => Result {
  const results = new Map<string, Result>();
  return (number, homeCountry = '') => {
    const key = `${homeCountry} ${number}`;
    const known = results.get(key);
    if (known !== undefined || results.has(key)) return known as Result;
    const result = compute(number, homeCountry);
    // Starting afresh bounds the memory; what is still dialled is back after one parse each.
    if (results.size >= REMEMBERED_MAX) results.clear();
    results.set(key, result);
    return result;
  };
}
