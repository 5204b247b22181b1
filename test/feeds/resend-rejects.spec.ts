/** Rejects sent again: many at once, and more than one transaction takes. */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { parseInstant } from '../../src/kernel/clock.ts';
import { BATCH_ROWS } from '../../src/pipeline/usage/record-usage.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = parseInstant('2026-04-10T12:00:00+02:00')!;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
});
afterAll(() => plafond.close());
afterEach(async () => expect(await plafond.differences()).toEqual([]));

const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const row = (id: string, { account = '1001', day = '2026-03-10', amount = '0.01' } = {}) =>
  `${id},${account},${day}T10:00:00+01:00,60,voice,+31201234567,${amount},EUR,final`;
const open = async (importId: string) => {
  const rows = await plafond.query<{ line: string }>(
    'SELECT line FROM rejects WHERE import_id = $1 AND resent_in IS NULL ORDER BY line',
    [importId],
  );
  return rows.map(({ line }) => Number(line));
};

it('all come to their end, where more are sent at once than there are connections, each on a day of its own', async () => {
  const days = Array.from({ length: 24 }, (_, index) => `2026-02-${String(index + 1).padStart(2, '0')}`);
  const imports = await Promise.all(
    days.map((day) => plafond.sendText(`${HEADER}\n${row(day, { day, amount: 'a lot' })}`, 'csv')),
  );
  const results = await Promise.all(
    imports.map(({ importId }, index) => {
      const day = days[index]!;
      return plafond.rejects.resend(importId, [{ line: 2, text: row(day, { day }) }], 'test');
    }),
  );
  expect(results.map(({ counted }) => counted)).toEqual(days.map(() => 1));
});

it('count as one import over several transactions, and what can not be used is open still', async () => {
  const rows = Array.from({ length: BATCH_ROWS + 500 }, (_, index) =>
    row(`late-${index}`, { account: index === BATCH_ROWS + 7 ? 'never' : 'late' }),
  );
  const { importId, rejected } = await plafond.sendText([HEADER, ...rows].join('\n'), 'csv');
  expect(rejected).toBe(rows.length);
  await plafond.addAccount({ accountId: 'late' });
  const [first, second] = await Promise.all([
    plafond.rejects.resend(importId, undefined, 'test'),
    plafond.rejects.resend(importId, undefined, 'test'),
  ]);
  expect(first.counted + second.counted).toBe(rows.length - 1);
  expect(first.duplicate + second.duplicate).toBe(0);
  // The header is the first line.
  expect(await open(importId)).toEqual([BATCH_ROWS + 7 + 2]);
  const again = await plafond.rejects.resend(importId, undefined, 'test');
  expect(again).toMatchObject({ received: 1, counted: 0, rejected: 1 });
  const imports = await plafond.query(`SELECT DISTINCT state FROM imports WHERE source = 'resend'`);
  expect(imports).toEqual([{ state: 'done' }]);
});

it('that are bad again are open where they came from alone, and listed as they were sent with what is wrong', async () => {
  const { importId } = await plafond.sendText(`${HEADER}\n${row('worse', { amount: 'a lot' })}`, 'csv');
  const mended = row('worse', { account: 'nobody' });
  const second = await plafond.rejects.resend(importId, [{ line: 2, text: mended }], 'test');
  expect(second).toMatchObject({ received: 1, rejected: 1 });
  expect(await plafond.query('SELECT text, reason FROM rejects WHERE import_id = $1', [second.importId])).toEqual([
    { text: mended, reason: 'unknown_account' },
  ]);
  expect([await open(importId), await open(second.importId)]).toEqual([[2], []]);
  await expect(plafond.rejects.resend(second.importId, [{ line: 1 }], 'test')).rejects.toMatchObject({
    code: 'unknown_reject',
  });
  await plafond.addAccount({ accountId: 'nobody' });
  const third = await plafond.rejects.resend(importId, [{ line: 2, text: mended }], 'test');
  expect(third).toMatchObject({ received: 1, counted: 1 });
  expect(await plafond.query(`SELECT FROM rejects WHERE text LIKE 'worse,%' AND resent_in IS NULL`)).toEqual([]);
});

it('that break off in a later transaction leave the rest open, and nothing counts twice', async () => {
  const rows = Array.from({ length: BATCH_ROWS + 5 }, (_, index) => row(`cut-${index}`, { account: 'cut' }));
  const { importId } = await plafond.sendText([HEADER, ...rows].join('\n'), 'csv');
  await plafond.addAccount({ accountId: 'cut' });
  await plafond.query(`ALTER TABLE usage ADD CONSTRAINT no_poison CHECK (record_id <> 'cut-${BATCH_ROWS + 2}')`);
  await expect(plafond.rejects.resend(importId, undefined, 'test')).rejects.toMatchObject({ code: '23514' });
  await plafond.query('ALTER TABLE usage DROP CONSTRAINT no_poison');
  expect(await open(importId)).toHaveLength(5);
  expect(await plafond.rejects.resend(importId, undefined, 'test')).toMatchObject({ received: 5, counted: 5 });
});
