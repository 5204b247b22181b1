/** Made-up facts of each kind of warning, by which templates are checked before a customer gets one. */
import type { WarningFacts } from '../facts.ts';

const at = Date.UTC(2010, 2, 31, 22);

const WARN: WarningFacts = {
  accountName: 'Sample & Sons',
  locale: 'en',
  timeZone: 'Europe/Amsterdam',
  kind: 'warn',
  traffic: 'international',
  spend: 82_100_000n,
  limit: 100_000_000n,
  currency: 'EUR',
  percent: 80,
  period: 'month',
  periodEnd: at,
  next: { percent: 100, amount: 100_000_000n, warn: true, suspend: 'international' },
  mostSpentOn: [{ country: 'SO', amount: 60_000_000n, calls: 12 }],
};
const BAR = { until: at, terms: 'GTC 7.3' };
const ROLLING = { period: 'rolling', periodHours: 24 } as const;
const DEVIATION = { limit: undefined, percent: undefined, next: undefined, traffic: 'country:SO' } as const;

export const SAMPLES: readonly (readonly [WarningFacts, ...WarningFacts[]])[] = [
  [WARN],
  [{ ...WARN, percent: 100, next: undefined, ...ROLLING }],
  [{ ...WARN, kind: 'suspend', percent: 100, suspended: { class: 'international', ...BAR } }, WARN],
  [{ ...WARN, kind: 'hold', ...DEVIATION, held: { scopes: ['country:SO', 'prefix:+25261'], ...BAR } }],
  [{ ...WARN, kind: 'unusual', ...DEVIATION, mostSpentOn: [{ ...WARN.mostSpentOn[0]!, texts: 3, sessions: 1 }] }],
  [{ ...WARN, kind: 'forecast', forecast: { likely: at, earliest: at, latest: at } }],
];
