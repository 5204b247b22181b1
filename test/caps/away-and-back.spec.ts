/** A cap that is changed while an account is under another one: when the account comes back, what stands is what is asked for. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { ACCOUNT, CAP, TestPlafond } from '../harness/plafond.ts';

let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(parseInstant('2026-03-20T12:00:00+01:00')!);
  const guard = new AnswerGuard(plafond.database.dataSource, plafond.clock);
  await guard.change({ perHour: 1_000, percent: 100, atLeast: 1_000 }, undefined, 'test');
});
afterAll(() => plafond.close());

let account: string;
let run = 0;
beforeEach(async () => {
  account = `a${++run}`;
  await plafond.addAccount({ accountId: account });
});
afterEach(async () => {
  expect(await plafond.differences()).toEqual([]);
  for (const { cap_id } of await plafond.query<{ cap_id: string }>('SELECT cap_id FROM caps')) {
    await plafond.caps.remove(cap_id, undefined, 'test');
  }
});

const suspends: CapDefinition['thresholds'] = [{ percent: 100, actions: ['suspend:international'] }];
const warns: CapDefinition['thresholds'] = [{ percent: 100, actions: ['warn'] }];

const use = (amount: string, started_at = '2026-03-20T10:00:00+01:00', revision = 0) =>
  plafond.send([{ record_id: `r ${account} ${started_at}`, account_id: account, amount, started_at, revision }]);
const change = (id: string, definition: Partial<CapDefinition>) => {
  plafond.clock.advanceTo(plafond.clock.now() + 1000);
  return plafond.caps.change(id, undefined, capDefinition.parse({ ...CAP, ...definition }), {
    actor: 'test',
    alone: true,
  });
};
/** Puts the account under a cap of its own, which it does not reach; answers how it comes back. */
async function away(period: CapDefinition['period']): Promise<() => Promise<void>> {
  const own = await plafond.addCap({ scope: { account }, period, limit: '1000.00', thresholds: warns });
  return () => plafond.caps.remove(own, undefined, 'test');
}
const decided = async () =>
  (await plafond.decisions())
    .filter((each) => each.accountId === account)
    .map(({ type, trigger, threshold, spend }) =>
      [type, trigger, threshold, ...(spend === undefined ? [] : ['at', formatAmount(spend)])].join(' '),
    );
const bars = async () =>
  (
    await plafond.query<{ state: string }>(
      'SELECT state FROM suspensions WHERE account_id = $1 ORDER BY suspension_no',
      [account],
    )
  ).map(({ state }) => state);

const PERIODS: [CapDefinition['period']][] = [['month'], ['rolling:24h']];

it.each(PERIODS)('lifts what the cap suspends no more (%s)', async (period) => {
  const id = await plafond.addCap({ period, thresholds: suspends });
  await use('120.00');
  const back = await away(period);
  await change(id, { period, thresholds: warns });
  expect(await bars()).toEqual(['wanted']);
  await back();
  expect(await decided()).toEqual(['suspend cap 100 at 120.00', 'restore manual 100', 'warn manual 100 at 120.00']);
  expect(await bars()).toEqual(['lifting']);
});

it.each(PERIODS)('suspends what the cap suspends only now (%s)', async (period) => {
  const id = await plafond.addCap({ period, thresholds: warns });
  await use('120.00');
  const back = await away(period);
  await change(id, { period, thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }] });
  await back();
  expect(await decided()).toEqual(['warn cap 100 at 120.00', 'suspend manual 100 at 120.00']);
  expect(await bars()).toEqual(['wanted']);
});

it.each(PERIODS)('lifts what stands at a threshold that the cap has no more (%s)', async (period) => {
  const id = await plafond.addCap({ period, thresholds: suspends });
  await use('120.00');
  const back = await away(period);
  await change(id, { period, thresholds: [{ percent: 200, actions: ['warn'] }] });
  await back();
  expect(await decided()).toEqual(['suspend cap 100 at 120.00', 'restore manual 100']);
  expect(await bars()).toEqual(['lifting']);
});

it.each(PERIODS)('lifts what the cap suspends no more, where spend has fallen as well (%s)', async (period) => {
  const id = await plafond.addCap({ period, thresholds: suspends });
  await use('120.00');
  const back = await away(period);
  await change(id, { period, thresholds: warns });
  await use('40.00', undefined, 1);
  await back();
  expect(await decided()).toEqual(['suspend cap 100 at 120.00', 'restore manual 100']);
  expect(await bars()).toEqual(['lifting']);
});

it('lifts what the cap suspended in a window of another length', async () => {
  const scope = { segment: ACCOUNT.segment };
  const move = (segment: string) =>
    plafond.accounts.put({ ...ACCOUNT, accountId: account, segment }, undefined, 'test');
  const id = await plafond.addCap({ scope, period: 'rolling:24h', thresholds: suspends });
  await use('120.00');
  await move('other');
  await change(id, { scope, period: 'rolling:48h', limit: '500.00', thresholds: suspends });
  expect(await bars()).toEqual(['wanted']);
  await move(scope.segment);
  expect(await decided()).toEqual(['suspend cap 100 at 120.00', 'restore manual 100']);
  expect(await bars()).toEqual(['lifting']);
});

it('finds what stands in the period as the account is cut when it comes back', async () => {
  const scope = { segment: ACCOUNT.segment };
  const move = (segment: string, cycleDay: number) =>
    plafond.accounts.put({ ...ACCOUNT, accountId: account, segment, cycleDay }, undefined, 'test');
  const id = await plafond.addCap({ scope, thresholds: suspends });
  await use('120.00');
  await move('other', 1);
  await change(id, { scope, thresholds: [{ percent: 100, actions: ['suspend:premium'] }] });
  await move(scope.segment, 15);
  expect(await decided()).toEqual(['suspend cap 100 at 120.00', 'restore manual 100', 'suspend manual 100 at 120.00']);
  expect(await bars()).toEqual(['lifting', 'wanted']);
});

it('changes nothing where the cap is as it was', async () => {
  const id = await plafond.addCap({ thresholds: suspends });
  await use('120.00');
  const back = await away('month');
  await change(id, { thresholds: warns });
  await change(id, { thresholds: suspends });
  await back();
  expect(await decided()).toEqual(['suspend cap 100 at 120.00']);
  expect(await bars()).toEqual(['wanted']);
});

it('neither bars nor warns a second time where the cap was in shadow mode for a while', async () => {
  const thresholds: CapDefinition['thresholds'] = [{ percent: 100, actions: ['warn', 'suspend:international'] }];
  const id = await plafond.addCap({ thresholds });
  await use('120.00');
  await change(id, { thresholds, mode: 'shadow' });
  await change(id, { thresholds });
  expect(await decided()).toEqual(['warn cap 100 at 120.00', 'suspend cap 100 at 120.00']);
  expect(await bars()).toEqual(['wanted']);
});
