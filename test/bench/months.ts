/**
 * Half a year of a made-up provider through the product itself, by a driven clock: near real time, a nightly file that corrects one
 * record in fifty, and the jobs of deviations at their hours. What the engine alone comes to (`detection`) has to come out here as
 * well: what attacks cost before the first hold or suspension, false ones, and signatures that are what the ledger makes of them.
 * From a seed; in shadow mode, at a promise of one false action per 1,000 customers a month, with nobody who judges its cases.
 */
import { Logger } from '@nestjs/common';
import { makeAccounts } from '../../src/accounts/store.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { unreadShards } from '../../src/deviations/movement-log.ts';
import { DrivenClock, toDate } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { CountPrices } from '../../src/pipeline/deviations/count-prices.ts';
import { FitNorms } from '../../src/pipeline/deviations/fit-norms.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { RebuildSignatures } from '../../src/pipeline/deviations/rebuild-signatures.ts';
import { RecordUsage } from '../../src/pipeline/usage/record-usage.ts';
import { USAGE_HEADER, usageLine } from '../../src/simulation/simulate.ts';
import type { Attack } from '../../src/simulation/world/attacks.ts';
import { DAY_S } from '../../src/simulation/world/call.ts';
import { accountOf } from '../../src/simulation/world/provider.ts';
import { World, WORLD_DEFAULTS, type Delivered } from '../../src/simulation/world/world.ts';
import { BenchServer } from './bench-database.ts';

const OPTIONS = { ...WORLD_DEFAULTS, seed: 9_101, accounts: 500, attacksPerShape: 2 };
const STEP_S = 3 * 3_600;
const MONTH_S = 30.4375 * DAY_S;
/** A nightly amount in so many is another one than near real time had said, by a tenth. */
const CORRECTED_EVERY = 50;

interface Action {
  account_id: string;
  record_id: string;
  at: Date;
}

const ACTIONS = `
  SELECT account_id, record_id, at FROM decisions
   WHERE trigger = 'deviation' AND (action = 'hold' OR action LIKE 'suspend:%') ORDER BY decision_no`;

export async function months(): Promise<void> {
  Logger.overrideLogger(['error']);
  const world = new World(OPTIONS);
  const accounts = world.customers.map((customer) => accountOf(customer));
  const server = await BenchServer.start();
  try {
    const { dataSource } = await server.database('months', [], 0);
    await inTransaction(dataSource, ({ client }) => makeAccounts(client, accounts, toDate(0)));
    const clock = new DrivenClock((world.warmUntil - OPTIONS.warmDays * DAY_S) * 1_000);
    const usage = new RecordUsage(dataSource, clock, new UsagePartitions(dataSource, clock));
    const observations = new ObserveUsage(dataSource, clock);
    const prices = new CountPrices(dataSource, clock);
    const norms = new FitNorms(dataSource, clock);
    const signatures = new RebuildSignatures(dataSource, clock, observations);
    await new ChangePolicies(dataSource, clock).put({ kind: 'everyone', value: '' }, 'shadow', 1, 'bench');

    const send = async (feed: string, lines: readonly string[]): Promise<void> => {
      const bytes = (async function* () {
        yield Buffer.from(`${USAGE_HEADER}\n${lines.join('')}`);
      })();
      await usage.record({ feed, source: 'http', format: 'csv', bytes, requestedBy: 'bench' });
      const shards = await inTransaction(dataSource, ({ client }) => unreadShards(client, SHARDS));
      if (shards.length > 0) await observations.observe(shards);
    };
    const jobs = async (): Promise<void> => {
      await prices.run();
      await norms.run();
      const asked = await dataSource.query(`DELETE FROM outbox WHERE job = 'rebuild-signatures' RETURNING outbox_id`);
      if (asked[0].length > 0) await signatures.mend();
      await signatures.mendCorrected();
    };

    const attacked = new Set(world.attacks.map(({ account }) => account));
    const received = new Map<string, number>();
    let records = 0;
    let day = 0;
    for (const delivered of world.days()) {
      for (const each of delivered) if (attacked.has(each.call.account)) received.set(each.id, each.received);
      for (const part of inSteps(delivered)) {
        const until = Math.ceil(part.at(-1)!.received / STEP_S) * STEP_S * 1_000;
        if (until > clock.now()) clock.advanceTo(until);
        await send('live', part.map(usageLine));
        await jobs();
      }
      if (delivered.length > 0) await send('night', delivered.map(finalLine));
      records += delivered.length;
      if (++day % 30 === 0) process.stderr.write(`day ${day}: ${records.toLocaleString('en')} records\n`);
    }
    await jobs();

    const actions = await dataSource.query<Action[]>(ACTIONS);
    const found = await signatures.check();
    const [{ fits }] = await dataSource.query<[{ fits: string }]>('SELECT count(*) AS fits FROM deviation_norms');
    report(world, records, actions, received);
    process.stdout.write(
      `  ${fits} fits; signatures that are not what the ledger makes of them: ${found.differing.length} of ${found.accounts}\n`,
    );
  } finally {
    await server.stop();
  }
}

