/** What a text says the routes are called that a suspension closes (`suspend:…`). */
export type BarredClass = 'international' | 'premium' | 'outgoing';

/** The fragments that a language is made of, and that a provider may replace, each by a file of its name. */
export const FRAGMENTS = [
  // What happened, in one sentence without a full stop, and its parts.
  'headline',
  'share',
  'reached',
  'unusual',
  'likely',
  'spent',
  'limit',
  // The paragraphs of a mail.
  'greeting',
  'figures',
  'usual',
  'alsoHeading',
  'also',
  'countriesHeading',
  'country',
  'blocked',
  'blockedByHand',
  'worksHeading',
  'worksEmergency',
  'worksIncoming',
  'worksNational',
  'worksOthers',
  'terms',
  'sooner',
  'nextHeading',
  'next',
  'newPeriod',
  'notYou',
  'answer',
  'answerButton',
  'tax',
  'regards',
  'provider',
  'chartText',
  // Whole texts.
  'subject',
  'sms',
] as const;
export type Fragment = (typeof FRAGMENTS)[number];

/**
 * The texts of one language, as Handlebars templates. Each fragment is a partial for all others and is written once: for the
 * plain text of a mail, where nothing is escaped, for its HTML, where everything is, and for the SMS.
 */
export interface Language {
  /** The locale in which amounts and dates are written for readers whose own locale is in no language we have. */
  locale: string;
  /** The API's words for traffic, as they stand after "limit for"; `place` is the country's name or the prefix. */
  traffic: Record<
    'all' | 'national' | 'international' | 'premium' | 'satellite' | 'high-risk' | 'country' | 'prefix',
    string
  >;
  /** Of these the names where text messages are among what was spent. */
  withTexts: Record<'national' | 'international' | 'satellite' | 'country', string>;
  /** What is counted, one and several, as it stands after its number. */
  used: Record<'calls' | 'texts' | 'sessions', readonly [one: string, several: string]>;
  /** What is blocked, as it stands after "we blocked"; destinations that are held are named by `traffic`. */
  barred: Record<BarredClass, string>;
  /** Usage to numbers of no country: satellite phones and international networks. */
  specialNetworks: string;
  /** Usage that goes to no number. */
  noNumber: string;
  /** The word between a date and a time. */
  at: string;
  /** The word between the last two of a list. */
  and: string;
  /** What stands beside the lines of the chart. */
  chart: { limit: string; usual: string };
  fragments: Record<Fragment, string>;
}

/** What a traffic's word is called: `place` is a country's name or a prefix, `texts` whether text messages are among what was spent on it. */
export type TrafficName = (word: string, place: string, texts: boolean) => string;

export function trafficNames(
  { traffic, withTexts }: Language,
  compile: (source: string) => (view: { place: string }) => string,
): TrafficName {
  const compiled = (sources: Record<string, string>) =>
    new Map(Object.entries(sources).map(([word, source]) => [word, compile(source)]));
  const names = compiled(traffic);
  const namesWithTexts = compiled({ ...traffic, ...withTexts });
  return (word, place, texts) => {
    const all = texts ? namesWithTexts : names;
    return (all.get(word) ?? all.get('all')!)({ place });
  };
}
