import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { formatInstant, parseInstant, type Instant } from '../../src/kernel/clock.ts';
import { parseAmount } from '../../src/kernel/money.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { FitNorms } from '../../src/pipeline/deviations/fit-norms.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { readSituation } from '../../src/pipeline/telling/read-situation.ts';
import { thawFacts } from '../../src/warnings/facts.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { call, courtCase, inBatches, officeDays, type Call } from './deviating.ts';

Logger.overrideLogger(false);

const START = parseInstant('2026-01-05T00:00:00+01:00')!;
const HOUR_MS = 3_600_000;
const HISTORY_DAYS = 28;
const ATTACK = START + HISTORY_DAYS * 24 * HOUR_MS + 22 * HOUR_MS;

let plafond: TestPlafond;
let observe: ObserveUsage;

beforeEach(async () => {
  plafond = await TestPlafond.at(START);
  observe = new ObserveUsage(plafond.database.dataSource, plafond.clock);
  for (const accountId of ['b0', 'b1']) await plafond.addAccount({ accountId });
  const calls = ['b0', 'b1'].flatMap((account, i) => officeDays(account, START, HISTORY_DAYS, i + 1));
  await live(
    calls.toSorted((a, b) => a.at - b.at),
    400,
  );
  await new FitNorms(plafond.database.dataSource, plafond.clock).run();
  await new ChangePolicies(plafond.database.dataSource, plafond.clock).put(
    { kind: 'everyone', value: '' },
    'enforce',
    1,
    'test',
  );
});
afterEach(() => plafond.close());

async function live(calls: readonly Call[], size: number): Promise<void> {
  for (const batch of inBatches(calls, size)) {
    plafond.clock.advanceTo(batch.at(-1)!.at + 60_000);
    await plafond.send(batch.map(({ row }) => row));
    await observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
  }
}

const told = async () =>
  (
    await plafond.query<{ facts: string }>(
      `SELECT facts::text AS facts FROM warnings WHERE channel = 'email' ORDER BY 1`,
    )
  ).flatMap(({ facts }) => thawFacts(facts));
const decisions = async () => (await plafond.decisions()).filter(({ score }) => score !== undefined);
const page = (decisionId: string) =>
  inTransaction(plafond.database.dataSource, ({ client }) =>
    readSituation(client, { decisionId, expiresAt: plafond.clock.now() + HOUR_MS }, plafond.clock.now()),
  );
const sumOf = (amounts: readonly { amount: bigint }[]) => amounts.reduce((sum, { amount }) => sum + amount, 0n);

/** A data session in Switzerland. */
function abroad(record: string, start: Instant, amount: string): Call {
  const row = {
    record_id: record,
    account_id: 'b1',
    started_at: formatInstant(start),
    duration_s: 600,
    kind: 'data',
    b_number: '',
    amount,
    origin_country: 'CH',
  };
  return { at: start + 600_000, row };
}

