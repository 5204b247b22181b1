/** From usage to messages, on a real database: how few there are, when they leave, and what follows when they don't arrive. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { MessageUpkeep } from '../../src/pipeline/telling/message-upkeep.ts';
import { parseQuietHours } from '../../src/warnings/quiet-hours.ts';
import type { Brand } from '../../src/warnings/brand.ts';
import type { Channel, Outcome, OutgoingMessage } from '../../src/warnings/channels/channel.ts';
import { warningByGatewayId } from '../../src/warnings/receipts.ts';
import { readTemplates } from '../../src/warnings/templates/folder.ts';
import { messagesBy, NO_BRAND, type Messages } from '../harness/messages.ts';
import { TestPlafond } from '../harness/plafond.ts';

Logger.overrideLogger(false);

const NOON = parseInstant('2026-03-10T12:00:00+01:00')!;
const MINUTE_MS = 60_000;

class Gateway implements Channel {
  readonly description = 'a test';
  readonly messages: OutgoingMessage[] = [];
  answer: Outcome = { outcome: 'sent', answer: 'ok' };

  constructor(readonly kind: 'email' | 'sms') {}

  async send(message: OutgoingMessage): Promise<Outcome> {
    this.messages.push(message);
    return this.answer;
  }
  async close(): Promise<void> {}
}

let plafond: TestPlafond;
let email: Gateway;
let sms: Gateway;
let messages: Messages;

const open = (brand: Brand = NO_BRAND) => messagesBy(plafond.database, plafond.clock, { email, sms, brand });

beforeEach(async () => {
  plafond = await TestPlafond.at(NOON);
  email = new Gateway('email');
  sms = new Gateway('sms');
  messages = open();
  await plafond.addAccount({ accountId: '1001', locale: 'en-GB' });
  await plafond.addCap({});
});
afterEach(() => plafond.close());

let record = 0;
const spend = (amount: string, change: object = {}) => plafond.send([{ record_id: `r${++record}`, amount, ...change }]);

interface StoredWarning {
  channel: string;
  state: string;
  covers: string[];
  subject: string;
  text: string;
  html: string;
}
const stored = () => plafond.query<StoredWarning>('SELECT * FROM warnings ORDER BY warning_no');
/** What the outbox holds is done, as a worker would; then what was left lying. */
async function work(): Promise<void> {
  const jobs = await plafond.query<{ payload: { warnings: string[] } }>(
    `WITH taken AS (DELETE FROM outbox WHERE job = 'deliver-warnings' RETURNING payload) SELECT payload FROM taken`,
  );
  for (const { payload } of jobs) await messages.settle.deliver(payload.warnings);
  await plafond.query(
    `UPDATE warnings SET leased_until = now() - interval '1 second' WHERE state = 'queued' AND attempts > 0`,
  );
  for (let lying = await messages.settle.sweep(); lying.length > 0; lying = []) await messages.settle.deliver(lying);
}
const later = (minutes: number) => plafond.clock.advanceTo(plafond.clock.now() + minutes * MINUTE_MS);
const evidence = (kind: string) =>
  plafond.query<{ body: Record<string, unknown> }>('SELECT body FROM evidence WHERE kind = $1 ORDER BY seq', [kind]);

