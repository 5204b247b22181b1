/** A made-up provider: its customers' usage day by day, attacks among it, in the order in which records become available. */
import { DAY_S, type Call } from './call.ts';
import { SHAPES, makeAttack, type Attack, type Shape } from './attacks.ts';
import { burstyDay } from './bursty.ts';
import { makeCustomer, type Customer } from './population.ts';
import { Random } from './random.ts';
import { steadyDay } from './steady.ts';

export interface WorldOptions {
  seed: number;
  accounts: number;
  warmDays: number;
  testDays: number;
  /** how customers call: two ways that are unlike each other */
  traffic: 'steady' | 'bursty';
  attacksPerShape: number;
  /** new foreign partners, as a multiple of the usual: above 1 it changes after the warm-up */
  partners: number;
  /** `live`: a minute after the call; `nightly`: at 3 o'clock of the next day */
  latency: 'live' | 'nightly';
  /** an interim record every 15 minutes of a call */
  interim: boolean;
  /** from the middle of the test on, prices to a country are so many times too high for a day; 1: never */
  misrated: number;
}

export const WORLD_DEFAULTS: WorldOptions = {
  seed: 1,
  accounts: 1_000,
  warmDays: 60,
  testDays: 120,
  traffic: 'steady',
  attacksPerShape: 20,
  partners: 1,
  latency: 'live',
  interim: false,
  misrated: 1,
};

/** A record as a feed has it: of a call that still runs, or of one that ended. */
export interface Delivered {
  call: Call;
  /** names the call among all of the world's */
  id: string;
  /** epoch seconds */
  received: number;
  seconds: number;
  micros: number;
  interim: boolean;
}

/** Monday, 2026-01-05. */
export const WORLD_BEGINS = 1_767_571_200;
const INTERIM_S = 900;
const MISRATED_COUNTRY = '+4915';

export class World {
  readonly customers: Customer[];
  readonly attacks: Attack[];
  readonly warmUntil: number;
  readonly ends: number;
  readonly options: WorldOptions;

  constructor(options: WorldOptions) {
    this.options = options;
    const { seed, accounts, warmDays, testDays, partners } = options;
    const days = warmDays + testDays;
    this.warmUntil = WORLD_BEGINS + warmDays * DAY_S;
    this.ends = WORLD_BEGINS + days * DAY_S;
    this.customers = Array.from({ length: accounts }, (_, index) =>
      makeCustomer(index, new Random(seed, index + 1), { from: WORLD_BEGINS, days, warmDays, partners: 1 }),
    );
    if (partners > 1) this.#unsettle(partners - 1);
    const random = new Random(seed, 0);
    this.attacks = [];
    // Fraud looks for whoever has a telephone system; nobody is attacked twice here.
    const victims = this.customers.filter(
      ({ joins, business }) => joins === WORLD_BEGINS && (business || random.chance(0.3)),
    );
    for (const shape of Array.from({ length: options.attacksPerShape }, () => SHAPES).flat()) {
      const victim = victims.splice(Math.floor(random.next() * victims.length), 1)[0];
      if (!victim) break;
      this.attacks.push(this.#attackOn(victim, shape, random));
    }
  }

  #attackOn(victim: Customer, shape: Shape, random: Random): Attack {
    const latest = this.ends - 30 * DAY_S;
    return makeAttack(
      this.attacks.length,
      shape,
      victim,
      this.warmUntil + 2 * DAY_S,
      Math.max(this.warmUntil + 3 * DAY_S, latest),
      random,
    );
  }

  /** After the warm-up customers find so many more new partners abroad. */
  #unsettle(more: number): void {
    const { seed, testDays } = this.options;
    for (const customer of this.customers) {
      const other = makeCustomer(customer.index, new Random(seed + 7_919, customer.index + 1), {
        from: this.warmUntil,
        days: testDays,
        warmDays: 0,
        partners: more,
      });
      if (other.business === customer.business)
        customer.spells.push(...other.spells.filter(({ what }) => what === 'partner'));
    }
  }

  /** Day by day what became available, in order. */
  *days(): Generator<Delivered[]> {
    const { accounts } = this.options;
    const ofDay = this.options.traffic === 'steady' ? steadyDay : burstyDay;
    const attackCalls = this.attacks.flatMap(({ calls }) => calls).toSorted((a, b) => a.start - b.start);
    let attacked = 0;
    let waiting: Delivered[] = [];
    let made = 0;
    for (let day = WORLD_BEGINS; day < this.ends + 2 * DAY_S; day += DAY_S) {
      const weekday = (day / DAY_S + 3) % 7;
      if (day < this.ends) {
        for (let index = 0; index < accounts; index++) {
          const customer = this.customers[index]!;
          if (day < customer.joins) continue;
          for (const call of ofDay(customer, day, weekday)) this.#deliver(this.#rated(call), made++, waiting);
        }
      }
      for (; attacked < attackCalls.length && attackCalls[attacked]!.start < day + DAY_S; attacked++) {
        this.#deliver(attackCalls[attacked]!, made++, waiting);
      }
      const now = waiting.filter(({ received }) => received < day + DAY_S);
      waiting = waiting.filter(({ received }) => received >= day + DAY_S);
      yield now.toSorted((a, b) => a.received - b.received || (a.id < b.id ? -1 : 1));
    }
  }

  #rated(call: Call): Call {
    const { misrated, testDays } = this.options;
    const wrong = this.warmUntil + (testDays * DAY_S) / 2;
    if (
      misrated === 1 ||
      call.start < wrong ||
      call.start >= wrong + DAY_S ||
      !call.number.startsWith(MISRATED_COUNTRY)
    )
      return call;
    return { ...call, micros: call.micros * misrated };
  }

  #deliver(call: Call, made: number, waiting: Delivered[]): void {
    const id = `c${made.toString(36)}`;
    const { latency, interim } = this.options;
    const ended = call.start + call.seconds;
    const received = latency === 'live' ? ended + 60 : (Math.floor(ended / DAY_S) + 1) * DAY_S + 3 * 3_600;
    if (interim && latency === 'live') {
      for (let seconds = INTERIM_S; seconds < call.seconds; seconds += INTERIM_S) {
        const micros = Math.round((call.micros * seconds) / call.seconds / 100) * 100;
        waiting.push({ call, id, received: call.start + seconds + 60, seconds, micros, interim: true });
      }
    }
    waiting.push({ call, id, received, seconds: call.seconds, micros: call.micros, interim: false });
  }
}
