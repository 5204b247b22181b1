import type { Account } from '../../src/accounts/account.ts';

/** A made-up account for specs; each says what it needs otherwise. */
export const SAMPLE_ACCOUNT: Account = {
  accountId: '1001',
  name: 'Account 1001',
  segment: 'smb',
  currency: 'EUR',
  timeZone: 'Europe/Amsterdam',
  cycleDay: 1,
  locale: 'nl-NL',
  email: '',
  msisdn: '',
  homeCountry: 'NL',
  suspensionTerms: 'GTC 7.3',
  parentId: '',
};
