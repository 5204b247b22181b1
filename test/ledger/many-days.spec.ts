/** A file whose rows start on very many days: what is refused of it leaves no partition behind, the rest counts. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { ClientBase } from 'pg';
import { inTransaction } from '../../src/database/transaction.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { recount } from '../../src/spend/counters.ts';
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

it('counts the days that there are anew, not all those since a record of many years ago', async () => {
  await plafond.addAccount({ accountId: '1002' });
  await plafond.addCap({ period: 'day' });
  await plafond.send([{ record_id: 'old', account_id: '1002', started_at: '2000-01-01T12:00:00Z' }]);
  const [days] = await plafond.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_partition_tree('usage') WHERE isleaf`,
  );
  const periods: number[] = [];
  await inTransaction(plafond.database.dataSource, async ({ client }) => {
    const listening = {
      query: (text: string, values: unknown[]) => {
        if (text.startsWith('INSERT INTO counters')) periods.push((values[0] as string[]).length);
        return client.query(text, values);
      },
    } as unknown as ClientBase;
    await recount(listening, 'international', 'day', undefined);
  });
  // A day in UTC lies in two of the account's.
  expect(periods[0]).toBeLessThanOrEqual(2 * days!.n);
  expect(await plafond.differences()).toEqual([]);
});
