/** Calls in progress as a real Kamailio tells of them, one by one: docker/kamailio/call-events.cfg. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { readConfig } from '../../src/config.ts';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { PlafondLogger } from '../../src/logging.ts';
import { FollowCalls } from '../../src/pipeline/limits/follow-calls.ts';
import { EvaluateExposure } from '../../src/pipeline/limits/evaluate-exposure.ts';
import { startPlafond, type Plafond } from '../../src/start.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { freePort, KEY, until, sleep } from '../harness/process.ts';
import { MID_CYCLE } from '../samples/account.ts';
import { Kamailio, kamailioPorts, type KamailioPorts } from './kamailio.ts';
import { describeWith } from './programs.ts';
import { SAMPLE_CAP, SAMPLE_FORM } from './samples.ts';
import { Carrier, Pbx, type Calls } from './sipp.ts';

const SOMALIA = '+252612345678';
const NATIONAL = '0201234567';
const NEEDED = ['kamailio', 'sipp', 'kamailio/http_client.so', 'kamailio/jansson.so'];

interface Exposure {
  exposure: string;
  calls: { number: string; ended_at: string | null; price: { from: string } }[];
}

describeWith(NEEDED, 'calls that Kamailio tells of', () => {
  let database: TestDatabase;
  let folder: string;
  let port: number;
  let ports: KamailioPorts;
  let plafond: Plafond;
  let carrier: Carrier;
  let kamailio: Kamailio;
  const pbxs: Pbx[] = [];

  const start = async (role: string) => {
    const config = readConfig({
      PORT: String(port),
      DATA_DIR: folder,
      DATABASE_URL: database.url,
      PLAFOND_ADMIN_KEY: KEY,
      LOG_LEVEL: 'silent',
      ROLE: role,
      SWITCH_URL: `kamailio+http://127.0.0.1:${ports.rpc}/RPC`,
    });
    plafond = await startPlafond(config, { log: new PlafondLogger(config) });
  };

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'plafond-events-'));
    port = await freePort();
    carrier = await Carrier.start();
    ports = await kamailioPorts(carrier.port);
    // Nobody schedules anything here, so nobody asks Kamailio for its calls: what is known of them, events have told.
    await start('api,worker');
    await ask('PUT', '/v1/accounts/1001', { ...SAMPLE_FORM, cycle_day: MID_CYCLE });
    const { key } = await ask<{ key: string }>('POST', '/v1/keys', { name: 'switch', role: 'feed' });
    const url = `http://127.0.0.1:${port}/v1/live-calls/events?switch=kamailio&node=127.0.0.1:${ports.rpc}`;
    kamailio = new Kamailio(ports, { events: { url, key } });
    await kamailio.start();
  });
  afterAll(async () => {
    await plafond?.close();
    for (const pbx of pbxs) await pbx.stop();
    await Promise.all([kamailio?.stop(), carrier?.stop()]);
    await database?.drop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const call = async (calls: Omit<Calls, 'account'>) => {
    const pbx = await Pbx.call(ports.sip, { account: '1001', ...calls });
    pbxs.push(pbx);
    return pbx;
  };
  const exposure = () => ask<Exposure>('GET', '/v1/accounts/1001/exposure');
  const live = async () =>
    (await ask<{ items: { number: string }[] }>('GET', '/v1/accounts/1001/live-calls')).items.map(
      ({ number }) => number,
    );

  it('are known, with their price, once they are answered; emergency calls never', async () => {
    const paid = {
      record_id: 'r1',
      account_id: '1001',
      started_at: formatInstant(new SystemClock().now() - 600_000),
      duration_s: 1,
      kind: 'voice',
      a_number: '+31201234567',
      b_number: SOMALIA,
      amount: '1.00',
      currency: 'EUR',
      state: 'provisional',
    };
    await ask('POST', '/v1/usage?feed=rating', [paid]);
    await ask('POST', '/v1/caps', { ...SAMPLE_CAP, limit: '4.00', count: 'with-exposure' });
    expect(await (await call({ scenario: 'pass', number: '112' })).wentAsExpected()).toBe(true);
    await call({ scenario: 'talk', number: SOMALIA });
    const began = performance.now();
    await until('it shows', async () => (await live()).length > 0);
    process.stdout.write(`the call showed ${(performance.now() - began).toFixed(0)} ms after the PBX began it\n`);
    expect((await exposure()).calls).toMatchObject([{ number: SOMALIA, ended_at: null, price: { from: 'own-range' } }]);
  });

  it('count under a cap while they run: the bar ends them, and their end is told, or seen when Kamailio is asked', async () => {
    const evaluate = plafond.app.get(EvaluateExposure, { strict: false });
    await until('the cap acts', async () => (await evaluate.run()) > 0);
    await until('it is barred', () => kamailio.barred('1001:international'));
    await until('the carrier was told of its end', async () => (await carrier.seen()).ended.includes(SOMALIA));
    // A call that is hung up as it is ended from here: of some, Kamailio 5.6 writes a CDR but runs no event. The scheduler asks
    // every five seconds; here it is asked now.
    const calls = plafond.app.get(FollowCalls, { strict: false });
    await until('it runs no more', async () => {
      if ((await live()).length === 0) return true;
      await sleep(1_000);
      await calls.run();
      return (await live()).length === 0;
    });
    const [ended] = (await exposure()).calls;
    expect(ended!.ended_at).not.toBeNull();
  });

  it('are told later where Plafond is away, in order; calls go on as if it were there', async () => {
    await plafond.close();
    await call({ scenario: 'talk', number: NATIONAL });
    expect(await (await call({ scenario: 'pass', number: NATIONAL, calls: 50 })).wentAsExpected()).toBe(true);
    await until('it was missed', async () => kamailio.log.includes('Plafond does not take events of calls'));
    await start('api');
    await until('it takes them again', async () => kamailio.log.includes('Plafond takes events of calls again'));
    // The first test's, the one that talks, and the fifty.
    const kept = async () => {
      const [row] = await database.dataSource.query(
        `SELECT count(*)::int AS calls, count(*) FILTER (WHERE ended_at IS NULL)::int AS running FROM running_calls`,
      );
      return (row as { calls: number; running: number }).calls === 52 && row.running === 1;
    };
    await until('all have been told', kept);
    expect(await live()).toEqual(['+31201234567']);
  });

  it('are forgotten where their end was never told, as soon as Kamailio is asked', async () => {
    await kamailio.kill();
    await kamailio.start();
    expect(await live()).toEqual(['+31201234567']);
    await plafond.close();
    await start('all');
    await until('it runs no more', async () => (await live()).length === 0);
  });
});