describe('messages', () => {
  it('of one delivery that crosses three thresholds are one a channel, and evidence says what it covers', async () => {
    await spend('120.00');
    const warned = (await plafond.decisions()).filter(({ type }) => type === 'warn');
    expect(warned.map(({ threshold }) => threshold)).toEqual([50, 80, 100]);
    await work();
    expect(email.messages.map(({ subject }) => subject)).toEqual([
      'You have reached your limit: international calls are blocked',
    ]);
    expect(sms.messages).toHaveLength(1);
    for (const { covers } of await stored()) expect(covers.toSorted()).toEqual(warned.map(({ id }) => id).toSorted());
    const decided = await evidence('decision');
    expect(decided.filter(({ body }) => (body.warnings as unknown[]).length === 2)).toHaveLength(3);
    const [written] = await evidence('warning-written');
    expect(written!.body).toMatchObject({
      channel: 'email',
      to: 'a***@example.net',
      text: expect.stringContaining('Dear '),
      html: expect.stringContaining('<h1'),
      chart: { limit: '100.00', spent: expect.arrayContaining([expect.objectContaining({ amount: '120.00' })]) },
    });
    expect(
      await inTransaction(plafond.database.dataSource, ({ client }) => verifyAccount(client, '1001')),
    ).toMatchObject({ ok: true });
  });

  it('carry a link whose signature stands in nothing that is kept', async () => {
    await spend('60.00');
    await work();
    const link = /\/a\/([\w-]+)/.exec(email.messages[0]!.text)![1]!;
    expect(email.messages[0]!.html).toContain(link);
    expect(sms.messages[0]!.text).toContain(link);
    const kept = JSON.stringify([await stored(), await evidence('warning-written')]);
    expect(kept).toContain(link.slice(0, 27));
    expect(kept).not.toContain(link);
  });

  it('within minutes become one that says all; what bars calls does not wait', async () => {
    await plafond.addCap({
      name: 'Premium',
      traffic: 'premium',
      limit: '20.00',
      thresholds: [{ percent: 50, actions: ['warn'] }],
    });
    await spend('60.00');
    await work();
    later(1);
    await spend('25.00');
    await work();
    later(1);
    await spend('12.00', { b_number: '+31900123456' });
    await work();
    expect(email.messages).toHaveLength(1);
    later(4);
    await work();
    expect(email.messages).toHaveLength(2);
    expect(email.messages[1]!.text).toContain('You have reached 80% of your limit for international calls');
    expect(email.messages[1]!.text).toContain(
      '- You have reached 50% of your limit for premium-rate numbers: €12.00 of €20.00 per month',
    );
    later(1);
    await spend('20.00');
    await work();
    expect(email.messages.at(-1)!.subject).toBe('You have reached your limit: international calls are blocked');
  });

  it('of which the words are made late still say what was known at the decision', async () => {
    await spend('60.00');
    await plafond.addAccount({ accountId: '1001', locale: 'nl-NL', name: 'Renamed' });
    await work();
    expect(email.messages[0]!.subject).toBe('You have reached 50% of your limit for international calls');
  });

  it('in quiet hours wait until morning as SMS, not as mail', async () => {
    messages = open({ ...NO_BRAND, quietHours: new Map([['default', parseQuietHours('11:00-13:00')]]) });
    await spend('60.00');
    await work();
    expect([email.messages.length, sms.messages.length]).toEqual([1, 0]);
    await work();
    later(60);
    await work();
    await work();
    expect(sms.messages).toHaveLength(1);
    expect((await stored()).map(({ state }) => state)).toEqual(['sent', 'sent']);
  });
});

