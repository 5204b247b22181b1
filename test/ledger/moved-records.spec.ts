import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parseInstant } from '../../src/kernel/clock.ts';
import { SettleMovedRecords } from '../../src/pipeline/settle-moved-records.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-03-20T12:00:00+01:00')!;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
  await plafond.addCap({ limit: '50.00', thresholds: [{ percent: 100, actions: ['suspend:international'] }] });
});
afterAll(() => plafond.close());

it('a version whose start moved by ten days counts once after the night, and what it had caused is lifted', async () => {
  await plafond.send([{ record_id: 'far', started_at: '2026-03-05T10:00:00+01:00', amount: '40.00' }]);
  await plafond.send([{ record_id: 'far', started_at: '2026-03-15T10:00:00+01:00', amount: '30.00', state: 'final' }]);
  expect((await plafond.decisions()).map(({ type, spend }) => [type, spend])).toEqual([['suspend', 70_000_000n]]);

  const night = new SettleMovedRecords(plafond.database.dataSource, plafond.clock);
  expect(await night.run()).toBe(1);
  expect(await night.run()).toBe(0);

  expect(await plafond.query('SELECT amount_micros, state FROM usage')).toEqual([
    { amount_micros: '30000000', state: 2 },
  ]);
  expect(await plafond.query('SELECT spend_micros FROM counters')).toEqual([{ spend_micros: '30000000' }]);
  expect(await plafond.differences()).toEqual([]);
  expect((await plafond.decisions()).map(({ type, trigger }) => `${type} by ${trigger}`)).toEqual([
    'suspend by cap',
    'restore by correction',
  ]);
});
