/** Numbers that may be called whatever is barred, on a switch: set before the bars, read back, mended, and taken away. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseInstant } from '../../src/kernel/clock.ts';
import { AllowNumbers } from '../../src/pipeline/suspending/allow-numbers.ts';
import { ReconcileSwitches } from '../../src/pipeline/suspending/reconcile-switches.ts';
import { SettleSuspensions } from '../../src/pipeline/suspending/settle-suspension.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import { LocalSwitch } from '../../src/suspensions/switches/local-switch.ts';
import type { Bar } from '../../src/suspensions/switches/switch.ts';
import { TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

/** The local switch, which says in which order it was told, and whom it spared. */
class WatchedSwitch extends LocalSwitch {
  readonly told: string[] = [];
  override async bar(...[entry, value]: Parameters<LocalSwitch['bar']>): Promise<void> {
    this.told.push(entry.scope);
    await super.bar(entry, value);
  }
  override async endCalls(bar?: Bar, spared?: ReadonlySet<string>): Promise<number> {
    this.told.push(`end ${bar?.scope} but ${[...(spared ?? [])].join()}`);
    return 0;
  }
}

const ALARM_COMPANY = '+4930111111';
let plafond: TestPlafond;
let folder: string;
let local: WatchedSwitch;
let allow: AllowNumbers;
let settle: SettleSuspensions;
let switches: ReconcileSwitches;

beforeEach(async () => {
  plafond = await TestPlafond.at(parseInstant('2026-03-20T12:00:00+01:00')!);
  const { dataSource } = plafond.database;
  folder = await mkdtemp(join(tmpdir(), 'plafond-allowed-'));
  local = new WatchedSwitch(folder, plafond.clock);
  allow = new AllowNumbers(dataSource, plafond.clock);
  settle = new SettleSuspensions(dataSource, plafond.clock);
  switches = new ReconcileSwitches(dataSource, plafond.clock, new FixedNodes(local));
  await plafond.addAccount({ accountId: 'a' });
});
afterEach(async () => {
  await plafond.close();
  await rm(folder, { recursive: true });
});

const table = async () => [...((await local.look()).bars ?? new Map<string, string>()).keys()].toSorted();
const suspend = () => settle.request({ accountId: 'a', class: 'international', reason: 'PBX hacked', actor: 'anna' });

it('stand on the switch before the bar does, spare their calls, and are no drift', async () => {
  await allow.put('a', [ALARM_COMPANY], 'anna');
  await suspend();
  expect(await switches.run(['a'])).toMatchObject({ applied: 1, unreachable: undefined });
  expect(local.told).toEqual([`allow:${ALARM_COMPANY}`, 'international', `end international but ${ALARM_COMPANY}`]);
  expect(await table()).toEqual([`a:allow:${ALARM_COMPANY}`, 'a:international']);
  expect(await switches.run()).toMatchObject({ drifted: 0, open: 0, unreachable: undefined });
});

it('come back with the next look where somebody took them away', async () => {
  await allow.put('a', [ALARM_COMPANY], 'anna');
  await suspend();
  await switches.run();
  const file = join(folder, 'barred.json');
  const bars = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  delete bars[`a:allow:${ALARM_COMPANY}`];
  await writeFile(file, JSON.stringify(bars));
  await switches.run();
  expect(await table()).toEqual([`a:allow:${ALARM_COMPANY}`, 'a:international']);
});

it('are taken off the switch when they are allowed no more, and the bar stays', async () => {
  await allow.put('a', [ALARM_COMPANY, '+31207940000'], 'anna');
  await suspend();
  await switches.run(['a']);
  await allow.put('a', ['+31207940000'], 'anna');
  await switches.run(['a']);
  expect(await table()).toEqual(['a:allow:+31207940000', 'a:international']);
});
