/**
 * A day of a made-up customer, in bursts: there are hours at the telephone in which calls follow each other within minutes, often to the
 * same place; how much one calls drifts over the weeks; where one calls grows without end, the more often the more likely (a Chinese
 * restaurant's tables), and numbers are seldom the same. In all of this unlike `steady.ts`.
 */
import type { Call } from './call.ts';
import { COUNTRIES, EVERYDAY, type Country } from './countries.ts';
import { numberIn, type Customer } from './population.ts';
import { atHome, foreign, hourOf, messagesAndData, onTheRoad, spellsOn } from './steady.ts';

interface Habits {
  drift: number;
  countries: { country: Country; times: number; number: string }[];
  strength: number;
}
const habits = new WeakMap<Customer, Habits>();

export function burstyDay(customer: Customer, day: number, weekday: number): Call[] {
  const { random, rate } = customer;
  let habit = habits.get(customer);
  if (!habit) {
    const countries = customer.contacts.map(({ country, number, weight }) => ({ country, number, times: 3 * weight }));
    habits.set(customer, (habit = { drift: 0, countries, strength: random.between(0.3, 2) }));
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
    do {
      const made: Call = where
        ? foreign(customer, at, where.country, random.chance(0.6) ? where.number : numberIn(where.country, random))
        : atHome(customer, at, 0.9);
      calls.push(made);
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
  calls.push(...messagesAndData(customer, day, mood, away));
  return calls;
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
