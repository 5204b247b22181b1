/** What a bar on the switch covers (CONTRACT §7): a class of calls, or one destination. Emergency numbers always pass. */
import { parseTraffic, type Traffic } from '../destinations/traffic.ts';

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

/** The class that an action suspends; `undefined` where it suspends nothing. */
export function suspendedClass(action: string): BarringClass | undefined {
  return action.startsWith('suspend:') ? (action.slice('suspend:'.length) as BarringClass) : undefined;
}
