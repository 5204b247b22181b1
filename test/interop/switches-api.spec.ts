/** Two real Kamailios that are put into service by API on a server that runs, changed, and taken out again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KEY, PlafondProcess, until } from '../harness/process.ts';
import { Kamailio, kamailioPorts } from './kamailio.ts';
import { describeWith } from './programs.ts';
import { SAMPLE_FORM } from './samples.ts';

interface Node {
  node: string;
  state: string;
  bars: number;
  filled_at: string | null;
}

describeWith(['kamailio'], 'switches by API', () => {
  let folder: string;
  let plafond: PlafondProcess;
  let one: Kamailio;
  let two: Kamailio;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plafond-switches-'));
    [one, two] = [new Kamailio(await kamailioPorts()), new Kamailio(await kamailioPorts())];
    await Promise.all([one.start(), two.start()]);
    plafond = await PlafondProcess.start({ DATA_DIR: folder });
    for (const account of ['1001', '1002']) await plafond.json('PUT', `/v1/accounts/${account}`, SAMPLE_FORM);
  });
  afterAll(async () => {
    await plafond?.stop();
    await Promise.all([one?.stop(), two?.stop()]);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const put = (nodes: readonly Kamailio[], ifMatch?: string) =>
    fetch(`${plafond.url}/v1/switches/core`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/json',
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      body: JSON.stringify({ kind: 'kamailio', nodes: nodes.map(({ url }) => url) }),
    });
  const get = async <T>(path: string) => (await plafond.json('GET', path)) as T;
  const nodesOf = async () => (await get<{ nodes: Node[] }>('/v1/switches/core')).nodes;
  const nameOf = ({ ports }: Kamailio) => `core 127.0.0.1:${ports.rpc}`;
  const states = async () =>
    (await get<{ items: { account: string; state: string }[] }>('/v1/suspensions')).items
      .map(({ account, state }) => `${account} ${state}`)
      .toSorted();
  const bar = (account: string) =>
    plafond.json('POST', '/v1/suspensions', { account, class: 'international', reason: 'asked by phone' });

  it('are filled with what was barred before, and stay out of reach of whoever has read no version, or an old one', async () => {
    await bar('1001');
    await until('the stand-in bars it', async () => (await states()).includes('1001 applied'));
    const made = await put([one]);
    expect([made.status, made.headers.get('etag')]).toEqual([201, '"1"']);
    await until('it bars', () => one.barred('1001:international'));
    await until('it shows as filled', async () => {
      const [node] = await nodesOf();
      return node?.filled_at !== null && node?.bars === 1;
    });
    expect(await nodesOf()).toMatchObject([{ node: nameOf(one), state: 'up' }]);

    expect((await put([one, two])).status).toBe(428);
    expect((await put([one, two], '"7"')).status).toBe(412);
    expect(await two.barred('1001:international')).toBeUndefined();
    const changed = await put([one, two], '"1"');
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"']);
    await until('the second bars too', () => two.barred('1001:international'));
    await until('both are up', async () => (await nodesOf()).every(({ state }) => state === 'up'));
    await until('it is applied on both', async () => (await states()).includes('1001 applied'));
  });

  it('bar together what is barred from then on; drift on one is mended there, and is on record', async () => {
    await bar('1002');
    await until('it is applied', async () => (await states()).includes('1002 applied'));
    const id = await one.barred('1002:international');
    expect([id, await two.barred('1002:international')]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), id]);
    await two.ask('htable.delete', 'barred', '1002:international');
    await until('it is mended', async () => (await two.barred('1002:international')) === id);
    await until('it is on record', async () => {
      const { items } = await get<{ items: { kind: string; body: { switch?: string } }[] }>(
        '/v1/accounts/1002/evidence',
      );
      return items.some(({ kind, body }) => kind === 'suspension-drift' && body.switch === nameOf(two));
    });
    await two.kill();
    await two.start();
    await until(
      'all are back',
      async () => (await two.barred('1001:international')) && two.barred('1002:international'),
    );
  });

  it('that are taken out keep their bars, and nothing waits for them', async () => {
    expect((await put([one], '"2"')).status).toBe(200);
    await two.kill();
    const [first] = (await get<{ items: { id: string; account: string }[] }>('/v1/suspensions?account=1001')).items;
    await plafond.json('POST', `/v1/suspensions/${first!.id}/lift`, { reason: 'paid' });
    await until('it is lifted', async () => (await states()).includes('1001 lifted'));
    expect(await one.barred('1001:international')).toBeUndefined();
    expect((await nodesOf()).map(({ node }) => node)).toEqual([nameOf(one)]);
    const gone = await fetch(`${plafond.url}/v1/switches/core`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${KEY}`, 'if-match': '"3"' },
    });
    expect(gone.status).toBe(204);
    expect(await one.barred('1002:international')).toBeDefined();
    const { items } = await get<{ items: { name: string }[] }>('/v1/switches');
    expect(items.map(({ name }) => name)).toEqual(['local']);
  });
});
