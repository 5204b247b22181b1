/**
 * Which counters a record moves: for each cap that holds for it, the one of the cap's traffic and period. Pure.
 *
 * Caps are found by what the record is (its class, country, prefixes), so a thousand caps cost no more than one.
 */
import type { Account } from '../accounts/account.ts';
import { TRAFFIC_BIT, type Traffic, type TrafficClass } from '../destinations/traffic.ts';
import type { Destination } from '../destinations/classify.ts';
import type { Version } from '../ledger/version.ts';
import type { Cap } from './cap.ts';
import type { CapBook } from './cap-book.ts';

/** A cap that a record counts under, and whose counter it is. */
export interface Meter {
  cap: Cap;
  /** the service whose own cap it is; empty: the account's */
  serviceId: string;
}

const CLASSES = Object.entries(TRAFFIC_BIT) as [TrafficClass, number][];
const NONE: readonly Meter[] = [];

/** Meters by what a record is: found without going through them, and without making a word for each thing that it is. */
class MetersByTraffic {
  readonly #all: Meter[] = [];
  readonly #classes: { bit: number; meters: Meter[] }[] = [];
  readonly #byBits = new Map<number, readonly Meter[]>();
  readonly #countries = new Map<string, Meter[]>();
  readonly #prefixes = new Map<string, Meter[]>();
  /** rising */
  readonly #prefixLengths: number[];

  constructor(caps: readonly Cap[]) {
    for (const cap of caps) this.#ofTraffic(cap.traffic).push(meterOf(cap));
    this.#prefixLengths = [...new Set([...this.#prefixes.keys()].map((prefix) => prefix.length))].toSorted(
      (a, b) => a - b,
    );
  }

  #ofTraffic(traffic: Traffic): Meter[] {
    if (traffic === 'all') return this.#all;
    if (traffic.startsWith('country:')) return madeIn(this.#countries, traffic.slice('country:'.length));
    if (traffic.startsWith('prefix:')) return madeIn(this.#prefixes, traffic.slice('prefix:'.length));
    const [, bit] = CLASSES.find(([name]) => name === traffic)!;
    let same = this.#classes.find((each) => each.bit === bit);
    if (!same) this.#classes.push((same = { bit, meters: [] }));
    return same.meters;
  }

  of({ number, country, traffic }: Destination): readonly Meter[] {
    let found = this.#ofClasses(traffic);
    const ofCountry = country === '' ? undefined : this.#countries.get(country);
    if (ofCountry) found = [...found, ...ofCountry];
    for (const length of this.#prefixLengths) {
      if (number.length < length) break;
      const ofPrefix = this.#prefixes.get(number.slice(0, length));
      if (ofPrefix) found = [...found, ...ofPrefix];
    }
    return found;
  }

  /** Remembered: records are of a few kinds only, and most are of nothing beside. */
  #ofClasses(traffic: number): readonly Meter[] {
    let found = this.#byBits.get(traffic);
    if (!found) {
      found = [...this.#all, ...this.#classes.flatMap(({ bit, meters }) => (traffic & bit ? meters : NONE))];
      this.#byBits.set(traffic, found);
    }
    return found;
  }
}

function meterOf(cap: Cap): Meter {
  return { cap, serviceId: cap.scope.kind === 'service' ? cap.scope.value : '' };
}

function madeIn(map: Map<string, Meter[]>, key: string): Meter[] {
  let made = map.get(key);
  if (!made) map.set(key, (made = []));
  return made;
}

export class Meters {
  readonly #book: CapBook;
  readonly #byCaps = new WeakMap<readonly Cap[], MetersByTraffic>();

  constructor(book: CapBook) {
    this.#book = book;
  }

  /** Whether any of them is of rolling windows. */
  get roll(): boolean {
    return this.#book.rolls;
  }

  /** The caps that a version counts under. */
  of(version: Pick<Version, 'serviceId' | 'destination'>, account: Account): readonly Meter[] {
    const shared = this.#indexed(this.#book.ofAccount(account)).of(version.destination);
    const own = this.#book.ofService(version.serviceId, account);
    if (own.length === 0) return shared;
    return [
      ...shared.filter(({ cap }) => !own.some((mine) => mine.traffic === cap.traffic && mine.period === cap.period)),
      ...this.#indexed(own).of(version.destination),
    ];
  }

  #indexed(caps: readonly Cap[]): MetersByTraffic {
    let indexed = this.#byCaps.get(caps);
    if (!indexed) this.#byCaps.set(caps, (indexed = new MetersByTraffic(caps)));
    return indexed;
  }
}
