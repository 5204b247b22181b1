/**
 * Spend of one subject in windows of a fixed length, to the record: a window that ends at `end` holds what started
 * after `end − length` and not after `end`. Pure. What a record costs is how many have started after it; what a window
 * spends is found by halving.
 */
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';

export interface WindowEntry {
  startedAt: Instant;
  amount: Micros;
}

export class RollingWindow {
  readonly lengthMs: number;
  /** by start; a credit or the removal of a superseded version is an entry of its own, with a negative amount */
  readonly #entries: WindowEntry[] = [];
  /** beside each entry the sum of all up to it */
  readonly #sums: Micros[] = [];

  constructor(hours: number) {
    this.lengthMs = hours * 3_600_000;
  }

  add(entry: WindowEntry): void {
    const at = this.#firstAfter(entry.startedAt);
    this.#entries.splice(at, 0, entry);
    this.#sums.splice(at, 0, at === 0 ? 0n : this.#sums[at - 1]!);
    for (let i = at; i < this.#sums.length; i++) this.#sums[i]! += entry.amount;
  }

  /** The spend of the window that ends at `end`. */
  spendAt(end: Instant): Micros {
    return this.#upTo(end) - this.#upTo(end - this.lengthMs);
  }

  /**
   * The most that a window which ends at `from` or later, and before `before`, can spend while some of the credits in it are
   * not there yet: what is charged alone.
   */
  highestCharge(from: Instant, before: Instant): Micros {
    let first = this.#firstAfter(from - this.lengthMs);
    let charged: Micros = 0n;
    let highest: Micros = 0n;
    for (let last = first; this.#entries[last] && this.#entries[last]!.startedAt < before; last++) {
      charged += chargeOf(this.#entries[last]!);
      const since = Math.max(this.#entries[last]!.startedAt, from) - this.lengthMs;
      while (this.#entries[first]!.startedAt <= since) charged -= chargeOf(this.#entries[first++]!);
      if (charged > highest) highest = charged;
    }
    return highest;
  }

  /** The latest start from `from` on and before `before`; -Infinity where there is none. */
  latestStart(from: Instant, before: Instant): Instant {
    const last = this.#entries[this.#firstAfter(before - 1) - 1]?.startedAt ?? -Infinity;
    return last >= from ? last : -Infinity;
  }

  /**
   * Since when, and until when, all windows spend `amount` or more as the one does that ends at `end`, if nothing else comes;
   * looked for from `from` on and up to `before`.
   */
  reaches(amount: Micros, end: Instant, from: Instant, before: Instant): { from: Instant; until: Instant } {
    const changes = this.#entries
      .flatMap(({ startedAt }) => [startedAt, startedAt + this.lengthMs])
      .filter((change) => change > from && change < before)
      .toSorted((a, b) => a - b);
    let since = from;
    for (const [index, change] of [from, ...changes].entries()) {
      if (this.spendAt(change) >= amount) continue;
      if (change > end) return { from: since, until: change };
      since = changes[index] ?? before;
    }
    return { from: since, until: before };
  }

  /** The starts between `after` and `before` at which windows end whose spend is `amount` or more. */
  endsReaching(amount: Micros, after: Instant, before: Instant): Instant[] {
    const ends: Instant[] = [];
    for (let i = this.#firstAfter(after); i < this.#entries.length; i++) {
      const end = this.#entries[i]!.startedAt;
      if (end >= before) break;
      if (end !== ends.at(-1)) ends.push(end);
    }
    return ends.filter((end) => this.spendAt(end) >= amount);
  }

  /** Where windows end that a record which started at `start` is in: there, and at each later start within the length. */
  endsTouchedBy(start: Instant): Instant[] {
    const ends = [start];
    for (let i = this.#firstAfter(start); i < this.#entries.length; i++) {
      const end = this.#entries[i]!.startedAt;
      if (end >= start + this.lengthMs) break;
      if (end !== ends.at(-1)) ends.push(end);
    }
    return ends;
  }

  /** The sum of what started no later than `instant`. */
  #upTo(instant: Instant): Micros {
    return this.#sums[this.#firstAfter(instant) - 1] ?? 0n;
  }

  /** The first entry that started after `instant`. */
  #firstAfter(instant: Instant): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.startedAt <= instant) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function chargeOf({ amount }: WindowEntry): Micros {
  return amount > 0n ? amount : 0n;
}
