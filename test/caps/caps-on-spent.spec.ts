import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Account } from '../../src/accounts/account.ts';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { lockShards } from '../../src/ledger/usage-store.ts';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { ACCOUNT, CAP, TestPlafond, type UsageRow } from '../harness/plafond.ts';

const now = parseInstant('2026-03-20T12:00:00+01:00')!;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  // All of these suspend within the hour.
  const guard = new AnswerGuard(plafond.database.dataSource, plafond.clock);
  await guard.change({ perHour: 1_000, percent: 100, atLeast: 1_000 }, undefined, 'test');
});
afterAll(() => plafond.close());

let account: string;
let run = 0;
beforeEach(async () => {
  account = `a${++run}`;
  await plafond.addAccount({ accountId: account });
});
afterEach(async () => {
  expect(await plafond.differences()).toEqual([]);
  for (const { cap_id } of await plafond.query<{ cap_id: string }>('SELECT cap_id FROM caps')) {
    await plafond.caps.remove(cap_id, undefined, 'test');
  }
});

let records = 0;
const use = async (amount: string, row: Partial<UsageRow> = {}) => {
  const record_id = `r${++records}`;
  await plafond.send([{ record_id, account_id: account, amount, ...row }]);
  return record_id;
};
/** What was decided on this test's account, in short. */
async function decided(accountId = account): Promise<string[]> {
  const decisions = (await plafond.decisions()).filter((each) => each.accountId === accountId);
  return decisions.map(
    ({ type, trigger, threshold, spend }) =>
      `${type} ${trigger} ${threshold} at ${spend === undefined ? '' : formatAmount(spend)}`,
  );
}
/** The bars that are wanted, with the state they are in. */
const bars = () =>
  plafond.query<{ class: string; state: string }>(
    'SELECT class, state FROM suspensions WHERE account_id = $1 ORDER BY suspension_no',
    [account],
  );
const own = (change: Partial<CapDefinition> = {}): Partial<CapDefinition> => ({ scope: { account }, ...change });
const change = (id: string, definition: Partial<CapDefinition>) =>
  plafond.caps.change(id, undefined, capDefinition.parse({ ...CAP, ...own(), ...definition }), {
    actor: 'test',
    alone: true,
  });

describe('a cap that is made after the usage', () => {
  it('counts what was spent before and acts at once', async () => {
    await use('85.00');
    expect(await decided()).toEqual([]);
    await plafond.addCap(own());
    expect(await decided()).toEqual(['warn cap 50 at 85.00', 'warn cap 80 at 85.00']);
    await use('15.00');
    expect((await decided()).slice(2)).toEqual(['warn cap 100 at 100.00', 'suspend cap 100 at 100.00']);
    expect(await bars()).toEqual([{ class: 'international', state: 'wanted' }]);
  });

  it('lets the past be past: only the period that runs acts', async () => {
    await use('500.00', { started_at: '2026-02-10T10:00:00+01:00' });
    await plafond.addCap(own());
    expect(await decided()).toEqual([]);
  });

  it('acts on what a rolling window holds now', async () => {
    await use('60.00', { started_at: '2026-03-20T08:00:00+01:00' });
    await use('30.00', { started_at: '2026-03-19T11:00:00+01:00' });
    await plafond.addCap(own({ period: 'rolling:24h' }));
    expect(await decided()).toEqual(['warn cap 50 at 60.00']);
  });
});

describe('a cap that is changed', () => {
  it('acts at once when it is lowered, lifts when it is raised, and suspends again without a second warning', async () => {
    const id = await plafond.addCap(own());
    await use('60.00');
    await change(id, { limit: '60.00' });
    const lowered = [
      'warn cap 50 at 60.00',
      'warn cap 80 at 60.00',
      'warn cap 100 at 60.00',
      'suspend cap 100 at 60.00',
    ];
    expect(await decided()).toEqual(lowered);
    plafond.clock.advanceTo(plafond.clock.now() + 1000);
    await change(id, { limit: '61.00' });
    expect((await decided()).slice(4)).toEqual(['restore manual 100 at 60.00']);
    expect(await bars()).toEqual([{ class: 'international', state: 'lifting' }]);
    plafond.clock.advanceTo(plafond.clock.now() + 1000);
    await change(id, { limit: '59.00' });
    expect((await decided()).slice(5)).toEqual(['suspend manual 100 at 60.00']);
    expect(await bars()).toMatchObject([{ state: 'lifting' }, { state: 'wanted' }]);
    await use('1.00');
    expect(await decided()).toHaveLength(6);
  });

  it('acts once where it comes to hold for others as well, at a threshold that it had not', async () => {
    const id = await plafond.addCap(own({ thresholds: [{ percent: 90, actions: ['warn'] }] }));
    await use('60.00');
    await change(id, { scope: {}, thresholds: [{ percent: 50, actions: ['warn'] }] });
    expect(await decided()).toEqual(['warn cap 50 at 60.00']);
  });

  it('counts anew when it is about other traffic', async () => {
    await use('60.00', { b_number: '+31201234567' });
    const id = await plafond.addCap(own());
    await change(id, { traffic: 'national' });
    expect(await decided()).toEqual(['warn cap 50 at 60.00']);
    await use('20.00', { b_number: '+31201234567' });
    expect((await decided()).slice(1)).toEqual(['warn cap 80 at 80.00']);
  });
});

