/**
 * Spend of one subject in windows of a fixed length, to the record: a window that ends at `end` holds what started
 * after `end − length` and not after `end`. Pure. A newest record costs as much as leaves the window with it; a late one
 * as much as is in the windows that it is in.
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
  /** the window that ends at the newest entry: its first entry and its sum */
  #head = 0;
  #sum: Micros = 0n;

  constructor(hours: number) {
    this.lengthMs = hours * 3_600_000;
  }

  add(entry: WindowEntry): void {
    const newest = this.#entries.at(-1);
    if (newest === undefined || entry.startedAt >= newest.startedAt) {
      this.#entries.push(entry);
      this.#sum += entry.amount;
      while (this.#entries[this.#head]!.startedAt <= entry.startedAt - this.lengthMs) {
        this.#sum -= this.#entries[this.#head++]!.amount;
      }
      return;
    }
    this.#entries.splice(this.#firstAfter(entry.startedAt), 0, entry);
    if (entry.startedAt > newest.startedAt - this.lengthMs) this.#sum += entry.amount;
    else this.#head++;
  }

  /** The spend of the window that ends at `end`. */
  spendAt(end: Instant): Micros {
    return this.spendsAt([end])[0]!;
  }

  /** The same without what starts at `end` itself. */
  spendBefore(end: Instant): Micros {
    let spend = this.spendAt(end);
    for (let i = this.#firstAfter(end) - 1; this.#entries[i]?.startedAt === end; i--) spend -= this.#entries[i]!.amount;
    return spend;
  }

  /** The spend of the windows that end at `ends`, which rise. */
  spendsAt(ends: readonly Instant[]): Micros[] {
    const newest = this.#entries.at(-1)?.startedAt;
    const fromNewest = newest !== undefined && newest <= ends[0]!;
    let first = fromNewest ? this.#head : this.#firstAfter(ends[0]! - this.lengthMs);
    let next = fromNewest ? this.#entries.length : first;
    let sum = fromNewest ? this.#sum : 0n;
    return ends.map((end) => {
      while (next < this.#entries.length && this.#entries[next]!.startedAt <= end) sum += this.#entries[next++]!.amount;
      while (first < next && this.#entries[first]!.startedAt <= end - this.lengthMs)
        sum -= this.#entries[first++]!.amount;
      return sum;
    });
  }

  /** The starts between `after` and `before` at which windows end whose spend is `amount` or more. */
  endsReaching(amount: Micros, after: Instant, before: Instant): Instant[] {
    const ends: Instant[] = [];
    for (let i = this.#firstAfter(after); i < this.#entries.length; i++) {
      const end = this.#entries[i]!.startedAt;
      if (end >= before) break;
      if (end !== ends.at(-1)) ends.push(end);
    }
    if (ends.length === 0) return ends;
    const spends = this.spendsAt(ends);
    return ends.filter((_, index) => spends[index]! >= amount);
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
