import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseInstant } from '../../src/kernel/clock.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { FitNorms } from '../../src/pipeline/deviations/fit-norms.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import { BATCH_ROWS } from '../../src/pipeline/usage/record-usage.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { call, courtCase, inBatches, officeDays, seeded, type Call } from './deviating.ts';

Logger.overrideLogger(false);

const START = parseInstant('2026-01-05T00:00:00+01:00')!;
const DAY_MS = 86_400_000;
const HISTORY_DAYS = 56;
const ACCOUNTS = Array.from({ length: 12 }, (_, i) => `b${i}`);

let plafond: TestPlafond;
let observe: ObserveUsage;
let signatures: RebuildSignatures;

beforeEach(async () => {
  plafond = await TestPlafond.at(START);
  const { dataSource } = plafond.database;
  observe = new ObserveUsage(dataSource, plafond.clock);
  signatures = new RebuildSignatures(dataSource, plafond.clock, observe);
  for (const accountId of ACCOUNTS) await plafond.addAccount({ accountId });
});
afterEach(() => plafond.close());

const look = () => observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
const policy = (mode: 'off' | 'shadow' | 'approve' | 'enforce') =>
  new ChangePolicies(plafond.database.dataSource, plafond.clock).put({ kind: 'everyone', value: '' }, mode, 1, 'test');

/** Sends calls in their order, each batch when its last call has ended, and looks at them. */
async function live(calls: readonly Call[], size = 40): Promise<void> {
  for (const batch of inBatches(calls, size)) {
    plafond.clock.advanceTo(batch.at(-1)!.at + 60_000);
    await plafond.send(batch.map(({ row }) => row));
    await look();
  }
}

async function history(): Promise<void> {
  const calls = ACCOUNTS.flatMap((account, i) => officeDays(account, START, HISTORY_DAYS, i + 1));
  await live(
    calls.toSorted((a, b) => a.at - b.at),
    200,
  );
  await new FitNorms(plafond.database.dataSource, plafond.clock).run();
  await signatures.mend();
}

const EQUAL = { differing: [], corrected: 0, waiting: 0 };
const bytes = () =>
  plafond.query<{ account_id: string; state: Buffer }>('SELECT * FROM deviation_signatures ORDER BY 1');

const deviations = async () => (await plafond.decisions()).filter(({ trigger }) => trigger === 'deviation');

