import type { Destination } from './classify.ts';
import { isCountry } from './number-plan.ts';

/** Traffic classes a record belongs to, as bits, stored with each usage record. The values never change. */
export const TRAFFIC_BIT = { national: 1, international: 2, premium: 4, satellite: 8, 'high-risk': 16 } as const;

export type TrafficClass = keyof typeof TRAFFIC_BIT;

/** What a cap or a sum is about, in the words that the admin API takes. */
export type Traffic = 'all' | TrafficClass | `country:${string}` | `prefix:+${string}`;

const COUNTRY = 'country:';
const PREFIX = 'prefix:';

/** Reads a traffic word; `undefined` where it is none. A country is an ISO 3166-1 alpha-2 code, a prefix `+` and 1 to 15 digits. */
export function parseTraffic(text: string): Traffic | undefined {
  if (text === 'all' || Object.hasOwn(TRAFFIC_BIT, text)) return text as Traffic;
  if (text.startsWith(COUNTRY)) return isCountry(text.slice(COUNTRY.length)) ? (text as Traffic) : undefined;
  return /^prefix:\+\d{1,15}$/.test(text) ? (text as Traffic) : undefined;
}

/** Whether usage towards this destination counts for this traffic; `all` takes everything, data without a number too. */
export function matchesTraffic(traffic: Traffic, destination: Destination): boolean {
  if (traffic === 'all') return true;
  if (traffic.startsWith(COUNTRY)) return destination.country === traffic.slice(COUNTRY.length);
  if (traffic.startsWith(PREFIX)) return destination.number.startsWith(traffic.slice(PREFIX.length));
  return (destination.traffic & TRAFFIC_BIT[traffic as TrafficClass]) !== 0;
}