describe('a message that does not arrive', () => {
  const operators = async () => (await plafond.decisions()).filter(({ type }) => type === 'notify-operator');

  it('takes the other way, where there is one that was not used', async () => {
    await plafond.addAccount({ accountId: '1001', locale: 'en-GB', msisdn: '' });
    await spend('60.00');
    await plafond.addAccount({ accountId: '1001', locale: 'en-GB', msisdn: '+31685570221' });
    email.answer = { outcome: 'refused', answer: '550 no such user' };
    await work();
    await work();
    expect(sms.messages).toHaveLength(1);
    expect((await stored()).map(({ channel, state }) => `${channel} ${state}`)).toEqual(['email failed', 'sms sent']);
    expect(await operators()).toEqual([]);
    expect(await evidence('warning-other-way')).toMatchObject([
      { body: { channel: 'email', instead: { channel: 'sms' } } },
    ]);
  });

  it('by neither way is told to the operators, once', async () => {
    email.answer = sms.answer = { outcome: 'refused', answer: 'no' };
    await spend('60.00');
    await work();
    await work();
    expect(await operators()).toMatchObject([
      { explanation: expect.stringMatching(/^The customer was not reached by e-mail and SMS: no\./) },
    ]);
    const alarms = await plafond.query<{ subject: string }>(`SELECT subject FROM alarms WHERE kind = 'contact-fails'`);
    expect(alarms.map(({ subject }) => subject).toSorted()).toEqual(['1001 email', '1001 sms']);
  });

  it.each([
    ['an address that is none', { email: 'anna at example.net' }, 'not sent: it is no e-mail address'],
    ['a landline', { msisdn: '+31201234567' }, 'not sent: it is a landline'],
    ['a premium number', { msisdn: '+31900123456' }, 'not sent: it is a premium-rate number'],
  ])('for %s is never handed to a gateway, and is named to the operators', async (_, contact, answer) => {
    await plafond.addAccount({ accountId: '1002', email: '', msisdn: '', ...contact });
    await spend('60.00', { account_id: '1002' });
    await work();
    expect([...email.messages, ...sms.messages]).toEqual([]);
    expect(await operators()).toMatchObject([
      {
        explanation: expect.stringMatching(`^The customer was not reached by (email|sms): ${answer}. Please call them`),
      },
    ]);
    const alarms = await plafond.query<{ text: string }>(`SELECT text FROM alarms WHERE kind = 'contact-fails'`);
    expect(alarms).toEqual([{ text: expect.stringMatching(`^account 1002 can't be reached by .*: ${answer}$`) }]);
  });

  it('for its gateway takes nothing raises one alarm, which is cleared when it takes something again', async () => {
    email.answer = { outcome: 'retry', answer: '200 {"error":"insufficient credit"}' };
    await spend('60.00');
    for (let i = 0; i < 4; i++) await work();
    const alarms = () =>
      plafond.query<{ text: string; cleared_at: Date | null }>(`SELECT * FROM alarms WHERE kind = 'gateway-trouble'`);
    expect(await alarms()).toMatchObject([{ text: expect.stringContaining('insufficient credit'), cleared_at: null }]);
    email.answer = { outcome: 'sent', answer: 'ok' };
    later(1);
    await work();
    await messages.failures.run();
    expect(await alarms()).toMatchObject([{ cleared_at: expect.any(Date) }]);
  });

  it('at the tenth attempt is logged when it is put off first, and when it is given up', async () => {
    const said: string[] = [];
    const say = (text: unknown) => void said.push(String(text).replace(/^.*(?=attempt)/, ''));
    for (const level of ['warn', 'error'] as const) jest.spyOn(Logger.prototype, level).mockImplementation(say);
    email.answer = { outcome: 'retry', answer: 'busy' };
    await plafond.addAccount({ accountId: '1002', msisdn: '' });
    await spend('60.00', { account_id: '1002' });
    for (let attempt = 1; attempt <= 10; attempt++) await work();
    jest.restoreAllMocks();
    expect(said.filter((text) => text.startsWith('attempt'))).toEqual([
      'attempt 1: busy; it is tried again',
      'attempt 10: busy; the customer was not warned this way',
    ]);
  });

  it('for its gateway is away for long are told of until it is back, and then go at once, the oldest first', async () => {
    /** What the outbox holds is done, and no pause ends. */
    const carry = async () => {
      const jobs = await plafond.query<{ payload: { warnings: string[] } }>(
        `WITH taken AS (DELETE FROM outbox WHERE job = 'deliver-warnings' RETURNING payload) SELECT payload FROM taken`,
      );
      for (const { payload } of jobs) await messages.settle.deliver(payload.warnings);
    };
    const open = async () =>
      (await plafond.query(`SELECT FROM alarms WHERE kind = 'gateway-trouble' AND cleared_at IS NULL`)).length;
    await plafond.addAccount({ accountId: '1002', locale: 'en-GB', msisdn: '' });
    await plafond.addAccount({ accountId: '1003', locale: 'en-GB', msisdn: '' });
    email.answer = { outcome: 'retry', answer: 'connection refused' };
    for (const account of ['1001', '1002', '1003']) {
      await spend('60.00', { account_id: account });
      await carry();
      later(0.1);
    }
    await messages.settle.sweep();
    expect(await open()).toBe(1);
    // For a quarter of an hour nobody asks it.
    later(16);
    await messages.settle.sweep();
    expect(await open()).toBe(1);

    email.answer = { outcome: 'sent', answer: 'ok' };
    email.messages.length = 0;
    await spend('90.00', { account_id: '1001' });
    await carry();
    await messages.settle.sweep();
    expect(await open()).toBe(0);
    await carry();
    expect(email.messages.map(({ account }) => account)).toEqual(['1001', '1001', '1002', '1003']);
  });

  const DSN = (id: string, action: string) =>
    Buffer.from(
      [
        'From: MAILER-DAEMON@mx.example',
        'To: bounces@provider.example',
        'Subject: Undelivered Mail Returned to Sender',
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        'MIME-Version: 1.0',
        '',
        '--b',
        'Content-Type: text/plain',
        '',
        'This is the mail system.',
        '--b',
        'Content-Type: message/delivery-status',
        '',
        'Reporting-MTA: dns; mx.example',
        `Original-Envelope-Id: ${id}`,
        '',
        'Final-Recipient: rfc822; a1001@example.net',
        `Action: ${action}`,
        'Status: 5.1.1',
        'Diagnostic-Code: smtp; 550 5.1.1 <a1001@example.net>: no such',
        '    mailbox',
        '',
        '--b--',
        '',
      ].join('\r\n'),
    );

  it('but came back has bounced, however often the report comes', async () => {
    await spend('60.00');
    await work();
    const { id } = email.messages[0]!;
    expect(await messages.receipts.bounce(DSN(id, 'delayed'))).toEqual({ warning: id, kept: true });
    expect(await messages.receipts.bounce(DSN(id, 'failed'))).toEqual({ warning: id, kept: true });
    expect(await messages.receipts.bounce(DSN(id, 'failed'))).toEqual({ warning: id, kept: false });
    expect((await stored())[0]).toMatchObject({ channel: 'email', state: 'bounced' });
    const receipts = await evidence('warning-receipt');
    expect(receipts.map(({ body }) => body)).toMatchObject([
      { said: 'delayed', state: 'sent' },
      { said: 'failed', state: 'bounced', answer: '5.1.1 smtp; 550 5.1.1 <a***@example.net>: no such mailbox' },
    ]);
    // The SMS is out: the customer was reached by the other way.
    expect(await operators()).toEqual([]);
  });

  it('and is the only way to a customer is told with the address masked wherever it is kept', async () => {
    await plafond.addAccount({ accountId: '1001', locale: 'en-GB', msisdn: '' });
    await spend('60.00');
    await work();
    expect(await messages.receipts.bounce(DSN(email.messages[0]!.id, 'failed'))).toMatchObject({ kept: true });
    expect(await operators()).toMatchObject([{ explanation: expect.stringContaining('<a***@example.net>: no such') }]);
    const told = `(SELECT * FROM evidence WHERE kind LIKE 'warning-%' OR body -> 'not_reached' IS NOT NULL)`;
    for (const table of ['warning_receipts', 'alarms', 'decisions', 'operator_events', told]) {
      const rows = await plafond.query<{ row: string }>(`SELECT t::text AS row FROM ${table} t`);
      expect([table, rows.filter(({ row }) => row.includes('a1001@'))]).toEqual([table, []]);
    }
  });

  it('is not mixed up with mails that are no bounces, or about nothing of ours', async () => {
    await spend('60.00');
    await work();
    const { id } = email.messages[0]!;
    const away = `From: anna@example.net\r\nTo: bounces+${id}@provider.example\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nBack on Monday.\r\n`;
    expect(await messages.receipts.bounce(Buffer.from(away))).toEqual({ warning: undefined, kept: false });
    const strange = '00000000-0000-4000-8000-000000000000';
    expect(await messages.receipts.bounce(DSN(strange, 'failed'))).toEqual({ warning: undefined, kept: false });
    expect(await messages.receipts.bounce(Buffer.from('\u0000not a mail'))).toEqual({
      warning: undefined,
      kept: false,
    });
    const plainBounce = `Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: bounces+${id}@provider.example\r\nSubject: failure\r\n\r\n550 mailbox is full\r\n`;
    expect(await messages.receipts.bounce(Buffer.from(plainBounce))).toEqual({ warning: id, kept: true });
  });
});

