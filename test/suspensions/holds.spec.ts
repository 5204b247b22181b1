/** Holds: bars of one country or prefix, by hand, up to a time, and taken over by a suspension that stops the same calls. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { BarScope } from '../../src/caps/barring.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { ReconcileSwitches } from '../../src/pipeline/suspending/reconcile-switches.ts';
import { SettleSuspensions } from '../../src/pipeline/suspending/settle-suspension.ts';
import { LocalSwitch } from '../../src/suspensions/switches/local-switch.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import { TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const start = parseInstant('2026-03-20T12:00:00+01:00')!;
const HOUR_MS = 3_600_000;
let plafond: TestPlafond;
let folder: string;
let local: LocalSwitch;
let settle: SettleSuspensions;
let switches: ReconcileSwitches;
let due: ReinstateDue;

beforeEach(async () => {
  plafond = await TestPlafond.at(start);
  const { dataSource } = plafond.database;
  folder = await mkdtemp(join(tmpdir(), 'plafond-holds-'));
  local = new LocalSwitch(folder, plafond.clock);
  settle = new SettleSuspensions(dataSource, plafond.clock);
  switches = new ReconcileSwitches(dataSource, plafond.clock, new FixedNodes(local));
  due = new ReinstateDue(dataSource, plafond.clock);
  await plafond.addAccount({ accountId: 'a' });
});
afterEach(async () => {
  const { dataSource } = plafond.database;
  expect(await inTransaction(dataSource, ({ client }) => verifyAccount(client, 'a'))).toMatchObject({ ok: true });
  await plafond.close();
  await rm(folder, { recursive: true });
});

const ask = (scope: BarScope, until?: number) =>
  settle.request({
    accountId: 'a',
    class: scope,
    reason: 'calls at night',
    actor: 'anna',
    ...(until === undefined ? {} : { until }),
  });
const barred = async () => [...(await local.look()).bars!.keys()].toSorted();
const decided = async () =>
  (await plafond.decisions()).map(({ type, trigger, action, traffic }) =>
    [type, trigger, action, traffic].filter(Boolean).join(' '),
  );

describe('a hold by hand', () => {
  it('bars one country on the switch, is a hold in its decision, and is lifted by hand', async () => {
    const { id } = await ask('country:SO');
    await switches.run();
    expect(await barred()).toEqual(['a:country:SO']);
    await settle.lift(id, 'anna', 'it was them');
    await switches.run();
    expect(await barred()).toEqual([]);
    expect(await decided()).toEqual(['hold manual hold:country:SO country:SO', 'restore manual country:SO']);
  });

  it('ends by itself at the time that was named', async () => {
    await ask('prefix:+25261', start + HOUR_MS);
    await switches.run();
    expect(await due.run()).toBe(0);
    plafond.clock.advanceTo(start + HOUR_MS);
    expect(await due.run()).toBe(1);
    await switches.run();
    expect(await barred()).toEqual([]);
    expect((await decided()).at(-1)).toBe('restore period-end prefix:+25261');
  });

  it('stands beside another one, and not twice', async () => {
    await ask('country:SO');
    await ask('country:ZW');
    await expect(ask('country:SO')).rejects.toMatchObject({ code: 'already_suspended' });
  });
});

describe('a hold that a suspension covers', () => {
  it('ends once that is read back, and the calls stay barred all the while', async () => {
    await ask('country:SO');
    await ask('country:NL');
    await switches.run();
    await ask('international');
    expect(await due.endCoveredHolds()).toBe(0);
    await switches.run();
    expect(await barred()).toEqual(['a:country:NL', 'a:country:SO', 'a:international']);
    expect(await due.endCoveredHolds()).toBe(1);
    await switches.run();
    expect(await barred()).toEqual(['a:country:NL', 'a:international']);
    expect(await due.endCoveredHolds()).toBe(0);
    const [last] = (await plafond.decisions()).slice(-1);
    expect(last).toMatchObject({ type: 'restore', trigger: 'correction', traffic: 'country:SO' });
    expect(last!.explanation).toMatch(/bars the same calls/);
  });

  it('outlives a suspension that ends sooner', async () => {
    await ask('country:SO');
    await ask('country:ZW', start + HOUR_MS);
    await ask('international', start + 2 * HOUR_MS);
    await switches.run();
    expect(await due.endCoveredHolds()).toBe(1);
    plafond.clock.advanceTo(start + 2 * HOUR_MS);
    expect(await due.run()).toBe(1);
    await switches.run();
    expect(await barred()).toEqual(['a:country:SO']);
  });
});
