import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decisionResponse } from '../../src/decisions/decision.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { replay } from '../../src/simulation/replay.ts';
import { ACCOUNT, TestPlafond } from '../harness/plafond.ts';
import { call, officeDays, type Call } from '../deviations/deviating.ts';

const START = parseInstant('2026-01-05T00:00:00+01:00')!;
const HOUR_MS = 3_600_000;
const NIGHT = START + (24 * 24 + 22) * HOUR_MS;

const ACCOUNTS = `account_id,name,segment,currency,time_zone,locale,email,msisdn,home_country,suspension_terms
b1,${ACCOUNT.name},${ACCOUNT.segment},${ACCOUNT.currency},${ACCOUNT.timeZone},${ACCOUNT.locale},${ACCOUNT.email},${ACCOUNT.msisdn},${ACCOUNT.homeCountry},${ACCOUNT.suspensionTerms}
`;

let plafond: TestPlafond;
let folder: string;
beforeEach(async () => {
  plafond = await TestPlafond.at(START);
  await plafond.addAccount({ accountId: 'b1' });
  folder = await mkdtemp(join(tmpdir(), 'plafond-replay-deviations-'));
});
afterEach(async () => {
  await plafond.close();
  await rm(folder, { recursive: true });
});

/** Calls of four minutes to numbers of a block, one every so many minutes. */
function night(name: string, from: number, calls: number, block: string, minutes = 10): Call[] {
  return Array.from({ length: calls }, (_, nth) =>
    call(`${name}${nth}`, 'b1', from + nth * minutes * 60_000, 240, `${block}${100 + ((nth * 37) % 900)}`, 2.72),
  );
}

/** What deviations decide live, each record a delivery of its own at the instant at which it came. */
async function live(calls: readonly Call[], mode: 'shadow' | 'enforce'): Promise<unknown[]> {
  const { dataSource } = plafond.database;
  const observe = new ObserveUsage(dataSource, plafond.clock);
  await new ChangePolicies(dataSource, plafond.clock).put({ kind: 'everyone', value: '' }, mode, 1, 'test');
  for (const { at, row } of calls) {
    plafond.clock.advanceTo(at);
    await plafond.send([row], 'default');
    await observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
  }
  return (await plafond.decisions()).map((each) => decisionResponse(each, ACCOUNT.timeZone));
}

/** What a replay of the same records decides. */
async function replayed(calls: readonly Call[], mode: 'shadow' | 'enforce') {
  const path = (name: string) => join(folder, name);
  await writeFile(path('accounts.csv'), ACCOUNTS);
  await writeFile(path('caps.json'), '[]');
  const rows = calls.map(({ at, row }) => ({
    duration_s: 60,
    kind: 'voice',
    currency: 'EUR',
    state: 'provisional',
    ...row,
    received_at: formatInstant(at),
  }));
  await writeFile(path('usage.ndjson'), rows.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const files = { accounts: path('accounts.csv'), caps: path('caps.json'), usage: path('usage.ndjson') };
  const summary = await replay({ ...files, out: path('out.ndjson'), mode });
  const text = await readFile(path('out.ndjson'), 'utf8');
  const decided = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { type: string; explanation: string });
  return { decided, barred: summary.barred };
}

describe('a replay of deviations', () => {
  const usual = officeDays('b1', START, 24, 1);

  it('suspends as live does, where spend goes on past a hold', async () => {
    const calls = [
      ...usual,
      ...night('x', NIGHT, 4, '+25261234'),
      ...night('y', NIGHT + 12 * HOUR_MS, 4, '+44203123', 60),
    ];
    const { decided, barred } = await replayed(calls, 'enforce');
    expect(barred).toBe(0);
    expect(decided.filter(({ explanation }) => explanation.includes('past the hold'))).toHaveLength(1);
    expect(decided).toEqual(await live(calls, 'enforce'));
  });

  it.each(['shadow', 'enforce'] as const)('acts as little as live on what comes days late, in %s', async (mode) => {
    const late = night('l', NIGHT, 20, '+2637712').map((each, nth) => ({ ...each, at: NIGHT + 80 * HOUR_MS + nth }));
    const calls = [...usual, ...late, ...night('x', NIGHT + 90 * HOUR_MS, 5, '+25261234')];
    const { decided } = await replayed(calls, mode);
    expect(decided.length).toBeGreaterThan(0);
    expect(decided).toEqual(await live(calls, mode));
  });
});
