/** Made-up customers: who they are, how much and when they use, and what changes for them. Prices and shares are of the author's making. */
import type { Random } from './random.ts';
import { COUNTRIES, EVERYDAY, MIGRANTS, type Country } from './countries.ts';
import { DAY_S } from './call.ts';
import { makeHome, type Home } from './home.ts';

export const TYPES = [
  'consumer',
  'migrant',
  'roamer',
  'soho',
  'smb',
  'seasonal',
  'enterprise',
  'call-centre',
  'reseller',
] as const;
export type CustomerType = (typeof TYPES)[number];

const SEGMENT: Record<CustomerType, string> = {
  consumer: 'consumer',
  migrant: 'consumer',
  roamer: 'consumer',
  soho: 'soho',
  smb: 'smb',
  seasonal: 'smb',
  enterprise: 'enterprise',
  'call-centre': 'enterprise',
  reseller: 'reseller',
};
const SHARES: Record<CustomerType, number> = {
  consumer: 0.36,
  migrant: 0.08,
  roamer: 0.05,
  soho: 0.16,
  smb: 0.26,
  seasonal: 0.03,
  enterprise: 0.04,
  'call-centre': 0.01,
  reseller: 0.01,
};

/** A time in which something is otherwise than usual. */
export interface Spell {
  what: 'closure' | 'campaign' | 'travel' | 'partner' | 'holiday';
  from: number;
  to: number;
  country?: Country;
  factor: number;
  number?: string;
}

export interface Customer {
  index: number;
  type: CustomerType;
  segment: string;
  /** calls a day on a working day */
  rate: number;
  weekend: number;
  /** share of calls that go abroad */
  abroad: number;
  business: boolean;
  minutes: number;
  contacts: { country: Country; number: string; weight: number }[];
  /** chance that a call abroad goes to somebody new */
  novelty: number;
  home: Home;
  data: number;
  sms: number;
  premium: number;
  joins: number;
  spells: Spell[];
  random: Random;
}

export interface PopulationOptions {
  from: number;
  days: number;
  warmDays: number;
  /** how often there is a new foreign partner, as a multiple */
  partners: number;
}

export function numberIn(country: Country, random: Random): string {
  return country.prefix + random.digits(country.digits);
}

export function makeCustomer(index: number, random: Random, options: PopulationOptions): Customer {
  const type = TYPES[random.weighted(TYPES.map((each) => SHARES[each]))]!;
  const business = !['consumer', 'migrant', 'roamer'].includes(type);
  const size = {
    consumer: 1.6,
    migrant: 2.2,
    roamer: 1.8,
    soho: 4,
    smb: 9,
    seasonal: 8,
    enterprise: 60,
    'call-centre': 160,
    reseller: 50,
  }[type];
  const abroad = {
    consumer: 0.03,
    migrant: 0.35,
    roamer: 0.08,
    soho: 0.06,
    smb: 0.08,
    seasonal: 0.2,
    enterprise: 0.12,
    'call-centre': 0.1,
    reseller: 0.25,
  }[type];
  const contacts =
    1 +
    random.poisson(
      {
        consumer: 0.8,
        migrant: 3,
        roamer: 2,
        soho: 2,
        smb: 3,
        seasonal: 5,
        enterprise: 14,
        'call-centre': 15,
        reseller: 30,
      }[type],
    );
  const home = COUNTRIES[random.weighted(MIGRANTS)]!;
  const rate = Math.min(400, random.lognormal(size, business ? 0.8 : 0.7));
  const customer: Customer = {
    index,
    type,
    segment: SEGMENT[type],
    rate,
    weekend: business ? random.between(0.02, 0.25) : random.between(0.7, 1.3),
    abroad: Math.min(0.7, random.lognormal(abroad, 0.8)),
    business,
    minutes: random.lognormal(type === 'migrant' ? 8 : 3.5, 0.4),
    contacts: Array.from({ length: contacts }, (_, at) => {
      const country = type === 'migrant' && at < 3 ? home : COUNTRIES[random.weighted(EVERYDAY)]!;
      return { country, number: numberIn(country, random), weight: random.pareto(1, 1.2) };
    }),
    novelty: random.between(0.02, business ? 0.1 : 0.06),
    home: makeHome(type, rate, business, random),
    data: business ? 0.2 : 1.2,
    sms: business ? 0.3 : 1,
    premium: random.chance(0.1) ? random.between(0.005, 0.03) : 0.0005,
    // Some come during the test.
    joins: random.chance(0.12) ? options.from + random.between(options.warmDays, options.days) * DAY_S : options.from,
    spells: [],
    random,
  };
  addSpells(customer, options);
  return customer;
}

function addSpells(customer: Customer, { from, days, partners }: PopulationOptions): void {
  const { random, type, business, spells } = customer;
  const months = days / 30.4;
  const happens = (aMonth: number, make: (at: number) => Spell): void => {
    for (let left = random.poisson(aMonth * months); left > 0; left--)
      spells.push(make(from + random.between(0, days) * DAY_S));
  };
  const spell = (
    what: Spell['what'],
    at: number,
    low: number,
    high: number,
    factor: number,
    country?: Country,
  ): Spell => ({
    what,
    from: at,
    to: at + random.between(low, high) * DAY_S,
    factor,
    country,
    number: country && numberIn(country, random),
  });
  happens(0.1, (at) => spell('holiday', at, 5, 21, business ? 0.15 : 0.4));
  if (type === 'seasonal') spells.push(spell('closure', from + random.between(5, days * 0.5) * DAY_S, 40, 90, 0));
  else if (business) happens(0.03, (at) => spell('closure', at, 5, 30, 0));
  if (business) {
    happens(0.04, (at) => spell('campaign', at, 3, 15, random.between(2.5, 7)));
    const tempered = EVERYDAY.map((weight) => weight ** 0.7);
    happens((type === 'soho' ? 0.03 : 0.08) * partners, (at) => {
      const country = COUNTRIES[random.weighted(tempered)]!;
      return spell('partner', at, 5, 60, random.logBetween(0.5, 6), country);
    });
  } else {
    // A new friend, a relative who moved, a holiday home.
    happens(0.025 * partners, (at) =>
      spell(
        'partner',
        at,
        3,
        40,
        random.logBetween(0.2, 2),
        COUNTRIES[random.weighted(EVERYDAY.map((weight, index) => weight ** 0.8 + 0.3 * MIGRANTS[index]!))]!,
      ),
    );
  }
  const travels = {
    consumer: 0.05,
    migrant: 0.04,
    roamer: 0.5,
    soho: 0.06,
    smb: 0.12,
    seasonal: 0.05,
    enterprise: 0.6,
    'call-centre': 0.1,
    reseller: 0.3,
  }[type];
  happens(travels, (at) =>
    spell('travel', at, 2, 16, random.logBetween(0.5, 5), COUNTRIES[random.weighted(EVERYDAY)]!),
  );
}
