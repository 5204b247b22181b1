import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { lockShards } from '../../src/ledger/usage-store.ts';
import { RebuildSpend } from '../../src/pipeline/usage/rebuild-spend.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-03-20T12:00:00+01:00')!;

let plafond: TestPlafond;
let rebuild: RebuildSpend;
beforeEach(async () => {
  plafond = await TestPlafond.at(now);
  rebuild = new RebuildSpend(plafond.database.dataSource, plafond.clock);
  await plafond.addAccount({ accountId: '1001' });
  await plafond.addAccount({ accountId: '1002' });
  await plafond.addCap({});
  await plafond.addCap({ traffic: 'all', period: 'day', limit: '500.00' });
  await plafond.addCap({ traffic: 'all', period: 'rolling:24h', limit: '500.00' });
  await plafond.send([
    { record_id: 'a', amount: '60.00' },
    { record_id: 'b', amount: '7.00', account_id: '1002' },
  ]);
});
afterEach(() => plafond.close());

const spends = () =>
  plafond.query(
    `SELECT account_id, traffic, spend_micros / 1000000 AS spend FROM counters ORDER BY account_id, traffic`,
  );

describe('spend is counted anew from the ledger', () => {
  it('and is equal after any usage', async () => {
    expect(await rebuild.check()).toEqual([]);
    expect(await rebuild.mend('test')).toEqual([]);
    expect(await plafond.query(`SELECT * FROM changes WHERE subject = 'counter'`)).toEqual([]);
  });

  it('which shows a counter that is wrong, missing or too many, and changes nothing', async () => {
    await plafond.query(`UPDATE counters SET spend_micros = 1 WHERE account_id = '1001' AND traffic = 'all'`);
    await plafond.query(`DELETE FROM counters WHERE account_id = '1002' AND traffic = 'international'`);
    await plafond.query(
      `INSERT INTO counters SELECT account_id, service_id, traffic, period, period_start - interval '1 month', 5
         FROM counters WHERE traffic = 'international'`,
    );
    const before = await spends();
    const found = await rebuild.check();
    expect(found.map(({ account_id, traffic, counted, ledger }) => [account_id, traffic, counted, ledger])).toEqual(
      expect.arrayContaining([
        ['1001', 'all', '1', '60000000'],
        ['1001', 'international', '5', null],
        ['1002', 'international', null, '7000000'],
      ]),
    );
    expect(found).toHaveLength(3);
    expect(await spends()).toEqual(before);
  });

  it('while importers go on, where there is nothing to mend', async () => {
    // As an importer does while it counts.
    await inTransaction(plafond.database.dataSource, async ({ client }) => {
      await lockShards(client, [0]);
      expect(await rebuild.mend('test')).toEqual([]);
    });
  });

  it('which mends it, says what was mended, and lets a hidden threshold act', async () => {
    await plafond.query(`DELETE FROM crossings; DELETE FROM warnings; DELETE FROM decisions`);
    await plafond.query(`UPDATE counters SET spend_micros = 1000000 WHERE account_id = '1001'`);
    const right = await rebuild.mend('Anna (k1)');
    expect(right).toHaveLength(2);
    expect(await plafond.differences()).toEqual([]);
    expect(await rebuild.check()).toEqual([]);
    expect(
      await plafond.query(`SELECT actor, subject_id, before, after FROM changes WHERE subject = 'counter' ORDER BY 2`),
    ).toEqual([
      {
        actor: 'Anna (k1)',
        subject_id: '1001 all day 2026-03-09T23:00:00Z',
        before: { spend: '1.00' },
        after: { spend: '60.00' },
      },
      expect.objectContaining({ subject_id: '1001 international month 2026-02-28T23:00:00Z' }),
    ]);
    expect((await plafond.decisions()).map(({ accountId, type, threshold }) => [accountId, type, threshold])).toEqual([
      ['1001', 'warn', 50],
    ]);
  });

  it('while usage is being counted', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => ({ record_id: `c${i}`, amount: '0.01' }));
    const sending = Promise.all(
      [0, 1, 2, 3].map((part) => plafond.send(rows.slice(part * 125, part * 125 + 125), `feed${part}`)),
    );
    const checks = await Promise.all(Array.from({ length: 5 }, () => rebuild.check()));
    await sending;
    expect(checks.flat()).toEqual([]);
    expect(await rebuild.check()).toEqual([]);
  });
});
