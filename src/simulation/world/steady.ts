/**
 * A day of a made-up customer, steadily: calls come by themselves over the hours of the day, to a list of contacts (an inhomogeneous
 * Poisson process with a day's mood), and seldom to somebody new.
 */
import { DAY_S, micros, type Call } from './call.ts';
import { byCode, COUNTRIES, EVERYDAY, type Country } from './countries.ts';
import { numberIn, type Customer, type Spell } from './population.ts';
import { numberAtHome, tried } from './home.ts';
import type { Random } from './random.ts';

const BUSINESS_HOURS = [
  0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 1, 5, 9, 10, 9, 6, 8, 9, 9, 8, 5, 2, 1, 0.6, 0.4, 0.3, 0.2,
];
const HOME_HOURS = [0.4, 0.2, 0.1, 0.1, 0.1, 0.2, 0.6, 1.5, 3, 4, 4, 4, 4, 4, 4, 4, 5, 6, 8, 9, 8, 5, 3, 1];

export function steadyDay(customer: Customer, day: number, weekday: number): Call[] {
  const { random, rate } = customer;
  const { factor, now } = spellsOn(customer, day);
  const mood = factor * (weekday > 4 ? customer.weekend : 1) * random.lognormal(1, 0.5);
  const calls: Call[] = [];
  const away = now.find(({ what }) => what === 'travel');
  for (let left = random.poisson(rate * mood); left > 0; left--) {
    const start = day + hourOf(customer) * 3_600 + random.whole(0, 3_599);
    if (random.chance(customer.abroad)) calls.push(abroad(customer, start));
    else calls.push(...toContact(customer, start));
  }
  for (const spell of now) if (spell.what === 'partner') calls.push(...toPartner(customer, spell, day, weekday));
  if (away) calls.push(...onTheRoad(customer, away, day));
  calls.push(...byMachine(customer, day));
  calls.push(...messagesAndData(customer, day, mood, away));
  return calls;
}

/** At home mostly to somebody known; where the line is busy few try more than some times, and some of them fifty. */
function toContact(customer: Customer, start: number): Call[] {
  const { random, home } = customer;
  const number = random.chance(home.strangers)
    ? numberAtHome(random)
    : home.contacts[random.weighted(home.contacts.map(({ weight }) => weight))]!.number;
  const reached = atHome(customer, start, 1, number);
  if (reached.number !== number || !random.chance(home.busy)) return [reached];
  return [...tried(reached, Math.min(50, Math.floor(random.pareto(1, 1.2))), random), reached];
}

/** A panel or a fax calls evenly, day and night; once in some years nobody answers it, and it tries for an hour or two. */
function byMachine(customer: Customer, day: number): Call[] {
  const { random, home } = customer;
  if (!home.machine) return [];
  const { number, perDay } = home.machine;
  const every = DAY_S / perDay;
  const calls: Call[] = [];
  const called = (start: number) => calls.push(call(customer, start, random.whole(8, 40), number, 0.08));
  for (let at = day + random.between(0, every); at < day + DAY_S; at += every) called(at);
  if (random.chance(0.001)) {
    let at = day + random.whole(0, DAY_S - 1);
    for (let left = random.whole(10, 60); left > 0; left--) called((at += random.between(60, 240)));
  }
  return calls;
}

export function spellsOn({ spells }: Customer, day: number): { factor: number; now: Spell[] } {
  const now = spells.filter(({ from, to }) => day >= from && day < to);
  let factor = 1;
  for (const { what, factor: by } of now) if (what !== 'partner' && what !== 'travel') factor *= by;
  return { factor, now };
}

export function hourOf({ random, business }: Customer): number {
  return random.weighted(business ? BUSINESS_HOURS : HOME_HOURS);
}

