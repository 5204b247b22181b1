import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { DataSource, QueryRunner } from 'typeorm';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { DrivenClock } from '../../src/kernel/clock.ts';
import { ChangeAccounts } from '../../src/pipeline/limits/change-accounts.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { ReconcileSwitches } from '../../src/pipeline/suspending/reconcile-switches.ts';
import { SettleSuspensions } from '../../src/pipeline/suspending/settle-suspension.ts';
import { LocalSwitch } from '../../src/suspensions/switches/local-switch.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import { SwitchFailure, type Bar, type SwitchNode } from '../../src/suspensions/switches/switch.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

Logger.overrideLogger(false);

let database: TestDatabase;
let folder: string;
let clock: DrivenClock;
let local: LocalSwitch;
let settle: SettleSuspensions;
let switches: ReconcileSwitches;
const reconciling = (...nodes: SwitchNode[]) =>
  new ReconcileSwitches(database.dataSource, clock, new FixedNodes(...nodes));
let account: string;
const start = Date.UTC(2010, 2, 14, 1, 0, 0);
const HOUR_MS = 3_600_000;
const query = <T = Record<string, unknown>>(sql: string, parameters?: unknown[]) =>
  database.dataSource.query<T[]>(sql, parameters);

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plafond-settle-'));
  clock = new DrivenClock(start);
  local = new LocalSwitch(folder, clock);
  settle = new SettleSuspensions(database.dataSource, clock);
  switches = reconciling(local);
  account = `acc-${randomUUID()}`;
  await query('UPDATE suspensions SET state = $1', ['lifted']);
  await query('DELETE FROM outbox');
  await query('DELETE FROM switch_nodes');
  await query('DELETE FROM alarms');
  await query(
    `INSERT INTO accounts (account_id, currency, time_zone, cycle_day, locale, home_country, created_at, updated_at)
     VALUES ($1, 'EUR', 'Europe/Amsterdam', 1, 'nl-NL', 'NL', now(), now())`,
    [account],
  );
});
afterEach(async () => {
  expect(await inTransaction(database.dataSource, ({ client }) => verifyAccount(client, account))).toMatchObject({
    ok: true,
  });
  await rm(folder, { recursive: true });
});

const bars = async () => (await local.look()).bars!;
/** The local switch, but for what is said here. */
const likeLocal = (but: Partial<SwitchNode>): SwitchNode =>
  Object.assign(Object.create(local) as LocalSwitch, bound(local), but);
function bound(node: LocalSwitch): Partial<SwitchNode> {
  return {
    look: () => node.look(),
    read: (some) => node.read(some),
    bar: (...of) => node.bar(...of),
    unbar: (of) => node.unbar(of),
  };
}
/** What was away may be looked at again. */
const lookAgain = () => query('UPDATE switch_nodes SET next_look_at = now()');
const ask = (until?: number) =>
  settle.request({ accountId: account, class: 'international', reason: 'PBX hacked', actor: 'anna', until });
const key = () => `${account}:international`;
const stateOf = async (id: string) =>
  (await query<{ state: string }>('SELECT state FROM suspensions WHERE suspension_id = $1', [id]))[0]?.state;
const kinds = async () =>
  (await query<{ kind: string }>('SELECT kind FROM evidence WHERE account_id = $1 ORDER BY seq', [account])).map(
    ({ kind }) => kind,
  );
const decisions = () =>
  query('SELECT type, trigger, action FROM decisions WHERE account_id = $1 ORDER BY decision_no', [account]);
const outbox = async () =>
  (await query('SELECT job, payload FROM outbox ORDER BY outbox_id')).map((row) => ({ ...row }));

/** One that a rule has decided. */
async function automatic(state: string, endsAt: number | null): Promise<string> {
  const id = randomUUID();
  await query(
    `INSERT INTO suspensions (suspension_id, account_id, class, state, cap_id, period, reason, terms, requested_by, requested_at, ends_at)
     VALUES ($1, $2, 'international', $3, $4, '2010-03', 'spent 100.00', '§ 7', 'plafond', now(), $5)`,
    [id, account, state, randomUUID(), endsAt === null ? null : new Date(endsAt)],
  );
  return id;
}

