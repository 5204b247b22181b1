/** A file whose rows start on very many days: what is refused of it leaves no partition behind, the rest counts. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-04-10T12:00:00Z')!;
const DAY_MS = 86_400_000;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
});
afterAll(() => plafond.close());

it('makes no day ready for rows of accounts that are not there', async () => {
  const rows = Array.from({ length: 3_000 }, (_, index) => ({
    record_id: `many-${index}`,
    account_id: index % 50 === 0 ? '1001' : 'nobody',
    started_at: formatInstant(now - (index + 1) * DAY_MS, 'UTC'),
  }));
  expect(await plafond.send(rows)).toMatchObject({ received: 3_000, counted: 60, rejected: 2_940 });
  const [days] = await plafond.query<{ n: string }>('SELECT count(*) AS n FROM ledger_days');
  expect(days).toEqual({ n: '60' });
  expect(await plafond.differences()).toEqual([]);
});
