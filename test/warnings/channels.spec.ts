/** The channels against real servers on loopback: SMTP, Kannel's answers, a JSON gateway, an SMSC. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import smpp, { type Pdu, type Session } from 'smpp';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { parseInstant } from '../../src/kernel/clock.ts';
import { emailChannel, smsChannel, type Channel, type OutgoingMessage } from '../../src/warnings/channels/channel.ts';

const MAIL: OutgoingMessage = {
  id: '0d4f3c1e-6a7b-4f0e-9d7e-2b8a41c5e901',
  to: 'anna@example.com',
  subject: 'U heeft 80% van uw limiet bereikt',
  text: 'Beste Anna,\n\nSomalië: € 60,00\n',
  account: '1001',
  at: parseInstant('2010-03-14T02:41:00+01:00')!,
};
const SMS: OutgoingMessage = {
  ...MAIL,
  to: '+31612345678',
  subject: '',
  text: 'U heeft 80% bereikt: € 82,10 van € 100',
};
const FROM = { from: 'Plafond <warnings@provider.example>' };

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function opened(channel: Channel): Channel {
  undo.push(() => channel.close());
  return channel;
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plafond-inbox-'));
  undo.push(() => rm(folder, { recursive: true }));
  return folder;
}

describe('the local inbox', () => {
  it('keeps a mail that mail programs open, once, under its instant, account and id', async () => {
    const folder = await newFolder();
    const channel = opened(emailChannel(undefined, folder, FROM));
    const name = `2010-03-14T01-41-00Z_1001_${MAIL.id}.eml`;
    expect(await channel.send(MAIL)).toEqual({
      outcome: 'sent',
      answer: `kept in ${join(folder, 'email', name)}`,
      reference: name,
    });
    const written = await readFile(join(folder, 'email', name), 'utf8');
    expect(written).toContain('From: Plafond <warnings@provider.example>\r\n');
    expect(written).toContain('To: anna@example.com\r\n');
    expect(written).toContain('Subject: U heeft 80% van uw limiet bereikt\r\n');
    expect(written).toContain(`Message-ID: <${MAIL.id}@provider.example>\r\n`);
    expect(written).toContain('Date: Sun, 14 Mar 2010 01:41:00 +0000\r\n');
    expect(written).toContain('Auto-Submitted: auto-generated\r\n');
    expect(written).toContain('Somali=C3=AB: =E2=82=AC 60,00');

    const afterRestart = opened(emailChannel(undefined, folder, FROM));
    await Promise.all([channel, afterRestart].map((one) => one.send({ ...MAIL, text: 'again' })));
    expect(await readdir(join(folder, 'email'))).toEqual([name]);
    expect(await readFile(join(folder, 'email', name), 'utf8')).toBe(written);
  });

  it('keeps an SMS as a text with its headers', async () => {
    const folder = await newFolder();
    const channel = opened(smsChannel(undefined, folder));
    await channel.send(SMS);
    const path = join(folder, 'sms', `2010-03-14T01-41-00Z_1001_${SMS.id}.txt`);
    expect(await readFile(path, 'utf8')).toBe(
      'To: +31612345678\nFrom: Plafond\nDate: 2010-03-14T01:41:00Z\n\nU heeft 80% bereikt: € 82,10 van € 100\n',
    );
  });

  it('stays in its folder and tells accounts apart whatever characters stand in their ids', async () => {
    const folder = await newFolder();
    const channel = opened(smsChannel(undefined, folder));
    const accounts = ['../../etc', 'a/b', 'a:b', '\u0000', 'é'.repeat(64), ''];
    for (const account of accounts) expect(await channel.send({ ...SMS, account })).toMatchObject({ outcome: 'sent' });
    expect(await readdir(folder)).toEqual(['sms']);
    expect(await readdir(join(folder, 'sms'))).toHaveLength(accounts.length);
  });

  it('says retry where the folder can not be written', async () => {
    const channel = opened(smsChannel(undefined, '/dev/null/inbox'));
    expect(await channel.send(SMS)).toMatchObject({ outcome: 'retry', answer: expect.stringContaining('ENOTDIR') });
  });
});

interface ReceivedMail {
  from: string;
  to: string[];
  data: string;
  secure: boolean;
}

/** An SMTP server with the user `u:s3cret`; recipients named after an answer get that answer. */
async function smtpServer(options: SMTPServerOptions = {}): Promise<{ port: number; mails: ReceivedMail[] }> {
  const mails: ReceivedMail[] = [];
  const refusal = (responseCode: number, text: string): Error => Object.assign(new Error(text), { responseCode });
  const server = new SMTPServer({
    // Its own certificate is known to everyone, of which it warns; here it is meant.
    logger: false,
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) =>
      username === 'u' && password === 's3cret' ? done(null, { user: 'u' }) : done(refusal(535, `no ${password}`)),
    onRcptTo: ({ address }, _session, done) => {
      if (address.startsWith('greylisted@')) return done(refusal(450, 'Greylisted, come back later'));
      if (address.startsWith('unknown@')) return done(refusal(550, 'No such user here'));
      return done();
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const data = Buffer.concat(chunks).toString();
        if (data.includes('spam')) return done(refusal(554, 'Spam'));
        if (data.includes('full')) return done(refusal(452, 'Disk full'));
        const { mailFrom, rcptTo } = session.envelope;
        const to = rcptTo.map(({ address }) => address);
        mails.push({ from: mailFrom ? mailFrom.address : '', to, data, secure: session.secure });
        return done(null, 'Queued as 4711');
      });
    },
    ...options,
  });
  server.on('error', () => {});
  const port = await listening(server.server);
  undo.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port, mails };
}

