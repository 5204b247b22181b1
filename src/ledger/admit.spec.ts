import { describe, expect, it } from '@jest/globals';
import type { UsageRecord } from '../feeds/usage-record.ts';
import { parseInstant } from '../kernel/clock.ts';
import { admit, isAdmitted } from './admit.ts';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';

const ACCOUNT = SAMPLE_ACCOUNT;
const now = parseInstant('2010-03-14T03:00:00+01:00')!;
const RECORD: UsageRecord = {
  recordId: 'r1',
  accountId: '1001',
  serviceId: '',
  startedAt: now - 60_000,
  durationSeconds: 60,
  kind: 'voice',
  units: undefined,
  aNumber: '0433493098',
  bNumber: '00252612345678',
  amount: 1n,
  currency: 'EUR',
  state: 'final',
  revision: 0,
  cost: undefined,
  originCountry: '',
  tariff: '',
  receivedAt: now,
  line: 2,
};

describe('a record that can not be held against its account', () => {
  it.each([
    ['has an account that does not exist', {}, undefined, 'account_id', 'unknown_account'],
    ['is in another currency', { currency: 'USD' }, ACCOUNT, 'currency', 'wrong_currency'],
    ['starts more than five minutes from now', { startedAt: now + 300_001 }, ACCOUNT, 'started_at', 'start_in_future'],
    ['goes to what nobody can dial', { bNumber: 'anonymous' }, ACCOUNT, 'b_number', 'bad_number'],
    ['goes to a calling code that is none', { bNumber: '+9991234567' }, ACCOUNT, 'b_number', 'bad_number'],
  ])('%s', (_, change, account, field, reason) => {
    expect(admit({ ...RECORD, ...change }, account, 'default', now)).toMatchObject({ field, reason });
  });
});

describe('a record that can be counted', () => {
  it.each([
    ['a number in international form is read from the home country', {}, '+252612345678'],
    ['a national number is read in the home country', { bNumber: '0201234567' }, '+31201234567'],
    ['data may go to no number', { kind: 'data' as const, bNumber: '' }, ''],
    ['clocks may be five minutes apart', { startedAt: now + 300_000 }, '+252612345678'],
  ])('%s', (_, change, number) => {
    const admitted = admit({ ...RECORD, ...change }, ACCOUNT, 'rating', now);
    expect(isAdmitted(admitted)).toBe(true);
    expect(admitted).toMatchObject({ origin: 'rating', destination: { number }, aNumber: '+31433493098' });
  });

  it('never fails for its caller', () => {
    expect(admit({ ...RECORD, aNumber: 'anonymous' }, ACCOUNT, 'default', now)).toMatchObject({ aNumber: '' });
  });
});
