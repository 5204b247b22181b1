/** Many accounts at once, through the real pipeline: the tariff brake, caps and the guard side by side. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { SHARDS, shardOf } from '../../src/ledger/usage-store.ts';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { SettleCase } from '../../src/pipeline/deciding/settle-case.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { CountPrices } from '../../src/pipeline/deviations/count-prices.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';

Logger.overrideLogger(false);

const NOW = parseInstant('2026-03-20T12:00:00+01:00')!;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ACCOUNTS = 12;

let plafond: TestPlafond;
let observe: ObserveUsage;
let settle: SettleCase;
let signatures: RebuildSignatures;

beforeEach(async () => {
  plafond = await TestPlafond.at(NOW);
  const { dataSource } = plafond.database;
  observe = new ObserveUsage(dataSource, plafond.clock);
  signatures = new RebuildSignatures(dataSource, plafond.clock, observe);
  settle = new SettleCase(dataSource, plafond.clock, signatures);
  for (let i = 0; i < ACCOUNTS; i++) await plafond.addAccount({ accountId: `a${i}` });
});
afterEach(() => plafond.close());

const look = () => observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
let records = 0;
const call = (account: number, minutesAgo: number, amount: string, number = '+252615551001') => ({
  record_id: `r${++records}`,
  account_id: `a${account}`,
  started_at: formatInstant(NOW - minutesAgo * MINUTE_MS),
  duration_s: 120,
  b_number: number,
  amount,
});
const each = <T>(make: (account: number) => T, from = 0, to = ACCOUNTS): T[] =>
  Array.from({ length: to - from }, (_, index) => make(from + index));
const attack = (account: number) =>
  Array.from({ length: 12 }, (_, nth) =>
    call(account, 50 - 4 * nth, '60.00', `+25261555${1_000 + 12 * account + nth}`),
  );
const suspensions = async () =>
  Object.fromEntries(
    (
      await plafond.query<{ state: string; accounts: number }>(
        'SELECT state, count(DISTINCT account_id)::int AS accounts FROM suspensions GROUP BY 1 ORDER BY 1',
      )
    ).map(({ state, accounts }) => [state, accounts]),
  );
const tariffCases = () =>
  plafond.query<{ case_no: string; state: string; ranges: string[] }>(
    `SELECT case_no, state, ranges FROM cases WHERE kind = 'tariff'`,
  );
const told = () => plafond.query('SELECT account_id FROM warnings');

describe('twelve accounts that alarm on one number range within an hour', () => {
  beforeEach(async () => {
    const policies = new ChangePolicies(plafond.database.dataSource, plafond.clock);
    await policies.put({ kind: 'everyone', value: '' }, 'enforce', 1, 'test');
    await plafond.send(each(attack).flat());
    await look();
  });

  it('brake it, with one case and one alarm: nobody is barred or told until a person has looked', async () => {
    const cases = await tariffCases();
    expect(cases).toMatchObject([{ state: 'open', ranges: ['+25261'] }]);
    expect(await plafond.query(`SELECT subject FROM alarms WHERE kind = 'tariff-brake'`)).toEqual([
      { subject: '+25261' },
    ]);
    expect(await suspensions()).toEqual({ 'awaiting-approval': ACCOUNTS });
    expect(await told()).toEqual([]);
  });

  it('are barred, each of them, once the case says that it was no fault of the tariff', async () => {
    const [brake] = await tariffCases();
    await settle.settle(brake!.case_no, 'legitimate', 'anna', 'the price is right: one attack on many');
    expect(await suspensions()).toEqual({ wanted: ACCOUNTS });
    expect(new Set((await told()).map((row) => (row as { account_id: string }).account_id)).size).toBe(ACCOUNTS);
  });
});

describe('twelve accounts that are looked at in two turns at once', () => {
  it('brake the range that they alarm on, though neither turn has enough of them', async () => {
    const { dataSource } = plafond.database;
    await new ChangePolicies(dataSource, plafond.clock).put({ kind: 'everyone', value: '' }, 'enforce', 1, 'test');
    await plafond.send(each(attack).flat());
    const half = new Set(each((account) => shardOf(`a${account}`), 0, ACCOUNTS / 2));
    const others = Array.from({ length: SHARDS }, (_, shard) => shard).filter((shard) => !half.has(shard));
    let second: Promise<number> | undefined;
    let isDone = false;
    await inTransaction(dataSource, async ({ client }) => {
      await observe.turn(
        client,
        [...half].toSorted((a, b) => a - b),
      );
      second = observe.observe(others).finally(() => (isDone = true));
      await until(
        'the second turn waits, or has ended',
        async () => isDone || (await plafond.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0,
      );
    });
    await second;
    expect(await tariffCases()).toMatchObject([{ state: 'open', ranges: ['+25261'] }]);
    // What the first turn did was done before there was a brake.
    expect(await suspensions()).toEqual({ 'awaiting-approval': ACCOUNTS / 2, wanted: ACCOUNTS / 2 });
  });
});

describe('one attack on many', () => {
  const hot = () => plafond.query<{ range: string }>('SELECT range FROM hot_numbers ORDER BY range');

  it('has its number blocks, and no wider range, hot for everyone, for as long as it is found to be one', async () => {
    const policies = new ChangePolicies(plafond.database.dataSource, plafond.clock);
    await policies.put({ kind: 'everyone', value: '' }, 'enforce', 1, 'test');
    const known = { ...call(0, 0, '1.00', '+252616660001'), started_at: formatInstant(NOW - 20 * DAY_MS) };
    await plafond.send([known, ...each(attack).flat(), call(0, 1, '60.00', '+252616660002')]);
    await look();
    const [brake] = await tariffCases();
    const again = async () => {
      await plafond.send(each((account) => call(account, 1, '1.00')));
      await look();
      expect(await signatures.check()).toMatchObject({ differing: [], waiting: 0 });
    };
    await settle.settle(brake!.case_no, 'confirmed-fraud', 'anna', 'one attack on many');
    expect(await hot()).toEqual([{ range: '+252615551' }]);
    expect(await suspensions()).toEqual({ wanted: ACCOUNTS });
    await again();
    await settle.settle(brake!.case_no, 'legitimate', 'anna', 'a campaign of theirs');
    expect(await hot()).toEqual([]);
    await again();
  });
});

describe('what a brake lets go', () => {
  const guard = () => new AnswerGuard(plafond.database.dataSource, plafond.clock);
  const questions = () =>
    plafond.query<{ question_id: string; state: string; held: number }>(
      'SELECT * FROM guard_questions ORDER BY question_no',
    );
  /** Twelve accounts barred by a cap for calls to a range on which a brake holds, and the guard lets five an hour be barred. */
  beforeEach(async () => {
    await guard().change({ perHour: 5, percent: 100, atLeast: 1_000 }, undefined, 'anna');
    await plafond.addCap({
      limit: '10.00',
      thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }],
    });
    await plafond.query(
      `INSERT INTO cases (kind, account_id, state, opened_at, from_at, last_at, ranges, summary)
       VALUES ('tariff', '', 'open', now(), now(), now(), '{+25261}', 'many at once')`,
    );
    await plafond.query(
      `INSERT INTO tariff_brakes (range, case_no, kind, braked_at) SELECT '+25261', case_no, 'alarms', now() FROM cases`,
    );
    await plafond.send(each((account) => call(account, 5, '136.00')));
    expect(await suspensions()).toEqual({ 'awaiting-approval': ACCOUNTS });
    await plafond.query(`UPDATE suspensions SET requested_at = requested_at - interval '3 hours'`);
  });

  it.each(['closed', 'legitimate', 'confirmed-fraud'] as const)(
    'passes the guard where its case is %s: five are barred, and the operators are asked about the others',
    async (verdict) => {
      const [brake] = await tariffCases();
      await settle.settle(brake!.case_no, verdict, 'anna', 'the price is right');
      expect(await suspensions()).toEqual({ 'awaiting-approval': 7, wanted: 5 });
      expect(
        await plafond.query(`SELECT account_id FROM suspensions WHERE state = 'wanted' ORDER BY suspension_no`),
      ).toEqual(await plafond.query('SELECT account_id FROM suspensions ORDER BY suspension_no LIMIT 5'));
      const [question] = await questions();
      expect(question).toMatchObject({ state: 'open', held: 7 });
      expect(await plafond.query(`SELECT kind FROM alarms WHERE cleared_at IS NULL`)).toEqual([{ kind: 'guard' }]);
      expect(
        await plafond.query(`SELECT facts ->> 'held_by_guard' AS held FROM case_events WHERE what = $1`, [verdict]),
      ).toEqual([{ held: '7' }]);
      expect(await plafond.query(`SELECT DISTINCT kind FROM evidence WHERE kind = 'guard-held'`)).toHaveLength(1);
      expect(new Set((await told()).map((row) => (row as { account_id: string }).account_id)).size).toBe(5);

      await guard().answer(question!.question_id, { answer: 'all' }, 'looked at', 7, 'anna');
      expect(await suspensions()).toEqual({ wanted: ACCOUNTS });
    },
  );

  it('counts for the guard within the hour: a rule bars nobody any more without a person', async () => {
    const [brake] = await tariffCases();
    await settle.settle(brake!.case_no, 'closed', 'anna', 'the price is right');
    await plafond.addAccount({ accountId: 'a12' });
    await plafond.send([call(12, 1, '136.00')]);
    expect(await suspensions()).toEqual({ 'awaiting-approval': 8, wanted: 5 });
    expect(await questions()).toMatchObject([{ state: 'open', held: 8 }]);
  });
});

