import type { Account } from '../../src/accounts/account.ts';
import { SystemClock } from '../../src/kernel/clock.ts';

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

/** A cycle day whose month began about two weeks ago: what happens now is not at its turn, whenever tests run. */
export const MID_CYCLE = Math.min(28, new Date(new SystemClock().now() - 14 * 86_400_000).getUTCDate());
