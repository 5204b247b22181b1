/** An account and a cap as the API takes them; made up. */
export const SAMPLE_FORM = {
  name: 'Sample account',
  segment: 'smb',
  currency: 'EUR',
  time_zone: 'Europe/Amsterdam',
  cycle_day: 1,
  locale: 'nl-NL',
  email: 'sample@example.net',
  home_country: 'NL',
  suspension_terms: 'GTC 7.3',
};

export const SAMPLE_CAP = {
  name: 'International',
  scope: {},
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [{ percent: 100, actions: ['suspend:international'] }],
  mode: 'enforce',
  reinstate: 'period-end',
};