/** To `number`, or seldom to a premium one. */
export function atHome(customer: Customer, start: number, minutes: number, number: string): Call {
  const { random } = customer;
  if (random.chance(customer.premium)) {
    const premium = { ...call(customer, start, random.lognormal(180, 0.8), '', 0), number: premiumNumber(random) };
    return { ...premium, micros: micros((random.pick([0.5, 0.8, 0.9, 1]) * premium.seconds) / 60) };
  }
  const seconds = Math.max(3, random.lognormal(customer.minutes * 45 * minutes, 1));
  return call(customer, start, seconds, number, 0.05 + (seconds / 60) * 0.05);
}

export function premiumNumber(random: Random): string {
  return random.pick(['+31900', '+31906', '+31909']) + random.digits(4);
}

function abroad(customer: Customer, start: number): Call {
  const { random, contacts } = customer;
  if (random.chance(customer.novelty)) {
    const country = COUNTRIES[random.weighted(EVERYDAY)]!;
    contacts.push({ country, number: numberIn(country, random), weight: random.pareto(0.3, 1.2) });
    return foreign(customer, start, country, contacts.at(-1)!.number);
  }
  const { country, number } = contacts[random.weighted(contacts.map(({ weight }) => weight))]!;
  return foreign(customer, start, country, number);
}

export function foreign(customer: Customer, start: number, country: Country, number: string, origin = ''): Call {
  const seconds = Math.max(3, customer.random.lognormal(customer.minutes * 60, 1.1));
  return call(customer, start, seconds, number, (country.price * seconds) / 60 + 0.04, origin);
}

function toPartner(customer: Customer, spell: Spell, day: number, weekday: number): Call[] {
  const { random } = customer;
  if (weekday > 4 && customer.business) return [];
  return Array.from({ length: random.poisson(spell.factor) }, () =>
    foreign(
      customer,
      day + hourOf(customer) * 3_600 + random.whole(0, 3_599),
      spell.country!,
      random.chance(0.8) ? spell.number! : numberIn(spell.country!, random),
    ),
  );
}

export function onTheRoad(customer: Customer, { country, factor }: Spell, day: number): Call[] {
  const { random } = customer;
  const code = country!.code === '001' ? 'US' : country!.code;
  const calls: Call[] = Array.from({ length: random.poisson(factor) }, () => {
    const start = day + hourOf(customer) * 3_600 + random.whole(0, 3_599);
    const home = random.chance(0.7);
    const seconds = random.lognormal(150, 1);
    const number = home ? `+316${random.digits(8)}` : numberIn(byCode.get(code) ?? country!, random);
    return call(customer, start, seconds, number, (seconds / 60) * random.pick([0.03, 0.2, 0.35]), code);
  });
  if (random.chance(0.7)) {
    const seconds = random.whole(60, 3_600);
    calls.push({
      ...call(customer, day + random.whole(28_800, 80_000), seconds, '', random.lognormal(0.8, 1.2), code),
      kind: 'data',
    });
  }
  return calls;
}

export function messagesAndData(customer: Customer, day: number, mood: number, away: Spell | undefined): Call[] {
  const { random } = customer;
  if (away) return [];
  const calls: Call[] = Array.from({ length: random.poisson(customer.sms * mood) }, () => ({
    ...call(
      customer,
      day + hourOf(customer) * 3_600 + random.whole(0, 3_599),
      0,
      `+316${random.digits(8)}`,
      random.chance(0.7) ? 0 : 0.09,
    ),
    kind: 'sms' as const,
  }));
  for (let left = random.poisson(customer.data * mood * 0.5); left > 0; left--) {
    const dear = random.chance(0.05) ? random.pareto(0.5, 1.3) : 0;
    calls.push({
      ...call(customer, day + random.whole(20_000, DAY_S - 3_600), random.whole(60, 3_000), '', Math.min(40, dear)),
      kind: 'data',
    });
  }
  return calls;
}

export function call(
  customer: Customer,
  start: number,
  seconds: number,
  number: string,
  euros: number,
  origin = '',
): Call {
  return {
    account: customer.index,
    start: Math.floor(start),
    seconds: Math.floor(seconds),
    kind: 'voice',
    number,
    micros: micros(euros),
    origin,
    attack: -1,
  };
}
