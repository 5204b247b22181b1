/** What a text says the routes are called that a suspension closes (CONTRACT: `suspend:…`). */
export type BarredClass = 'international' | 'premium' | 'outgoing';

/**
 * The texts of one language, as Handlebars templates. `share`, `reached`, `spent` and `limit` are partials that
 * the three texts have in common. Plain text: nothing is escaped.
 */
export interface Language {
  /** The locale in which amounts and dates are written for readers whose own locale is in no language we have. */
  locale: string;
  /** CONTRACT's words for traffic, as they stand after "limit for"; `place` is the country's name or the prefix. */
  traffic: Record<
    'all' | 'national' | 'international' | 'premium' | 'satellite' | 'high-risk' | 'country' | 'prefix',
    string
  >;
  /** What is blocked, as it stands after "we blocked". */
  barred: Record<BarredClass, string>;
  /** Usage to numbers of no country: satellite phones and international networks. */
  specialNetworks: string;
  /** The word between a date and a time. */
  at: string;
  /** "80% of your limit", or "your limit" where that is all of it. */
  share: string;
  /** "You have reached 80% of your limit for …", without a full stop. */
  reached: string;
  /** What was spent, and in which period. */
  spent: string;
  /** The limit with its period. */
  limit: string;
  subject: string;
  email: string;
  sms: string;
}
