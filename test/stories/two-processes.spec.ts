/**
 * Two processes on one PostgreSQL and a Redis, from usage to suspension and back: the API takes usage and decides, the
 * worker warns, bars, reads back, and lifts again, by hand and when the time is over.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { CAP } from '../harness/plafond.ts';
import { PlafondProcess, until } from '../harness/process.ts';
import { redisIsInstalled, startRedis } from '../harness/redis-server.ts';
import { MID_CYCLE } from '../samples/account.ts';

const clock = new SystemClock();
const startedAt = formatInstant(clock.now() - 60_000);
let database: TestDatabase;
let dataDir: string;
let api: PlafondProcess;

interface Suspension {
  id: string;
  state: string;
  class: string;
}

const story = redisIsInstalled ? it : it.skip;
if (!redisIsInstalled)
  process.stdout.write("skipped: this story needs Debian's redis-server, which is not installed\n");

beforeAll(async () => {
  if (!redisIsInstalled) return;
  database = await createTestDatabase();
  const redis = await startRedis();
  dataDir = await mkdtemp(join(tmpdir(), 'plafond-two-'));
  const env = { DATABASE_URL: database.url, QUEUE_URL: `redis://127.0.0.1:${redis.port}`, DATA_DIR: dataDir };
  api = await PlafondProcess.start({ ...env, ROLE: 'api' });
  await PlafondProcess.start({ ...env, ROLE: 'worker,scheduler' });
});
afterAll(async () => {
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

const suspensions = async () => (await api.json<{ items: Suspension[] }>('GET', '/v1/suspensions?account=1001')).items;
const barred = async () =>
  Object.keys(JSON.parse(await readFile(join(dataDir, 'switch', 'barred.json'), 'utf8')) as object);
const suspensionIs = (state: string) =>
  until(`the newest suspension is ${state}`, async () => (await suspensions())[0]?.state === state);

story(
  'usage crosses the limit, the worker warns and bars, a person lifts, and what is timed ends by itself',
  async () => {
    await api.json('PUT', '/v1/accounts/1001', {
      name: 'Account 1001',
      segment: 'smb',
      currency: 'EUR',
      time_zone: 'Europe/Amsterdam',
      cycle_day: MID_CYCLE,
      locale: 'en',
      email: 'a1001@example.net',
      msisdn: '+31685570221',
      home_country: 'NL',
      suspension_terms: 'GTC 7.3',
    });
    await api.json('POST', '/v1/caps', CAP);
    const call = (id: string, amount: string) => ({
      record_id: id,
      account_id: '1001',
      started_at: startedAt,
      duration_s: 30,
      kind: 'voice',
      b_number: '+252612345678',
      amount,
      currency: 'EUR',
      state: 'provisional',
    });
    expect(await api.json('POST', '/v1/usage?feed=rating', [call('r1', '60.00')])).toMatchObject({
      received: 1,
      counted: 1,
    });
    expect(await api.json('POST', '/v1/usage?feed=rating', [call('r2', '45.00'), call('r1', '60.00')])).toMatchObject({
      received: 2,
      counted: 1,
      duplicate: 1,
    });

    await suspensionIs('applied');
    expect(await barred()).toEqual(['1001:international']);
    await until('all warnings are out', async () => {
      const { items } = await api.json<{ items: { state: string; channel: string }[] }>(
        'GET',
        '/v1/warnings?account=1001',
      );
      return items.length === 4 && items.every(({ state }) => state === 'sent');
    });
    expect(await readdir(join(dataDir, 'inbox', 'email'))).toHaveLength(2);

    const [{ id } = { id: '' }] = await suspensions();
    await api.json('POST', `/v1/suspensions/${id}/lift`, { reason: 'the customer has paid in advance' });
    await suspensionIs('lifted');
    expect(await barred()).toEqual([]);

    await api.json('POST', '/v1/suspensions', {
      account: '1001',
      class: 'premium',
      reason: 'asked for by the customer',
      until: formatInstant(clock.now() + 3_600_000),
    });
    await suspensionIs('applied');
    expect(await barred()).toEqual(['1001:premium']);
    // As if the hour had passed.
    await database.dataSource.query(`UPDATE suspensions SET ends_at = now() WHERE state = 'applied'`);
    await suspensionIs('lifted');
    expect(await barred()).toEqual([]);

    const { items } = await api.json<{ items: { type: string; trigger: string }[] }>(
      'GET',
      '/v1/decisions?account=1001',
    );
    expect(items.map(({ type, trigger }) => `${type} by ${trigger}`)).toEqual([
      'warn by cap',
      'warn by cap',
      'warn by cap',
      'suspend by cap',
      'restore by manual',
      'suspend by manual',
      'restore by period-end',
    ]);
  },
);