describe('what a change of a cap finds crossed already', () => {
  const suspending: CapDefinition['thresholds'][number] = { percent: 100, actions: ['suspend:international'] };
  const tick = () => plafond.clock.advanceTo(plafond.clock.now() + 1000);
  const preview = (id: string, definition: Partial<CapDefinition>) =>
    plafond.caps.preview(capDefinition.parse({ ...CAP, ...own(), ...definition }), id);

  it('is lifted today where a rolling cap is raised, and comes back where it is lowered', async () => {
    const rolling: Partial<CapDefinition> = { period: 'rolling:24h', thresholds: [suspending], limit: '50.00' };
    const id = await plafond.addCap(own(rolling));
    await use('30.00', { started_at: '2026-03-20T07:00:00+01:00' });
    await use('30.00', { started_at: '2026-03-20T08:00:00+01:00' });
    await use('20.00', { started_at: '2026-03-20T09:00:00+01:00' });
    tick();
    // The window that acted holds 60, the one that ends at nine 80: raised to 70 that one is above, raised to 90 none is.
    await change(id, { ...rolling, limit: '70.00' });
    expect((await decided()).slice(1)).toEqual(['restore manual 100 at 60.00', 'suspend manual 100 at 80.00']);
    expect(await bars()).toMatchObject([{ state: 'lifting' }, { state: 'wanted' }]);
    tick();
    expect(await preview(id, { ...rolling, limit: '90.00' })).toMatchObject({
      affected: 0,
      lifted: 1,
      lifts: [account],
    });
    await change(id, { ...rolling, limit: '90.00' });
    expect((await decided()).slice(3)).toEqual(['restore manual 100 at 80.00']);
    expect(await bars()).toMatchObject([{ state: 'lifting' }, { state: 'lifting' }]);
    tick();
    await change(id, { ...rolling, limit: '10.00' });
    expect((await decided()).slice(4)).toEqual(['suspend manual 100 at 80.00']);
  });

  it('is lifted where the threshold is taken out of the cap, and comes back where it is put in again', async () => {
    const id = await plafond.addCap(
      own({
        thresholds: [{ percent: 50, actions: ['warn'] }, suspending],
      }),
    );
    await use('120.00');
    tick();
    const without = { thresholds: [{ percent: 50, actions: ['warn' as const] }] };
    expect(await preview(id, without)).toMatchObject({ affected: 0, lifted: 1 });
    await change(id, without);
    expect((await decided()).slice(2)).toEqual(['restore manual 100 at ']);
    expect(await bars()).toMatchObject([{ state: 'lifting' }]);
    tick();
    await change(id, { thresholds: [...without.thresholds, { percent: 100, actions: ['suspend:international'] }] });
    expect((await decided()).slice(3)).toEqual(['suspend manual 100 at 120.00']);
  });

  it.each(['month', 'rolling:24h'])(
    'is lifted where the limit is raised and the threshold only warns (%s)',
    async (period) => {
      const definition = { period, thresholds: [suspending] } as Partial<CapDefinition>;
      const id = await plafond.addCap(own(definition));
      await use('120.00', { started_at: '2026-03-20T10:00:00+01:00' });
      tick();
      const raised = { ...definition, limit: '200.00', thresholds: [{ percent: 100, actions: ['warn' as const] }] };
      expect(await preview(id, raised)).toMatchObject({ affected: 0, lifted: 1 });
      await change(id, raised);
      expect((await decided()).slice(1)).toEqual(['restore manual 100 at ']);
      expect(await bars()).toMatchObject([{ state: 'lifting' }]);
    },
  );

  it('is lifted and barred as often as the limit goes up and down within one millisecond', async () => {
    const id = await plafond.addCap(own({ thresholds: [suspending] }));
    await use('120.00');
    for (const limit of ['150.00', '100.00', '150.00', '100.00']) await change(id, { limit, thresholds: [suspending] });
    const restored = 'restore manual 100 at 120.00';
    const suspended = 'suspend manual 100 at 120.00';
    expect((await decided()).slice(1)).toEqual([restored, suspended, restored, suspended]);
    expect((await bars()).map(({ state }) => state)).toEqual(['lifting', 'lifting', 'wanted']);
  });

  it('is left to a person where the cap is lifted by hand only', async () => {
    const manual = { reinstate: 'manual' as const };
    const id = await plafond.addCap(own({ ...manual, thresholds: [{ percent: 100, actions: ['suspend:premium'] }] }));
    await use('120.00');
    await change(id, { ...manual, thresholds: [{ percent: 50, actions: ['warn'] }] });
    expect((await decided()).slice(1)).toEqual(['notify-operator manual 100 at ', 'warn cap 50 at 120.00']);
    expect(await bars()).toMatchObject([{ state: 'wanted' }]);
  });

  it('ends with its period where the cap is lifted by hand no more, and by hand where it is so now', async () => {
    const ends = async () =>
      plafond.query('SELECT ends_at FROM suspensions WHERE account_id = $1 ORDER BY suspension_no', [account]);
    const manual = { reinstate: 'manual' as const, thresholds: [suspending] };
    const id = await plafond.addCap(own(manual));
    await use('120.00');
    expect(await ends()).toEqual([{ ends_at: null }]);
    await change(id, { thresholds: [suspending] });
    expect(await ends()).toEqual([{ ends_at: new Date('2026-04-01T00:00:00+02:00') }]);
    await change(id, manual);
    expect(await ends()).toEqual([{ ends_at: null }]);
  });

  it.each(['month', 'rolling:24h'])('acts where the cap leaves shadow mode, once (%s)', async (period) => {
    const definition = {
      period,
      mode: 'shadow',
      thresholds: [{ percent: 100, actions: ['warn', 'suspend:premium'] }],
    } as Partial<CapDefinition>;
    const id = await plafond.addCap(own(definition));
    await use('120.00', { started_at: '2026-03-20T10:00:00+01:00' });
    expect(await bars()).toEqual([]);
    tick();
    expect(await preview(id, { ...definition, mode: 'enforce' })).toMatchObject({ warned: 1, suspended: 1 });
    await change(id, { ...definition, mode: 'enforce' });
    expect((await decided()).slice(2)).toEqual(['warn manual 100 at 120.00', 'suspend manual 100 at 120.00']);
    expect(await bars()).toMatchObject([{ class: 'premium', state: 'wanted' }]);
    tick();
    await change(id, { ...definition, mode: 'enforce', name: 'the same' });
    expect(await decided()).toHaveLength(4);
  });

  describe('and waits for a person where the cap asks nobody any more', () => {
    const definition = (change: Partial<CapDefinition> = {}): Partial<CapDefinition> => ({
      mode: 'approve',
      thresholds: [{ percent: 100, actions: ['warn', 'suspend:premium'] }],
      ...change,
    });
    const enforced = (change: Partial<CapDefinition> = {}) => definition({ ...change, mode: 'enforce' });

    it.each([{}, { period: 'rolling:24h' }, { reinstate: 'manual' }] as Partial<CapDefinition>[])(
      'is barred, told of, and asked about no more, once (%j)',
      async (kind) => {
        const id = await plafond.addCap(own(definition(kind)));
        await use('120.00', { started_at: '2026-03-20T10:00:00+01:00' });
        expect(await bars()).toEqual([{ class: 'premium', state: 'awaiting-approval' }]);
        tick();
        expect(await preview(id, enforced(kind))).toMatchObject({ warned: 1, suspended: 1 });
        await change(id, enforced(kind));
        expect((await decided()).slice(2)).toEqual([
          'warn manual 100 at 120.00',
          'suspend manual 100 at 120.00',
          'notify-operator manual undefined at ',
        ]);
        expect(await bars()).toMatchObject([{ state: 'declined' }, { state: 'wanted' }]);
        tick();
        await change(id, enforced({ ...kind, name: 'the same' }));
        expect(await decided()).toHaveLength(5);
      },
    );

    it.each(['declined', 'applied'])('is left as a person has decided: %s', async (state) => {
      const id = await plafond.addCap(own(definition()));
      await use('120.00');
      await plafond.query('UPDATE suspensions SET state = $2 WHERE account_id = $1', [account, state]);
      tick();
      await change(id, enforced());
      expect(await decided()).toHaveLength(2);
      expect(await bars()).toMatchObject([{ state }]);
    });

    it('is declined where its threshold falls, or suspends no more, by the same change', async () => {
      const id = await plafond.addCap(own(definition()));
      await use('120.00');
      tick();
      await change(id, enforced({ limit: '150.00' }));
      expect((await decided()).slice(2)).toEqual(['restore manual 100 at 120.00']);
      expect(await bars()).toMatchObject([{ state: 'declined' }]);
      await change(id, definition());
      tick();
      await change(id, enforced({ thresholds: [{ percent: 100, actions: ['warn'] }] }));
      expect((await bars()).map(({ state }) => state)).toEqual(['declined', 'declined']);
    });

    it('is held by the guard like all else, and asked about once', async () => {
      const id = await plafond.addCap(own(definition()));
      await use('120.00');
      const guard = new AnswerGuard(plafond.database.dataSource, plafond.clock);
      await guard.change({ perHour: 0, percent: 100, atLeast: 1_000 }, undefined, 'test');
      tick();
      await change(id, enforced());
      await guard.change({ perHour: 1_000, percent: 100, atLeast: 1_000 }, undefined, 'test');
      expect(await decided()).toContain('suspend guard 100 at 120.00');
      expect(await bars()).toMatchObject([{ state: 'declined' }, { state: 'awaiting-approval' }]);
      tick();
      await change(id, enforced({ name: 'the same' }));
      expect(await bars()).toHaveLength(2);
    });
  });

  it.each([
    [
      'warned',
      { thresholds: [suspending] },
      ['restore correction 100 at 40.00', 'warn manual 100 at 120.00', 'suspend manual 100 at 120.00'],
    ],
    [
      'acted',
      { mode: 'shadow' as const },
      ['restore correction 100 at 40.00', 'warn cap 100 at 120.00', 'suspend cap 100 at 120.00'],
    ],
  ] as [string, Partial<CapDefinition>, string[]][])(
    'is told of where it is reached again, since the cap had not %s then',
    async (_, before, then) => {
      const thresholds: CapDefinition['thresholds'] = [{ percent: 100, actions: ['warn', 'suspend:international'] }];
      const id = await plafond.addCap(own({ thresholds, ...before }));
      const record_id = await use('120.00');
      tick();
      await plafond.send([{ record_id, account_id: account, amount: '40.00', revision: 1 }]);
      await change(id, { thresholds });
      const had = (await decided()).length - 1;
      await use('80.00');
      expect((await decided()).slice(had)).toEqual(then);
      expect((await bars()).at(-1)).toMatchObject({ state: 'wanted' });
    },
  );

  it('is lifted where the cap counts in another period', async () => {
    const id = await plafond.addCap(own({ thresholds: [suspending] }));
    await use('120.00');
    await change(id, { period: 'day', thresholds: [{ percent: 100, actions: ['suspend:international'] }] });
    expect((await decided()).slice(1)).toEqual(['restore manual 100 at ']);
    expect(await bars()).toMatchObject([{ state: 'lifting' }]);
  });

  it.each(['the account', 'the cap'])(
    'of another period than it is in now stays where the cap has left, until %s comes back to the other',
    async (who) => {
      const [here, there] = [{ segment: `smb-${account}` }, { segment: `soho-${account}` }];
      const move = ({ segment }: { segment: string }) =>
        plafond.accounts.put({ ...ACCOUNT, accountId: account, segment }, undefined, 'test');
      await move(here);
      const id = await plafond.addCap({ scope: here, thresholds: [suspending] });
      await use('120.00');
      const day = { period: 'day' as const, thresholds: [suspending] };
      await change(id, { ...day, scope: there });
      expect(await bars()).toMatchObject([{ state: 'wanted' }]);
      if (who === 'the account') await move(there);
      else await change(id, { ...day, scope: here });
      expect(await bars()).toMatchObject([{ state: 'lifting' }]);
    },
  );
});

