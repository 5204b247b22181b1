/**
 * A day of a made-up customer, in bursts: there are hours at the telephone in which calls follow each other within minutes, often to the
 * same place; how much one calls drifts over the weeks; where one calls grows without end, the more often the more likely (a Chinese
 * restaurant's tables), and numbers are seldom the same. In all of this unlike `steady.ts`.
 */
import type { Call } from './call.ts';
import { COUNTRIES, EVERYDAY, type Country } from './countries.ts';
import { numberIn, type Customer } from './population.ts';
import { numberAtHome, tried } from './home.ts';
import { atHome, call, foreign, hourOf, messagesAndData, onTheRoad, spellsOn } from './steady.ts';

interface Habits {
  drift: number;
  countries: { country: Country; times: number; number: string }[];
  /** each call at home, by its number: who was called oftener is called oftener again */
  called: string[];
  strength: number;
}
const habits = new WeakMap<Customer, Habits>();

export function burstyDay(customer: Customer, day: number, weekday: number): Call[] {
  const { random, rate } = customer;
  let habit = habits.get(customer);
  if (!habit) {
    const countries = customer.contacts.map(({ country, number, weight }) => ({ country, number, times: 3 * weight }));
    const called = customer.home.contacts.map(({ number }) => number);
    habits.set(customer, (habit = { drift: 0, countries, called, strength: random.between(0.3, 2) }));
  }
  habit.drift = 0.97 * habit.drift + 0.12 * random.normal();
  const { factor, now } = spellsOn(customer, day);
  const mood = factor * (weekday > 4 ? customer.weekend : 1) * Math.exp(habit.drift);
  const calls: Call[] = [];
  const perSession = customer.business ? 3 : 1.8;
  for (let left = random.poisson((rate * mood) / perSession); left > 0; left--) {
    let at = day + hourOf(customer) * 3_600 + random.whole(0, 3_599);
    const isAbroad = random.chance(customer.abroad);
    let where = isAbroad ? choose(customer, habit) : undefined;
    // A list of customers is called one after another; an acquaintance is called back.
    const isList = random.chance(customer.home.strangers);
    let number = isList ? numberAtHome(random) : random.pick(habit.called);
    do {
      const made: Call = where
        ? foreign(customer, at, where.country, random.chance(0.6) ? where.number : numberIn(where.country, random))
        : atHome(customer, at, 0.9, number);
      calls.push(made);
      if (!where) {
        if (made.number === number) calls.push(...untilReached(customer, made));
        if (!isList || random.chance(0.2)) habit.called.push(number);
        if (isList) number = numberAtHome(random);
        else if (random.chance(0.7)) number = random.pick(habit.called);
      }
      at = made.start + made.seconds + random.exponential(420);
      if (isAbroad && random.chance(0.35)) where = choose(customer, habit);
    } while (random.chance(1 - 1 / perSession));
  }
  for (const spell of now) {
    if (spell.what !== 'partner' || (weekday > 4 && customer.business)) continue;
    if (!random.chance(Math.min(1, spell.factor / 2))) continue;
    let at = day + hourOf(customer) * 3_600 + random.whole(0, 3_599);
    for (let left = 1 + random.poisson(Math.max(0.5, spell.factor)); left > 0; left--) {
      const made = foreign(
        customer,
        at,
        spell.country!,
        random.chance(0.5) ? spell.number! : numberIn(spell.country!, random),
      );
      calls.push(made);
      at = made.start + made.seconds + random.exponential(900);
    }
  }
  const away = now.find(({ what }) => what === 'travel');
  if (away) calls.push(...onTheRoad(customer, away, day));
  calls.push(...byTerminal(customer, day, mood));
  calls.push(...messagesAndData(customer, day, mood, away));
  return calls;
}

/** Where the line is busy, who is patient tries again and again. */
function untilReached({ random, home }: Customer, reached: Call): Call[] {
  if (!random.chance(home.busy)) return [];
  let tries = 1;
  while (random.chance(home.patience)) tries++;
  return tried(reached, tries, random);
}

/** A terminal calls with each customer who pays, so as much oftener as there is more to do. */
function byTerminal(customer: Customer, day: number, mood: number): Call[] {
  const { random, home } = customer;
  const { machine } = home;
  if (!machine) return [];
  return Array.from({ length: random.poisson(machine.perDay * mood) }, () => {
    const start = day + hourOf(customer) * 3_600 + random.whole(0, 3_599);
    return call(customer, start, random.whole(4, 15), machine.number, 0.06);
  });
}

function choose({ random }: Customer, { countries, strength }: Habits): { country: Country; number: string } {
  const total = countries.reduce((sum, { times }) => sum + times, 0);
  const found = countries[random.weighted([...countries.map(({ times }) => times), (strength * total) / (total + 40)])];
  const country = found?.country ?? COUNTRIES[random.weighted(EVERYDAY)]!;
  const known = found ?? countries.find((each) => each.country === country);
  if (known) {
    known.times++;
    return known;
  }
  const fresh = { country, times: 1, number: numberIn(country, random) };
  countries.push(fresh);
  return fresh;
}
