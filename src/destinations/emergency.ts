import { digitsDialled } from './dialled.ts';
import { callingCodeOfCountry } from './number-plan.ts';
import { EMERGENCY_BY_COUNTRY, EMERGENCY_EVERYWHERE } from './tables/emergency.ts';

const byCountry = new Map(
  Object.entries(EMERGENCY_BY_COUNTRY).map(([country, numbers]) => [country, new Set(numbers.split(' '))]),
);

/** Whether these digits, dialled in this country, reach an emergency service. */
export function isEmergencyCode(digits: string, country: string): boolean {
  return EMERGENCY_EVERYWHERE.has(digits) || byCountry.get(country)?.has(digits) === true;
}

/**
 * Whether a number that a customer of `homeCountry` (ISO alpha-2) calls reaches an emergency service. Some switches
 * write 112 as `+31112`; that is one too.
 */
export function isEmergency(number: string, homeCountry: string): boolean {
  const digits = digitsDialled(number);
  if (digits === undefined) return false;
  if (!digits.startsWith('+')) return isEmergencyCode(digits, homeCountry);
  const home = callingCodeOfCountry(homeCountry);
  if (!home || !digits.startsWith(`+${home.code}`)) return false;
  return isEmergencyCode(digits.slice(1 + home.code.length), homeCountry);
}