describe('e-mail by SMTP', () => {
  it('hands the mail over with its own Message-ID and says what the server answered', async () => {
    const { port, mails } = await smtpServer();
    const channel = opened(emailChannel(`smtp://u:s3cret@127.0.0.1:${port}`, '/nowhere', FROM));
    expect(await channel.send(MAIL)).toEqual({
      outcome: 'sent',
      answer: '250 Queued as 4711',
      reference: `<${MAIL.id}@provider.example>`,
    });
    expect(mails).toMatchObject([{ from: 'warnings@provider.example', to: ['anna@example.com'] }]);
    expect(mails[0]!.data).toContain(`Message-ID: <${MAIL.id}@provider.example>`);
    expect(channel.description).toBe(`e-mail by smtp://127.0.0.1:${port}`);
  });

  it.each<[string, Partial<OutgoingMessage>, string, string]>([
    ['a temporary answer to the recipient', { to: 'greylisted@example.com' }, 'retry', '450 Greylisted'],
    ['a permanent answer to the recipient', { to: 'unknown@example.com' }, 'refused', '550 No such user here'],
    ['a temporary answer to the content', { text: 'full' }, 'retry', '452 Disk full'],
    ['a permanent answer to the content', { text: 'spam' }, 'refused', '554 Spam'],
    ['an address that is none', { to: '' }, 'refused', 'EENVELOPE'],
  ])('%s', async (_sentence, change, outcome, answer) => {
    const { port, mails } = await smtpServer();
    const channel = opened(emailChannel(`smtp://127.0.0.1:${port}`, '/nowhere', FROM));
    const got = await channel.send({ ...MAIL, ...change });
    expect(got).toEqual({ outcome, answer: expect.stringContaining(answer) });
    expect(mails).toEqual([]);
    expect(await channel.send(MAIL)).toMatchObject({ outcome: 'sent' });
  });

  it('sends one mail to one address, whatever stands in it', async () => {
    const { port, mails } = await smtpServer();
    const channel = opened(emailChannel(`smtp://127.0.0.1:${port}`, '/nowhere', FROM));
    await channel.send({ ...MAIL, to: 'anna@example.com, eve@example.com\r\nBcc: eve@example.com' });
    expect(mails.flatMap(({ to }) => to)).not.toContain('eve@example.com');
  });

  it('carries text, HTML and the chart that the HTML shows, and says where answers and bounces go', async () => {
    const { port, mails } = await smtpServer();
    const mail = { ...FROM, replyTo: 'help@provider.example', bounceAddress: 'bounces@provider.example' };
    const channel = opened(emailChannel(`smtp://127.0.0.1:${port}`, '/nowhere', mail));
    const html = '<p>Beste Anna</p><img src="cid:chart@plafond">';
    const png = Buffer.from('not really a picture');
    expect(await channel.send({ ...MAIL, html, image: { cid: 'chart@plafond', png } })).toMatchObject({
      outcome: 'sent',
    });
    const [{ from, data }] = mails as [ReceivedMail];
    expect(from).toBe(`bounces+${MAIL.id}@provider.example`);
    expect(data).toContain('Reply-To: help@provider.example');
    expect(data).toMatch(/Content-Type: multipart\/alternative/);
    expect(data).toMatch(/Content-Id: <chart@plafond>/i);
    expect(data).toMatch(/Content-Disposition: inline/);
  });

  it('is signed by DKIM where a key is configured', async () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const { port, mails } = await smtpServer();
    const dkim = { domainName: 'provider.example', keySelector: 's1', privateKey };
    const channel = opened(emailChannel(`smtp://127.0.0.1:${port}`, '/nowhere', { ...FROM, dkim }));
    await channel.send(MAIL);
    expect(mails[0]!.data).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256; .*d=provider\.example;\s+.*s=s1;/ims);
  });

  it('goes by TLS where the server offers it, and by smtps:// always', async () => {
    // The server's certificate is its own word alone, so it is trusted here by name.
    const trusting = (url: string) => opened(emailChannel(`${url}/?tls.rejectUnauthorized=false`, '/nowhere', FROM));
    const offers = await smtpServer({ disabledCommands: [] });
    const always = await smtpServer({ secure: true });
    for (const [url, { mails }] of [
      [`smtp://127.0.0.1:${offers.port}`, offers],
      [`smtps://127.0.0.1:${always.port}`, always],
    ] as const) {
      expect(await trusting(url).send(MAIL)).toMatchObject({ outcome: 'sent' });
      expect(mails).toMatchObject([{ secure: true }]);
    }
  });

  it('is not handed to a server whose certificate nobody vouches for', async () => {
    const { port, mails } = await smtpServer({ disabledCommands: [] });
    const channel = opened(emailChannel(`smtp://127.0.0.1:${port}`, '/nowhere', FROM));
    expect(await channel.send(MAIL)).toEqual({ outcome: 'retry', answer: expect.stringMatching(/certificate/) });
    expect(mails).toEqual([]);
  });

  it('says retry, without the password, where our log-in is refused', async () => {
    const { port } = await smtpServer();
    const channel = opened(emailChannel(`smtp://u:wr%40ng@127.0.0.1:${port}`, '/nowhere', FROM));
    expect(await channel.send(MAIL)).toEqual({ outcome: 'retry', answer: expect.stringContaining('535 no ***') });
  });

  it('says retry where a server turns us away at the door, or none is there', async () => {
    const busy = await smtpServer({ onConnect: (_session, done) => done(new Error('Too busy')) });
    for (const port of [busy.port, await closedPort()]) {
      const channel = opened(emailChannel(`smtp://127.0.0.1:${port}`, '/nowhere', FROM));
      expect(await channel.send(MAIL)).toMatchObject({ outcome: 'retry' });
    }
  });
});