describe('a rate deck with a factor of 100, where caps bar at ten euros and the guard lets three accounts an hour be barred', () => {
  beforeEach(async () => {
    await plafond.addCap({
      limit: '10.00',
      thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }],
    });
    const history = Array.from({ length: 60 }, (_, nth) => {
      const daysAgo = 1 + (nth % 9);
      return { ...call(nth % ACCOUNTS, 60, '1.36'), started_at: formatInstant(NOW - daysAgo * DAY_MS) };
    });
    await plafond.send(history);
    await look();
    await new CountPrices(plafond.database.dataSource, plafond.clock).run();
    await new AnswerGuard(plafond.database.dataSource, plafond.clock).change(
      { perHour: 3, percent: 100, atLeast: 1_000 },
      undefined,
      'anna',
    );
    // Caps look at once, the brake when a worker does: of the first delivery it knows nothing yet.
    await plafond.send(each((account) => call(account, 5, '136.00'), 0, 6));
  });

  it('bars no more than the guard lets through before the brake knows, and nobody afterwards', async () => {
    expect(await suspensions()).toEqual({ 'awaiting-approval': 3, wanted: 3 });
    await look();
    expect(await tariffCases()).toMatchObject([{ state: 'open', ranges: ['+25261'] }]);
    const before = (await told()).length;
    await plafond.send(each((account) => call(account, 1, '136.00'), 6));
    await look();
    expect(await suspensions()).toEqual({ 'awaiting-approval': 9, wanted: 3 });
    expect(await told()).toHaveLength(before);
    expect(await tariffCases()).toHaveLength(1);
  });

  it('lets go of all that waited for the brake where a person finds the tariff wrong', async () => {
    await look();
    await plafond.send(each((account) => call(account, 1, '136.00'), 6));
    const [brake] = await tariffCases();
    await settle.settle(brake!.case_no, 'rating-error', 'anna', 'deck 12 has cents for euros');
    const of = await plafond.query<{ state: string }>(
      `SELECT DISTINCT state FROM suspensions WHERE account_id = ANY ('{a6,a7,a8,a9,a10,a11}')`,
    );
    expect(of).toEqual([{ state: 'declined' }]);
  });
});