describe('a preview', () => {
  const state = () =>
    Promise.all(
      [
        'caps',
        'cap_versions',
        'changes',
        'counters',
        'crossings',
        'decisions',
        'warnings',
        'suspensions',
        'evidence',
        'outbox',
      ].map((table) => plafond.query(`SELECT * FROM ${table} ORDER BY 1, 2`)),
    );

  it('is waited for by who saves the same cap, and by no importer', async () => {
    const { dataSource } = plafond.database;
    const waiting = async (n: number) => {
      for (;;) {
        const [found] = await plafond.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        if (found!.n >= n) return;
        await nextTurn();
      }
    };
    const definition = capDefinition.parse({ ...CAP, ...own({ limit: '85.00' }) });
    const both = await inTransaction(dataSource, async ({ client }) => {
      // In the middle of the preview.
      await client.query('LOCK TABLE cap_versions IN ACCESS EXCLUSIVE MODE');
      const previewing = plafond.caps.preview(definition, undefined);
      await waiting(1);
      const saving = plafond.caps.create(definition, 'test');
      await waiting(2);
      await use('85.00');
      return { previewing, saving };
    });
    expect(await both.previewing).toMatchObject({ suspended: 1 });
    await both.saving;
    expect(await bars()).toHaveLength(1);
  });

  it('says what then happens, and leaves no trace', async () => {
    await use('85.00');
    const definition = capDefinition.parse({ ...CAP, ...own({ limit: '85.00' }) });
    const before = await state();
    const preview = await plafond.caps.preview(definition, undefined);
    expect(await state()).toEqual(before);
    expect(preview).toEqual({
      accounts: [
        {
          account,
          spend: 85_000_000n,
          limit: 85_000_000n,
          percent: 100,
          thresholds: [50, 80, 100],
          warn: true,
          suspend: ['international'],
        },
      ],
      affected: 1,
      warned: 1,
      suspended: 1,
      lifted: 0,
      lifts: [],
      truncated: false,
    });
    await plafond.caps.create(definition, 'test');
    expect(await decided()).toEqual([
      'warn cap 50 at 85.00',
      'warn cap 80 at 85.00',
      'warn cap 100 at 85.00',
      'suspend cap 100 at 85.00',
    ]);
    expect((await plafond.caps.preview({ ...definition, scope: { segment: 'none' } }, undefined)).affected).toBe(0);
  });

  it('waits for no importer, and lets none wait, whether its meter is new, changed or the same', async () => {
    const id = await plafond.addCap(own());
    await use('60.00');
    await use('30.00', { started_at: '2026-02-10T10:00:00+01:00' });
    const of = (change: Partial<CapDefinition>) =>
      capDefinition.parse({ ...CAP, ...own({ limit: '60.00' }), ...change });
    // As an importer that is in the middle of it.
    await inTransaction(plafond.database.dataSource, async ({ client }) => {
      await lockShards(client, [0]);
      for (const [change, replaces] of [
        [{ traffic: 'all' }, undefined],
        [{ traffic: 'all' }, id],
        [{}, id],
      ] as const) {
        expect(await plafond.caps.preview(of(change), replaces)).toMatchObject({
          accounts: [{ account, spend: 60_000_000n, thresholds: expect.arrayContaining([80, 100]) }],
        });
      }
    });
  });

  it('of a change tells only what is new', async () => {
    const id = await plafond.addCap(own());
    await use('60.00');
    const preview = await plafond.caps.preview(capDefinition.parse({ ...CAP, ...own({ limit: '75.00' }) }), id);
    expect(preview.accounts).toMatchObject([{ account, thresholds: [80], warn: true, suspend: [] }]);
  });
});

