/** Plafond's way to Kamailio, against a real one. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DEFAULT_NAMES } from '../../src/suspensions/switches/kamailio/commands.ts';
import { KamailioNode } from '../../src/suspensions/switches/kamailio/kamailio-node.ts';
import { keyOf, SwitchFailure, type Bar } from '../../src/suspensions/switches/switch.ts';
import { until } from '../harness/process.ts';
import { Kamailio, kamailioPorts } from './kamailio.ts';
import { describeWith } from './programs.ts';
import { Carrier, Pbx, type Calls } from './sipp.ts';

const SOMALIA = '+252612345678';
const bar = (accountId: string, scope: Bar['scope'] = 'international'): Bar => ({ accountId, scope });

describeWith(['kamailio', 'sipp'], 'a real Kamailio', () => {
  let carrier: Carrier;
  let kamailio: Kamailio;
  let node: KamailioNode;
  const pbxs: Pbx[] = [];
  const call = async (calls: Calls) => {
    const pbx = await Pbx.call(kamailio.ports.sip, calls);
    pbxs.push(pbx);
    return pbx;
  };
  const running = async (account: string, scope = 'outgoing') =>
    ((await kamailio.ask('dlg.profile_list', scope, account)) as { state: number }[]).filter(({ state }) => state < 5)
      .length;

  beforeAll(async () => {
    carrier = await Carrier.start();
    kamailio = new Kamailio(await kamailioPorts(carrier.port));
    await kamailio.start();
    node = new KamailioNode('kamailio', new URL(kamailio.url));
  });
  afterEach(async () => {
    for (const pbx of pbxs.splice(0)) await pbx.stop();
    await kamailio.ask('htable.flush', 'barred');
  });
  afterAll(async () => {
    await node?.close();
    await kamailio?.stop();
    await carrier?.stop();
  });

  it('sets bars, reads them back, lists them and takes them away', async () => {
    await node.bar(bar('1001'), 'a');
    await node.bar(bar('1001', 'country:SO'), 'b');
    await node.bar(bar('1001', 'prefix:+25261'), 'c');
    await node.bar(bar('1001'), 'd');
    expect(await kamailio.barred('1001:international')).toBe('d');
    const all = ['1001:international', '1001:country:SO', '1001:prefix:+25261'];
    expect(await node.read([bar('1001'), bar('1001', 'country:SO'), bar('1002')])).toEqual(
      new Map([
        [all[0], 'd'],
        [all[1], 'b'],
      ]),
    );
    expect([...(await node.look()).bars!.keys()].toSorted()).toEqual(all.toSorted());
    await node.unbar(bar('1001'));
    await node.unbar(bar('1001'));
    expect(await kamailio.barred('1001:international')).toBeUndefined();
  });

  it('tells whether it was filled since it was emptied, and never counts that mark as a bar', async () => {
    expect(await node.look()).toMatchObject({ filled: false, count: 0 });
    await node.markFilled();
    expect(await node.look()).toEqual({ filled: true, count: 0, bars: new Map() });
  });

  it.each<[string, Partial<typeof DEFAULT_NAMES>, string]>([
    ['a table that is not there', { table: 'barrred' }, 'No such htable'],
    ['a profile that is not there', { profiles: { ...DEFAULT_NAMES.profiles, premium: 'prem' } }, 'Profile not found'],
  ])('names %s', async (_, names, story) => {
    const wrong = new KamailioNode('wrong', new URL(kamailio.url), undefined, { ...DEFAULT_NAMES, ...names });
    const looked = names.table ? wrong.look() : wrong.endCalls(bar('1001', 'premium'));
    await expect(looked).rejects.toThrow(story);
    if (names.table) {
      await expect(wrong.read([bar('1001')])).rejects.toMatchObject({ kind: 'wrong' });
      await expect(wrong.bar(bar('1001'), 'a')).rejects.toMatchObject({ kind: 'wrong' });
      await expect(wrong.unbar(bar('1001'))).rejects.toMatchObject({ kind: 'wrong' });
    }
    await wrong.close();
  });

  it('lets a call through, refuses it once it is barred, and says why', async () => {
    expect(await (await call({ scenario: 'pass', account: '1001', number: SOMALIA })).wentAsExpected()).toBe(true);
    await node.bar(bar('1001'), 'case-1');
    const tries: [Calls['scenario'], string, string][] = [
      ['refused', '1001', SOMALIA],
      ['refused', '1001', '00252612345678'],
      ['pass', '1001', '0201234567'],
      ['pass', '1001', '112'],
      ['pass', '1002', SOMALIA],
    ];
    for (const [scenario, account, number] of tries) {
      const pbx = await call({ scenario, account, number });
      expect([scenario, account, number, await pbx.wentAsExpected()]).toEqual([scenario, account, number, true]);
    }
  });

  it('lets the numbers pass that an account may always call, whatever is barred, and nobody else to them', async () => {
    await node.bar({ accountId: '1001', scope: `allow:${SOMALIA as '+252612345678'}` }, 'allowed');
    await node.bar(bar('1001'), 's1');
    await node.bar(bar('1001', 'outgoing'), 's2');
    await node.bar(bar('1001', 'country:SO'), 'h1');
    await node.bar(bar('1002'), 's3');
    const tries: [Calls['scenario'], string, string][] = [
      ['pass', '1001', SOMALIA],
      ['pass', '1001', '00252612345678'],
      ['refused', '1001', '+252612345679'],
      ['refused', '1001', '0201234567'],
      ['refused', '1002', SOMALIA],
    ];
    for (const [scenario, account, number] of tries) {
      const pbx = await call({ scenario, account, number });
      expect([scenario, account, number, await pbx.wentAsExpected()]).toEqual([scenario, account, number, true]);
    }
  });

  it('holds a country or a prefix, and bars premium numbers and all outgoing calls but emergency calls', async () => {
    await node.bar(bar('1001', 'country:SO'), 'h1');
    await node.bar(bar('1002', 'prefix:+25261'), 'h2');
    await node.bar(bar('1003', 'premium'), 's3');
    await node.bar(bar('1004', 'outgoing'), 's4');
    await node.bar(bar('1005', 'country:BS'), 'h5');
    const tries: [Calls['scenario'], string, string][] = [
      ['refused', '1001', SOMALIA],
      ['pass', '1001', '+447400123456'],
      ['refused', '1002', SOMALIA],
      ['pass', '1002', '+252712345678'],
      ['refused', '1003', '0900123456'],
      ['pass', '1003', SOMALIA],
      ['refused', '1004', '0201234567'],
      ['pass', '1004', '112'],
      ['refused', '1005', '+12423591234'],
      ['pass', '1005', '+12125551234'],
    ];
    for (const [scenario, account, number] of tries) {
      const pbx = await call({ scenario, account, number });
      expect([scenario, account, number, await pbx.wentAsExpected()]).toEqual([scenario, account, number, true]);
    }
  });

  it('lets emergency numbers pass whatever is barred: everywhere those of everywhere, at home those of home, in full or not', async () => {
    const german = new Kamailio(await kamailioPorts(carrier.port), { definitions: ['HOME="DE"', 'COUNTRY_CODE="49"'] });
    await german.start();
    const other = new KamailioNode('german', new URL(german.url));
    try {
      for (const each of [node, other]) await each.bar(bar('1001', 'outgoing'), 's1');
      const tries: [Kamailio, Calls['scenario'], string][] = [
        ...['112', '+31112', '0031112', '911', '999', '116123', '+31116000'].map(
          (number): [Kamailio, Calls['scenario'], string] => [kamailio, 'pass', number],
        ),
        ...['110', '1121234', '+49112', '0049112', '1161234'].map((number): [Kamailio, Calls['scenario'], string] => [
          kamailio,
          'refused',
          number,
        ]),
        ...['112', '110', '+49110', '0049110'].map((number): [Kamailio, Calls['scenario'], string] => [
          german,
          'pass',
          number,
        ]),
        [german, 'refused', '18'],
        [german, 'refused', '+31112'],
      ];
      for (const [at, scenario, number] of tries) {
        const pbx = await Pbx.call(at.ports.sip, { scenario, account: '1001', number });
        pbxs.push(pbx);
        expect([scenario, number, await pbx.wentAsExpected()]).toEqual([scenario, number, true]);
      }
    } finally {
      await other.close();
      await german.stop();
    }
  });

  it('ends calls in progress of that account and class, ringing ones too, seen at the carrier; all others go on', async () => {
    const before = (await carrier.seen()).ended.length;
    const talking = await call({ scenario: 'talk', account: '2001', number: SOMALIA, calls: 20 });
    const ringing = await call({ scenario: 'ring', account: '2001', number: '+252612347777', calls: 2 });
    const national = await call({ scenario: 'talk', account: '2001', number: '0201234567', calls: 3 });
    const emergency = await call({ scenario: 'talk', account: '2001', number: '112' });
    const other = await call({ scenario: 'talk', account: '20010', number: SOMALIA, calls: 3 });
    await until('all calls run', async () => (await running('2001')) === 25 && (await running('20010')) === 3);
    await node.bar(bar('2001'), 'case-2');
    expect(await node.endCalls(bar('2001'))).toBe(22);
    expect(await talking.wentAsExpected()).toBe(true);
    expect(await ringing.wentAsExpected()).toBe(true);
    const ended = await until('the carrier was told of each', async () => {
      const seen = (await carrier.seen()).ended.slice(before);
      return seen.length >= 22 && seen;
    });
    expect(ended.toSorted()).toEqual([...Array<string>(20).fill(SOMALIA), '+252612347777', '+252612347777'].toSorted());
    expect([national.goesOn, emergency.goesOn, other.goesOn]).toEqual([true, true, true]);
    expect([await running('2001'), await running('20010')]).toEqual([3, 3]);
    await until('a call that was ended has a CDR', async () => /acc.*account=2001; number=\+25261/.test(kamailio.log));
  });

  it('ends no call in progress to a number that the account may always call', async () => {
    const spared = await call({ scenario: 'talk', account: '2002', number: SOMALIA });
    const other = await call({ scenario: 'talk', account: '2002', number: '+252612347778' });
    await until('both calls run', async () => (await running('2002')) === 2);
    await node.bar(bar('2002'), 'case-3');
    expect(await node.endCalls(bar('2002'), new Set([SOMALIA]))).toBe(1);
    expect(await other.wentAsExpected()).toBe(true);
    expect([spared.goesOn, await running('2002')]).toEqual([true, 1]);
  });

  it('tells of all live calls, whose they are and where they go', async () => {
    await call({ scenario: 'talk', account: '3001', number: '00252612345678', calls: 2 });
    await until('they run', async () => (await running('3001')) === 2);
    const calls = (await node.liveCalls()).filter(({ accountId }) => accountId === '3001');
    expect(calls.map(({ number, answered }) => [number, answered])).toEqual([
      [SOMALIA, true],
      [SOMALIA, true],
    ]);
    expect(Math.abs(calls[0]!.startedAt - Date.now())).toBeLessThan(120_000);
  });

  it('never takes an odd account for another: no bar, no reading and no ending reaches anybody else', async () => {
    await call({ scenario: 'talk', account: '1001', number: SOMALIA, calls: 2 });
    await until('they run', async () => (await running('1001')) === 2);
    await node.bar(bar('1001', 'premium'), 'innocent');
    const odd = fc.oneof(
      fc.constantFrom(
        '',
        ' ',
        '*',
        '.',
        '"',
        "'",
        '1001:',
        ':1001',
        '1001 ',
        '1001\n',
        '1001\0',
        '%',
        '10.1',
        '1001*',
        '[1001]',
      ),
      fc.constantFrom(
        '1001","x',
        '1001\\',
        '{"a":1}',
        '$avp(account)',
        '$(hdr(X))',
        'ü',
        '😀',
        '\ud800',
        '1001:international',
      ),
      fc.string({ unit: 'binary', maxLength: 64 }),
      fc.string({ unit: 'grapheme', maxLength: 64 }),
      fc.string({ minLength: 64, maxLength: 64 }),
    );
    await fc.assert(
      fc.asyncProperty(odd, async (accountId) => {
        fc.pre(accountId !== '1001');
        const one = bar(accountId, 'premium');
        try {
          await node.bar(one, 'odd');
          expect((await node.read([one])).get(keyOf(one))).toBe('odd');
          expect(await node.endCalls(bar(accountId, 'outgoing'))).toBe(0);
          await node.unbar(one);
        } catch (error) {
          // Refused before anything was sent.
          expect((error as Error).constructor.name).toBe('UnsafeReference');
        }
        expect(await kamailio.barred('1001:premium')).toBe('innocent');
      }),
      { numRuns: 300 },
    );
    const { bars } = await node.look();
    expect(bars).toEqual(new Map([['1001:premium', 'innocent']]));
    expect(await running('1001')).toBe(2);
  });

  it('reads a table that is too large to be listed by counting it, and its bars one by one', async () => {
    for (let i = 0; i < 5_200; i++) await node.bar(bar(`m${i}`), `s${i}`);
    expect(await node.look()).toEqual({ filled: false, count: 5_200, bars: undefined });
    const some = [bar('m0'), bar('m5199'), bar('nobody')];
    expect([...(await node.read(some)).values()].toSorted()).toEqual(['s0', 's5199']);
  });
});

describe('a Kamailio that answers badly', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  const CASES: [string, RequestListener, SwitchFailure['kind'], string][] = [
    ['nothing at all', () => undefined, 'away', 'no answer within 2 s'],
    ['half an answer', (_, answer) => void answer.write('{"jsonrpc":"2.0","resu'), 'away', 'no answer within 2 s'],
    ['a closed connection', (request) => void request.socket.destroy(), 'away', 'socket hang up'],
    ['malformed JSON', (_, answer) => void answer.end('{"jsonrpc":"2.0","result"'), 'wrong', 'is no JSON'],
    ['a page of HTML', (_, answer) => void answer.end('<html>login</html>'), 'wrong', 'does not answer JSON-RPC'],
    ['a proxy without Kamailio', (_, answer) => void answer.writeHead(502).end('Bad Gateway'), 'away', 'HTTP 502'],
    ['nothing in it', (_, answer) => void answer.end(''), 'wrong', 'does not answer JSON-RPC'],
    [
      'an answer to somebody else',
      (_, answer) => void answer.end('{"jsonrpc":"2.0","result":"Ok. Key set to new value.","id":9}'),
      'wrong',
      'none to what was asked',
    ],
    [
      'an answer of another kind',
      (_, answer) => void answer.end('{"jsonrpc":"2.0","result":"yes","id":1}'),
      'wrong',
      'not understood',
    ],
    [
      'no such method',
      (_, answer) =>
        void answer.writeHead(500).end('{"jsonrpc":"2.0","error":{"code":500,"message":"Method Not Found"},"id":1}'),
      'wrong',
      'Method Not Found',
    ],
  ];
  it.each(CASES)(
    'is named where it answers %s, and never taken for one that barred',
    async (_, listener, kind, story) => {
      server = createServer(listener).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const node = new KamailioNode('odd', new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/RPC`));
      const failure = await node.bar(bar('1001'), 'a').catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(SwitchFailure);
      expect(failure).toMatchObject({ kind, message: expect.stringContaining(story) });
      await node.close();
    },
  );

  it('is away where nobody listens', async () => {
    const node = new KamailioNode('none', new URL('http://127.0.0.1:9/RPC'));
    await expect(node.look()).rejects.toMatchObject({ kind: 'away' });
    await node.close();
  });
});
