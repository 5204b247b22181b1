/**
 * Plafond's way to FreeSWITCH, against a server of the tests' own that follows its documentation: the event socket's framing
 * (mod_event_socket), `show channels as json` and `uuid_kill` (mod_commands), `db` (mod_db). No real FreeSWITCH was at hand.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { FreeSwitchNode } from '../../src/suspensions/switches/freeswitch/freeswitch-node.ts';
import { deleteBar, insertBar, selectBar } from '../../src/suspensions/switches/freeswitch/commands.ts';
import { keyOf, type Bar } from '../../src/suspensions/switches/switch.ts';

const PASSWORD = 'secret';
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const bar = (accountId: string, scope: Bar['scope'] = 'international'): Bar => ({ accountId, scope });

interface Channel {
  uuid: string;
  direction: string;
  accountcode: string;
  dest: string;
  callstate: string;
  created_epoch: string;
  presence_data: string;
}

class EventSocketServer {
  readonly #server: Server = createServer((socket) => this.#greet(socket));
  readonly db = new Map<string, string>();
  channels: Channel[] = [];
  readonly commands: string[] = [];
  /** instead of what is documented */
  answer: ((command: string) => string | undefined) | undefined;

  async start(): Promise<URL> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return new URL(`freeswitch://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  stop(): void {
    this.#server.close();
  }

  #greet(socket: Socket): void {
    socket.write('Content-Type: auth/request\n\n');
    let text = '';
    let authed = false;
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      text += data.toString();
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const command = text.slice(0, end);
        text = text.slice(end + 2);
        if (!authed) {
          authed = command === `auth ${PASSWORD}`;
          socket.write(`Content-Type: command/reply\nReply-Text: ${authed ? '+OK accepted' : '-ERR invalid'}\n\n`);
          continue;
        }
        this.commands.push(command);
        const body = this.#api(command.replace(/^api /, ''));
        const answer = `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`;
        // In two pieces, as a network may bring it.
        socket.write(answer.slice(0, 20));
        setImmediate(() => socket.write(answer.slice(20)));
      }
    });
  }

  #api(command: string): string {
    const other = this.answer?.(command);
    if (other !== undefined) return other;
    if (command === 'show channels as json') {
      return JSON.stringify({
        row_count: this.channels.length,
        ...(this.channels.length ? { rows: this.channels } : {}),
      });
    }
    const [, killed] = /^uuid_kill (\S+) CALL_REJECTED$/.exec(command) ?? [];
    if (killed !== undefined) {
      const there = this.channels.some((channel) => channel.uuid === killed);
      this.channels = this.channels.filter((channel) => channel.uuid !== killed);
      return there ? '+OK\n' : '-ERR No such channel!\n';
    }
    // mod_db cuts at each slash, into four parts at most.
    const [verb, realm, key, value] = command.replace(/^db /, '').split('/');
    if (verb === 'insert') this.db.set(`${realm}/${key}`, value!);
    else if (verb === 'delete') this.db.delete(`${realm}/${key}`);
    else if (verb === 'select') return this.db.get(`${realm}/${key}`) ?? '-ERR no reply\n';
    else if (verb === 'count') return String([...this.db.keys()].filter((each) => each.startsWith(`${realm}/`)).length);
    else return '!err!';
    return '+OK';
  }
}

let server: EventSocketServer;
let node: FreeSwitchNode;
let url: URL;
beforeEach(async () => {
  server = new EventSocketServer();
  url = await server.start();
  node = new FreeSwitchNode('freeswitch', url, PASSWORD);
});
afterEach(async () => {
  await node.close();
  server.stop();
});

const channel = (
  n: number,
  accountcode: string,
  dest: string,
  presence_data: string,
  direction = 'inbound',
): Channel => ({
  uuid: uuid(n),
  direction,
  accountcode,
  dest,
  callstate: 'ACTIVE',
  created_epoch: '1700000000',
  presence_data,
});

describe('FreeSWITCH', () => {
  it('bars, is read back, counts, and is unbarred', async () => {
    await node.bar(bar('1001'), 'a');
    await node.bar(bar('1001', 'prefix:+25261'), 'b');
    expect(await node.read([bar('1001'), bar('1001', 'prefix:+25261'), bar('1002')])).toEqual(
      new Map([
        ['1001:international', 'a'],
        ['1001:prefix:+25261', 'b'],
      ]),
    );
    expect(await node.look()).toEqual({ filled: false, count: 2, bars: undefined });
    await node.markFilled();
    expect(await node.look()).toEqual({ filled: true, count: 2, bars: undefined });
    await node.unbar(bar('1001'));
    expect((await node.read([bar('1001')])).size).toBe(0);
  });

  it('ends the calls of the account that are covered, one by one, and no others', async () => {
    server.channels = [
      channel(1, '1001', '+252612345678', 'international,outgoing'),
      channel(2, '1001', '0201234567', 'outgoing'),
      channel(3, '10010', '+252612345678', 'international,outgoing'),
      channel(4, '', '+252612345678', 'international,outgoing'),
      channel(5, '1001', '00252612345678', 'international,outgoing'),
    ];
    expect(await node.endCalls(bar('1001'))).toBe(2);
    expect(server.channels.map((each) => each.uuid)).toEqual([2, 3, 4].map(uuid));
    expect(server.commands.filter((command) => command.includes('hupall'))).toEqual([]);
    server.channels.push(channel(6, '1001', '+252612345678', 'international,outgoing'));
    expect(await node.endCalls(bar('1001', 'country:GB'))).toBe(0);
    expect(await node.endCalls(bar('1001', 'country:SO'))).toBe(1);
  });

  it.each(['', ' ', '\n'])('is never told to end the calls of %j', async (accountId) => {
    server.channels = [channel(1, accountId, '+252612345678', 'international')];
    await expect(node.endCalls(bar(accountId))).rejects.toThrow('account');
    expect(server.channels).toHaveLength(1);
  });

  it.each([
    ['a wrong password', 'wrong', () => undefined, 'password'],
    ['no module for bars', PASSWORD, () => '-ERR db Command not found!\n', 'Command not found'],
    [
      'an empty answer to a command',
      PASSWORD,
      (command: string) => (command.includes('insert') ? '' : undefined),
      'empty',
    ],
  ])('is named where there is %s', async (_, password, answer, story) => {
    server.answer = answer;
    const other = new FreeSwitchNode('other', url, password);
    await expect(other.bar(bar('1001'), 'a')).rejects.toMatchObject({
      kind: 'wrong',
      message: expect.stringContaining(story),
    });
    await other.close();
  });

  it('is away where nobody answers, and is spoken to again when it does', async () => {
    await node.bar(bar('1001'), 'a');
    server.stop();
    const away = new FreeSwitchNode('away', new URL('freeswitch://127.0.0.1:9'), PASSWORD);
    await expect(away.look()).rejects.toMatchObject({ kind: 'away' });
    await away.close();
  });

  it('is told one line of one command for any account, with the key in its own part', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 70 }), (accountId) => {
        let commands: string[];
        try {
          commands = [insertBar(bar(accountId), 'id'), selectBar(bar(accountId)), deleteBar(bar(accountId))];
        } catch (error) {
          expect((error as Error).constructor.name).toBe('UnsafeReference');
          return;
        }
        for (const command of commands) {
          expect(command).toMatch(/^db (insert|select|delete)\/barred\/[A-Za-z0-9_.~%-]+(\/id)?$/);
          expect(decodeURIComponent(command.split('/')[2]!)).toBe(keyOf(bar(accountId)));
        }
      }),
    );
  });
});