describe('an account', () => {
  it('that two make at once is made by one, and changed by the other', async () => {
    const put = (accountId: string, segment: string) =>
      plafond.accounts.put({ ...ACCOUNT, accountId, segment }, undefined, 'test');
    const ids = Array.from({ length: 10 }, (_, index) => `${account} twin ${index}`);
    for (const id of ids) {
      const made = await Promise.all([put(id, 'smb'), put(id, 'soho')]);
      expect(made.map(({ created, version }) => `${created} ${version}`).toSorted()).toEqual(['false 2', 'true 1']);
    }
    const recorded = await plafond.query<{ change: string; n: string }>(
      `SELECT change, count(*) AS n FROM changes WHERE subject_id = ANY ($1) GROUP BY 1 ORDER BY 1`,
      [ids],
    );
    expect(recorded).toEqual([
      { change: 'changed', n: '10' },
      { change: 'created', n: '10' },
    ]);
  });
});

describe('which cap holds', () => {
  it('follows the account into another segment, and counts there what was spent', async () => {
    await plafond.addCap({ scope: { segment: `smb-${account}` } });
    await plafond.addCap({ scope: { segment: `soho-${account}` }, limit: '50.00' });
    const move = (segment: string) =>
      plafond.accounts.put({ ...ACCOUNT, accountId: account, segment }, undefined, 'test');
    await move(`smb-${account}`);
    await use('45.00');
    expect(await decided()).toEqual([]);
    await move(`soho-${account}`);
    expect(await decided()).toEqual(['warn cap 50 at 45.00', 'warn cap 80 at 45.00']);
    await use('5.00');
    expect((await decided()).slice(2)).toEqual(['warn cap 100 at 50.00', 'suspend cap 100 at 50.00']);
  });

  it('is a service’s own for the service’s usage, which then counts for the account’s no more', async () => {
    await plafond.addCap(own());
    await use('45.00', { service_id: `trunk-${account}` });
    const id = await plafond.addCap({ scope: { service: `trunk-${account}` }, limit: '50.00' });
    expect(await decided()).toEqual(['warn cap 50 at 45.00', 'warn cap 80 at 45.00']);
    await use('49.00');
    expect(await decided()).toHaveLength(2);
    await use('1.00');
    expect((await decided()).slice(2)).toEqual(['warn cap 50 at 50.00']);
    await plafond.caps.remove(id, undefined, 'test');
    // 45 and 50 together are the account's again; with five more it is at its limit.
    await use('5.00');
    expect((await decided()).slice(3)).toEqual([
      'warn cap 80 at 95.00',
      'warn cap 100 at 100.00',
      'suspend cap 100 at 100.00',
    ]);
  });

  it('is the next one at once where the most specific is removed, though it is spent already', async () => {
    await plafond.addCap({ scope: { segment: 'smb' }, limit: '50.00' });
    const id = await plafond.addCap(own({ limit: '1000.00' }));
    await use('60.00');
    await plafond.caps.remove(id, undefined, 'test');
    expect(await decided()).toEqual(
      [50, 80, 100].map((percent) => `warn cap ${percent} at 60.00`).concat('suspend cap 100 at 60.00'),
    );
  });

  it('is cut by the account’s cycle day, also after that was changed', async () => {
    await plafond.addCap(own());
    await use('60.00', { started_at: '2026-03-10T10:00:00+01:00' });
    await plafond.accounts.put({ ...ACCOUNT, accountId: account, cycleDay: 15 }, undefined, 'test');
    await use('60.00', { started_at: '2026-03-16T10:00:00+01:00' });
    const rows = await plafond.query<{ begins: string; spend_micros: string }>(
      `SELECT (period_start AT TIME ZONE 'Europe/Amsterdam')::date::text AS begins, spend_micros FROM counters WHERE account_id = $1 ORDER BY 1`,
      [account],
    );
    expect(rows).toEqual([
      { begins: '2026-02-15', spend_micros: '60000000' },
      { begins: '2026-03-15', spend_micros: '60000000' },
    ]);
  });

  it('bars to the end of the period as the account’s cycle day and zone cut it now', async () => {
    const move = (cut: Partial<Account>) =>
      plafond.accounts.put({ ...ACCOUNT, accountId: account, ...cut }, undefined, 'test');
    const ends = () =>
      plafond.query<{ state: string; ends_at: Date }>(
        `SELECT state, ends_at FROM suspensions WHERE account_id = $1 ORDER BY suspension_no`,
        [account],
      );
    await plafond.addCap(own());
    await use('60.00', { started_at: '2026-03-16T10:00:00+01:00' });
    await use('60.00', { started_at: '2026-03-18T10:00:00+01:00' });
    expect(await ends()).toEqual([{ state: 'wanted', ends_at: new Date('2026-04-01T00:00:00+02:00') }]);
    await move({ cycleDay: 15 });
    expect(await ends()).toEqual([{ state: 'wanted', ends_at: new Date('2026-04-15T00:00:00+02:00') }]);
    await move({ cycleDay: 15, timeZone: 'Asia/Kathmandu' });
    expect(await ends()).toEqual([{ state: 'wanted', ends_at: new Date('2026-04-15T00:00:00+05:45') }]);
    // Lifted where the period of that name holds too little now, with what it holds; and barred to its end where more comes.
    await move({ cycleDay: 18 });
    expect((await decided()).slice(4)).toEqual(['notify-operator manual 80 at 60.00', 'restore manual 100 at 60.00']);
    await use('60.00', { started_at: '2026-03-19T10:00:00+01:00' });
    expect(await ends()).toEqual([
      { state: 'lifting', ends_at: new Date('2026-04-15T00:00:00+05:45') },
      { state: 'wanted', ends_at: new Date('2026-04-18T00:00:00+02:00') },
    ]);
  });

  it('bars nothing for a period that is still to begin, or is over, as the account is cut now', async () => {
    const move = (cycleDay: number) =>
      plafond.accounts.put({ ...ACCOUNT, accountId: account, cycleDay }, undefined, 'test');
    await plafond.addCap(own({ thresholds: [{ percent: 100, actions: ['suspend:international'] }] }));
    await use('100.00', { started_at: '2026-03-10T10:00:00+01:00' });
    // On 20 March it is February that runs, up to the 25th; March begins then, with nothing in it.
    await move(25);
    expect(await decided()).toEqual([
      'suspend cap 100 at 100.00',
      'restore manual 100 at 0.00',
      'suspend cap 100 at 100.00',
    ]);
    expect(await bars()).toMatchObject([{ state: 'lifting' }, { state: 'wanted' }]);
    // And now it is March again, in which it is barred anew; February is over, and so is what it barred.
    await move(1);
    const rows = await plafond.query<{ period: string; ends_at: Date }>(
      `SELECT period, ends_at FROM suspensions WHERE account_id = $1 AND state = 'wanted' ORDER BY suspension_no`,
      [account],
    );
    expect(rows).toEqual([
      { period: '2026-02', ends_at: new Date('2026-03-01T00:00:00+01:00') },
      { period: '2026-03', ends_at: new Date('2026-04-01T00:00:00+02:00') },
    ]);
  });

  it('acts anew in a period that was over, and runs once more as the account is cut now', async () => {
    const move = (cut: Partial<Account>) =>
      plafond.accounts.put({ ...ACCOUNT, accountId: account, ...cut }, undefined, 'test');
    await plafond.addCap(own());
    // On 20 March February is over; up to the 25th, if months begin then, it runs.
    await use('90.00', { started_at: '2026-02-26T10:00:00+01:00' });
    const late = [50, 80].map((percent) => `notify-operator cap ${percent} at 90.00`);
    expect(await decided()).toEqual(late);
    await move({ cycleDay: 25 });
    const warned = [50, 80].map((percent) => `warn cap ${percent} at 90.00`);
    expect((await decided()).slice(2)).toEqual(warned);
    await use('30.00', { started_at: '2026-03-20T10:00:00+01:00' });
    await move({ cycleDay: 25, timeZone: 'Asia/Kathmandu' });
    expect((await decided()).slice(4)).toEqual(['warn cap 100 at 120.00', 'suspend cap 100 at 120.00']);
    await move({});
    const ends = `SELECT state, ends_at FROM suspensions WHERE account_id = $1 ORDER BY suspension_no`;
    expect(await plafond.query(ends, [account])).toEqual([
      { state: 'wanted', ends_at: new Date('2026-03-01T00:00:00+01:00') },
    ]);
  });

  it('warns and bars once more where the end of a period is put off after it has passed', async () => {
    await plafond.addCap(own({ period: 'day' }));
    await use('120.00', { started_at: '2026-03-19T23:30:00+01:00' });
    expect((await decided()).map((each) => each.split(' ')[0])).toEqual(Array(3).fill('notify-operator'));
    // There it is still the 19th.
    await plafond.accounts.put({ ...ACCOUNT, accountId: account, timeZone: 'Etc/GMT+12' }, undefined, 'test');
    expect((await decided()).slice(3)).toEqual([
      ...[50, 80, 100].map((percent) => `warn cap ${percent} at 120.00`),
      'suspend cap 100 at 120.00',
    ]);
    const ends = `SELECT state, ends_at FROM suspensions WHERE account_id = $1`;
    expect(await plafond.query(ends, [account])).toEqual([
      { state: 'wanted', ends_at: new Date('2026-03-20T00:00:00-12:00') },
    ]);
  });

  it('of a service’s own is held in the periods as they are cut now too', async () => {
    await plafond.addCap({ scope: { service: `trunk-${account}` } });
    await use('100.00', { service_id: `trunk-${account}`, started_at: '2026-03-16T10:00:00+01:00' });
    const move = (cycleDay: number) =>
      plafond.accounts.put({ ...ACCOUNT, accountId: account, cycleDay }, undefined, 'test');
    await move(15);
    const ends = `SELECT state, ends_at FROM suspensions WHERE account_id = $1 ORDER BY suspension_no`;
    expect(await plafond.query(ends, [account])).toEqual([
      { state: 'wanted', ends_at: new Date('2026-04-15T00:00:00+02:00') },
    ]);
    // Lifted where the period of that name has none of it any more.
    await move(18);
    expect(await plafond.query(ends, [account])).toMatchObject([{ state: 'lifting' }]);
  });

  it('falls to what little the period holds now', async () => {
    await plafond.addCap(own({ thresholds: [{ percent: 100, actions: ['suspend:international'] }] }));
    await use('100.00', { started_at: '2026-03-10T10:00:00+01:00' });
    await use('20.00', { started_at: '2026-03-16T10:00:00+01:00' });
    await plafond.accounts.put({ ...ACCOUNT, accountId: account, cycleDay: 15 }, undefined, 'test');
    // Called March as before, it runs from the 15th.
    expect((await decided()).slice(1)).toEqual(['restore manual 100 at 20.00']);
  });

  it('is none in another currency than what was spent', async () => {
    const move = (currency: string) =>
      plafond.accounts.put({ ...ACCOUNT, accountId: account, currency }, undefined, 'test');
    await move('USD');
    await move('EUR');
    await use('60.00');
    await expect(move('USD')).rejects.toMatchObject({ kind: 'conflict', code: 'account_has_usage' });
    const all = [{ ...ACCOUNT, accountId: account, currency: 'USD' }];
    await expect(plafond.accounts.importAll(all, 'test')).rejects.toMatchObject({ code: 'account_has_usage' });
  });
});

