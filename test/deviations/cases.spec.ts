import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { maximaOf } from '../../src/deviations/calibration.ts';
import { signaturesOf } from '../../src/deviations/signature-store.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { parseAmount } from '../../src/kernel/money.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { AnswerWarning, CUSTOMER } from '../../src/pipeline/telling/answer-warning.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { reportDeviations } from '../../src/pipeline/deviations/deviation-report.ts';
import { FitNorms } from '../../src/pipeline/deviations/fit-norms.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import { SettleCase } from '../../src/pipeline/deciding/settle-case.ts';
import { NO_BRAND } from '../harness/messages.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { call, courtCase, inBatches, officeDays, type Call } from './deviating.ts';

Logger.overrideLogger(false);

const START = parseInstant('2026-01-05T00:00:00+01:00')!;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const HISTORY_DAYS = 56;
const ATTACK = START + HISTORY_DAYS * DAY_MS + 22 * HOUR_MS;

let plafond: TestPlafond;
let observe: ObserveUsage;
let signatures: RebuildSignatures;
let settle: SettleCase;

beforeEach(async () => {
  plafond = await TestPlafond.at(START);
  const { dataSource } = plafond.database;
  observe = new ObserveUsage(dataSource, plafond.clock);
  signatures = new RebuildSignatures(dataSource, plafond.clock, observe);
  settle = new SettleCase(dataSource, plafond.clock, signatures);
  const accounts = Array.from({ length: 8 }, (_, i) => `b${i}`);
  for (const accountId of accounts) await plafond.addAccount({ accountId });
  const calls = accounts.flatMap((account, i) => officeDays(account, START, HISTORY_DAYS, i + 1));
  await live(
    calls.toSorted((a, b) => a.at - b.at),
    400,
  );
  await new FitNorms(dataSource, plafond.clock).run();
  await signatures.mend();
  await new ChangePolicies(dataSource, plafond.clock).put({ kind: 'everyone', value: '' }, 'enforce', 1, 'test');
});
afterEach(async () => {
  for (const account of ['b1', 'b2']) {
    const verified = await inTransaction(plafond.database.dataSource, ({ client }) => verifyAccount(client, account));
    expect(verified).toMatchObject({ ok: true });
  }
  await plafond.close();
});

async function live(calls: readonly Call[], size = 3): Promise<void> {
  for (const batch of inBatches(calls, size)) {
    plafond.clock.advanceTo(batch.at(-1)!.at + 60_000);
    await plafond.send(batch.map(({ row }) => row));
    await observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
  }
}

const attackOn = (account: string, calls = 6) =>
  courtCase('b1', ATTACK, 7)
    .slice(0, calls)
    .map(({ at, row }) => ({ at, row: { ...row, account_id: account, record_id: `${account}${row.record_id}` } }));
const deviations = async () => (await plafond.decisions()).filter(({ score }) => score !== undefined);
const bars = () => plafond.query<{ state: string }>('SELECT DISTINCT state FROM suspensions ORDER BY state');
const caseOf = async (account: string) =>
  (
    await plafond.query<{ case_no: string; state: string }>('SELECT case_no, state FROM cases WHERE account_id = $1', [
      account,
    ])
  )[0]!;

/** How high each scale of an account has got, as calibration reads it. */
const notedOf = async (account: string) => {
  const signatures = await inTransaction(plafond.database.dataSource, ({ client }) => signaturesOf(client, [account]));
  return maximaOf(signatures.get(account)!);
};

