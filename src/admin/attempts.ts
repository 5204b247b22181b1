import type { Instant } from '../kernel/clock.ts';

const WINDOW_MS = 60_000;
const KNOWN_MAX = 10_000;

/** Counts attempts by whoever makes them, in windows of a minute. In this process alone: what is counted for all is in answers/attempts.ts. */
export class Attempts {
  readonly #known = new Map<string, { since: Instant; count: number }>();

  constructor(private readonly max: number) {}

  /** Notes one and tells how many seconds to wait, where there were too many. */
  note(who: string, now: Instant): number | undefined {
    let seen = this.#known.get(who);
    if (!seen || now - seen.since >= WINDOW_MS) {
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(who, (seen = { since: now, count: 0 }));
    }
    seen.count++;
    return seen.count > this.max ? Math.max(1, Math.ceil((seen.since + WINDOW_MS - now) / 1000)) : undefined;
  }
}