describe('corrections', () => {
  it('that fall below lift what was suspended; that rise again suspend again', async () => {
    await plafond.addCap(own());
    const row = { record_id: `c-${account}`, account_id: account };
    await plafond.send([{ ...row, amount: '100.00' }]);
    await plafond.send([{ ...row, amount: '40.00', revision: 1 }]);
    expect(await bars()).toEqual([{ class: 'international', state: 'lifting' }]);
    await plafond.send([{ ...row, amount: '100.00', revision: 2 }]);
    expect(await bars()).toMatchObject([{ state: 'lifting' }, { state: 'wanted' }]);
    expect((await decided()).slice(4)).toEqual([
      'restore correction 100 at 40.00',
      'notify-operator correction 80 at 40.00',
      'notify-operator correction 50 at 40.00',
      'suspend correction 100 at 100.00',
    ]);
  });

  it('that fall lift what was suspended under terms that the account has no more', async () => {
    await plafond.addCap(own({ thresholds: [{ percent: 100, actions: ['suspend:international'] }] }));
    const record_id = await use('100.00');
    await plafond.accounts.put({ ...ACCOUNT, accountId: account, suspensionTerms: '' }, undefined, 'test');
    await plafond.send([{ record_id, account_id: account, amount: '40.00', revision: 1 }]);
    expect(await bars()).toEqual([{ class: 'international', state: 'lifting' }]);
    // Without terms there is nothing to lift the next time.
    await plafond.send([{ record_id, account_id: account, amount: '100.00', revision: 2 }]);
    await plafond.send([{ record_id, account_id: account, amount: '40.00', revision: 3 }]);
    expect(await decided()).toEqual([
      'suspend cap 100 at 100.00',
      'restore correction 100 at 40.00',
      'notify-operator correction 100 at 100.00',
      'notify-operator correction 100 at 40.00',
    ]);
  });

  it('that fall and rise again in one delivery leave the account suspended', async () => {
    await plafond.addCap(own());
    const row = { record_id: `d-${account}`, account_id: account };
    await plafond.send([{ ...row, amount: '100.00' }]);
    await plafond.send([
      { ...row, amount: '40.00', revision: 1 },
      { ...row, amount: '120.00', revision: 2 },
    ]);
    expect((await decided()).at(-1)).toBe('suspend correction 100 at 120.00');
    expect(await bars()).toMatchObject([{ state: 'lifting' }, { state: 'wanted' }]);
  });

  it('that fall and rise again bar once what is lifted by hand only, and again once a person has lifted it', async () => {
    await plafond.addCap(
      own({ reinstate: 'manual', thresholds: [{ percent: 100, actions: ['suspend:international'] }] }),
    );
    const row = { record_id: `m-${account}`, account_id: account };
    await plafond.send([{ ...row, amount: '100.00' }]);
    await plafond.send([{ ...row, amount: '40.00', revision: 1 }]);
    await plafond.send([{ ...row, amount: '100.00', revision: 2 }]);
    expect(await bars()).toEqual([{ class: 'international', state: 'wanted' }]);
    await plafond.query(`UPDATE suspensions SET state = 'lifted' WHERE account_id = $1`, [account]);
    await plafond.send([{ ...row, amount: '40.00', revision: 3 }]);
    await plafond.send([{ ...row, amount: '100.00', revision: 4 }]);
    expect(await bars()).toMatchObject([{ state: 'lifted' }, { state: 'wanted' }]);
  });

  it('of a period that has ended are told to the billing team alone', async () => {
    await plafond.addCap(own());
    await use('120.00', { started_at: '2026-02-10T10:00:00+01:00' });
    expect(await decided()).toEqual([50, 80, 100].map((percent) => `notify-operator cap ${percent} at 120.00`));
    expect(await bars()).toEqual([]);
  });

  it('in rolling windows lift what the window had suspended', async () => {
    await plafond.addCap(
      own({ period: 'rolling:24h', thresholds: [{ percent: 100, actions: ['suspend:international'] }] }),
    );
    const row = { record_id: `w-${account}`, account_id: account, started_at: '2026-03-20T08:00:00+01:00' };
    await plafond.send([{ ...row, amount: '60.00' }]);
    const last = await use('40.00', { started_at: '2026-03-20T11:00:00+01:00' });
    expect(await decided()).toEqual(['suspend cap 100 at 100.00']);
    await plafond.send([{ ...row, amount: '50.00', revision: 1 }]);
    expect((await decided()).slice(1)).toEqual(['restore correction 100 at 90.00']);
    await use('10.00', { started_at: '2026-03-20T11:30:00+01:00' });
    expect((await decided()).slice(2)).toEqual(['suspend correction 100 at 100.00']);
    await plafond.send([
      {
        record_id: last,
        account_id: account,
        amount: '40.00',
        state: 'final',
        started_at: '2026-03-20T11:00:00+01:00',
      },
    ]);
    expect(await decided()).toHaveLength(3);
  });
});
