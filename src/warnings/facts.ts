/** What a warning is about: the facts as they were at the moment of decision, from which its words are made later. */
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import type { SpendSeries } from './chart/spend-chart.ts';
import type { BarredClass } from './templates/language.ts';

export interface WarningFacts {
  accountName: string;
  /** BCP 47. Where we have no text in its language, the text is English. */
  locale: string;
  timeZone: string;
  /**
   * `approve` is a suspension that waits for a person; the customer reads it as a warning. `hold` bars destinations,
   * `unusual` only tells of a deviation, `forecast` that a limit will probably be reached.
   */
  kind: 'warn' | 'suspend' | 'approve' | 'hold' | 'unusual' | 'forecast';
  /** The API's words: `international`, `premium`, `country:SO`, … */
  traffic: string;
  spend: Micros;
  /** Undefined where no cap caused it. */
  limit: Micros | undefined;
  currency: string;
  /** The threshold that was crossed, in percent of the limit; undefined where no cap caused it. */
  percent: number | undefined;
  period: 'day' | 'week' | 'month' | 'rolling';
  /** Only of a rolling period. */
  periodHours?: number;
  /** The first instant after the period. */
  periodEnd: Instant;
  /** The next threshold and what happens at it. */
  next: { percent: number; amount: Micros; warn: boolean; suspend?: BarredClass } | undefined;
  /** Only of a suspension. `until` is undefined where it is lifted by hand; `terms` is the clause of the contract. */
  suspended?: { class: BarredClass; until: Instant | undefined; terms: string };
  /** Only of a hold: the destinations, in the API's words (`country:SO`, `prefix:+25261`). */
  held?: { scopes: readonly string[]; until: Instant | undefined; terms: string };
  /** Only of a forecast: when the limit will be reached. */
  forecast?: { likely: Instant; earliest: Instant; latest: Instant };
  /**
   * At most three, the highest amount first. `country` is ISO 3166-1 alpha-2, or `001` for networks of no country. Without
   * `texts` and `sessions` (of data), as facts were kept before these were told apart, all are calls.
   */
  mostSpentOn: { country: string; amount: Micros; calls: number; texts?: number; sessions?: number }[];
  /** What was spent in the period, step by step; undefined where nothing can be drawn. */
  series?: SpendSeries;
}

/** Facts and the decision that they led to. */
export interface ToldFact {
  decisionId: string;
  facts: WarningFacts;
}

/** As JSON; an amount is written as `{"micros": "82100000"}`. */
export function freezeFacts(told: readonly ToldFact[]): string {
  return JSON.stringify(told, (_key, value: unknown) =>
    typeof value === 'bigint' ? { micros: String(value) } : value,
  );
}

export function thawFacts(text: string): ToldFact[] {
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'micros' in value ? BigInt(String(value.micros)) : value,
  ) as ToldFact[];
}
