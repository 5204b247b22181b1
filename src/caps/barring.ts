/** What a bar on the switch covers: a class of calls, or one destination. Emergency numbers always pass. */
import type { Destination } from '../destinations/classify.ts';
import { isEmergency } from '../destinations/emergency.ts';
import { callingCodeOfCountry } from '../destinations/number-plan.ts';
import { matchesTraffic, parseTraffic, type Traffic } from '../destinations/traffic.ts';

/** What a cap's suspension bars. */
export const BARRING_CLASSES = ['international', 'premium', 'outgoing'] as const;
export type BarringClass = (typeof BARRING_CLASSES)[number];

/** What a hold bars: the calls to one country, or to the numbers that begin alike. */
export type HoldScope = Extract<Traffic, `country:${string}` | `prefix:+${string}`>;

export type BarScope = BarringClass | HoldScope;

/** Reads what a bar covers; `undefined` where the word is none of these. */
export function parseBarScope(text: string): BarScope | undefined {
  const barringClass = BARRING_CLASSES.find((each) => each === text);
  if (barringClass) return barringClass;
  const traffic = parseTraffic(text);
  return traffic !== undefined && isHoldScope(traffic) ? traffic : undefined;
}

export function isHoldScope(traffic: string): traffic is HoldScope {
  return traffic.startsWith('country:') || traffic.startsWith('prefix:');
}

/** The traffic that a bar stops, in a decision's words. */
export function barredTraffic(scope: BarScope): Traffic {
  return scope === 'outgoing' ? 'all' : scope;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Whether a bar stops a call of a customer of `homeCountry`. Emergency numbers pass whatever is barred, and so do the
 * numbers that the account may always call; what goes to no number is no call.
 */
export function stops(
  scope: BarScope,
  destination: Destination,
  homeCountry: string,
  allowed: ReadonlySet<string> = NONE,
): boolean {
  const { number } = destination;
  if (number === '' || allowed.has(number) || isEmergency(number, homeCountry)) return false;
  return matchesTraffic(barredTraffic(scope), destination);
}

/** Whether a suspension stops every call that a hold stops, so that the hold is needed no more. */
export function covers(suspended: BarScope, hold: HoldScope, homeCountry: string): boolean {
  if (suspended === hold || suspended === 'outgoing') return true;
  if (suspended.startsWith('prefix:')) return hold.startsWith(suspended);
  if (suspended !== 'international') return false;
  if (hold.startsWith('country:')) return hold !== `country:${homeCountry}`;
  const prefix = hold.slice('prefix:'.length);
  const home = callingCodeOfCountry(homeCountry);
  // A prefix that is the beginning of the home country's numbers, or of some of them, is national in part.
  return home !== undefined && !prefix.startsWith(`+${home.code}`) && !`+${home.code}`.startsWith(prefix);
}

/** The class that an action suspends; `undefined` where it suspends nothing. */
export function suspendedClass(action: string): BarringClass | undefined {
  return action.startsWith('suspend:') ? (action.slice('suspend:'.length) as BarringClass) : undefined;
}