interface Asked {
  method: string | undefined;
  url: URL;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A web server that gives one answer to everything, for ever again where it is `endless`, and tells what it was asked. */
async function webServer(
  status: number,
  text: string,
  headers = {},
  endless = false,
): Promise<{ port: number; asked: Asked[]; hungUp: Promise<void> }> {
  let hangUp: () => void;
  const hungUp = new Promise<void>((resolve) => (hangUp = resolve));
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url ?? '/', 'http://gateway');
    asked.push({ method: request.method, url, headers: request.headers, body });
    response.writeHead(status, headers).on('close', () => hangUp());
    if (!endless) return response.end(text);
    const goOn = (): void => {
      while (!response.destroyed && response.write(text.repeat(10_000)));
    };
    response.on('drain', goOn);
    return goOn();
  });
  const port = await listening(server);
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port, asked, hungUp };
}

describe('SMS by Kannel', () => {
  const urlOf = (port: number): string =>
    `kannel+http://plafond:s3cret@127.0.0.1:${port}/cgi-bin/sendsms?from=4711&smsc=main`;

  it('asks as the user guide says', async () => {
    const { port, asked } = await webServer(202, '0: Accepted for delivery');
    const channel = opened(smsChannel(urlOf(port), '/nowhere'));
    await channel.send(SMS);
    await channel.send({ ...SMS, text: 'Somalië & co + 100%' });
    expect(asked.map(({ method, url }) => [method, url.pathname])).toEqual([
      ['GET', '/cgi-bin/sendsms'],
      ['GET', '/cgi-bin/sendsms'],
    ]);
    const common = { username: 'plafond', password: 's3cret', from: '4711', smsc: 'main', charset: 'UTF-8' };
    expect(Object.fromEntries(asked[0]!.url.searchParams)).toEqual({ ...common, to: SMS.to, text: SMS.text });
    expect(Object.fromEntries(asked[1]!.url.searchParams)).toEqual({
      ...common,
      to: SMS.to,
      text: 'Somalië & co + 100%',
      coding: '2',
    });
    expect(channel.description).toBe(`SMS by Kannel at 127.0.0.1:${port}`);
  });

  it.each([
    [202, '0: Accepted for delivery', 'sent'],
    [202, '3: Queued for later delivery', 'sent'],
    [503, 'Temporal failure, try again later.', 'retry'],
    [403, 'Not routable. Do not try again.', 'refused'],
    [403, 'Authorization failed for sendsms', 'retry'],
    [400, 'Sender missing and no global set, rejected', 'refused'],
    [200, 'Authorization failed for sendsms', 'retry'],
    [200, 'Number(s) has/have been denied by white- and/or black-lists.', 'refused'],
    [404, 'Unknown request.', 'refused'],
    [302, '', 'retry'],
  ])('%d "%s" is %s', async (status, text, outcome) => {
    const { port } = await webServer(status, text);
    const channel = opened(smsChannel(urlOf(port), '/nowhere'));
    expect(await channel.send(SMS)).toEqual({ outcome, answer: `${status} ${text}`.trim() });
  });

  it('says retry where Kannel is down', async () => {
    const channel = opened(smsChannel(urlOf(await closedPort()), '/nowhere'));
    expect(await channel.send(SMS)).toEqual({ outcome: 'retry', answer: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('receipts', () => {
  const receiptUrl = 'https://plafond.example.net/v1/receipts/w1.sig';

  it('are asked of Kannel for all that it may say', async () => {
    const { port, asked } = await webServer(202, '0: Accepted for delivery');
    const channel = opened(smsChannel(`kannel+http://u:p@127.0.0.1:${port}/sendsms`, '/nowhere'));
    await channel.send({ ...SMS, receiptUrl });
    expect(asked[0]!.url.searchParams.get('dlr-mask')).toBe('27');
    expect(asked[0]!.url.searchParams.get('dlr-url')).toBe(`${receiptUrl}?dlr=%d&answer=%A`);
  });

  it('are asked of a JSON gateway', async () => {
    const { port, asked } = await webServer(200, '');
    const channel = opened(smsChannel(`http://127.0.0.1:${port}/`, '/nowhere'));
    await channel.send({ ...SMS, receiptUrl });
    expect(JSON.parse(asked[0]!.body)).toMatchObject({ receipt_url: receiptUrl });
  });

  it('come from an SMSC over the session, which is bound at once and again, and are answered when they are kept', async () => {
    const { port, sessions, submits } = await smsc();
    const channel = opened(smsChannel(`smpp://plafond:s3cret@127.0.0.1:${port}`, '/nowhere'));
    const heard: unknown[] = [];
    let kept = false;
    channel.listen!(async (receipt) => {
      heard.push(receipt);
      return kept;
    });
    const bound = async (count: number) => {
      while (sessions.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
      return sessions[count - 1]!;
    };
    const text =
      'id:m1 sub:001 dlvrd:001 submit date:1003140241 done date:1003140242 stat:DELIVRD err:000 text:U heeft';
    const deliver = (session: Session) =>
      new Promise<number>((resolve) => {
        const pdu = new smpp.PDU('deliver_sm', { esm_class: 4, source_addr: '31612345678', short_message: text });
        session.send(pdu, ({ command_status }) => resolve(command_status));
      });
    await channel.send(SMS);
    expect(submits[0]).toMatchObject({ registered_delivery: 1 });
    expect(await deliver(await bound(1))).toBe(smpp.errors.ESME_RX_T_APPN);
    kept = true;
    expect(await deliver(sessions[0]!)).toBe(0);
    const receipt = { gatewayId: 'm1', number: '31612345678', said: 'delivered', answer: 'DELIVRD err:000' };
    expect(heard).toEqual([receipt, receipt]);
    sessions[0]!.destroy();
    expect(await deliver(await bound(2))).toBe(0);
  });
});

describe('SMS by a JSON gateway', () => {
  it('posts the message with its id as idempotency key', async () => {
    const { port, asked } = await webServer(201, '{"accepted":true}');
    const channel = opened(smsChannel(`http://me:s3cret@127.0.0.1:${port}/v1/send?key=k3y`, '/nowhere'));
    expect(await channel.send(SMS)).toEqual({ outcome: 'sent', answer: '201 {"accepted":true}' });
    expect(asked[0]).toMatchObject({
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': SMS.id,
        authorization: `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
      },
    });
    expect(asked[0]!.url.href).toBe('http://gateway/v1/send?key=k3y');
    expect(JSON.parse(asked[0]!.body)).toEqual({ id: SMS.id, to: SMS.to, text: SMS.text });
    expect(channel.description).toBe(`SMS by the gateway at http://127.0.0.1:${port}`);
  });

  it.each([
    [200, 'sent'],
    [204, 'sent'],
    [400, 'refused'],
    [401, 'retry'],
    [408, 'retry'],
    [422, 'refused'],
    [425, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ])('%d is %s', async (status, outcome) => {
    const { port } = await webServer(status, '');
    const channel = opened(smsChannel(`http://127.0.0.1:${port}/`, '/nowhere'));
    expect(await channel.send(SMS)).toEqual({ outcome, answer: `${status}` });
  });

  it.each([
    ['{}', 'sent'],
    ['OK', 'sent'],
    ['{"id":"4711"}', 'sent'],
    ['{"message_id":17,"status":"queued","error":null}', 'sent'],
    ['{"accepted":true,"errors":[]}', 'sent'],
    ['{"error":"insufficient credit"}', 'retry'],
    ['{"id":"4711","error":{"code":7}}', 'retry'],
    ['{"success":false}', 'retry'],
    ['{"status":"error","id":"4711"}', 'retry'],
    ['{"message":"no such route"}', 'retry'],
    ['ERROR: invalid API key', 'retry'],
    ['<html>Please log in</html>', 'retry'],
    ['[]', 'retry'],
    ['{"status":"rejected","error":"blocked number"}', 'refused'],
  ])('a 200 that says %s is %s', async (text, outcome) => {
    const { port } = await webServer(200, text);
    const channel = opened(smsChannel(`http://127.0.0.1:${port}/`, '/nowhere'));
    expect(await channel.send(SMS)).toMatchObject({ outcome });
  });

  it.each([
    ['blanks', ' '],
    ['an id', '{"id":"4711"}'],
    ['umlauts', 'äöü'],
  ])('a 200 that says %s without an end is hung up on, and tried again', async (_story, text) => {
    const { port, hungUp } = await webServer(200, text, {}, true);
    const channel = opened(smsChannel(`http://127.0.0.1:${port}/`, '/nowhere'));
    const { outcome, answer } = await channel.send(SMS);
    expect(outcome).toBe('retry');
    expect(answer.startsWith(`200 ${text}`.trim())).toBe(true);
    expect(answer.length).toBeLessThanOrEqual(201);
    await hungUp;
  });

  it('follows no redirect, and strikes its secrets from what the gateway echoes', async () => {
    const elsewhere = await webServer(200, '');
    const { port } = await webServer(307, 'me:s3cret k3y\nmoved', { location: `http://127.0.0.1:${elsewhere.port}/` });
    const channel = opened(smsChannel(`http://me:s3cret@127.0.0.1:${port}/?key=k3y`, '/nowhere'));
    expect(await channel.send(SMS)).toEqual({ outcome: 'retry', answer: '307 me:*** *** moved' });
    expect(elsewhere.asked).toEqual([]);
  });
});

/** An SMSC that binds `plafond:s3cret` under SMPP 3.4 and answers each submit_sm with the next of `statuses`. */
async function smsc(
  statuses: string[] = [],
): Promise<{ port: number; binds: Pdu[]; submits: Pdu[]; sessions: Session[] }> {
  const seen = { binds: [] as Pdu[], submits: [] as Pdu[], sessions: [] as Session[] };
  const server = smpp.createServer((session) => {
    seen.sessions.push(session);
    session.on('error', () => {});
    session.on('bind_transceiver', (pdu: Pdu) => {
      seen.binds.push(pdu);
      const known = pdu.system_id === 'plafond' && pdu.password === 's3cret' && pdu.interface_version === 0x34;
      session.send(pdu.response(known ? {} : { command_status: smpp.errors.ESME_RINVPASWD }));
    });
    session.on('submit_sm', (pdu: Pdu) => {
      seen.submits.push(pdu);
      const status = statuses.shift() ?? 'ESME_ROK';
      if (status === 'hang up') return session.destroy();
      const answer = status === 'ESME_ROK' ? { message_id: `m${seen.submits.length}` } : {};
      return session.send(pdu.response({ ...answer, command_status: smpp.errors[status] }));
    });
    session.on('unbind', (pdu: Pdu) => {
      session.send(pdu.response());
      session.close();
    });
  });
  const port = await listening(server);
  undo.push(() => {
    for (const session of server.sessions) session.destroy();
    server.close();
  });
  return { port, ...seen };
}

describe('SMS by SMPP', () => {
  const urlOf = (port: number, password = 's3cret', from = '4711'): string =>
    `smpp://plafond:${password}@127.0.0.1:${port}?from=${from}`;

  it('binds once and submits over the same session', async () => {
    const { port, binds, submits } = await smsc();
    const channel = opened(smsChannel(urlOf(port), '/nowhere'));
    const outcomes = await Promise.all([channel.send(SMS), channel.send({ ...SMS, text: 'Somalië' })]);
    expect(outcomes).toEqual([
      { outcome: 'sent', answer: 'ESME_ROK', reference: 'm1', gatewayIds: ['m1'] },
      { outcome: 'sent', answer: 'ESME_ROK', reference: 'm2', gatewayIds: ['m2'] },
    ]);
    expect(binds).toHaveLength(1);
    const common = { source_addr: '4711', source_addr_ton: 0, destination_addr: '31612345678', esm_class: 0 };
    expect(submits).toMatchObject([
      { ...common, data_coding: 0, short_message: { message: SMS.text } },
      { ...common, data_coding: 8, short_message: { message: 'Somalië' } },
    ]);
    expect(channel.description).toBe(`SMS by SMPP at 127.0.0.1:${port}`);
  });

  it('sends a long text as parts that belong together, again with the same number when repeated', async () => {
    const { port, submits } = await smsc(['ESME_ROK', 'ESME_RTHROTTLED']);
    const channel = opened(smsChannel(urlOf(port, 's3cret', 'Plafond'), '/nowhere'));
    const long = { ...SMS, text: 'a'.repeat(200) };
    expect(await channel.send(long)).toEqual({ outcome: 'retry', answer: 'ESME_RTHROTTLED' });
    expect(await channel.send(long)).toEqual({
      outcome: 'sent',
      answer: 'ESME_ROK',
      reference: 'm3,m4',
      gatewayIds: ['m3', 'm4'],
    });
    const headers = submits.map((pdu) => pdu.short_message?.udh?.[0]);
    const texts = submits.map((pdu) => pdu.short_message?.message.length);
    expect(texts).toEqual([153, 47, 153, 47]);
    expect(headers.map((header) => [...header!.subarray(3)])).toEqual([
      [2, 1],
      [2, 2],
      [2, 1],
      [2, 2],
    ]);
    expect(new Set(headers.map((header) => header![2])).size).toBe(1);
    expect(submits[0]).toMatchObject({ source_addr: 'Plafond', source_addr_ton: 5, esm_class: 0x40 });
  });

  it.each([
    ['ESME_RTHROTTLED', 'retry'],
    ['ESME_RMSGQFUL', 'retry'],
    ['ESME_RSYSERR', 'retry'],
    ['ESME_RINVBNDSTS', 'retry'],
    ['ESME_RINVDSTADR', 'refused'],
    ['ESME_RSUBMITFAIL', 'refused'],
  ])('%s is %s, and the next message goes through', async (status, outcome) => {
    const { port } = await smsc([status]);
    const channel = opened(smsChannel(urlOf(port), '/nowhere'));
    expect(await channel.send(SMS)).toEqual({ outcome, answer: status });
    expect(await channel.send(SMS)).toMatchObject({ outcome: 'sent' });
  });

  it('binds again after the session broke', async () => {
    const { port, binds } = await smsc(['ESME_ROK', 'hang up']);
    const channel = opened(smsChannel(urlOf(port), '/nowhere'));
    expect(await channel.send(SMS)).toMatchObject({ outcome: 'sent' });
    expect(await channel.send(SMS)).toMatchObject({ outcome: 'retry' });
    expect(await channel.send(SMS)).toMatchObject({ outcome: 'sent' });
    expect(binds).toHaveLength(2);
  });

  it('answers what the SMSC asks of it', async () => {
    const { port, sessions } = await smsc();
    const channel = opened(smsChannel(urlOf(port), '/nowhere'));
    await channel.send(SMS);
    const responses = ['enquire_link', 'deliver_sm'].map(
      (command) => new Promise<Pdu>((resolve) => sessions[0]!.send(new smpp.PDU(command), resolve)),
    );
    expect((await Promise.all(responses)).map(({ command }) => command)).toEqual([
      'enquire_link_resp',
      'deliver_sm_resp',
    ]);
  });

  it('says retry where the bind is refused or nobody listens', async () => {
    const { port } = await smsc();
    const refused = opened(smsChannel(urlOf(port, 'wrong'), '/nowhere'));
    expect(await refused.send(SMS)).toEqual({
      outcome: 'retry',
      answer: expect.stringContaining('bind refused with ESME_RINVPASWD'),
    });
    const down = opened(smsChannel(urlOf(await closedPort()), '/nowhere'));
    expect(await down.send(SMS)).toEqual({ outcome: 'retry', answer: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('a wrong URL', () => {
  it.each([
    ['SMTP_URL', () => emailChannel('http://u:s3cret@host', '/nowhere', FROM)],
    ['SMTP_URL', () => emailChannel('u:s3cret', '/nowhere', FROM)],
    ['SMTP_URL', () => emailChannel('smtp://u:s3cret%@host', '/nowhere', FROM)],
    ['SMS_URL', () => smsChannel('ftp://u:s3cret@host', '/nowhere')],
    ['SMS_URL', () => smsChannel('kannel+smpp://u:s3cret@host', '/nowhere')],
    ['SMS_URL', () => smsChannel('s3cret', '/nowhere')],
  ])('is named without its password: %s', (name, open) => {
    expect(open).toThrow(name);
    expect(open).not.toThrow('s3cret');
  });
});
