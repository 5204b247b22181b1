/** The signed webhook, against a real HTTP server that checks each signature. Only what was read back is ever a bar. */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SystemClock } from '../../src/kernel/clock.ts';
import { ReconcileSwitches } from '../../src/pipeline/suspending/reconcile-switches.ts';
import { SettleSuspensions } from '../../src/pipeline/suspending/settle-suspension.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import type { Bar } from '../../src/suspensions/switches/switch.ts';
import { WebhookNode } from '../../src/suspensions/switches/webhook/webhook-node.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { json, SECRET, WebhookSwitch, type Asked, type Whim } from './webhook-switch.ts';

Logger.overrideLogger(false);

let server: WebhookSwitch;
let node: WebhookNode;
const nodeAt = (url: string, secret = SECRET) => new WebhookNode('hook', new URL(url), secret);
const bar = (accountId: string, scope: Bar['scope'] = 'international'): Bar => ({ accountId, scope });

beforeEach(async () => {
  server = await new WebhookSwitch().start();
  node = nodeAt(server.url);
});
afterEach(() => server.stop());

describe('a system that is told by signed webhooks', () => {
  it('is told of a bar in the shape of TMF640, and read back, each request signed and with an id of its own', async () => {
    const odd = bar('acc/1 ü?x=1&y#:international', 'country:SO');
    const key = 'acc/1 ü?x=1&y#:international:country:SO';
    await node.bar(bar('1001'), 'a');
    await node.bar(odd, 'b');
    expect(server.asked.map(({ method, path, body }) => [method, path, body])[0]).toEqual([
      'POST',
      '/service',
      {
        id: '1001:international',
        name: 'call-barring',
        state: 'active',
        serviceCharacteristic: [
          { name: 'account', value: '1001' },
          { name: 'class', value: 'international' },
          { name: 'suspension', value: 'a' },
        ],
      },
    ]);
    expect(await node.read([bar('1001'), odd, bar('1002')])).toEqual(
      new Map([
        ['1001:international', 'a'],
        [key, 'b'],
      ]),
    );
    await node.unbar(bar('1001'));
    await node.unbar(bar('1001'));
    await node.bar(bar('1001'), 'a');
    expect(await node.read([bar('1001')])).toEqual(new Map([['1001:international', 'a']]));
    expect(server.refusedSignatures).toBe(0);
    expect(new Set(server.asked.map(({ id }) => id)).size).toBe(server.asked.length);
  });

  it('is empty until it was marked as filled, and lists its bars then, but not what is terminated', async () => {
    expect(await node.look()).toEqual({ filled: false, count: 0, bars: new Map() });
    await node.bar(bar('1001'), 'a');
    await node.markFilled();
    server.services.set('1002:premium', {
      id: '1002:premium',
      name: 'call-barring',
      state: 'terminated',
      serviceCharacteristic: [],
    });
    expect(await node.look()).toEqual({ filled: true, count: 1, bars: new Map([['1001:international', 'a']]) });
  });

  it('is counted where it does not list all', async () => {
    await node.markFilled();
    server.whim = ({ path }, response) => {
      if (!path.startsWith('/service?')) return false;
      response.setHeader('X-Total-Count', '7001');
      json(response, []);
      return true;
    };
    expect(await node.look()).toEqual({ filled: true, count: 7_000, bars: undefined });
  });

  it.each(['many', '-1', '1.5', '0'])('is not understood where it lists a bar and counts %s', async (total) => {
    await node.bar(bar('1001'), 'a');
    server.whim = ({ path }, response) => {
      if (!path.startsWith('/service?')) return false;
      response.setHeader('X-Total-Count', total);
      json(response, [...server.services.values()]);
      return true;
    };
    await expect(node.look()).rejects.toMatchObject({
      kind: 'wrong',
      message: expect.stringContaining(`X-Total-Count: ${total}`),
    });
  });

  it('is asked to end calls until it says that none is left, and told which to spare', async () => {
    server.calls.set('1001:international', 5);
    expect(await node.endCalls(bar('1001'), new Set(['+252612345678']))).toBe(3);
    expect(server.calls.get('1001:international')).toBe(0);
    expect(server.asked).toHaveLength(3);
    expect(server.asked[0]!.body).toMatchObject({
      name: 'calls-in-progress',
      state: 'terminated',
      serviceCharacteristic: expect.arrayContaining([{ name: 'spared', value: ['+252612345678'] }]),
    });
  });

  it('does nothing that is not signed with its secret', async () => {
    const forged = nodeAt(server.url, `whsec_${Buffer.from('another secret, thirty-two bytes').toString('base64')}`);
    await expect(forged.bar(bar('1001'), 'a')).rejects.toMatchObject({
      kind: 'wrong',
      message: expect.stringContaining('401'),
    });
    expect(server.refusedSignatures).toBe(1);
    expect(server.services.size).toBe(0);
  });

  it.each(['', ' ', '\u0000', 'a\n', 'x'.repeat(65)])('is asked nothing about %j, which is no account', async (id) => {
    const all = [
      node.bar(bar(id), 'a'),
      node.unbar(bar(id)),
      node.read([bar(id)]).then(() => undefined),
      node.endCalls(bar(id)).then(() => undefined),
    ];
    for (const each of await Promise.allSettled(all)) expect(each).toMatchObject({ status: 'rejected' });
    expect(server.asked).toEqual([]);
  });

  it('is waited for where it is slow', async () => {
    server.whim = (_, response) => {
      const end = response.end.bind(response) as (said?: string) => ServerResponse;
      response.end = ((said?: string) => void sleep(300).then(() => end(said))) as never;
      return false;
    };
    await node.bar(bar('1001'), 'a');
    expect(await node.read([bar('1001')])).toEqual(new Map([['1001:international', 'a']]));
  });
});

