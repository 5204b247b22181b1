/** A call that has ended gives way to its record the moment that is there, whoever has yet to write down what it settles. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import type { CapDefinition } from '../../src/caps/cap.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { classify } from '../../src/destinations/classify.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { lockShards, shardOf } from '../../src/ledger/usage-store.ts';
import { EvaluateExposure } from '../../src/pipeline/limits/evaluate-exposure.ts';
import { followSwitch } from '../../src/spend/running-calls.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';

Logger.overrideLogger(false);

const start = parseInstant('2026-03-20T12:00:00+01:00')!;
const MINUTE_MS = 60_000;
const SOMALIA = '+252612345678';
let plafond: TestPlafond;
let exposure: EvaluateExposure;

/** The account has paid €0.60 a minute to Somalia, once, and calls there again. */
beforeEach(async () => {
  plafond = await TestPlafond.at(start);
  exposure = new EvaluateExposure(plafond.database.dataSource, plafond.clock);
  await plafond.addAccount({ accountId: 'a' });
  await record('before', start - 60 * MINUTE_MS, 1);
  await running(true);
});
afterEach(() => plafond.close());

const record = (record_id: string, startedAt: number, minutes: number) =>
  plafond.send([
    {
      record_id,
      account_id: 'a',
      b_number: SOMALIA,
      started_at: formatInstant(startedAt, 'Europe/Amsterdam'),
      duration_s: minutes * 60,
      amount: (minutes * 0.6).toFixed(2),
    },
  ]);
const running = (runs: boolean) =>
  inTransaction(plafond.database.dataSource, ({ client }) => {
    const call = { callId: 'c1', accountId: 'a', destination: classify(SOMALIA, 'NL')!, startedAt: start };
    return followSwitch(client, 'switch:core', runs ? [call] : [], plafond.clock.now());
  });
const endsAfterNineMinutes = async () => {
  await exposure.run();
  plafond.clock.advanceTo(start + 9 * MINUTE_MS);
  await running(false);
};
const addCap = (change: Partial<CapDefinition> = {}) =>
  plafond.addCap({
    limit: '10.00',
    count: 'with-exposure',
    thresholds: [
      { percent: 50, actions: ['warn'] },
      { percent: 100, actions: ['suspend:international'] },
    ],
    ...change,
  });
const decided = async () =>
  (await plafond.decisions()).map(({ type, spend }) => `${type} at ${formatAmount(spend ?? 0n)}`);
const waiting = async (many: number) =>
  until(`${many} wait for the shard`, async () => {
    const found = await plafond.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return found.length === many;
  });

describe.each(['month', 'rolling:2h'] as const)('in a %s', (period) => {
  it('nobody is barred for a call and its record that comes between two looks', async () => {
    await addCap({ period });
    await endsAfterNineMinutes();
    const holder = new Client({ connectionString: plafond.database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await lockShards(holder, [shardOf('a')]);
    const counted = record('of the call', start, 9);
    await waiting(1);
    // It finds 0.60 and 5.40 for the call, and waits behind its record to decide about that.
    const looked = exposure.run();
    await waiting(2);
    await holder.query('COMMIT');
    await holder.end();
    await Promise.all([counted, looked]);
    expect(await decided()).toEqual(['warn at 6.00']);
  });

  it('nor when a cap is made before the next look', async () => {
    await endsAfterNineMinutes();
    await record('of the call', start, 9);
    await addCap({ period });
    expect(await decided()).toEqual(['warn at 6.00']);
  });
});
