import { describe, expect, it } from '@jest/globals';
import { BadSwitchUrl, openNodes, readSwitchUrl, switchForm } from './definition.ts';

const WHSEC = `whsec_${Buffer.from('made up').toString('base64')}`;

describe('SWITCH_URL', () => {
  it.each<[story: string, url: string, definition: object, secret: string | undefined]>([
    [
      'names a Kamailio',
      'kamailio+http://10.0.0.1:5080/RPC',
      { kind: 'kamailio', nodes: ['http://10.0.0.1:5080/RPC'] },
      undefined,
    ],
    [
      'names several, whole or by their hosts alone, which have the path of the others',
      'kamailio+http://10.0.0.1:5080/RPC, 10.0.0.2:5080,kamailio+http://10.0.0.3:5081/other',
      {
        kind: 'kamailio',
        nodes: ['http://10.0.0.1:5080/RPC', 'http://10.0.0.2:5080/RPC', 'http://10.0.0.3:5081/other'],
      },
      undefined,
    ],
    [
      'names the table and the profiles, and the log-in of a proxy before it',
      'kamailio+https://noc:s%3Acret@sip.example.net/RPC,sip2.example.net?table=stop&profile.international=abroad&profile.premium=dear',
      {
        kind: 'kamailio',
        nodes: ['https://sip.example.net/RPC', 'https://sip2.example.net/RPC'],
        table: 'stop',
        profiles: { international: 'abroad', premium: 'dear' },
      },
      'noc:s:cret',
    ],
    [
      'names FreeSWITCHes, with their password',
      'freeswitch://:Clue%20Con@10.0.0.1:8021,10.0.0.2:8021',
      { kind: 'freeswitch', nodes: ['freeswitch://10.0.0.1:8021', 'freeswitch://10.0.0.2:8021'] },
      'Clue Con',
    ],
    [
      'names a webhook, with its secret',
      `https://:${WHSEC.replaceAll('=', '%3D')}@bars.example.net/service?tenant=7`,
      { kind: 'webhook', nodes: ['https://bars.example.net/service?tenant=7'] },
      WHSEC,
    ],
    [
      'names a webhook on this machine',
      'http://127.0.0.1:8080/service',
      { kind: 'webhook', nodes: ['http://127.0.0.1:8080/service'] },
      undefined,
    ],
  ])('%s', (_, url, definition, secret) => {
    const read = readSwitchUrl(url);
    expect(read).toEqual({ name: read.definition.kind, definition, secret });
  });

  it.each<[story: string, url: string, said: string]>([
    ['nothing', '', 'must be kamailio+http://'],
    ['a host without a scheme', '10.0.0.1:5080', 'must be kamailio+http://'],
    ['another scheme', 'asterisk://10.0.0.1', 'must be kamailio+http://'],
    ['no host', 'kamailio+http://', 'must be kamailio+http://'],
    ['two kinds', 'kamailio+http://10.0.0.1/RPC,https://example.net/x', 'must be kamailio+http://'],
    ['a node after the last comma', 'kamailio+http://10.0.0.1/RPC,', 'must be kamailio+http://'],
    ['one node twice', 'kamailio+http://10.0.0.1:5080/RPC,10.0.0.1:5080', 'nodes names a node twice'],
    ['an option that there is not', 'kamailio+http://10.0.0.1/RPC?tabel=x', 'tabel, which is neither'],
    ['a class that there is not', 'kamailio+http://10.0.0.1/RPC?profile.satellite=x', 'satellite'],
    ['a table that is no name', 'kamailio+http://10.0.0.1/RPC?table=a%20b', 'table must have letters'],
    ['a webhook without TLS', 'http://bars.example.net/service', 'nodes.0 must be https://'],
  ])('refuses %s by name', (_, url, said) => {
    expect(() => readSwitchUrl(url)).toThrow(BadSwitchUrl);
    expect(() => readSwitchUrl(url)).toThrow(said);
  });

  it('never says the secret where it refuses', () => {
    for (const url of ['freeswitch://:hidden@', 'https://:hidden@bars.example.net/x#y', 'gopher://:hidden@x']) {
      expect(() => readSwitchUrl(url)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('hidden') }),
      );
    }
  });

  it('opens a node for each that it names, called by kind and host', () => {
    const nodes = openNodes(readSwitchUrl('kamailio+http://10.0.0.1:5080/RPC,10.0.0.2:5080'));
    expect(nodes.map(({ name }) => name)).toEqual(['kamailio 10.0.0.1:5080', 'kamailio 10.0.0.2:5080']);
  });
});

describe('a switch by API', () => {
  const kamailio = { kind: 'kamailio', nodes: ['http://10.0.0.1:5080/RPC'] };
  const secret = 'PLAFOND_SECRET_X';
  it.each<[story: string, form: object, path: string]>([
    ['without nodes', { ...kamailio, nodes: [] }, 'nodes'],
    ['with a node of another kind', { ...kamailio, nodes: ['freeswitch://10.0.0.1'] }, 'nodes.0'],
    ['with a password in a node', { ...kamailio, nodes: ['http://a:b@10.0.0.1/RPC'] }, 'nodes.0'],
    ['with a secret instead of its name', { ...kamailio, secret: 'hunter2' }, 'secret'],
    ['that signs without a secret', { kind: 'webhook', nodes: ['https://example.net/x'] }, 'secret'],
    ['that is no Kamailio but has a table', { kind: 'webhook', nodes: ['https://a.b/x'], secret, table: 't' }, 'table'],
    ['with a field that there is not', { ...kamailio, port: 1 }, ''],
  ])('%s is refused by field', (_, form, path) => {
    const read = switchForm.safeParse(form);
    expect(read.error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });
});
