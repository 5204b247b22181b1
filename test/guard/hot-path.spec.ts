/** What usage costs that bars nobody: no statement on what is there for bars; and where the guard is held, little follows. */
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Query } from 'pg';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ACCOUNT, TestPlafond, type UsageRow } from '../harness/plafond.ts';

Logger.overrideLogger(false);

let plafond: TestPlafond;
beforeEach(async () => {
  // Usage comes near real time: what is days old is looked for on other days as well.
  plafond = await TestPlafond.at(parseInstant('2026-03-10T12:00:00+01:00')!);
  await plafond.accounts.importAll(
    Array.from({ length: 300 }, (_, index) => ({ ...ACCOUNT, accountId: `a${index}` })),
    'test',
  );
  await plafond.addCap({
    thresholds: [
      { percent: 50, actions: ['warn'] },
      { percent: 100, actions: ['suspend:international'] },
    ],
  });
  await plafond.send([call(299, '0.01')]);
});
afterEach(() => plafond.close());

let records = 0;
const call = (account: number, amount: string): Partial<UsageRow> => ({
  record_id: `r${++records}`,
  account_id: `a${account}`,
  amount,
});

/** The statements of one delivery, in their order. */
async function statementsOf(rows: readonly Partial<UsageRow>[]): Promise<string[]> {
  const submit = jest.spyOn(Query.prototype as unknown as { submit: (connection: unknown) => unknown }, 'submit');
  await plafond.send(rows);
  const said = submit.mock.contexts.map((query) => (query as unknown as { text: string }).text);
  submit.mockRestore();
  return said;
}

const FOR_BARS = /\b(guard|guard_questions|suspensions|tariff_brakes|running_calls|crossings)\b/;
const touching = (statements: readonly string[]) => statements.filter((each) => FOR_BARS.test(each));

it('is few statements for one record, and as few for hundreds as for some, none of them about bars', async () => {
  const of = (records: number) => statementsOf(Array.from({ length: records }, (_, account) => call(account, '0.10')));
  const [one, some, many] = [await of(1), await of(20), await of(300)];
  expect(one.length).toBeGreaterThan(5);
  expect(one.length).toBeLessThan(20);
  expect(many.length).toBe(some.length);
  for (const statements of [one, some, many]) expect(touching(statements)).toEqual([]);
});

it('does not ask the guard where a threshold only warns', async () => {
  const statements = await statementsOf([call(0, '60.00')]);
  expect(await plafond.decisions()).toMatchObject([{ type: 'warn' }]);
  expect(statements.filter((each) => /\bguard\b/.test(each))).toEqual([]);
});

it('asks the guard once for all that a delivery bars, when all of the ledger that is needed has been read', async () => {
  const few = await statementsOf([call(0, '120.00')]);
  const many = await statementsOf(Array.from({ length: 50 }, (_, index) => call(index + 1, '120.00')));
  expect((await plafond.query(`SELECT FROM suspensions WHERE state = 'wanted'`)).length).toBe(50);
  for (const statements of [few, many]) {
    const held = statements.findIndex((each) => each.includes('FROM guard FOR UPDATE'));
    expect(held).toBeGreaterThan(0);
    const after = statements.slice(held + 1);
    expect(after.filter((each) => /\b(FROM|JOIN) (usage|counters|feeds)\b/.test(each))).toEqual([]);
  }
});
