/** The made-up provider's customers as accounts. */
import type { Account } from '../../accounts/account.ts';
import type { Customer } from './population.ts';

export function accountOf({ index, segment }: Customer): Account {
  return {
    accountId: String(100_001 + index),
    name: `Account ${100_001 + index}`,
    segment,
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
}