function report(world: World, records: number, actions: readonly Action[], received: Map<string, number>): void {
  const accountIds = world.customers.map((customer) => accountOf(customer).accountId);
  const attackOf = new Map(world.attacks.map((attack) => [accountIds[attack.account]!, attack]));
  const months = world.customers
    .filter(({ index }) => !attackOf.has(accountIds[index]!))
    .reduce((sum, { joins }) => sum + (world.ends - Math.max(world.warmUntil, joins)) / MONTH_S, 0);
  const weeks = new Set<string>();
  for (const { account_id, at } of actions) {
    const since_s = at.getTime() / 1_000 - world.warmUntil;
    if (!attackOf.has(account_id) && since_s > 0) weeks.add(`${account_id} ${Math.floor(since_s / (7 * DAY_S))}`);
  }
  let [shares, lost, all, held] = [0, 0, 0, 0];
  for (const [accountId, attack] of attackOf) {
    const { first, micros, lostMicros } = lossOf(attack, accountId, actions, received);
    if (first < Infinity) held++;
    shares += lostMicros / micros;
    lost += lostMicros;
    all += micros;
  }
  process.stdout.write(
    `months: ${records.toLocaleString('en')} records of ${world.customers.length} accounts, near real time and again by night\n` +
      `  attacks held: ${held} of ${attackOf.size}; lost before: mean ${(shares / attackOf.size).toFixed(3)}, of all euros ${(lost / all).toFixed(3)}\n` +
      `  false actions: ${weeks.size} in ${months.toFixed(0)} account-months, ${((1_000 * weeks.size) / months).toFixed(2)} per 1,000 (promised: 1)\n`,
  );
}

/** What an attack cost up to the record that had it held or suspended, in micros. */
function lossOf({ calls }: Attack, accountId: string, actions: readonly Action[], received: Map<string, number>) {
  const own = actions
    .filter(({ account_id }) => account_id === accountId)
    .map(({ record_id }) => received.get(record_id)!)
    .find((at) => at >= calls[0]!.start);
  const first = own ?? Infinity;
  const sum = (some: Attack['calls']) => some.reduce((total, { micros }) => total + micros, 0);
  return { first, micros: sum(calls), lostMicros: sum(calls.filter(({ start }) => start < first)) };
}

function inSteps(delivered: readonly Delivered[]): Delivered[][] {
  const steps = new Map<number, Delivered[]>();
  for (const each of delivered) {
    const step = Math.ceil(each.received / STEP_S);
    const same = steps.get(step);
    if (same) same.push(each);
    else steps.set(step, [each]);
  }
  return [...steps.values()];
}

function finalLine(each: Delivered, index: number): string {
  const micros = index % CORRECTED_EVERY === 0 ? Math.round(each.micros * 1.1) : each.micros;
  return usageLine({ ...each, micros }).replace(',provisional,', ',final,');
}