describe('signatures', () => {
  it('are, live, what the ledger makes of them: in any batches, by several workers, looked at twice', async () => {
    const calls = ACCOUNTS.flatMap((account, i) => officeDays(account, START, 20, i + 1)).toSorted(
      (a, b) => a.at - b.at,
    );
    for (const batch of inBatches(calls, 97)) {
      plafond.clock.advanceTo(batch.at(-1)!.at + 60_000);
      await plafond.send(batch.map(({ row }) => row));
      await Promise.all([look(), look()]);
    }
    await look();
    expect(await signatures.check()).toEqual({ ...EQUAL, accounts: ACCOUNTS.length });
    const before = await bytes();
    expect(before).toHaveLength(ACCOUNTS.length);
    expect(Math.max(...before.map(({ state }) => state.length))).toBeLessThanOrEqual(1_024);
    await signatures.mend();
    expect(await bytes()).toEqual(before);
  });

  it('are made anew by the next process from where this one has to end', async () => {
    signatures.onModuleDestroy();
    expect(await signatures.mend()).toMatchObject({ accounts: 0 });
    const [left] = await plafond.query<{ payload: { from_shard: number } }>(
      `SELECT payload FROM outbox WHERE job = 'rebuild-signatures'`,
    );
    const { from_shard } = left!.payload;
    const next = new RebuildSignatures(plafond.database.dataSource, plafond.clock, observe);
    expect(await next.mend(from_shard)).toMatchObject({ accounts: ACCOUNTS.length });
    expect((await next.mend(from_shard + 1)).accounts).toBeLessThan(ACCOUNTS.length);
  });

  it('stay what the ledger makes of them through duplicates, the night that confirms, late records, credits and corrections', async () => {
    const calls = officeDays('b1', START, 20, 1);
    await live(calls);
    const rows = calls.map(({ row }) => row);
    await plafond.send(rows);
    await plafond.send(
      rows.map((row) => ({ ...row, state: 'final' })),
      'night',
    );
    await look();
    expect(await signatures.check()).toMatchObject(EQUAL);
    // What the night adds that no score is made of corrects nothing.
    await plafond.send(
      rows.map((row) => ({ ...row, state: 'final', revision: 1, service_id: 'b1-line' })),
      'night',
    );
    await look();
    expect(await plafond.query('SELECT FROM corrected_accounts')).toEqual([]);
    expect(await signatures.check()).toMatchObject(EQUAL);
    const late = call('late', 'b1', START + 10 * DAY_MS, 60, '+4930123450', 0.09);
    await plafond.send(
      [
        { ...rows[3]!, state: 'final', revision: 2, amount: '-0.50' },
        { ...rows[5]!, state: 'final', revision: 2, account_id: 'b2' },
      ],
      'night',
    );
    await live([late]);
    expect(await signatures.check()).toMatchObject({ differing: [], corrected: 1 });
    expect(await signatures.mendCorrected()).toBe(1);
    expect(await signatures.check()).toMatchObject(EQUAL);
    const mended = await bytes();
    await signatures.mend();
    expect(await bytes()).toEqual(mended);
    expect((await plafond.query<{ n: number }>('SELECT count(*)::int AS n FROM deviation_signatures'))[0]!.n).toBe(2);
  });

  it('are what the ledger makes of a file of several batches in no order at all', async () => {
    const calls = ACCOUNTS.flatMap((account, i) => officeDays(account, START, 190, i + 1));
    expect(calls.length).toBeGreaterThan(BATCH_ROWS);
    const random = seeded(4);
    const shuffled = calls.map((each) => ({ each, at: random() })).toSorted((a, b) => a.at - b.at);
    plafond.clock.advanceTo(START + 191 * DAY_MS);
    await plafond.send(shuffled.map(({ each }) => each.row));
    await look();
    expect(await signatures.check()).toMatchObject(EQUAL);
  });

  it('are made anew where usage was corrected, beside what comes meanwhile', async () => {
    const calls = officeDays('b1', START, 40, 1);
    const [before, after] = [calls.slice(0, 100), calls.slice(100)];
    await live(before);
    for (const each of inBatches(after, 10)) {
      plafond.clock.advanceTo(each.at(-1)!.at + 60_000);
      const corrected = each.map(({ row }) => ({ ...row, state: 'final', amount: '4.00' }));
      const arrive = async () => {
        await plafond.send(each.map(({ row }) => row));
        await look();
        await plafond.send(corrected, 'night');
        await look();
      };
      await Promise.all([arrive(), signatures.mendCorrected(), signatures.mend()]);
    }
    expect(await signatures.check()).toMatchObject({ differing: [] });
    await signatures.mendCorrected();
    expect(await signatures.check()).toMatchObject(EQUAL);
  });

  it('are made anew of accounts that were not watched for a while, or live by another clock by now', async () => {
    const policies = new ChangePolicies(plafond.database.dataSource, plafond.clock);
    const calls = ['b1', 'b2', 'b3']
      .flatMap((account) => officeDays(account, START, 20, 1))
      .toSorted((a, b) => a.at - b.at);
    await live(calls.slice(0, 100));
    expect(await signatures.check()).toMatchObject(EQUAL);
    await policies.put({ kind: 'account', value: 'b2' }, 'off', 1, 'test');
    await signatures.mendCorrected();
    expect((await bytes()).map(({ account_id }) => account_id)).toEqual(['b1', 'b3']);
    await live(calls.slice(100, 200));
    expect(await signatures.check()).toMatchObject(EQUAL);
    await policies.remove({ kind: 'account', value: 'b2' }, 'test');
    await plafond.addAccount({ accountId: 'b3', timeZone: 'Asia/Tokyo' });
    await live(calls.slice(200));
    expect(await signatures.check()).toMatchObject({ differing: [], corrected: 2 });
    await signatures.mendCorrected();
    expect(await signatures.check()).toMatchObject(EQUAL);
    expect(await bytes()).toHaveLength(3);
  });

  it('are not made of accounts that nobody watches, and go with their account', async () => {
    await policy('off');
    await live(officeDays('b1', START, 3, 1));
    expect(await plafond.query('SELECT FROM deviation_signatures')).toEqual([]);
  });

  it('take part of a look or nothing: one that fails is done again', async () => {
    const calls = officeDays('b1', START, 5, 1).map(({ row }) => row);
    plafond.clock.advanceTo(START + 6 * DAY_MS);
    await plafond.send(calls);
    await plafond.query(`ALTER TABLE deviation_signatures ADD CONSTRAINT away CHECK (false) NOT VALID`);
    await expect(look()).rejects.toThrow('away');
    await plafond.query('ALTER TABLE deviation_signatures DROP CONSTRAINT away');
    expect(await look()).toBe(calls.length);
    expect(await signatures.check()).toMatchObject({ differing: [] });
  });
});

