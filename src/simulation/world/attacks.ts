/** Attacks of the shapes that press and regulators report, with prices of public rate tables. All of it is made up. */
import { DAY_S, micros, type Call } from './call.ts';
import { CHEAP, COUNTRIES, DEAR, EVERYDAY, type Country } from './countries.ts';
import { numberAtHome } from './home.ts';
import type { Customer } from './population.ts';
import { premiumNumber } from './steady.ts';
import type { Random } from './random.ts';

export const SHAPES = [
  'blitz',
  'night',
  'low-and-slow',
  'long-calls',
  'cheap',
  'premium',
  'dialler',
  'roaming',
] as const;
export type Shape = (typeof SHAPES)[number];

export interface Attack {
  index: number;
  account: number;
  shape: Shape;
  calls: Call[];
}

const HOUR_S = 3_600;

/** An attack on a customer that begins between two instants (epoch seconds); six in ten begin out of hours. */
export function makeAttack(
  index: number,
  shape: Shape,
  customer: Customer,
  from: number,
  to: number,
  random: Random,
): Attack {
  let begin = from + random.between(0, 1) * (to - from);
  if (shape === 'night') begin = midnight(begin) + random.between(-2, 2) * HOUR_S;
  else if (random.chance(0.6)) begin = fridayEvening(begin) + random.exponential(14 * HOUR_S);
  const ways: Record<Shape, () => Call[]> = {
    blitz: () => burst(begin, random.logBetween(30, 500), random.logBetween(2, 48), pickSome(DEAR, random, 3)),
    night: () => {
      const nights = random.whole(1, 3);
      const countries = pickSome(DEAR, random, 3);
      const rate = random.logBetween(8, 70);
      return Array.from({ length: nights }, (_, night) =>
        burst(begin + night * DAY_S, rate, random.between(2, 8), countries),
      ).flat();
    },
    'low-and-slow': () => {
      const hours = random.between(10, 28) * 24;
      return burst(begin, 150 / hours, hours, pickSome(DEAR, random, 2));
    },
    'long-calls': () =>
      burst(
        begin,
        random.between(2, 5),
        random.logBetween(6, 36),
        pickSome(DEAR, random, 2),
        () => random.between(1, 4) * HOUR_S,
      ),
    cheap: () => burst(begin, random.logBetween(20, 100), random.logBetween(3, 36), pickSome(CHEAP, random, 3)),
    premium: () => {
      const numbers = Array.from({ length: random.whole(1, 3) }, () => premiumNumber(random));
      const price = random.between(0.4, 1.5);
      return spread(begin, random.logBetween(3, 60), random.logBetween(3, 72)).map((start) =>
        make(start, random.lognormal(540, 0.8), random.pick(numbers), price),
      );
    },
    dialler: () => {
      // A panel that is stuck calls one number, a loop some, a system that was broken into hundreds or thousands.
      const count = random.chance(0.4) ? 1 : random.logBetween(2, 5_000);
      const numbers = Array.from({ length: Math.floor(count) }, () => numberAtHome(random));
      const rate = Math.max(20, (customer.rate / 24) * random.logBetween(10, 100) * 3);
      return spread(begin, Math.min(600, rate), random.logBetween(6, 72)).map((start) =>
        make(start, random.between(5, 60), random.pick(numbers), 0.06, 0.06),
      );
    },
    roaming: () => {
      const days = random.between(3, 20);
      const perDay = random.logBetween(5, 50);
      const from = COUNTRIES[random.weighted(EVERYDAY.map((weight) => Math.sqrt(weight)))]!.code;
      const origin = from === '001' ? 'TH' : from;
      const price = random.between(0.3, 1.2);
      const countries = pickSome(DEAR, random, 2);
      const calls = spread(begin, perDay / (price * 6) / 24, days * 24).map((start) => {
        const number = random.chance(0.5)
          ? `+316${random.digits(8)}`
          : random.pick(countries).prefix + random.digits(7);
        return { ...make(start, random.lognormal(360, 0.8), number, price), origin };
      });
      return calls.length > 0 ? calls : [{ ...make(begin, 600, `+316${random.digits(8)}`, price), origin }];
    },
  };

  function spread(start: number, perHour: number, hours: number): number[] {
    const starts: number[] = [];
    for (
      let at = start;
      at < start + hours * HOUR_S && starts.length < 8_000;
      at += random.exponential(HOUR_S / perHour)
    )
      starts.push(at);
    return starts;
  }

  function burst(
    start: number,
    perHour: number,
    hours: number,
    countries: readonly Country[],
    seconds?: () => number,
  ): Call[] {
    const blocks = countries.flatMap((country) =>
      Array.from({ length: random.whole(1, 3) }, () => ({
        country,
        block: country.prefix + random.digits(Math.max(1, country.digits - 3)),
      })),
    );
    const mean = random.between(9, 12) * 60;
    const tests = seconds === undefined && random.chance(0.5) ? random.whole(1, 4) : 0;
    const testing = Array.from({ length: tests }, () => {
      const { country, block } = random.pick(blocks);
      return make(
        start - random.between(1, 12) * HOUR_S,
        random.between(10, 60),
        block + random.digits(3),
        country.price,
      );
    });
    return testing.concat(
      spread(start, perHour, hours).map((at) => {
        const { country, block } = random.pick(blocks);
        return make(at, seconds?.() ?? random.lognormal(mean, 0.9), block + random.digits(3), country.price);
      }),
    );
  }

  function make(start: number, seconds: number, number: string, perMinute: number, setUp = 0): Call {
    const whole = Math.max(1, Math.floor(seconds));
    return {
      account: customer.index,
      start: Math.floor(start),
      seconds: whole,
      kind: 'voice',
      number,
      micros: micros(setUp + (perMinute * whole) / 60),
      origin: '',
      attack: index,
    };
  }

  const calls = ways[shape]().toSorted((a, b) => a.start - b.start);
  return { index, account: customer.index, shape, calls };
}

function pickSome(countries: readonly Country[], random: Random, most: number): Country[] {
  return Array.from({ length: random.whole(1, most) }, () => random.pick(countries));
}

/** Epoch days begin at 0:00 UTC, which is near enough to the made-up customers' own. */
function midnight(at: number): number {
  return Math.floor(at / DAY_S) * DAY_S;
}

/** 1970-01-01 was a Thursday: the Friday before `at`, at 18:00. */
function fridayEvening(at: number): number {
  const day = Math.floor(at / DAY_S);
  return (day - ((day + 6) % 7)) * DAY_S + 18 * HOUR_S;
}
