/** What is usual for an account, read from its signature: as data, and in words. Pure. */
import type { Account } from '../accounts/account.ts';
import type { Micros } from '../kernel/money.ts';
import { formatAmount } from '../kernel/money.ts';
import { placeOf, type Place } from './destination-key.ts';
import { dailyOf } from './learning.ts';
import type { Model } from './model.ts';
import { microsPerEuro, WEEK_PARTS } from './norms.ts';
import { AT, keyAt, SLOT, SLOTS, SLOT_WORDS, type Signature } from './signature.ts';

export const WEEK_PART_NAMES = [
  'weekday night',
  'weekday daytime',
  'weekday evening',
  'weekend night',
  'weekend daytime',
  'weekend evening',
] as const;

export interface Normal {
  /** days behind it, as they count after forgetting; 0: what comparable accounts do is all there is to go by */
  days: number;
  perDayAbroad: Micros;
  perDay: Micros;
  /** of all kinds, as they are and not as they weigh */
  callsPerDay: number;
  /** known destinations, the most used first */
  places: (Place & { calls: number })[];
  /** share of its calls in each part of the week */
  hours: { part: (typeof WEEK_PART_NAMES)[number]; share: number }[];
}

/** Less than this is no acquaintance. */
const KNOWN_CALLS = 0.5;

export function normalOf(signature: Signature, account: Account, model: Model): Normal {
  const { f } = signature;
  const segment = model.segment(account.segment);
  const days = f[AT.days]!;
  const unit = microsPerEuro(account.currency);
  const money = (euros: number): Micros => BigInt(Math.round(euros * 100)) * BigInt(Math.round(unit / 100));
  const places = Array.from({ length: SLOTS }, (_, index) => AT.slots + index * SLOT_WORDS)
    .filter((at) => keyAt(signature, at) !== 0 && f[at + SLOT.learnt]! >= KNOWN_CALLS)
    .toSorted((a, b) => f[b + SLOT.learnt]! - f[a + SLOT.learnt]!)
    .map((at) => ({ ...placeOf(keyAt(signature, at)), calls: Math.round(f[at + SLOT.learnt]!) }));
  const hours = Array.from({ length: WEEK_PARTS }, (_, part) => f[AT.hours + part]!);
  const calls = hours.reduce((sum, each) => sum + each, 0);
  return {
    days: Math.round(days),
    perDayAbroad: money(dailyOf(f[AT.learntInternational]!, segment.dayInternational, days)),
    perDay: money(dailyOf(f[AT.learntAll]!, segment.dayAll, days)),
    callsPerDay: days < 1 ? 0 : Math.round((calls / days) * 10) / 10,
    places,
    hours: hours.map((each, part) => ({ part: WEEK_PART_NAMES[part]!, share: calls === 0 ? 0 : each / calls })),
  };
}

/** In a sentence or two, for the billing team. */
export function normalInWords(normal: Normal, { currency }: Pick<Account, 'currency'>): string {
  if (normal.days < 1) return 'Nothing is known of this account yet: it is held against what comparable accounts do.';
  const amount = (micros: Micros) => `${formatAmount(micros)} ${currency}`;
  const names = new Intl.DisplayNames('en', { type: 'region' });
  const nameOf = ({ kind, country }: Place) => {
    const region = /^[A-Z]{2}$/.test(country) ? names.of(country) : 'networks of no country';
    return kind === 'country' ? region! : kind === 'roaming' ? `use from ${region}` : `${kind} numbers (${region})`;
  };
  const places = normal.places.slice(0, 5).map(nameOf);
  const busiest = normal.hours.toSorted((a, b) => b.share - a.share)[0]!;
  return [
    `Usually ${amount(normal.perDay)} a day, ${amount(normal.perDayAbroad)} of it abroad and on premium numbers, with ${normal.callsPerDay} calls or messages`,
    places.length === 0 ? ', to no destination beyond the usual ones at home' : `, to ${places.join(', ')}`,
    busiest.share === 0 ? '.' : `; ${Math.round(busiest.share * 100)} % of its calls at ${busiest.part}.`,
  ].join('');
}
