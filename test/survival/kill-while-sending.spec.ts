/** A worker that is killed after a gateway took a message and before that was written down: the one window in which it leaves again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from '@jest/globals';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createTestDatabase } from '../harness/database.ts';
import { CAP } from '../harness/plafond.ts';
import { PlafondProcess, until } from '../harness/process.ts';
import { MID_CYCLE } from '../samples/account.ts';

it('leaves again under the same key, by which a gateway that knows keys sends it once', async () => {
  const asked: string[] = [];
  const sent = new Map<string, string>();
  let answers = false;
  const waiting: ServerResponse[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const key = String(request.headers['idempotency-key']);
    asked.push(key);
    if (!sent.has(key)) sent.set(key, (JSON.parse(body) as { to: string }).to);
    if (answers) response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"accepted"}');
    else waiting.push(response);
  };
  const gateway = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  closedAtLast('gateway', () => {
    gateway.closeAllConnections();
    gateway.close();
  });
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'plafond-window-'));
  closedAtLast(dataDir, () => rm(dataDir, { recursive: true, force: true }));
  const start = () =>
    PlafondProcess.start({
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      SMS_URL: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/`,
    });
  let plafond = await start();
  await plafond.json('PUT', '/v1/accounts/1001', {
    name: 'Account 1001',
    segment: 'smb',
    currency: 'EUR',
    time_zone: 'Europe/Amsterdam',
    cycle_day: MID_CYCLE,
    locale: 'nl-NL',
    msisdn: '+31612345678',
    home_country: 'NL',
  });
  await plafond.json('POST', '/v1/caps', { ...CAP, thresholds: [{ percent: 50, actions: ['warn'] }] });
  await plafond.json('POST', '/v1/usage?feed=rating', [
    {
      record_id: 'r1',
      account_id: '1001',
      started_at: formatInstant(new SystemClock().now() - 60_000),
      duration_s: 30,
      kind: 'voice',
      b_number: '+252612345678',
      amount: '60.00',
      currency: 'EUR',
      state: 'provisional',
    },
  ]);
  await until('the gateway has the message', async () => asked.length === 1);
  await plafond.kill9();
  answers = true;
  // As if the minute of the killed worker's lease had run out.
  await database.dataSource.query(`UPDATE warnings SET leased_until = now() - interval '1 second'`);

  plafond = await start();
  const warning = await until('it is written down', async () => {
    const { items } = await plafond.json<{ items: { id: string; state: string; attempts: object[] }[] }>(
      'GET',
      '/v1/warnings?account=1001',
    );
    return items[0]?.state === 'sent' && items[0];
  });
  expect(warning.attempts).toMatchObject([{ outcome: 'sent' }]);
  expect(asked).toEqual([warning.id, warning.id]);
  expect([...sent]).toEqual([[warning.id, '+31612345678']]);
});
