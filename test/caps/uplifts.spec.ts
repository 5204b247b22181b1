/** A limit that is raised for a while: what that lifts, what holds meanwhile, and what happens when it ends. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { ACCOUNT, TestPlafond, type UsageRow } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const start = parseInstant('2026-03-20T12:00:00+01:00')!;
const HOUR_MS = 3_600_000;
let plafond: TestPlafond;
let uplifts: GrantUplift;
beforeAll(async () => {
  plafond = await TestPlafond.at(start);
  uplifts = new GrantUplift(plafond.database.dataSource, plafond.clock);
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
  const { dataSource } = plafond.database;
  expect(await inTransaction(dataSource, ({ client }) => verifyAccount(client, account))).toMatchObject({ ok: true });
  await plafond.query('DELETE FROM uplifts');
  for (const { cap_id } of await plafond.query<{ cap_id: string }>('SELECT cap_id FROM caps')) {
    await plafond.caps.remove(cap_id, undefined, 'test');
  }
});

let records = 0;
const use = (amount: string, row: Partial<UsageRow> = {}) =>
  plafond.send([{ record_id: `r${++records}`, account_id: account, amount, ...row }]);
const pass = (ms: number) => plafond.clock.advanceTo(plafond.clock.now() + ms);
const decided = async () =>
  (await plafond.decisions())
    .filter((each) => each.accountId === account)
    .map(({ type, trigger, threshold, limit }) => `${type} ${trigger} ${threshold} of ${formatAmount(limit ?? 0n)}`);
const states = async () =>
  (
    await plafond.query<{ state: string }>(
      'SELECT state FROM suspensions WHERE account_id = $1 ORDER BY suspension_no',
      [account],
    )
  ).map(({ state }) => state);
const grant = (amount: bigint, change: object = {}) =>
  inTransaction(plafond.database.dataSource, async ({ client }) => ({
    id: await uplifts.grantWithin(client, {
      accountId: account,
      of: { traffic: 'international' },
      amount,
      until: plafond.clock.now() + 24 * HOUR_MS,
      reason: 'paid in advance',
      actor: 'anna',
      ...change,
    }),
  }));
const EURO = 1_000_000n;
const at100 = [
  { percent: 80, actions: ['warn' as const] },
  { percent: 100, actions: ['warn' as const, 'suspend:international' as const] },
];

describe('an uplift', () => {
  it('lifts at once, lets go on up to the raised limit, and suspends there', async () => {
    await plafond.addCap({ thresholds: at100 });
    await use('110.00');
    expect(await states()).toEqual(['wanted']);
    pass(1_000);
    await grant(100n * EURO);
    expect(await states()).toEqual(['lifting']);
    expect((await decided()).slice(3)).toEqual(['notify-operator manual 80 of 200.00', 'restore manual 100 of 200.00']);
    await use('49.00');
    expect(await decided()).toHaveLength(5);
    // At 80 % of the limit that holds now the customer is told once more, and at the limit suspended once more.
    await use('1.00');
    await use('40.00');
    expect((await decided()).slice(5)).toEqual([
      'warn cap 80 of 200.00',
      'warn cap 100 of 200.00',
      'suspend cap 100 of 200.00',
    ]);
    expect(await states()).toEqual(['lifting', 'wanted']);
  });

  it('suspends again when its time is over, once, whoever looks', async () => {
    await plafond.addCap({ thresholds: at100 });
    await use('110.00');
    pass(1_000);
    await grant(100n * EURO);
    pass(23 * HOUR_MS);
    expect(await uplifts.endDue()).toBe(0);
    expect(await states()).toEqual(['lifting']);
    pass(HOUR_MS);
    const ended = await Promise.all([uplifts.endDue(), uplifts.endDue(), uplifts.endDue()]);
    expect(ended.reduce((sum, each) => sum + each, 0)).toBe(1);
    expect((await decided()).slice(5)).toEqual([
      'warn cap 80 of 100.00',
      'warn cap 100 of 100.00',
      'suspend cap 100 of 100.00',
    ]);
    expect(await states()).toEqual(['lifting', 'wanted']);
    const kinds = await plafond.query<{ kind: string }>(
      `SELECT kind FROM evidence WHERE account_id = $1 AND kind LIKE 'uplift%' ORDER BY seq`,
      [account],
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(['uplift-granted', 'uplift-ended']);
  });

  it('lets what it had lifted be reached once more after its end', async () => {
    await plafond.addCap({ thresholds: at100 });
    await use('110.00', { record_id: `corrected ${account}` });
    pass(1_000);
    const { id } = await grant(100n * EURO);
    await use('60.00', { record_id: `corrected ${account}`, revision: 1 });
    await uplifts.end(account, id, 'enough', 'anna');
    expect(await states()).toEqual(['lifting']);
    const had = (await decided()).length;
    await use('50.00');
    expect((await decided()).slice(had)).toEqual([
      'warn cap 80 of 100.00',
      'warn cap 100 of 100.00',
      'suspend cap 100 of 100.00',
    ]);
    expect(await states()).toEqual(['lifting', 'wanted']);
  });

  it('does nothing at its end where spend is below the limit', async () => {
    await plafond.addCap({ thresholds: at100 });
    await use('40.00');
    await grant(10n * EURO);
    pass(24 * HOUR_MS);
    expect(await uplifts.endDue()).toBe(1);
    expect(await decided()).toEqual([]);
  });

  it('also lifts what is lifted by hand only: a person has raised the limit', async () => {
    await plafond.addCap({ thresholds: at100, reinstate: 'manual' });
    await use('110.00');
    pass(1_000);
    await grant(50n * EURO);
    expect(await states()).toEqual(['lifting']);
  });

  it('lifts what waits for the guard or for approval', async () => {
    await plafond.addCap({ thresholds: at100, mode: 'approve' });
    await use('110.00');
    expect(await states()).toEqual(['awaiting-approval']);
    pass(1_000);
    await grant(50n * EURO);
    expect(await states()).toEqual(['declined']);
  });

  it('raises a rolling window’s limit as well', async () => {
    await plafond.addCap({ thresholds: at100, period: 'rolling:24h' });
    const recently = { started_at: new Date(plafond.clock.now() - HOUR_MS).toISOString() };
    await use('110.00', recently);
    expect(await states()).toEqual(['wanted']);
    pass(1_000);
    await grant(50n * EURO);
    expect(await states()).toEqual(['lifting']);
    await use('45.00', recently);
    expect(await states()).toEqual(['lifting', 'wanted']);
  });

  it('of a service’s cap raises that one', async () => {
    const cap = await plafond.addCap({ scope: { service: `trunk-${account}` }, thresholds: at100 });
    await use('110.00', { service_id: `trunk-${account}` });
    pass(1_000);
    await grant(50n * EURO, { of: { cap } });
    expect(await states()).toEqual(['lifting']);
  });

  it('raises the limit of its account alone where others come under the same cap with it', async () => {
    await plafond.addCap({ scope: { segment: `soho-${account}` }, thresholds: at100 });
    const other = `${account}-other`;
    await plafond.addAccount({ accountId: other });
    await plafond.send(
      [other, account].map((account_id) => ({ record_id: `r${++records}`, account_id, amount: '90.00' })),
    );
    await plafond.addCap({ scope: { account }, period: 'week', limit: '500.00' });
    await grant(50n * EURO);
    const moved = [other, account].map((accountId) => ({ ...ACCOUNT, accountId, segment: `soho-${account}` }));
    await plafond.accounts.importAll(moved, 'test');
    const warned = (await plafond.decisions()).filter(({ accountId }) => accountId === other);
    expect(warned.map(({ type, threshold }) => `${type} ${threshold}`)).toEqual(['warn 80']);
    expect(await decided()).toEqual([]);
  });

  it('ended by hand acts like one whose time is over, and ends once', async () => {
    await plafond.addCap({ thresholds: at100 });
    await use('110.00');
    pass(1_000);
    const { id } = await grant(50n * EURO);
    pass(1_000);
    await uplifts.end(account, id, 'the payment bounced', 'anna');
    expect((await decided()).at(-1)).toBe('suspend cap 100 of 100.00');
    await expect(uplifts.end(account, id, 'again', 'anna')).rejects.toMatchObject({ code: 'already_ended' });
    await expect(uplifts.end('other', id, 'again', 'anna')).rejects.toMatchObject({ code: 'unknown_uplift' });
  });

  it('holds for what other processes count at the same time', async () => {
    await plafond.addCap({ thresholds: at100 });
    await Promise.all([grant(100n * EURO), ...Array.from({ length: 10 }, () => use('11.00'))]);
    const suspended = (await states()).filter((state) => state === 'wanted');
    expect(suspended).toEqual([]);
    await use('90.00');
    expect((await decided()).at(-1)).toBe('suspend cap 100 of 200.00');
  });

  it.each([
    ['for an account that is none', { accountId: 'nobody' }, 'unknown_account'],
    ['of a traffic without a cap', { of: { traffic: 'premium' } }, 'no_such_cap'],
    ['of a cap that is none', { of: { cap: '11111111-1111-4111-8111-111111111111' } }, 'no_such_cap'],
    ['that has ended', { until: 0 }, 'bad_end'],
    ['for more than a year', { until: Date.UTC(2030, 0) }, 'bad_end'],
  ])('%s is refused', async (_, change, code) => {
    await plafond.addCap({ thresholds: at100 });
    await expect(grant(EURO, change)).rejects.toMatchObject({ code });
  });

  it('is refused where twenty are in force', async () => {
    await plafond.addCap({ thresholds: at100 });
    for (let i = 0; i < 20; i++) await grant(EURO);
    await expect(grant(EURO)).rejects.toMatchObject({ code: 'too_many_uplifts' });
  });
});
