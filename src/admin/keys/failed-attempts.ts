import type { Instant } from '../../kernel/clock.ts';

const WINDOW_MS = 60_000;
const FAILURES_MAX = 20;
const ADDRESSES_MAX = 10_000;

/** Counts wrong keys by address, in windows of a minute. Who has a valid key is never slowed down. */
export class FailedAttempts {
  readonly #byAddress = new Map<string, { since: Instant; count: number }>();

  /** Notes one and tells how many seconds to wait, where there were too many. */
  note(address: string, now: Instant): number | undefined {
    let seen = this.#byAddress.get(address);
    if (!seen || now - seen.since >= WINDOW_MS) {
      if (this.#byAddress.size >= ADDRESSES_MAX) this.#byAddress.clear();
      this.#byAddress.set(address, (seen = { since: now, count: 0 }));
    }
    seen.count++;
    return seen.count > FAILURES_MAX ? Math.max(1, Math.ceil((seen.since + WINDOW_MS - now) / 1000)) : undefined;
  }
}
