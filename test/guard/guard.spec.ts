/** The guard against suspending many at once, through the real pipeline: usage, caps, decisions, questions, the switch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { capDefinition } from '../../src/caps/cap.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { ReconcileSwitches } from '../../src/pipeline/suspending/reconcile-switches.ts';
import { SettleSuspensions } from '../../src/pipeline/suspending/settle-suspension.ts';
import { LocalSwitch } from '../../src/suspensions/switches/local-switch.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import { ACCOUNT, CAP as ANY_CAP, TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const start = parseInstant('2026-03-20T12:00:00+01:00')!;
const HOUR_MS = 3_600_000;
let plafond: TestPlafond;
let guard: AnswerGuard;
let folder: string;
let local: LocalSwitch;
let settle: SettleSuspensions;
let switches: ReconcileSwitches;

beforeEach(async () => {
  plafond = await TestPlafond.at(start);
  const { dataSource } = plafond.database;
  guard = new AnswerGuard(dataSource, plafond.clock);
  folder = await mkdtemp(join(tmpdir(), 'plafond-guard-'));
  local = new LocalSwitch(folder, plafond.clock);
  settle = new SettleSuspensions(dataSource, plafond.clock);
  switches = new ReconcileSwitches(dataSource, plafond.clock, new FixedNodes(local));
});
afterEach(async () => {
  await plafond.close();
  await rm(folder, { recursive: true });
});

const allow = (perHour: number, percent = 100, atLeast = 1_000) =>
  guard.change({ perHour, percent, atLeast }, undefined, 'anna');
const addAccounts = (count: number) =>
  plafond.accounts.importAll(
    Array.from({ length: count }, (_, index) => ({ ...ACCOUNT, accountId: `a${index}`, email: '' })),
    'test',
  );
let calls = 0;
const call = (account: number, amount: string, row = {}) => ({
  record_id: `c${++calls}`,
  account_id: `a${account}`,
  amount,
  ...row,
});
const spendAll = (from: number, to: number, amount: string) =>
  plafond.send(Array.from({ length: to - from }, (_, index) => call(from + index, amount)));
const countByState = async () => {
  const rows = await plafond.query<{ state: string; count: number }>(
    'SELECT state, count(*)::int AS count FROM suspensions GROUP BY 1 ORDER BY 1',
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
};
const questions = () =>
  plafond.query<{ question_id: string; state: string; held: number }>(
    'SELECT * FROM guard_questions ORDER BY question_no',
  );
const alarms = () =>
  plafond.query<{ kind: string; text: string; cleared_text: string | null }>(
    'SELECT kind, text, cleared_text FROM alarms ORDER BY alarm_id',
  );
const stateOf = async (account: string) =>
  (
    await plafond.query<{ state: string }>(
      'SELECT state FROM suspensions WHERE account_id = $1 ORDER BY suspension_no DESC',
      [account],
    )
  )[0]?.state;
const CAP = { thresholds: [{ percent: 100, actions: ['warn' as const, 'suspend:international' as const] }] };

describe('a rate deck that is a hundred times too high, on 5,000 accounts at once', () => {
  it('suspends no more than the guard lets pass, and asks one question about all others', async () => {
    await addAccounts(5_000);
    await plafond.addCap(CAP);
    await spendAll(0, 5_000, '0.80');
    expect(await countByState()).toEqual({});

    // Five importers at once, each with a thousand accounts' calls at €0.80 × 100, twice.
    await Promise.all([0, 1, 2, 3, 4].map((part) => spendAll(part * 1_000, (part + 1) * 1_000, '80.00')));
    await Promise.all([4, 3, 2, 1, 0].map((part) => spendAll(part * 1_000, (part + 1) * 1_000, '80.00')));

    // A hundred an hour, which is less than five in a hundred of 5,000 active accounts.
    expect(await countByState()).toEqual({ 'awaiting-approval': 4_900, wanted: 100 });
    const [question, ...others] = await questions();
    expect(others).toEqual([]);
    expect(question).toMatchObject({ state: 'open', held: 4_900 });
    expect(await alarms()).toEqual([
      { kind: 'guard', text: expect.stringContaining('4900 suspensions are held'), cleared_text: null },
    ]);
    const decided = await plafond.query(
      `SELECT trigger, mode, count(*)::int AS count FROM decisions WHERE type = 'suspend' GROUP BY 1, 2 ORDER BY 1`,
    );
    expect(decided).toEqual([
      { trigger: 'cap', mode: 'enforce', count: 100 },
      { trigger: 'guard', mode: 'approve', count: 4_900 },
    ]);
    // Nobody is told that calls are blocked who is not.
    const blocked = await plafond.query(
      `SELECT count(*)::int AS told FROM warnings WHERE facts::text LIKE '%"kind": "suspend"%'`,
    );
    expect(blocked).toEqual([{ told: 100 }]);

    const passed = await plafond.query<{ account_id: string }>(
      `SELECT account_id FROM suspensions WHERE state = 'wanted'`,
    );
    const waiting = await plafond.query<{ account_id: string; suspension_id: string }>(
      `SELECT account_id, suspension_id FROM suspensions WHERE state = 'awaiting-approval' ORDER BY suspension_no LIMIT 5`,
    );
    const suspensions = waiting.slice(0, 3).map((row) => row.suspension_id);
    const accounts = waiting.slice(3).map((row) => row.account_id);
    const some = { answer: 'some' as const, suspensions, accounts };
    await guard.answer(question!.question_id, some, 'these are fraud, the rest is our deck', 4_900, 'anna');
    const [answered] = await questions();
    expect(answered).toMatchObject({ state: 'answered', answer: 'some', approved: 5, declined: 4_895 });
    expect(await alarms()).toMatchObject([{ cleared_text: 'answered by anna: some' }]);

    await switches.run();
    const barred = [...(await local.look()).bars!.keys()];
    const expected = [...passed, ...waiting].map((row) => `${row.account_id}:international`);
    expect(barred.toSorted()).toEqual(expected.toSorted());
    expect(await countByState()).toEqual({ applied: 105, declined: 4_895 });
  });
});

describe('the guard', () => {
  it('counts exactly while many decide at once, whatever the order', async () => {
    await addAccounts(40);
    await plafond.addCap(CAP);
    await allow(7);
    await Promise.all(Array.from({ length: 40 }, (_, account) => plafond.send([call(account, '100.00')])));
    expect(await countByState()).toEqual({ 'awaiting-approval': 33, wanted: 7 });
    expect(await questions()).toMatchObject([{ held: 33 }]);
  });

  it('lets as many pass again when an hour is over, and asks anew once the first question is answered', async () => {
    await addAccounts(6);
    await plafond.addCap(CAP);
    await allow(2);
    await spendAll(0, 3, '100.00');
    expect(await countByState()).toEqual({ 'awaiting-approval': 1, wanted: 2 });
    plafond.clock.advanceTo(start + HOUR_MS);
    await spendAll(3, 4, '100.00');
    expect(await stateOf('a3')).toBe('wanted');
    const [first] = await questions();
    await guard.answer(first!.question_id, { answer: 'all' }, 'looked at it', undefined, 'anna');
    expect(await stateOf('a2')).toBe('wanted');
    // One that a person approved does not count: of two an hour one has been made.
    await spendAll(4, 6, '100.00');
    expect([await stateOf('a4'), await stateOf('a5')]).toEqual(['wanted', 'awaiting-approval']);
    expect(await questions()).toMatchObject([
      { state: 'answered', approved: 1, declined: 0 },
      { state: 'open', held: 1 },
    ]);
    expect(await alarms()).toMatchObject([{ cleared_text: 'answered by anna: all' }, { cleared_text: null }]);
  });

  it('asks once about a bar that is lifted by hand only, however often corrections take it below its threshold and back', async () => {
    await addAccounts(2);
    await plafond.addCap({ ...CAP, reinstate: 'manual' });
    await allow(1);
    await plafond.send([call(0, '100.00', { record_id: 'c1' })]);
    for (const [revision, amount] of ['100.00', '40.00', '100.00'].entries()) {
      await plafond.send([{ record_id: 'again', account_id: 'a1', amount, revision }]);
    }
    expect(await countByState()).toEqual({ 'awaiting-approval': 1, wanted: 1 });
    expect(await questions()).toMatchObject([{ held: 1 }]);
    expect(await alarms()).toMatchObject([{ text: expect.stringContaining('1 suspensions are held') }]);
    // One that is barred is not held, nor told to be, when it comes back.
    for (const [revision, amount] of ['40.00', '100.00'].entries()) {
      await plafond.send([call(0, amount, { record_id: 'c1', revision: revision + 1 })]);
    }
    expect(await questions()).toMatchObject([{ held: 1 }]);
    const decisions = await plafond.query<{ trigger: string; mode: string }>(
      `SELECT trigger, mode FROM decisions WHERE account_id = 'a0' AND type = 'suspend' ORDER BY decision_no`,
    );
    expect(decisions).toEqual([
      { trigger: 'cap', mode: 'enforce' },
      { trigger: 'correction', mode: 'enforce' },
    ]);
  });

  it('lets pass what a person asks for by hand, and does not count it', async () => {
    await addAccounts(2);
    await plafond.addCap(CAP);
    await allow(1);
    for (const account of ['a0', 'a1'])
      await settle.request({ accountId: account, class: 'premium', reason: 'asked for', actor: 'anna' });
    await spendAll(0, 1, '100.00');
    expect(await countByState()).toEqual({ wanted: 3 });
    expect(await questions()).toEqual([]);
  });

  it('lets go what a correction or the end of the period lifts, and closes a question of which nothing waits', async () => {
    await addAccounts(3);
    await plafond.addCap(CAP);
    await allow(1);
    const rows = [call(0, '100.00'), call(1, '100.00'), call(2, '100.00')];
    await plafond.send(rows);
    const [question] = await questions();
    const answer = (said: Parameters<AnswerGuard['answer']>[1]) =>
      guard.answer(question!.question_id, said, 'why', undefined, 'anna');
    await plafond.send([{ ...rows[1]!, amount: '1.00', revision: 1 }]);
    expect(await stateOf('a1')).toBe('declined');
    await guard.settle();
    expect(await questions()).toMatchObject([{ state: 'open' }]);
    await expect(answer({ answer: 'some', suspensions: [], accounts: ['a1'] })).rejects.toMatchObject({
      code: 'not_in_question',
    });
    plafond.clock.advanceTo(parseInstant('2026-04-01T00:00:00+02:00')!);
    await new ReinstateDue(plafond.database.dataSource, plafond.clock).run();
    expect(await stateOf('a2')).toBe('declined');
    await guard.settle();
    expect(await questions()).toMatchObject([{ state: 'settled' }]);
    expect(await alarms()).toMatchObject([{ cleared_text: 'nothing is held any more' }]);
    await expect(answer({ answer: 'all' })).rejects.toMatchObject({ code: 'already_closed' });
  });

  it('is answered by one of two at once, and tells the other', async () => {
    await addAccounts(5);
    await plafond.addCap(CAP);
    await allow(0);
    await spendAll(0, 5, '100.00');
    const [question] = await questions();
    const say = (answer: 'all' | 'none') => guard.answer(question!.question_id, { answer }, 'why', undefined, 'anna');
    const outcomes = await Promise.allSettled([say('all'), say('none')]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const said = outcomes[0]!.status === 'fulfilled' ? { wanted: 5 } : { declined: 5 };
    expect(await countByState()).toEqual(said);
  });

  it('refuses an answer where more is held than was seen', async () => {
    await addAccounts(2);
    await plafond.addCap(CAP);
    await allow(0);
    await spendAll(0, 2, '100.00');
    const [question] = await questions();
    await expect(guard.answer(question!.question_id, { answer: 'all' }, 'why', 1, 'anna')).rejects.toMatchObject({
      code: 'changed_meanwhile',
    });
    expect(await countByState()).toEqual({ 'awaiting-approval': 2 });
  });

  it('keeps who changed it, and from what to what', async () => {
    await allow(5, 1.5, 3);
    await expect(guard.change({ perHour: 1, percent: 1, atLeast: 1 }, 1, 'anna')).rejects.toMatchObject({
      code: 'changed_meanwhile',
    });
    const changes = await plafond.query('SELECT actor, before, after FROM changes WHERE subject = $1', ['guard']);
    expect(changes).toEqual([
      {
        actor: 'anna',
        before: { perHour: 100, percent: 5, atLeast: 50 },
        after: { perHour: 5, percent: 1.5, atLeast: 3 },
      },
    ]);
  });
});

describe('a customer whose bar waits', () => {
  const barsTold = () =>
    plafond.query<{ account_id: string; state: string; suspends: number }>(
      `SELECT account_id, state, jsonb_array_length(jsonb_path_query_array(facts, '$[*] ? (@.facts.kind == "suspend")')) AS suspends
         FROM warnings WHERE facts @> '[{"facts": {"kind": "suspend"}}]' ORDER BY warning_no`,
    );
  const toldInEvidence = (account: string) =>
    plafond.query<{ by: string }>(
      `SELECT body::jsonb->>'by' AS by FROM evidence
        WHERE account_id = $1 AND body::jsonb->>'by' IS NOT NULL AND body::jsonb ? 'warnings' ORDER BY seq`,
      [account],
    );
  const addReachable = () =>
    plafond.accounts.importAll(
      [0, 1].map((index) => ({ ...ACCOUNT, accountId: `a${index}`, email: `a${index}@example.net`, msisdn: '' })),
      'test',
    );

  it("is told when the guard's question is answered by yes, once; by no, nothing", async () => {
    await allow(0);
    await addReachable();
    await plafond.addCap(CAP);
    await spendAll(0, 2, '180.00');
    expect(await barsTold()).toEqual([]);
    const [question] = await questions();
    const some = { answer: 'some' as const, suspensions: [], accounts: ['a0'] };
    await guard.answer(question!.question_id, some, 'one is fraud', 2, 'anna');
    expect(await barsTold()).toEqual([{ account_id: 'a0', state: 'queued', suspends: 1 }]);
    await expect(guard.answer(question!.question_id, some, 'again', 2, 'anna')).rejects.toThrow();
    expect(await barsTold()).toHaveLength(1);
    expect(await toldInEvidence('a0')).toEqual([{ by: 'anna' }]);
    expect(await toldInEvidence('a1')).toEqual([]);
  });

  it('is told when a person approves what a cap in approve mode asked for; when one declines, nothing', async () => {
    await addReachable();
    await plafond.addCap({ ...CAP, mode: 'approve' });
    await spendAll(0, 2, '180.00');
    expect(await barsTold()).toEqual([]);
    const waiting = await plafond.query<{ suspension_id: string }>(
      'SELECT suspension_id FROM suspensions ORDER BY account_id',
    );
    await settle.approve(waiting[0]!.suspension_id, 'anna');
    await settle.decline(waiting[1]!.suspension_id, 'anna', 'a known customer');
    await expect(settle.approve(waiting[0]!.suspension_id, 'bram')).rejects.toMatchObject({ code: 'already_approved' });
    expect(await barsTold()).toEqual([{ account_id: 'a0', state: 'queued', suspends: 1 }]);
    expect(await toldInEvidence('a0')).toEqual([{ by: 'anna' }]);
    expect(await toldInEvidence('a1')).toEqual([]);
  });

  it('is not told of the limit once more where the guard holds what a cap had asked about, but of the bar when it comes', async () => {
    await allow(1);
    await addReachable();
    const id = await plafond.addCap({ ...CAP, mode: 'approve' });
    await spendAll(0, 2, '180.00');
    plafond.clock.advanceTo(start + HOUR_MS);
    await plafond.caps.change(id, undefined, capDefinition.parse({ ...ANY_CAP, ...CAP }), {
      actor: 'anna',
      alone: true,
    });
    const told = async () =>
      (
        await plafond.query<{ told: string }>(
          `SELECT account_id || ' ' || (jsonb_path_query(facts, '$[*].facts.kind') #>> '{}') AS told FROM warnings ORDER BY warning_no`,
        )
      ).map(({ told: each }) => each);
    const warned = async () =>
      (await plafond.decisions()).filter(({ type }) => type === 'warn').map(({ accountId }) => accountId);
    expect(await countByState()).toEqual({ 'awaiting-approval': 1, declined: 2, wanted: 1 });
    expect(await told()).toEqual(['a0 approve', 'a1 approve', 'a0 suspend']);
    expect(await warned()).toEqual(['a0', 'a1', 'a0']);
    const [question] = await questions();
    await guard.answer(question!.question_id, { answer: 'all' }, 'looked at it', 1, 'anna');
    expect((await told()).slice(3)).toEqual(['a1 suspend']);
    expect(await toldInEvidence('a1')).toEqual([{ by: 'anna' }]);
  });
});