describe('a suspension by hand', () => {
  it('is wanted, barred, read back, lifted and read back, with a decision and evidence for each step', async () => {
    const { id } = await ask();
    expect(await stateOf(id)).toBe('wanted');
    expect(await outbox()).toEqual([{ job: 'reconcile-suspensions', payload: { accounts: [account] } }]);
    expect(await switches.run([account])).toMatchObject({ applied: 1, lifted: 0, open: 0 });
    expect(await stateOf(id)).toBe('applied');
    expect((await bars()).get(key())).toBe(id);
    expect(await switches.run()).toMatchObject({ applied: 0, lifted: 0, drifted: 0, open: 0 });

    clock.advanceTo(start + HOUR_MS);
    await settle.lift(id, 'bert', 'customer changed the password');
    expect(await stateOf(id)).toBe('lifting');
    expect(await switches.run([account])).toMatchObject({ lifted: 1 });
    expect(await stateOf(id)).toBe('lifted');
    expect((await bars()).size).toBe(0);
    expect(await kinds()).toEqual(['decision', 'suspension-applied', 'decision', 'suspension-lifted']);
    expect(await decisions()).toMatchObject([
      { type: 'suspend', trigger: 'manual', action: 'suspend:international' },
      { type: 'restore', trigger: 'manual' },
    ]);
  });

  it('is lifted when it is read to be gone, also where it was wanted by a clock that is ahead', async () => {
    const { id } = await ask();
    await switches.run([account]);
    const ahead = new SettleSuspensions(database.dataSource, new DrivenClock(start + HOUR_MS));
    await ahead.lift(id, 'bert', 'customer changed the password');
    expect(await switches.run([account])).toMatchObject({ lifted: 1 });
    expect(await stateOf(id)).toBe('lifted');
  });

  it('is refused for an unknown account, twice by hand, and in the past', async () => {
    await expect(
      settle.request({ accountId: 'nobody', class: 'premium', reason: 'x', actor: 'a' }),
    ).rejects.toMatchObject({
      code: 'unknown_account',
    });
    await expect(ask(start)).rejects.toMatchObject({ code: 'in_the_past', faults: [{ field: 'until' }] });
    const asked = await Promise.allSettled([ask(), ask(), ask()]);
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await decisions()).toHaveLength(1);
  });

  it('refuses steps that its state does not have, and changes nothing', async () => {
    const { id } = await ask();
    await expect(settle.approve(id, 'anna')).rejects.toMatchObject({ kind: 'conflict', code: 'already_approved' });
    await expect(settle.lift(randomUUID(), 'anna', 'x')).rejects.toMatchObject({ kind: 'not-found' });
    await settle.lift(id, 'anna', 'x');
    await expect(settle.lift(id, 'anna', 'x')).rejects.toMatchObject({ code: 'already_lifting' });
    expect(await kinds()).toEqual(['decision', 'decision']);
  });
});

describe('a suspension that waits for a person', () => {
  it('is barred only once it is approved', async () => {
    const id = await automatic('awaiting-approval', start + HOUR_MS);
    expect(await switches.run()).toMatchObject({ open: 0 });
    expect((await bars()).size).toBe(0);
    await settle.approve(id, 'anna');
    await switches.run([account]);
    expect(await stateOf(id)).toBe('applied');
    expect(await decisions()).toMatchObject([{ type: 'suspend', trigger: 'manual' }]);
  });

  it('is over once it is declined, and never touches the switch', async () => {
    const id = await automatic('awaiting-approval', start + HOUR_MS);
    await settle.decline(id, 'anna', 'a known campaign');
    expect(await stateOf(id)).toBe('declined');
    expect(await outbox()).toEqual([]);
    expect(await decisions()).toMatchObject([{ type: 'notify-operator', trigger: 'manual' }]);
  });

  it('can no longer be approved when its period is over', async () => {
    const id = await automatic('awaiting-approval', start);
    await expect(settle.approve(id, 'anna')).rejects.toMatchObject({ code: 'period_ended' });
  });
});

