/** What a look at usage goes by: it changes seldom, so a process keeps it, and each turn asks only whether it has changed. */
import type { ClientBase } from 'pg';
import type { PolicyBook } from '../deviations/policy.ts';
import { policyBook } from '../deviations/policy-store.ts';
import type { UsualPrices } from '../deviations/price.ts';
import { suspectedRanges, usualPrices } from '../deviations/tariff-store.ts';
import type { Instant } from '../kernel/clock.ts';

export interface ObservationContext {
  policies: PolicyBook;
  prices: UsualPrices;
  /** number ranges that had a sign of a wrong price of late */
  suspected: ReadonlySet<string>;
}

const MARKS = `
  SELECT (SELECT revision FROM cap_book)::text AS policies,
         (SELECT max(day) || ' ' || count(DISTINCT day) FROM tariff_prices) AS prices`;

interface Marks {
  policies: string;
  prices: string | null;
}

export class ObservationContexts {
  #marks: Marks | undefined;
  #policies: PolicyBook | undefined;
  #prices: UsualPrices | undefined;

  /** As it stands in the transaction of `client`. */
  async at(client: ClientBase, now: Instant): Promise<ObservationContext> {
    const { rows } = await client.query<Marks>(MARKS);
    const marks = rows[0]!;
    if (!this.#policies || marks.policies !== this.#marks?.policies) this.#policies = await policyBook(client);
    if (!this.#prices || marks.prices !== this.#marks?.prices) this.#prices = await usualPrices(client, now);
    this.#marks = marks;
    return { policies: this.#policies, prices: this.#prices, suspected: await suspectedRanges(client, now) };
  }
}
