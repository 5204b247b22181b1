/**
 * Which counters a record moves: for each cap that holds for it, the one of the cap's traffic and period. Pure.
 *
 * Caps are found by what the record is (its class, country, prefixes), so a thousand caps cost no more than one.
 */
import type { Account } from '../accounts/account.ts';
import { TRAFFIC_BIT, type Traffic } from '../destinations/traffic.ts';
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

const CLASSES = Object.entries(TRAFFIC_BIT) as [Traffic, number][];

class CapsByTraffic {
  readonly #byTraffic = new Map<Traffic, Cap[]>();
  readonly #prefixLengths: number[];

  constructor(caps: readonly Cap[]) {
    const lengths = new Set<number>();
    for (const cap of caps) {
      const same = this.#byTraffic.get(cap.traffic);
      if (same) same.push(cap);
      else this.#byTraffic.set(cap.traffic, [cap]);
      if (cap.traffic.startsWith('prefix:')) lengths.add(cap.traffic.length - 'prefix:'.length);
    }
    this.#prefixLengths = [...lengths].toSorted((a, b) => a - b);
  }

  of(destination: Destination): readonly Cap[] {
    const found: Cap[] = [];
    this.#add(found, 'all');
    for (const [traffic, bit] of CLASSES) if (destination.traffic & bit) this.#add(found, traffic);
    if (destination.country) this.#add(found, `country:${destination.country}`);
    for (const length of this.#prefixLengths) {
      if (destination.number.length < length) break;
      this.#add(found, `prefix:${destination.number.slice(0, length)}` as Traffic);
    }
    return found;
  }

  #add(found: Cap[], traffic: Traffic): void {
    const caps = this.#byTraffic.get(traffic);
    if (caps) found.push(...caps);
  }
}

export class Meters {
  readonly #book: CapBook;
  readonly #byCaps = new WeakMap<readonly Cap[], CapsByTraffic>();

  constructor(book: CapBook) {
    this.#book = book;
  }

  /** The caps that a version counts under. */
  of(version: Pick<Version, 'serviceId' | 'destination'>, account: Account): Meter[] {
    const shared = this.#indexed(this.#book.ofAccount(account)).of(version.destination);
    const own = this.#book.ofService(version.serviceId, account);
    if (own.length === 0) return shared.map((cap) => ({ cap, serviceId: '' }));
    const ownHere = this.#indexed(own).of(version.destination);
    return [
      ...shared
        .filter((cap) => !own.some((mine) => mine.traffic === cap.traffic && mine.period === cap.period))
        .map((cap) => ({ cap, serviceId: '' })),
      ...ownHere.map((cap) => ({ cap, serviceId: version.serviceId })),
    ];
  }

  #indexed(caps: readonly Cap[]): CapsByTraffic {
    let indexed = this.#byCaps.get(caps);
    if (!indexed) this.#byCaps.set(caps, (indexed = new CapsByTraffic(caps)));
    return indexed;
  }
}