describe('a broken template', () => {
  it('is an alarm that names file, line and reason, until a start with a good one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plafond-templates-'));
    try {
      await mkdir(join(folder, 'nl'));
      const file = join(folder, 'nl', 'sms.hbs');
      const started = (source: string) =>
        writeFile(file, source).then(() =>
          new MessageUpkeep(
            plafond.database.dataSource,
            plafond.clock,
            readTemplates(folder, NO_BRAND),
            messages.receipts,
          ).tellOfTemplates(),
        );
      const alarms = () =>
        plafond.query<{ text: string; cleared_at: Date | null }>(
          `SELECT text, cleared_at FROM alarms WHERE kind = 'template-broken'`,
        );
      await started('{{spend}} van\n{{limiet}}');
      await started('{{spend}} van\n{{limiet}}');
      const text = expect.stringMatching(/nl\/sms\.hbs:2 is not used, the built-in text is: "limiet" not defined/);
      expect(await alarms()).toEqual([{ text, cleared_at: null }]);
      await started('{{spend}} van {{limit}}');
      expect(await alarms()).toEqual([{ text, cleared_at: new Date(NOON) }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a receipt by the name that the gateway gave', () => {
  it('is of the message to its number, where the gateway has one name for several', async () => {
    await plafond.addAccount({ accountId: '1002', msisdn: '+31612340002', email: '' });
    await plafond.addAccount({ accountId: '1003', msisdn: '+31612340003', email: '' });
    sms.answer = { outcome: 'sent', answer: 'ESME_ROK', gatewayIds: ['same for all'] };
    for (const account_id of ['1002', '1003']) await spend('60.00', { account_id });
    await work();
    const about = async (number: string) => {
      const find = { gatewayId: 'same for all', number };
      const id = await inTransaction(plafond.database.dataSource, ({ client }) => warningByGatewayId(client, find));
      const [row] = await plafond.query<{ account_id: string }>(
        'SELECT account_id FROM warnings WHERE warning_id = $1',
        [id],
      );
      return row!.account_id;
    };
    expect(await about('31612340002')).toBe('1002');
    expect(await about('0612340003')).toBe('1003');
    // Whose number is not told: the latest.
    expect(await about('')).toBe('1003');
  });
});