describe('what the customer is told of a deviation', () => {
  it('is the same usage in the mail and on its page, of data abroad as well', async () => {
    const roaming = async () => (await decisions()).filter(({ evidence }) => evidence!['family'] === 'roaming');
    for (let i = 0; i < 90 && (await roaming()).length === 0; i++) {
      await live([abroad(`ch${i}`, ATTACK + (i * HOUR_MS) / 6, '1.50')], 1);
    }
    const [decision] = await roaming();
    expect(decision).toMatchObject({
      traffic: 'all',
      explanation: expect.stringContaining('from Switzerland (new) since'),
    });
    const [facts] = (await told()).filter(({ decisionId }) => decisionId === decision!.id);
    expect(facts!.facts).toMatchObject({ traffic: 'all', kind: 'unusual' });
    const situation = await page(decision!.id);
    expect(situation).toMatchObject({ traffic: 'all', bars: [] });
    expect(situation!.spend).toBeGreaterThanOrEqual(facts!.facts.spend);
    expect(sumOf(situation!.series.spent)).toBe(situation!.spend);
    expect(facts!.facts.spend).toBe(sumOf(facts!.facts.mostSpentOn));
  });

  it('adds up, though the batch that decided holds more than the decision knew', async () => {
    await live(
      courtCase('b1', ATTACK, 7)
        .slice(0, 6)
        .map(({ at, row }) => ({ at, row: { ...row, account_id: 'b1' } })),
      6,
    );
    const [decision] = (await decisions()).filter(({ action }) => action !== 'warn');
    const { facts } = (await told()).find(({ decisionId }) => decisionId === decision!.id)!;
    expect(facts.spend).toBeGreaterThan(parseAmount(String(decision!.evidence!['money']))!);
    expect(facts.spend).toBe(sumOf(facts.mostSpentOn));
  });

  it('of calls at home is the number of short ones, and no bar where they share no block', async () => {
    const numbers = ['+31851234', '+31102345', '+31703456', '+31404567', '+31506789'];
    await live(
      Array.from({ length: 150 }, (_, i) =>
        call(`d${i}`, 'b1', ATTACK + i * 120_000, 20, `${numbers[i % 5]}${100 + i}`, 0.08),
      ),
      1,
    );
    const [hold] = (await decisions()).filter(({ action }) => action === 'hold');
    const { evidence, explanation } = hold!;
    const {
      calls,
      money,
      short_calls: short,
    } = evidence as { calls: number; money: string; short_calls: { count: number } };
    expect(evidence).toMatchObject({ family: 'calls', bars: [] });
    expect(short.count).toBeLessThanOrEqual(calls);
    expect(explanation).toContain(`as many calls as ${short.count} short ones`);
    expect(Number(money)).toBeGreaterThanOrEqual(0.08 * Math.floor(short.count / 2));
    const [facts] = (await told()).filter(({ decisionId }) => decisionId === hold!.id);
    expect(facts!.facts).toMatchObject({ kind: 'unusual', traffic: 'all' });
  });

  it('of calls at home is a hold once it is clear which block they go to, though nothing could be barred at first', async () => {
    const numbers = ['+31851234', '+31102345', '+31703456', '+31404567', '+31506789'];
    const scattered = Array.from({ length: 150 }, (_, i) =>
      call(`d${i}`, 'b1', ATTACK + i * 60_000, 20, `${numbers[i % 5]}${100 + i}`, 0.08),
    );
    await live(scattered, 1);
    const holds = async () => (await decisions()).filter(({ action }) => action === 'hold');
    expect(await holds()).toMatchObject([{ evidence: { family: 'calls', bars: [] } }]);
    const ofBlock = (from: number) =>
      Array.from({ length: 300 }, (_, i) =>
        call(`e${from + i}`, 'b1', ATTACK + (160 + from / 2 + i / 2) * 60_000, 20, `+31207771${100 + i}`, 0.08),
      );
    await live(ofBlock(0), 5);
    await live(ofBlock(300), 5);
    const [, hold, ...others] = await holds();
    expect(others).toEqual([]);
    const { block } = hold!.evidence as { block: string };
    expect(hold!.evidence).toMatchObject({ bars: [block] });
    expect('prefix:+31207771100').toContain(block);
    expect(await plafond.query('SELECT class, decision_id FROM suspensions')).toEqual([
      { class: block, decision_id: hold!.id },
    ]);
    const facts = (await told()).filter(({ decisionId }) => decisionId === hold!.id);
    expect(facts).toMatchObject([{ facts: { kind: 'hold' } }]);
  });

  it('of a dialler at home is a hold of all ranges that it calls, and its case is about all of them', async () => {
    const blocks = ['+31851234', '+31102345', '+31703456'];
    const calls = Array.from({ length: 600 }, (_, i) =>
      call(`d${i}`, 'b1', ATTACK + i * 60_000, 20, `${blocks[i % 3]}${100 + i}`, 0.08),
    );
    await live(calls, 5);
    const hold = (await decisions()).findLast(({ action }) => action === 'hold')!;
    const scopes = blocks.map((block) => `prefix:${block}`);
    expect((hold.evidence!['bars'] as string[]).toSorted()).toEqual(scopes.toSorted());
    const bars = await plafond.query<{ class: string }>('SELECT class FROM suspensions ORDER BY class');
    expect(bars.map((bar) => bar.class)).toEqual(scopes.toSorted());
    expect(await plafond.query('SELECT ranges FROM cases')).toEqual([{ ranges: blocks.toSorted() }]);
    const facts = (await told()).filter(({ decisionId }) => decisionId === hold.id);
    expect(facts).toMatchObject([{ facts: { kind: 'hold', held: { scopes: hold.evidence!['bars'] } } }]);
  });

  it('of a dialler that goes on to a further range is a hold of that one as well, up to three in all', async () => {
    const dial = (name: string, blocks: readonly string[], from: number, count: number) =>
      live(
        Array.from({ length: count }, (_, i) =>
          call(`${name}${i}`, 'b1', ATTACK + (from + i) * 60_000, 20, `${blocks[i % blocks.length]}${100 + i}`, 0.08),
        ),
        5,
      );
    const holds = async () =>
      (await decisions()).filter(({ action }) => action === 'hold').map(({ evidence }) => evidence!['bars']);
    await dial('a', ['+31851234', '+31102345'], 0, 300);
    expect((await holds()).map((bars) => (bars as string[]).toSorted())).toEqual([
      ['prefix:+31102345', 'prefix:+31851234'],
    ]);
    await dial('b', ['+31703456'], 310, 400);
    expect((await holds()).slice(1)).toEqual([['prefix:+31703456']]);
    await dial('c', ['+31404567'], 720, 800);
    expect(await holds()).toHaveLength(2);
    const bars = await plafond.query<{ class: string }>("SELECT class FROM suspensions WHERE state = 'wanted'");
    expect(bars.map((bar) => bar.class).toSorted()).toEqual([
      'prefix:+31102345',
      'prefix:+31703456',
      'prefix:+31851234',
    ]);
    expect(await plafond.query('SELECT ranges FROM cases')).toEqual([
      { ranges: ['+31102345', '+31703456', '+31851234'] },
    ]);
    const scopes = (await told())
      .filter(({ facts: { kind } }) => kind === 'hold')
      .map(({ facts }) => facts.held!.scopes);
    expect(scopes).toContainEqual(['prefix:+31703456']);
  });
});
