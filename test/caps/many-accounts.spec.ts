/** The first day: all accounts of a provider come at once, and then the first cap. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { SystemClock } from '../../src/kernel/clock.ts';
import { ACCOUNT, TestPlafond } from '../harness/plafond.ts';

let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(new SystemClock().now());
});
afterAll(() => plafond.close());

it('the database knows how many accounts there are before a cap is counted for them', async () => {
  const accounts = Array.from({ length: 20_000 }, (_, i) => ({
    ...ACCOUNT,
    accountId: `k${i}`,
    cycleDay: 1 + (i % 28),
  }));
  expect(await plafond.accounts.importAll(accounts, 'the tests')).toMatchObject({ created: accounts.length });
  expect(await plafond.query(`SELECT reltuples FROM pg_class WHERE oid = 'accounts'::regclass`)).toEqual([
    { reltuples: accounts.length },
  ]);
  await plafond.addCap({});
});

it('all of a file of thousands are changed, or none where one can not be', async () => {
  const named = (name: string, currency = 'EUR') =>
    Array.from({ length: 5_000 }, (_, i) => ({
      ...ACCOUNT,
      accountId: `k${i}`,
      cycleDay: 1 + (i % 28),
      name,
      currency,
    }));
  const names = () => plafond.query('SELECT DISTINCT name FROM accounts WHERE version = 2');
  await plafond.send([{ account_id: 'k999', started_at: new Date(plafond.clock.now()).toISOString() }]);
  // By its id it is among the last.
  await expect(plafond.accounts.importAll(named('None', 'USD'), 'the tests')).rejects.toThrow('account k999 has usage');
  expect(await names()).toEqual([]);
  expect(await plafond.accounts.importAll(named('All'), 'the tests')).toEqual({
    created: 0,
    changed: 5_000,
    unchanged: 0,
  });
  expect(await names()).toEqual([{ name: 'All' }]);
});
