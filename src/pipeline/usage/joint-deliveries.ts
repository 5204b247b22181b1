import { sqlState } from '../../database/transaction.ts';
import type { CountedDelivery, WholeDelivery } from './counting.ts';

type Count = (
  feed: string,
  origin: string,
  deliveries: readonly WholeDelivery[],
) => Promise<readonly CountedDelivery[]>;

interface Waiting {
  feed: string;
  origin: string;
  delivery: WholeDelivery;
  resolve(counted: CountedDelivery): void;
  reject(error: unknown): void;
}

/** Transactions of one process at a time: while one waits for the disk, the next is prepared. */
const AT_ONCE = 2;
/** What is counted together: no more than what one of them alone might be. */
const ROWS_MAX = 1_000;
/** As many as a batch takes numbers for (`usage_batches`). */
const DELIVERIES_MAX = 64;

/**
 * Counts small deliveries. One that comes when little is under way goes at once; those that come meanwhile are counted
 * together when a transaction ends: the busier it is, the less each costs. Each is its own import and has its own answer.
 * Where one of them may be why all fail each is tried alone, so that none pays for another.
 */
export class JointDeliveries {
  readonly #count: Count;
  #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(count: Count) {
    this.#count = count;
  }

  count(feed: string, origin: string, delivery: WholeDelivery): Promise<CountedDelivery> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ feed, origin, delivery, resolve, reject });
      this.#goOn();
    });
  }

  #goOn(): void {
    while (this.#underWay < AT_ONCE && this.#waiting.length > 0) {
      this.#underWay++;
      void this.#settle(this.#next()).finally(() => {
        this.#underWay--;
        this.#goOn();
      });
    }
  }

  /** The one that has waited longest, and those that can be counted with it. */
  #next(): Waiting[] {
    const { feed, origin } = this.#waiting[0]!;
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    let rows = 0;
    for (const each of this.#waiting) {
      const fits =
        taken.length === 0 || (taken.length < DELIVERIES_MAX && rows + each.delivery.rows.length <= ROWS_MAX);
      if (!fits || each.feed !== feed || each.origin !== origin) left.push(each);
      else {
        taken.push(each);
        rows += each.delivery.rows.length;
      }
    }
    this.#waiting = left;
    return taken;
  }

  async #settle(all: readonly Waiting[]): Promise<void> {
    const { feed, origin } = all[0]!;
    try {
      const deliveries = all.map(({ delivery }) => delivery);
      const counted = await this.#count(feed, origin, deliveries);
      for (const [index, each] of all.entries()) each.resolve(counted[index]!);
    } catch (error) {
      if (all.length > 1 && mayBeOfOne(error)) for (const each of all) await this.#settle([each]);
      else for (const each of all) each.reject(error);
    }
  }
}

/** SQLSTATE classes 08 (connection), 53 (no room), 57 (it goes down or comes up), 58 (its disk): these meet all alike. */
const MEETS_ALL = /^(?:08|53|57|58)/;

/**
 * Whether one of several may have made all fail: PostgreSQL refused something of it, or our own code stumbled over it before
 * anything was written for good. A connection that broke says nothing, not even that nothing holds; `pg` throws a bare Error then.
 */
function mayBeOfOne(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  const state = sqlState(error);
  return state !== undefined && SQLSTATE.test(state) && !MEETS_ALL.test(state);
}

/** Sockets have codes as well. */
const SQLSTATE = /^[0-9A-Z]{5}$/;
