/**
 * A whole server, its clock in the test's hand: suspensions end with their period, cut in the account's own zone (across a
 * change of clocks, from a cycle day on), and only while the feed is fresh.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { DrivenClock, formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { PlafondLogger } from '../../src/logging.ts';
import { startPlafond, type Plafond } from '../../src/start.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createTestDatabase } from '../harness/database.ts';
import { CAP } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';

const KEY = 'key-of-this-story';
const moment = (text: string) => parseInstant(text)!;
const clock = new DrivenClock(moment('2026-03-28T22:00:00+01:00'));
let dataDir: string;
let plafond: Plafond;

beforeAll(async () => {
  const { url } = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'plafond-lifting-'));
  const config = readConfig({
    DATABASE_URL: url,
    DATA_DIR: dataDir,
    PORT: '0',
    PLAFOND_ADMIN_KEY: KEY,
    LOG_LEVEL: 'error',
  });
  plafond = await startPlafond(config, { clock, log: new PlafondLogger(config) });
  closedAtLast('Plafond', () => plafond.close());
});
afterAll(async () => {
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${plafond.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, accept: 'application/json', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as T;
}

interface Suspension {
  state: string;
  ends_at: string;
  ends: string;
}
const suspensionsOf = async (account: string) =>
  (await ask<{ items: Suspension[] }>('GET', `/v1/suspensions?account=${account}`)).items;
const is = (account: string, state: string) =>
  until(
    `the newest suspension of ${account} is ${state}`,
    async () => (await suspensionsOf(account))[0]?.state === state,
  );
const barred = async () =>
  Object.keys(JSON.parse(await readFile(join(dataDir, 'switch', 'barred.json'), 'utf8')) as object).toSorted();
const alarms = async () =>
  (await ask<{ items: { kind: string }[] }>('GET', '/v1/alarms?open=true&kind=lifting-waits')).items.length;

let calls = 0;
const call = (account: string, amount: string, number = '+252612345678') => ({
  record_id: `c${++calls}`,
  account_id: account,
  started_at: formatInstant(clock.now() - 60_000),
  duration_s: 60,
  kind: 'voice',
  b_number: number,
  amount,
  currency: 'EUR',
  state: 'provisional',
});
const send = (...rows: object[]) => ask('POST', '/v1/usage?feed=rating', rows);
/** Usage that costs nothing, so that the feed is fresh. */
const hello = () => send(call('amsterdam', '0.01', '+31201234567'));
const longerThanARound = () => new Promise((resolve) => setTimeout(resolve, 6_500));

it('suspensions end with the day and the month of each account, and wait for a feed that is silent', async () => {
  await ask('PUT', '/v1/feeds/rating', { expect_every_s: 7_200 });
  const account = {
    name: 'Made up',
    segment: 'smb',
    currency: 'EUR',
    locale: 'en',
    home_country: 'NL',
    suspension_terms: 'GTC 7.3',
  };
  await ask('PUT', '/v1/accounts/amsterdam', { ...account, time_zone: 'Europe/Amsterdam', segment: 'daily' });
  await ask('PUT', '/v1/accounts/newyork', { ...account, time_zone: 'America/New_York', cycle_day: 15 });
  const thresholds = [{ percent: 100, actions: ['suspend:international'] }];
  await ask('POST', '/v1/caps', { ...CAP, scope: { segment: 'daily' }, period: 'day', thresholds });
  await ask('POST', '/v1/caps', { ...CAP, scope: { segment: 'smb' }, thresholds });

  await send(call('amsterdam', '120.00'), call('newyork', '120.00'));
  await is('amsterdam', 'applied');
  await is('newyork', 'applied');
  expect(await barred()).toEqual(['amsterdam:international', 'newyork:international']);
  expect((await suspensionsOf('amsterdam'))[0]).toMatchObject({
    ends_at: '2026-03-29T00:00:00+01:00',
    ends: expect.stringMatching(
      /^by itself with the period 2026-03-28, or sooner by POST \/v1\/suspensions\/.*\/lift$/,
    ),
  });
  expect((await suspensionsOf('newyork'))[0]).toMatchObject({ ends_at: '2026-04-15T00:00:00-04:00' });

  // One second before midnight nothing is lifted; at midnight the day is over in Amsterdam, and nothing else is.
  clock.advanceTo(moment('2026-03-28T23:59:59+01:00'));
  await longerThanARound();
  expect((await suspensionsOf('amsterdam'))[0]!.state).toBe('applied');
  clock.advanceTo(moment('2026-03-29T00:00:00+01:00'));
  await is('amsterdam', 'lifted');
  expect(await barred()).toEqual(['newyork:international']);

  // On the day on which clocks go forward, the day has 23 hours.
  clock.advanceTo(moment('2026-03-29T19:00:00+02:00'));
  await send(call('amsterdam', '120.00'));
  await is('amsterdam', 'applied');
  expect((await suspensionsOf('amsterdam'))[0]!.ends_at).toBe('2026-03-30T00:00:00+02:00');

  // Nothing has come for five hours: nobody knows what was spent, so what a rule has barred stays, and that is told once.
  clock.advanceTo(moment('2026-03-30T00:00:01+02:00'));
  await until('an alarm says that lifting waits', async () => (await alarms()) === 1);
  await longerThanARound();
  expect((await suspensionsOf('amsterdam'))[0]!.state).toBe('applied');
  expect(await alarms()).toBe(1);
  await hello();
  await is('amsterdam', 'lifted');
  await until('the alarm is cleared', async () => (await alarms()) === 0);

  // The month of the other account ends where its own day begins, on the 15th.
  clock.advanceTo(moment('2026-04-14T23:59:59-04:00'));
  await hello();
  await longerThanARound();
  expect((await suspensionsOf('newyork'))[0]!.state).toBe('applied');
  clock.advanceTo(moment('2026-04-15T00:00:00-04:00'));
  await is('newyork', 'lifted');
  expect(await barred()).toEqual([]);
});
