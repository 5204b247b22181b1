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
