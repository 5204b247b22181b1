/** A limit that is likely to be reached: foreseen from the ledger, told to the customer once, and shown in the API. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { ForecastCaps } from '../../src/pipeline/limits/forecast-caps.ts';
import { ACCOUNT, CAP, startAdmin, type AdminApp } from '../admin/admin-app.ts';

let admin: AdminApp;
let forecasts: ForecastCaps;
beforeEach(async () => {
  admin = await startAdmin();
  forecasts = admin.app.get(ForecastCaps, { strict: false });
});
afterEach(() => admin.close());

const CAP_OF_FORECAST = { ...CAP, forecast: true, thresholds: [{ percent: 100, actions: ['warn'] }] };
const account = (id: string, change: Partial<typeof ACCOUNT> = {}) =>
  admin.call('PUT', `/v1/accounts/${id}`, { body: { ...ACCOUNT, ...change } });
/** Usage of an account on each day from the first to the last before 10 March 2010. */
const days = async (id: string, count: number, amountOn: (daysAgo: number) => string) => {
  const now = admin.clock.now();
  const rows = Array.from({ length: count }, (_, at) => ({
    record_id: `r${sent++}`,
    account_id: id,
    started_at: formatInstant(now - (count - at) * 86_400_000),
    duration_s: 60,
    kind: 'voice',
    b_number: '+442071234567',
    amount: amountOn(count - at),
    currency: 'EUR',
    state: 'final',
  }));
  const answer = await admin.call('POST', '/v1/usage?feed=rating', { body: rows });
  expect(answer.json()).toMatchObject({ rejected: 0 });
};
let sent = 0;
/** The decisions that tell of what is likely. */
const warnings = async () =>
  (await admin.call('GET', '/v1/decisions', { headers: { accept: 'application/json' } }))
    .json()
    .items.filter(({ explanation }: { explanation: string }) => explanation.includes('likely')) as Record<
    string,
    unknown
  >[];

describe('a limit that is likely to be reached', () => {
  it('is told once a period, with the day and how sure that is', async () => {
    await account('1001');
    await admin.call('POST', '/v1/caps', { body: CAP_OF_FORECAST });
    await days('1001', 60, () => '6.00');
    expect(await forecasts.run()).toBe(1);
    const [warning, ...others] = await warnings();
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ type: 'warn', trigger: 'cap', spend: '54.00', limit: '100.00', period: '2010-03' });
    expect(warning).not.toHaveProperty('threshold');
    expect(warning!['explanation']).toMatch(
      /is likely to be reached around 2010-03-1\d, eight in ten between 2010-03-1\d and/,
    );
    const [row] = await admin.database.dataSource.query(`SELECT facts FROM warnings WHERE channel = 'email'`);
    expect(JSON.stringify(row.facts)).toContain('"kind":"forecast"');
    expect(await forecasts.run()).toBe(0);
    await days('1001', 61, (ago) => (ago === 61 ? '1.00' : '6.00'));
    expect(await forecasts.run()).toBe(0);
    expect(await warnings()).toHaveLength(1);
  });

  it('is told once the cap is in shadow mode no more, though it was recorded then', async () => {
    await account('1001');
    const made = await admin.call('POST', '/v1/caps', { body: { ...CAP_OF_FORECAST, mode: 'shadow' } });
    await days('1001', 60, () => '6.00');
    expect(await forecasts.run()).toBe(1);
    const path = `/v1/caps/${made.json().id}`;
    const changed = await admin.call('PUT', path, { body: CAP_OF_FORECAST, headers: { 'if-match': '"1"' } });
    expect(changed.statusCode).toBe(200);
    await days('1001', 1, () => '6.00');
    expect(await forecasts.run()).toBe(1);
    expect(await warnings()).toMatchObject([{ mode: 'shadow' }, { mode: 'enforce' }]);
  });

  it('is told of nobody who is not likely to reach it, is new, or has no such cap', async () => {
    await account('1001');
    await account('1002');
    await account('1003', { segment: 'other' });
    await admin.call('POST', '/v1/caps', { body: CAP_OF_FORECAST });
    await days('1001', 60, () => '1.00');
    await days('1002', 5, () => '15.00');
    await days('1003', 60, () => '9.00');
    expect(await forecasts.run()).toBe(0);
    expect(await warnings()).toEqual([]);
  });

  it('is looked at again only where spend has moved', async () => {
    await account('1001');
    await admin.call('POST', '/v1/caps', { body: CAP_OF_FORECAST });
    await days('1001', 60, () => '1.00');
    await forecasts.run();
    const at = async () => (await admin.database.dataSource.query('SELECT at, spend_micros FROM forecasts'))[0];
    const first = await at();
    admin.clock.advanceTo(admin.clock.now() + 3_600_000);
    await forecasts.run();
    expect(await at()).toEqual(first);
    await days('1001', 1, () => '2.00');
    await forecasts.run();
    expect((await at()).at).not.toEqual(first.at);
  });

  it('is told to the billing team where the customer can not be', async () => {
    await account('1001', { email: '', msisdn: '' });
    await admin.call('POST', '/v1/caps', { body: CAP_OF_FORECAST });
    await days('1001', 60, () => '6.00');
    await forecasts.run();
    expect(await warnings()).toMatchObject([{ type: 'notify-operator' }]);
  });

  it('is refused of a cap of days', async () => {
    const answer = await admin.call('POST', '/v1/caps', { body: { ...CAP_OF_FORECAST, period: 'day' } });
    expect([answer.statusCode, answer.json().errors]).toEqual([
      422,
      [{ field: 'forecast', detail: 'must be false where the period is day' }],
    ]);
  });
});

describe('the forecast of an account', () => {
  const forecast = async () => (await admin.call('GET', '/v1/accounts/1001/forecast')).json();

  it('is a day with a range, whether the cap asks for warnings or not', async () => {
    await account('1001');
    await admin.call('POST', '/v1/caps', { body: CAP });
    await days('1001', 60, () => '6.00');
    const [only, ...others] = await forecast();
    expect(others).toEqual([]);
    expect(only).toMatchObject({ traffic: 'international', period: '2010-03', spend: '54.00', outcome: 'foreseen' });
    expect(only.earliest <= only.likely && only.likely <= (only.latest ?? '2010-03-31')).toBe(true);
    expect(only.likely).toMatch(/^2010-03-1[678]$/);
    expect(Number(only.spend_at_end.low)).toBeLessThan(Number(only.spend_at_end.high));
    const spend = async (query: string) => (await admin.call('GET', `/v1/accounts/1001/spend?${query}`)).json();
    const [running, ...past] = await spend('traffic=international&period=month');
    expect(running).toMatchObject({ period: '2010-03', forecasts: [only] });
    expect(past.filter((each: object) => 'forecasts' in each)).toEqual([]);
    expect((await spend('traffic=all&period=month'))[0]).not.toHaveProperty('forecasts');
  });

  it('says that too little is known, and that a limit is reached', async () => {
    await account('1001');
    await admin.call('POST', '/v1/caps', { body: CAP });
    await days('1001', 6, () => '6.00');
    expect(await forecast()).toMatchObject([{ outcome: 'too-few-days', days_needed: 14, likely: null }]);
    admin.clock.advanceTo(parseInstant('2010-03-10T13:00:00+01:00')!);
    await days('1001', 1, () => '200.00');
    expect(await forecast()).toMatchObject([{ outcome: 'reached', probability: null }]);
  });
});