describe('the court case, spread over three weeks', () => {
  const ATTACK = START + HISTORY_DAYS * DAY_MS + 22 * 3_600_000;

  async function attack(): Promise<{ euros: number; hours: number } | undefined> {
    let euros = 0;
    for (const each of courtCase('b1', ATTACK, 7)) {
      await live([each]);
      euros += Number(each.row.amount);
      const held = (await deviations()).find(({ type }) => type === 'hold' || type === 'suspend');
      if (held) return { euros, hours: (each.at - ATTACK) / 3_600_000 };
    }
    return undefined;
  }

  it('is held after at most 25 euros and 4 hours of its first call, warned and with all that was known', async () => {
    await history();
    await policy('enforce');
    const held = await attack();
    expect(held).toBeDefined();
    expect(held!.euros).toBeLessThanOrEqual(25);
    expect(held!.hours).toBeLessThanOrEqual(4);
    const [decision] = (await deviations()).filter(({ type }) => type === 'hold');
    expect(decision).toMatchObject({ accountId: 'b1', mode: 'enforce', trigger: 'deviation' });
    expect(decision!.score!).toBeGreaterThanOrEqual(decision!.threshold!);
    expect(decision!.evidence).toMatchObject({ calls: expect.any(Number), usual: expect.any(Object) });
    const bars = await plafond.query<{ class: string; state: string }>(`SELECT class, state FROM suspensions`);
    expect(bars.map((bar) => bar.class).every((scope) => /^(country:(SO|ZW)|prefix:\+2)/.test(scope))).toBe(true);
    expect(bars.every(({ state }) => state === 'wanted')).toBe(true);
    const [entry] = await plafond.query<{ body: { decision: object; norms: string; record: object } }>(
      `SELECT body FROM evidence WHERE account_id = 'b1' AND kind = 'decision' ORDER BY seq DESC LIMIT 1`,
    );
    expect(entry!.body).toMatchObject({
      norms: '1',
      policy: { mode: 'enforce' },
      freshness: { feed: 'test' },
      record: { b_number: expect.any(String) },
    });
    expect(await plafond.query('SELECT state, account_id FROM cases')).toEqual([{ state: 'open', account_id: 'b1' }]);
  });

  it.each([
    ['is only recorded in shadow mode', 'shadow', 'GTC 7.3', { mode: 'shadow', type: 'hold' }, []],
    [
      'waits for a person in approve mode',
      'approve',
      'GTC 7.3',
      { mode: 'approve', type: 'hold' },
      ['awaiting-approval'],
    ],
    [
      'is told to operators where no clause allows more',
      'enforce',
      '',
      { mode: 'enforce', type: 'notify-operator' },
      [],
    ],
  ] as const)('%s', async (_, mode, suspensionTerms, decided, states) => {
    await plafond.addAccount({ accountId: 'b1', suspensionTerms });
    await history();
    await policy(mode);
    const calls = courtCase('b1', ATTACK, 7).slice(0, 6);
    await live(calls, 2);
    expect(await deviations()).toContainEqual(expect.objectContaining({ ...decided, action: 'hold' }));
    const bars = await plafond.query<{ state: string }>('SELECT DISTINCT state FROM suspensions');
    expect(bars.map(({ state }) => state)).toEqual(states);
    if (mode === 'shadow') expect(await plafond.query('SELECT FROM warnings')).toEqual([]);
  });

  it('costs what is seen of it late nothing but learning', async () => {
    await history();
    await policy('enforce');
    const calls = courtCase('b1', ATTACK, 7).filter(({ at }) => at < ATTACK + 6 * DAY_MS);
    plafond.clock.advanceTo(ATTACK + 20 * DAY_MS);
    await plafond.send(calls.map(({ row }) => row));
    await look();
    expect(await deviations()).toEqual([]);
  });
});