describe('the reconcile loop', () => {
  it('asserts again what somebody took off the switch, and says so', async () => {
    const { id } = await ask();
    await switches.run();
    await rm(join(folder, 'barred.json'));
    expect(await switches.run()).toMatchObject({ drifted: 1, applied: 1 });
    expect((await bars()).get(key())).toBe(id);
    expect(await kinds()).toEqual(['decision', 'suspension-applied', 'suspension-drift', 'suspension-applied']);
  });

  it('leaves a bar alone that is not ours, and tells of it once', async () => {
    await writeFile(join(folder, 'barred.json'), JSON.stringify({ [key()]: { suspension: 'noc-17' } }));
    expect(await switches.run()).toMatchObject({ drifted: 1, open: 0 });
    expect(await switches.run([])).toMatchObject({ drifted: 0 });
    expect(await switches.run()).toMatchObject({ drifted: 0 });
    expect((await bars()).get(key())).toBe('noc-17');
    expect(await kinds()).toEqual(['suspension-drift']);
  });

  it('takes away a bar of ours that is over', async () => {
    const { id } = await ask();
    await switches.run();
    const restored = await readFile(join(folder, 'barred.json'));
    await settle.lift(id, 'anna', 'x');
    await switches.run();
    await writeFile(join(folder, 'barred.json'), restored);
    expect(await switches.run()).toMatchObject({ drifted: 1, open: 0 });
    expect((await bars()).size).toBe(0);
  });

  it('takes away a bar only when nobody wants it any more', async () => {
    const byRule = await automatic('wanted', null);
    const { id } = await ask();
    expect(await switches.run()).toMatchObject({ applied: 2 });
    await settle.lift(byRule, 'anna', 'x');
    expect(await switches.run()).toMatchObject({ lifted: 1 });
    expect((await bars()).get(key())).toBe(id);
    await settle.lift(id, 'anna', 'x');
    expect(await switches.run()).toMatchObject({ lifted: 1 });
    expect((await bars()).size).toBe(0);
  });

  it('never takes a switch that is away for a bar or for none, tells of it once, and goes on when it is back', async () => {
    const { id } = await ask();
    await writeFile(join(folder, 'barred.json'), '');
    for (let i = 0; i < 2; i++) {
      const result = await switches.run();
      expect(result).toMatchObject({ applied: 0, open: 1 });
      expect(result.unreachable).toContain('barred.json');
      await lookAgain();
    }
    expect(await stateOf(id)).toBe('wanted');
    await rm(join(folder, 'barred.json'));
    expect(await switches.run()).toMatchObject({ applied: 1, unreachable: undefined });
    expect(await kinds()).toEqual(['decision', 'switch-unreachable', 'suspension-applied']);
  });

  it('takes nothing that the database does for a failure of the switch', async () => {
    await ask();
    await switches.run();
    for (const table of ['allowed_numbers', 'suspensions']) {
      await query(`ALTER TABLE ${table} RENAME TO hidden`);
      await expect(switches.run()).rejects.toThrow(/does not exist/);
      await query(`ALTER TABLE hidden RENAME TO ${table}`);
    }
    expect(await query('SELECT DISTINCT state FROM switch_nodes')).toEqual([{ state: 'up' }]);
    expect(await switches.run()).toMatchObject({ unreachable: undefined });
  });

  it('records a bar as applied only where it was read back', async () => {
    const { id } = await ask();
    const deaf = likeLocal({ bar: async () => {} });
    const result = await reconciling(deaf).run();
    expect(result).toMatchObject({ applied: 0, open: 1 });
    expect(await stateOf(id)).toBe('wanted');
  });

  it('keeps barring others where one is refused, and takes the refused one up again', async () => {
    const { id } = await ask();
    const other = await settle.request({ accountId: account, class: 'premium', reason: 'x', actor: 'anna' });
    const picky = likeLocal({
      bar: async (bar: Bar, by: string) => {
        if (bar.scope === 'international') throw new SwitchFailure('away', '503 busy');
        await local.bar(bar, by);
      },
    });
    const picked = await reconciling(picky).run();
    expect(picked).toMatchObject({ applied: 1, open: 1, unreachable: '503 busy' });
    expect([await stateOf(id), await stateOf(other.id)]).toEqual(['wanted', 'applied']);
    await lookAgain();
    expect(await switches.run()).toMatchObject({ applied: 1, open: 0 });
    expect((await kinds()).filter((kind) => kind === 'switch-unreachable')).toHaveLength(1);
  });

  it('runs in turns, whoever runs it: one bar, one record', async () => {
    await ask();
    let within = 0;
    const counting = likeLocal({
      read: async (some) => {
        expect(++within).toBe(1);
        const found = await local.read(some);
        await new Promise((resolve) => setTimeout(resolve, 5));
        within--;
        return found;
      },
    });
    const processes = [1, 2, 3].map(() => reconciling(counting));
    const rounds = await Promise.all(processes.map((each) => each.run([account])));
    expect(rounds.map(({ applied }) => applied).toSorted()).toEqual([0, 0, 1]);
    expect(await kinds()).toEqual(['decision', 'suspension-applied']);
  });
});

