import { parsePhoneNumberFromString, type NumberType } from 'libphonenumber-js/max';
import { isEmergency } from './emergency.ts';

/** Kinds of numbers behind which no phone shows a text, and what they are called. */
const DEAF: Partial<Record<NonNullable<NumberType>, string>> = {
  FIXED_LINE: 'a landline',
  PREMIUM_RATE: 'a premium-rate number',
  TOLL_FREE: 'a toll-free number',
  SHARED_COST: 'a shared-cost number',
  UAN: 'a company-wide number',
  VOICEMAIL: 'a voice mail',
};

/**
 * Why a number in E.164 can't receive an SMS; `undefined` where it may. A number that is in no plan today may be in one
 * tomorrow, so the gateway judges that; where fixed and mobile share their ranges (North America), any number may.
 */
export function whyNoSms(number: string, homeCountry: string): string | undefined {
  if (isEmergency(number, homeCountry)) return 'it is an emergency number';
  const parsed = parsePhoneNumberFromString(number);
  if (!parsed?.isPossible()) return 'it is no telephone number';
  const type = parsed.getType();
  const deaf = type && DEAF[type];
  return deaf && `it is ${deaf}`;
}