/** To whatever it is asked. */
const always =
  (status: number, said: string, headers: Record<string, string> = {}): Whim =>
  (_, response) => {
    response.writeHead(status, headers).end(said);
    return true;
  };
const HTML = '<!doctype html><title>Sign in</title>';
const another = { id: '1002:international', state: 'active', serviceCharacteristic: [] };
const toReads =
  (said: unknown): Whim =>
  ({ method }, response) => {
    if (method === 'GET') json(response, said);
    return method === 'GET';
  };
/** As much as is read of it. */
const endless: Whim = (_, response) => {
  const goOn = () => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  };
  response.on('drain', goOn);
  goOn();
  return true;
};
const onceTaken = (asked: Asked, response: ServerResponse): boolean => {
  if (asked.method === 'POST') json(response, asked.body);
  return asked.method === 'POST';
};

describe('what is no bar, whatever it answers', () => {
  let database: TestDatabase;
  const clock = new SystemClock();
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  /** Wants a bar for a new account; what came of it, by an event and by a look. */
  async function wanted(): Promise<{ state: string; node: string | undefined; answer: string; account: string }> {
    const { dataSource } = database;
    const account = randomUUID();
    await dataSource.query(`UPDATE suspensions SET state = 'lifted'`);
    await dataSource.query('DELETE FROM switch_nodes');
    await dataSource.query(
      `INSERT INTO accounts (account_id, currency, time_zone, cycle_day, locale, home_country, created_at, updated_at)
       VALUES ($1, 'EUR', 'Europe/Amsterdam', 1, 'nl-NL', 'NL', now(), now())`,
      [account],
    );
    const settle = new SettleSuspensions(dataSource, clock);
    const { id } = await settle.request({ accountId: account, class: 'international', reason: 'x', actor: 'anna' });
    const switches = new ReconcileSwitches(dataSource, clock, new FixedNodes(node));
    await switches.run([account]);
    await dataSource.query('UPDATE switch_nodes SET next_look_at = now()');
    await switches.run();
    const [row] = await dataSource.query<{ state: string }[]>(
      'SELECT state FROM suspensions WHERE suspension_id = $1',
      [id],
    );
    const [seen] = await dataSource.query<{ state: string; answer: string }[]>(
      'SELECT state, answer FROM switch_nodes',
    );
    return { state: row!.state, node: seen?.state, answer: seen?.answer ?? '', account };
  }

  it('a bar that was set and read back is one', async () => {
    const { state, node: health, account } = await wanted();
    expect([state, health]).toEqual(['applied', 'up']);
    expect(server.barred(`${account}:international`)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each<[story: string, whim: Whim, node: string, answer: RegExp]>([
    ['a refusal', always(403, 'no'), 'wrong', /HTTP 403/],
    ['a failure', always(500, 'oops'), 'away', /HTTP 500/],
    ['a page of HTML', always(200, HTML, { 'content-type': 'text/html' }), 'wrong', /not understood/],
    ['nothing in a 200', always(200, ''), 'wrong', /not understood/],
    ['JSON that is cut off', always(200, '[{"id":"1'), 'wrong', /not understood/],
    ['JSON of another kind', always(200, '{"result":"ok"}'), 'wrong', /not understood/],
    ['an answer without an end', endless, 'wrong', /longer than 16 MB/],
    ['somebody else’s bar', toReads(another), 'wrong', /it told of 1002/],
  ])('%s', async (_, whim, health, answer) => {
    server.whim = whim;
    const found = await wanted();
    expect(found).toMatchObject({ state: 'wanted', node: health, answer: expect.stringMatching(answer) });
  });

  it('a redirect, which is not followed', async () => {
    const elsewhere = await new WebhookSwitch().start();
    server.whim = always(307, '', { location: elsewhere.url });
    const found = await wanted().finally(() => elsewhere.stop());
    expect(found).toMatchObject({ state: 'wanted', node: 'wrong', answer: expect.stringContaining('HTTP 307') });
    expect([elsewhere.asked.length, elsewhere.refusedSignatures]).toEqual([0, 0]);
  });

  it('a command that was taken, but is not read back', async () => {
    server.whim = onceTaken;
    expect(await wanted()).toMatchObject({ state: 'wanted' });
  });

  it('silence, and nobody there', async () => {
    server.whim = () => true;
    expect(await wanted()).toMatchObject({
      state: 'wanted',
      node: 'away',
      answer: expect.stringContaining('no answer'),
    });
    await server.stop();
    expect(await wanted()).toMatchObject({
      state: 'wanted',
      node: 'away',
      answer: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