describe('a case', () => {
  it('gathers what is decided for an account, once, and nothing of others', async () => {
    await plafond.addCap({
      limit: '20.00',
      thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }],
    });
    await live(attackOn('b1', 12));
    expect(await plafond.query(`SELECT account_id, state, kind, countries FROM cases`)).toEqual([
      { account_id: 'b1', state: 'open', kind: 'account', countries: ['SO', 'ZW'] },
    ]);
    const parts = await plafond.query(
      `SELECT DISTINCT d.trigger, d.type FROM case_decisions JOIN decisions d USING (decision_id) ORDER BY 1, 2`,
    );
    expect(parts).toEqual(
      expect.arrayContaining([
        { trigger: 'cap', type: 'suspend' },
        { trigger: 'cap', type: 'warn' },
        { trigger: 'deviation', type: 'hold' },
      ]),
    );
  });

  it('goes on to a suspension where spend goes on past the hold', async () => {
    await live(attackOn('b1', 30), 1);
    const gravest = (await deviations()).filter(({ type }) => type === 'suspend');
    expect(gravest).toHaveLength(1);
    expect(gravest[0]!.score!).toBeGreaterThanOrEqual(gravest[0]!.threshold!);
    expect(await plafond.query(`SELECT class FROM suspensions WHERE class = 'international'`)).toHaveLength(1);
  });

  it('that was legitimate makes its destinations known, begins the score anew and lifts the hold', async () => {
    await live(attackOn('b1'));
    expect(await bars()).toEqual([{ state: 'wanted' }]);
    const before = (await deviations()).length;
    await settle.settle((await caseOf('b1')).case_no, 'legitimate', 'anna', 'they opened an office in Mogadishu');
    expect(await bars()).toEqual([{ state: 'lifting' }]);
    expect((await caseOf('b1')).state).toBe('legitimate');
    // What a harmless account came to is what the next calibration has to know.
    expect(Math.max(...(await notedOf('b1')))).toBeGreaterThan(1);
    const again = attackOn('b1').map(({ at, row }) => ({
      at: at + DAY_MS,
      row: { ...row, record_id: `again${row.record_id}` },
    }));
    await live(
      again.map(({ at, row }) => ({
        at,
        row: { ...row, started_at: new Date(at - row.duration_s! * 1_000).toISOString() },
      })),
    );
    expect((await deviations()).length).toBe(before);
    expect(await signatures.check()).toMatchObject({ differing: [], waiting: 0 });
    await expect(settle.settle((await caseOf('b1')).case_no, 'legitimate', 'anna', 'x')).rejects.toMatchObject({
      code: 'same_verdict',
    });
  });

  it('that was fraud is not learnt, and its number blocks raise the score for everyone at once', async () => {
    const normalState = async (account: string) =>
      (
        await plafond.query<{ state: Buffer }>('SELECT state FROM deviation_signatures WHERE account_id = $1', [
          account,
        ])
      )[0]!.state;
    const score = async (account: string) =>
      (await deviations()).filter(({ accountId }) => accountId === account).at(-1)?.score ?? 0;
    await live(attackOn('b2', 2));
    const cold = await score('b2');
    const before = await normalState('b3');
    await live(attackOn('b1', 10));
    const { case_no } = await caseOf('b1');
    expect(Math.max(...(await notedOf('b1')))).toBeGreaterThan(1);
    await settle.settle(case_no, 'confirmed-fraud', 'anna', 'the PBX was open');
    expect(Math.max(...(await notedOf('b1')))).toBe(0);
    const hot = await plafond.query<{ range: string }>('SELECT range FROM hot_numbers');
    expect(hot.length).toBeGreaterThan(0);
    // Who has called these blocks as well did so before they were hot.
    expect((await signatures.check()).differing).toEqual([]);
    await live(attackOn('b3', 2));
    expect(await score('b3')).toBeGreaterThan(cold);
    expect(await normalState('b3')).not.toEqual(before);
    // Found to be wrong after all, it is taken back.
    await settle.settle(case_no, 'legitimate', 'bert', 'it was the night porter');
    expect(await plafond.query('SELECT FROM hot_numbers')).toEqual([]);
    expect((await signatures.check()).differing).toEqual([]);
    expect(
      await plafond.query(`SELECT what, by FROM case_events WHERE case_no = $1 ORDER BY event_no`, [case_no]),
    ).toEqual([
      { what: 'confirmed-fraud', by: 'anna' },
      { what: 'legitimate', by: 'bert' },
    ]);
  });

  it('that was wrongly rated lifts all that rules had barred, and holds account actions on its ranges until it is closed', async () => {
    await plafond.addCap({ limit: '10.00', thresholds: [{ percent: 100, actions: ['suspend:international'] }] });
    await live(attackOn('b1', 8));
    await settle.settle((await caseOf('b1')).case_no, 'rating-error', 'anna', 'deck 12 is wrong');
    expect(await bars()).toEqual([{ state: 'lifting' }]);
    const ranges = (
      await plafond.query<{ range: string }>('SELECT range FROM tariff_brakes WHERE released_at IS NULL')
    ).map(({ range }) => range);
    expect(ranges.length).toBeGreaterThan(0);
    const number = `${ranges[0]}2345678`.slice(0, 13);
    const at = ATTACK + 2 * DAY_MS;
    await live([call('w1', 'b2', at, 600, number, 60)], 1);
    const waiting = await plafond.query<{ state: string; reason: string }>(
      `SELECT state, reason FROM suspensions WHERE account_id = 'b2'`,
    );
    expect(waiting.length).toBeGreaterThan(0);
    expect(new Set(waiting.map(({ state }) => state))).toEqual(new Set(['awaiting-approval']));
    expect(waiting[0]!.reason).toContain('tariff brake');
    expect(await plafond.query(`SELECT FROM warnings WHERE account_id = 'b2'`)).toEqual([]);
    await live([call('w2', 'b3', at + HOUR_MS, 600, number, 8)], 1);
    const [untold] = (await deviations()).filter(({ accountId }) => accountId === 'b3');
    expect(untold).toMatchObject({ action: 'warn', type: 'notify-operator' });
    expect(untold!.explanation).toMatch(/ Warning to the customer\. The customer is not told: most of it went to \+/);
    const [brake] = await plafond.query<{ case_no: string }>(`SELECT case_no FROM cases WHERE kind = 'tariff'`);
    await settle.settle(brake!.case_no, 'rating-error', 'anna', 'corrections will come');
    expect(await plafond.query(`SELECT DISTINCT state FROM suspensions WHERE account_id = 'b2'`)).toEqual([
      { state: 'declined' },
    ]);
    expect(await plafond.query('SELECT FROM tariff_brakes WHERE released_at IS NULL')).toHaveLength(ranges.length);
    await settle.settle(brake!.case_no, 'closed', 'anna', 'corrected');
    expect(await plafond.query('SELECT FROM tariff_brakes WHERE released_at IS NULL')).toEqual([]);
  });

  it('whose prices were right after all has the customer told of what it held, once: of the bars that are approved', async () => {
    await plafond.addCap({
      limit: '10.00',
      thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }],
    });
    await live(attackOn('b1', 8));
    await settle.settle((await caseOf('b1')).case_no, 'rating-error', 'anna', 'deck 12 is wrong');
    const [braked] = await plafond.query<{ range: string }>('SELECT range FROM tariff_brakes ORDER BY range');
    const number = `${braked!.range}2345678`.slice(0, 13);
    await live([call('w1', 'b2', ATTACK + 2 * DAY_MS, 600, number, 3_000)], 1);
    const told = () =>
      plafond.query<{ warning_id: string; facts: { facts: { kind: string; limit?: { micros: string } } }[] }>(
        `SELECT warning_id, facts FROM warnings WHERE account_id = 'b2' AND channel = 'email'`,
      );
    expect(await told()).toEqual([]);
    const states = () =>
      plafond.query<{ class: string; state: string }>(
        `SELECT class, state FROM suspensions WHERE account_id = 'b2' ORDER BY class`,
      );
    expect(await states()).toContainEqual({ class: 'international', state: 'awaiting-approval' });
    const [brake] = await plafond.query<{ case_no: string }>(`SELECT case_no FROM cases WHERE kind = 'tariff'`);
    await settle.settle(brake!.case_no, 'legitimate', 'anna', 'it does cost that much');
    expect(await states()).toContainEqual({ class: 'international', state: 'wanted' });
    expect(new Set((await states()).map(({ state }) => state))).toEqual(new Set(['wanted']));
    // One message of both: of the cap's bar, and of the deviation's.
    const messages = await told();
    expect(messages).toHaveLength(1);
    const facts = messages[0]!.facts.map((each) => each.facts);
    expect(facts.map(({ kind, limit }) => `${kind} at ${limit?.micros ?? 'no limit'}`).toSorted()).toEqual([
      'suspend at 10000000',
      'suspend at no limit',
    ]);
    await expect(settle.settle(brake!.case_no, 'legitimate', 'anna', 'again')).rejects.toMatchObject({
      code: 'same_verdict',
    });
    expect(await told()).toHaveLength(1);
  });

  it('takes the word of the customer, who by the link of a warning says what it was', async () => {
    await live(attackOn('b1'));
    const [decision] = await deviations();
    const said = { by: 'the customer', why: 'it was us', at: plafond.clock.now() };
    const evidence = await inTransaction(plafond.database.dataSource, ({ client }) =>
      settle.byCustomer(client, decision!.id, 'us', said),
    );
    expect(evidence).toMatchObject([{ kind: 'case-verdict', body: { verdict: 'legitimate' } }]);
    expect((await caseOf('b1')).state).toBe('legitimate');
    expect(await bars()).toEqual([{ state: 'wanted' }]);
    const twice = inTransaction(plafond.database.dataSource, ({ client }) =>
      settle.byCustomer(client, decision!.id, 'us', said),
    );
    expect(await twice).toEqual([]);
  });
});