describe('the end of a period', () => {
  it('lifts what is due, once, and declines what nobody approved', async () => {
    const due = start + HOUR_MS;
    const applied = await automatic('wanted', due);
    const waiting = await automatic('awaiting-approval', due);
    const later = await automatic('wanted', due + 1);
    const byHand = await automatic('wanted', null);
    await switches.run();
    const processes = [1, 2, 3].map(() => new ReinstateDue(database.dataSource, clock));
    expect(await processes[0]!.run()).toBe(0);
    clock.advanceTo(due);
    const ended = await Promise.all(processes.map((each) => each.run()));
    expect(ended.reduce((sum, n) => sum + n)).toBe(2);
    expect(await Promise.all([applied, waiting, later, byHand].map(stateOf))).toEqual([
      'lifting',
      'declined',
      'applied',
      'applied',
    ]);
    expect(await decisions()).toHaveLength(2);
    expect(await decisions()).toContainEqual({ type: 'restore', trigger: 'period-end', action: '' });
    expect(await decisions()).toContainEqual({ type: 'notify-operator', trigger: 'period-end', action: '' });
    expect(await outbox()).toEqual([{ job: 'reconcile-suspensions', payload: { accounts: [account] } }]);
    await switches.run();
    expect(await stateOf(applied)).toBe('lifted');
    const [declined] = await query('SELECT lift_reason FROM suspensions WHERE suspension_id = $1', [waiting]);
    expect(declined).toEqual({ lift_reason: 'period ended before anyone approved' });
  });

  it('lifts the others where an account is gone, which can not go any more while it is suspended', async () => {
    const accounts = new ChangeAccounts(database.dataSource, clock);
    const { id } = await ask(start + HOUR_MS);
    await expect(accounts.remove(account, undefined, 'anna')).rejects.toMatchObject({ code: 'account_is_suspended' });
    await switches.run();
    const gone = randomUUID();
    await query(
      `INSERT INTO suspensions (suspension_id, account_id, class, state, reason, terms, requested_by, requested_at, ends_at)
       VALUES ($1, 'gone', 'international', 'applied', 'before', '', 'anna', now(), $2)`,
      [gone, new Date(start)],
    );
    await expect(settle.lift(gone, 'anna', 'it is gone')).rejects.toMatchObject({ code: 'account_removed' });
    clock.advanceTo(start + HOUR_MS);
    expect(await new ReinstateDue(database.dataSource, clock).run()).toBe(1);
    expect([await stateOf(id), await stateOf(gone)]).toEqual(['lifting', 'applied']);
    await expect(accounts.remove(account, undefined, 'anna')).rejects.toMatchObject({ code: 'account_is_suspended' });
    await switches.run();
    expect(await stateOf(id)).toBe('lifted');
    await accounts.remove(account, undefined, 'anna');
  });

  it('lifts a thousand and more in chunks', async () => {
    await query(
      `INSERT INTO suspensions (suspension_id, account_id, class, state, reason, terms, requested_by, requested_at, ends_at)
       SELECT gen_random_uuid(), $1, 'premium', 'wanted', 'x', 'x', 'x', now(), $2 FROM generate_series(1, 1200)`,
      [account, new Date(start)],
    );
    expect(await new ReinstateDue(database.dataSource, clock).run()).toBe(1200);
    expect(await switches.run([account])).toMatchObject({ lifted: 1200 });
  });
});

describe('a database that goes away in a round', () => {
  /** From when `isAway` says so, no connection is to be had: at once to the first who asks, and to the next a little later. */
  const failing = (isAway: () => boolean) => {
    let asked = 0;
    const refused = async (): Promise<never> => {
      await sleep(50 * asked++);
      throw new Error('connect ECONNREFUSED');
    };
    const runner = { connect: refused, query: refused, release: async () => undefined } as unknown as QueryRunner;
    const { dataSource } = database;
    return Object.create(dataSource, {
      createQueryRunner: { value: () => (isAway() ? runner : dataSource.createQueryRunner()) },
    }) as DataSource;
  };

  it('fails that round and no more, also what nobody waits for then', async () => {
    await ask();
    let reads = 0;
    const node = likeLocal({ read: (entries) => local.read(entries).finally(() => reads++) });
    const round = new ReconcileSwitches(
      failing(() => reads >= 2),
      clock,
      new FixedNodes(node),
    );
    await expect(round.run([account])).rejects.toThrow('connect ECONNREFUSED');
    // What fails unnoticed fails the test, as it would end the process.
    await sleep(300);
    expect((await bars()).size).toBe(1);
    await switches.run([account]);
    expect(await kinds()).toContain('suspension-applied');
  });
});
