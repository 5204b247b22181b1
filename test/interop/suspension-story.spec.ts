/**
 * A customer's hacked PBX, from the usage that crosses the limit to the calls that pass again next month: Plafond with two
 * real Kamailios, and SIPp as PBX and as carrier.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { readConfig } from '../../src/config.ts';
import { DrivenClock, formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { PlafondLogger } from '../../src/logging.ts';
import { startPlafond, type Plafond } from '../../src/start.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { KEY, until } from '../harness/process.ts';
import { SAMPLE_CAP, SAMPLE_FORM } from './samples.ts';
import { Kamailio, kamailioPorts } from './kamailio.ts';
import { describeWith } from './programs.ts';
import { Carrier, Pbx, type Calls } from './sipp.ts';

const SOMALIA = '+252612345678';
const MINUTE_MS = 60_000;

interface Suspension {
  id: string;
  account: string;
  class: string;
  state: string;
}

describeWith(['kamailio', 'sipp'], 'the story of a suspension', () => {
  let database: TestDatabase;
  let folder: string;
  let clock: DrivenClock;
  let plafond: Plafond;
  let carrier: Carrier;
  let one: Kamailio;
  let two: Kamailio;
  const pbxs: Pbx[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'plafond-story-'));
    carrier = await Carrier.start();
    [one, two] = [new Kamailio(await kamailioPorts(carrier.port)), new Kamailio(await kamailioPorts(carrier.port))];
    await Promise.all([one.start(), two.start()]);
    // The 20th of a month: its end is days away, and comes when the story says so.
    clock = new DrivenClock(new Date(new Date(new SystemClock().now()).setUTCDate(20)).getTime());
    clock.run();
    const config = readConfig({
      PORT: '0',
      DATA_DIR: folder,
      DATABASE_URL: database.url,
      PLAFOND_ADMIN_KEY: KEY,
      LOG_LEVEL: 'silent',
      SWITCH_URL: `kamailio+${one.url},127.0.0.1:${two.ports.rpc}`,
    });
    Logger.overrideLogger(false);
    plafond = await startPlafond(config, { clock, log: new PlafondLogger(config) });
    for (const account of ['1001', '1002']) await ask('PUT', `/v1/accounts/${account}`, SAMPLE_FORM);
    await ask('POST', '/v1/caps', SAMPLE_CAP);
  });
  afterAll(async () => {
    await plafond?.close();
    for (const pbx of pbxs) await pbx.stop();
    await Promise.all([one?.stop(), two?.stop(), carrier?.stop()]);
    await database?.drop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${plafond.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const itemsOf = async <T>(path: string) => (await ask<{ items: T[] }>('GET', path)).items;
  const call = async (calls: Calls) => {
    const pbx = await Pbx.call(one.ports.sip, calls);
    pbxs.push(pbx);
    return pbx;
  };
  const goesAs = async (scenario: 'pass' | 'refused', account: string, number: string) => {
    const pbx = await call({ scenario, account, number });
    expect([scenario, account, number, await pbx.wentAsExpected()]).toEqual([scenario, account, number, true]);
  };
  const running = async (account: string) =>
    ((await one.ask('dlg.profile_list', 'outgoing', account)) as { state: number }[]).filter(({ state }) => state < 5)
      .length;
  const suspension = async (account: string, state: string, ms_max?: number) =>
    until(
      `a suspension of ${account} is ${state}`,
      async () =>
        (await itemsOf<Suspension>(`/v1/suspensions?account=${account}`)).find((each) => each.state === state),
      ms_max,
    );
  const evidence = async (account: string, kind: string) =>
    (await itemsOf<{ kind: string; body: Record<string, unknown> }>(`/v1/accounts/${account}/evidence`)).filter(
      (each) => each.kind === kind,
    );

  it('is applied where usage crosses the limit: new calls are refused, those in progress end, all others live on', async () => {
    const hacked = await call({ scenario: 'talk', account: '1001', number: SOMALIA, calls: 20 });
    const others = [
      await call({ scenario: 'talk', account: '1001', number: '0201234567', calls: 3 }),
      await call({ scenario: 'talk', account: '1002', number: SOMALIA, calls: 2 }),
    ];
    await until('the calls run', async () => (await running('1001')) === 23 && (await running('1002')) === 2);
    const record = {
      record_id: 'r1',
      account_id: '1001',
      service_id: '',
      started_at: formatInstant(clock.now() - 10 * MINUTE_MS),
      duration_s: 300,
      kind: 'voice',
      a_number: '+31201234567',
      b_number: SOMALIA,
      amount: '101.00',
      currency: 'EUR',
      state: 'provisional',
    };
    await ask('POST', '/v1/usage?feed=rating', [record]);
    const { id } = await suspension('1001', 'applied');
    expect([await one.barred('1001:international'), await two.barred('1001:international')]).toEqual([id, id]);
    expect(await hacked.wentAsExpected()).toBe(true);
    await until('the carrier was told of each', async () => (await carrier.seen()).ended.length === 20);
    expect((await carrier.seen()).ended).toEqual(Array(20).fill(SOMALIA));
    expect(others.map((pbx) => pbx.goesOn)).toEqual([true, true]);
    await until('it is on record', async () => (await evidence('1001', 'calls-ended')).length === 1);
    expect((await evidence('1001', 'calls-ended'))[0]!.body).toMatchObject({ calls: 20, class: 'international' });

    await goesAs('refused', '1001', SOMALIA);
    await goesAs('refused', '1001', '00447400123456');
    await goesAs('pass', '1001', '0201234567');
    await goesAs('pass', '1001', '112');
    await goesAs('pass', '1002', SOMALIA);
  });

  it('is back on a node that was killed and started anew, empty, and that is on record', async () => {
    await one.kill();
    await one.start();
    const began = new SystemClock().now();
    await until('the bar is back', () => one.barred('1001:international'));
    process.stdout.write(`the bar was back ${new SystemClock().now() - began} ms after the node answered again\n`);
    await until('it is on record', async () => (await evidence('1001', 'suspension-drift')).length > 0);
    await suspension('1001', 'applied');
    await goesAs('refused', '1001', SOMALIA);
  });

  it('waits for a node that is away, with an alarm after a minute; and is applied, with an all-clear, when it is back', async () => {
    await two.kill();
    const node = `kamailio 127.0.0.1:${two.ports.rpc}`;
    const alarms = () => itemsOf<{ subject: string; cleared_at: string | null }>('/v1/alarms?kind=switch-away');
    const states = async () =>
      (await itemsOf<{ nodes: { state: string }[] }>('/v1/switches')).flatMap(({ nodes }) =>
        nodes.map(({ state }) => state),
      );
    await until('its state shows', async () => (await states()).includes('away'));
    expect(await alarms()).toEqual([]);
    const asked = { account: '1002', class: 'premium', reason: 'asked by phone' };
    await ask('POST', '/v1/suspensions', asked);
    await until('the other node bars already', () => one.barred('1002:premium'));
    clock.advanceTo(clock.now() + MINUTE_MS);
    await until('it is an alarm', async () => (await alarms()).length === 1);
    expect(await alarms()).toMatchObject([{ subject: node, cleared_at: null }]);
    expect((await suspension('1002', 'wanted')).class).toBe('premium');
    await two.start();
    await suspension('1002', 'applied');
    expect(await two.barred('1001:international')).toBeDefined();
    await until('all is clear', async () => (await alarms()).every((alarm) => alarm.cleared_at !== null));
    expect(await alarms()).toHaveLength(1);
  });

  it('is mended where somebody takes the bar away by hand', async () => {
    await one.ask('htable.delete', 'barred', '1001:international');
    const began = new SystemClock().now();
    await until('the bar is back', () => one.barred('1001:international'));
    process.stdout.write(`the bar was back ${new SystemClock().now() - began} ms after it was taken away\n`);
  });

  it('is lifted when the period ends, on every node, and calls pass', async () => {
    const next = new Date(clock.now());
    clock.advanceTo(Date.UTC(next.getUTCFullYear(), next.getUTCMonth() + 1, 1, 12));
    await suspension('1001', 'lifted');
    expect([await one.barred('1001:international'), await two.barred('1001:international')]).toEqual([
      undefined,
      undefined,
    ]);
    await goesAs('pass', '1001', SOMALIA);
    expect(await one.barred('1002:premium')).toBeDefined();
  });
});