describe("a customer's answer to a hold", () => {
  const answering = () => {
    const { dataSource } = plafond.database;
    return new AnswerWarning(dataSource, plafond.clock, new GrantUplift(dataSource, plafond.clock), settle);
  };
  const said = async (account: string) => {
    const [decision] = (await deviations()).filter(({ accountId, type }) => accountId === account && type === 'hold');
    const link = { decisionId: decision!.id, expiresAt: plafond.clock.now() + DAY_MS };
    return { link, formId: randomUUID(), address: '192.0.2.7', userAgent: 'the browser of the tests' };
  };
  const us = async (account: string) => answering().us(await said(account), '', 'That was us.', NO_BRAND);
  const verdictOf = async (account: string) =>
    (
      await plafond.query<{ state: string; state_by: string }>(
        'SELECT state, state_by FROM cases WHERE account_id = $1',
        [account],
      )
    )[0];
  const evidenceOf = async (account: string) =>
    (
      await plafond.query<{ kind: string }>(
        `SELECT DISTINCT kind FROM evidence WHERE account_id = $1 AND kind ~ '^(answer|case)' ORDER BY kind`,
        [account],
      )
    ).map(({ kind }) => kind);
  beforeEach(async () => {
    await plafond.query(`INSERT INTO consent_policies VALUES ('everyone', '', 'EUR', 500000000, now())`);
  });

  it('"this was us" lifts the hold, makes the destinations known, and the case is legitimate by their word', async () => {
    await live(attackOn('b1'));
    expect([await bars(), (await verdictOf('b1'))!.state]).toEqual([[{ state: 'wanted' }], 'open']);
    const before = (await deviations()).length;
    expect(await us('b1')).toBe('done');
    expect(await bars()).toEqual([{ state: 'lifting' }]);
    expect(await verdictOf('b1')).toEqual({ state: 'legitimate', state_by: CUSTOMER });
    expect(await evidenceOf('b1')).toEqual(['answer-us', 'case-verdict']);
    await live(
      attackOn('b1').map(({ at, row }) => ({
        at: at + DAY_MS,
        row: {
          ...row,
          record_id: `again${row.record_id}`,
          started_at: new Date(at + DAY_MS - row.duration_s! * 1_000).toISOString(),
        },
      })),
    );
    expect((await deviations()).length).toBe(before);
    expect(await signatures.check()).toMatchObject({ differing: [], waiting: 0 });
  });

  it('"this wasn\'t us" bars at their wish, confirms the case, and its number blocks are hot for everyone', async () => {
    const scoreOf = async (account: string) =>
      (await deviations()).filter(({ accountId }) => accountId === account).at(-1)?.score ?? 0;
    await live(attackOn('b2', 2));
    const cold = await scoreOf('b2');
    await live(attackOn('b1', 10));
    expect(await answering().notUs(await said('b1'), 'This was not us.')).toBe('done');
    expect(await verdictOf('b1')).toEqual({ state: 'confirmed-fraud', state_by: CUSTOMER });
    const hot = await plafond.query<{ range: string; live: boolean; of: string }>(
      `SELECT range, expires_at > $1 AS live, account_id AS of FROM hot_numbers JOIN cases USING (case_no)`,
      [new Date(plafond.clock.now())],
    );
    expect(hot.some(({ range }) => range.startsWith('+25261'))).toBe(true);
    expect(hot.every(({ range, live: holds, of }) => /^[+](252|263)/.test(range) && holds && of === 'b1')).toBe(true);
    const barred = await plafond.query<{ class: string }>(
      `SELECT class FROM suspensions WHERE account_id = 'b1' AND requested_by = $1 AND state = 'wanted'`,
      [CUSTOMER],
    );
    expect(barred.map((bar) => bar.class)).toContain('international');
    expect(await evidenceOf('b1')).toEqual(['answer-not-us', 'case-verdict']);
    await live(attackOn('b3', 2));
    expect(await scoreOf('b3')).toBeGreaterThan(cold);
  });

  it('does not undo what a person has found', async () => {
    await live(attackOn('b1'));
    await settle.settle((await caseOf('b1')).case_no, 'confirmed-fraud', 'anna', 'the PBX was open');
    const hot = await plafond.query('SELECT * FROM hot_numbers');
    expect(await us('b1')).toBe('done');
    expect(await verdictOf('b1')).toEqual({ state: 'confirmed-fraud', state_by: 'anna' });
    expect(await plafond.query('SELECT * FROM hot_numbers')).toEqual(hot);
  });
});

describe('the report', () => {
  it('tells whom deviations held, whether that was right, and what was spent past it', async () => {
    await live(attackOn('b1', 14), 1);
    await live(attackOn('b2', 6));
    await settle.settle((await caseOf('b1')).case_no, 'confirmed-fraud', 'anna', 'the PBX was open');
    await settle.settle((await caseOf('b2')).case_no, 'legitimate', 'anna', 'a new partner');
    const report = await inTransaction(plafond.database.dataSource, ({ client }) =>
      reportDeviations(client, ATTACK - DAY_MS, plafond.clock.now() + DAY_MS),
    );
    expect(report.totals).toMatchObject({ accounts: 2, right: 1, false: 1, not_judged: 0 });
    expect(report.accounts.map(({ account, rightness }) => [account, rightness])).toEqual([
      ['b1', 'right'],
      ['b2', 'false'],
    ]);
    expect(report.kept).toEqual({});
    expect(Number(report.spent_past.EUR)).toBeGreaterThan(5);
    expect(report.spent_past.EUR).toBe(report.accounts[0]!.spend_after);
    // All of one instant: what was spent then and after it is what was spent.
    const [first] = (await deviations()).filter(({ accountId, action }) => accountId === 'b1' && action !== 'warn');
    expect(parseInstant(report.accounts[0]!.first_at)).toBe(first!.at);
    const [all] = await plafond.query<{ amount: string }>(
      `SELECT sum(amount_micros)::bigint AS amount FROM usage WHERE record_id LIKE 'b1x%'`,
    );
    const { spend_then: then, spend_after: after } = report.accounts[0]!;
    expect(parseAmount(then)! + parseAmount(after)!).toBe(BigInt(all!.amount));
  });

  it('tells what shadow mode would have kept, and counts an account of several cases once', async () => {
    await new ChangePolicies(plafond.database.dataSource, plafond.clock).put(
      { kind: 'everyone', value: '' },
      'shadow',
      1,
      'test',
    );
    await live(attackOn('b1', 14));
    await settle.settle((await caseOf('b1')).case_no, 'confirmed-fraud', 'anna', 'the PBX was open');
    await live(attackOn('b1', 40).slice(14));
    const report = await inTransaction(plafond.database.dataSource, ({ client }) =>
      reportDeviations(client, ATTACK - DAY_MS, plafond.clock.now() + DAY_MS),
    );
    expect(report.totals).toMatchObject({ accounts: 1, cases: 2, right: 1, not_judged: 1 });
    expect(report.spent_past).toEqual({});
    expect(report.kept.EUR).toBe(report.accounts[0]!.spend_after);
    expect(Number(report.kept.EUR)).toBeGreaterThan(5);
    const [first] = (await deviations()).filter(({ accountId, action }) => accountId === 'b1' && action === 'hold');
    expect(first!.explanation).toMatch(/Shadow mode: recorded only\.$/);
  });
});
