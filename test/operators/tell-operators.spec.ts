/** What operators are told: by real mail files and real HTTP servers, one of which is down, fails, or is slow. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { settleAlarm } from '../../src/feeds/alarms.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseInstant, SystemClock, type Clock } from '../../src/kernel/clock.ts';
import type { EventKind, Receiver } from '../../src/operators/receiver.ts';
import { ChangeOperators } from '../../src/pipeline/telling/change-operators.ts';
import { TellOperators } from '../../src/pipeline/telling/tell-operators.ts';
import type { OutgoingMessage } from '../../src/warnings/channels/channel.ts';
import { TestPlafond } from '../harness/plafond.ts';
import { HttpReceiver } from './http-receiver.ts';

const NOW = parseInstant('2026-03-10T12:00:00+01:00')!;
const KEY = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let plafond: TestPlafond;
let hook: HttpReceiver;
let operators: TellOperators;
let change: ChangeOperators;
let operatorsAt: (clock: Clock) => TellOperators;
let mails: OutgoingMessage[];

beforeEach(async () => {
  plafond = await TestPlafond.at(NOW);
  hook = new HttpReceiver();
  await hook.start();
  mails = [];
  const email = {
    kind: 'email' as const,
    description: 'kept by the test',
    send: async (mail: OutgoingMessage) => {
      mails.push(mail);
      return { outcome: 'sent' as const, answer: '250' };
    },
    close: async () => {},
  };
  operatorsAt = (clock) => new TellOperators(plafond.database.dataSource, clock, email);
  operators = operatorsAt(plafond.clock);
  change = new ChangeOperators(plafond.database.dataSource, plafond.clock);
  process.env['PLAFOND_SECRET_HOOK'] = KEY;
});
afterEach(async () => {
  delete process.env['PLAFOND_SECRET_HOOK'];
  await hook.stop();
  await plafond.close();
});

const ALL: EventKind[] = ['notify-operator', 'alarm', 'daily-summary'];
const receive = (name: string, receiver: Omit<Receiver, 'name' | 'events'> & { events?: EventKind[] }) =>
  change.putReceiver({ name, events: ALL, ...receiver }, undefined, 'the tests');
const webhook = () => receive('hook', { kind: 'webhook', address: hook.url, secret: 'PLAFOND_SECRET_HOOK' });

const alarm = (subject: string, trouble: boolean) =>
  inTransaction(plafond.database.dataSource, ({ client }) =>
    settleAlarm(
      client,
      'feed-behind',
      subject,
      trouble ? { text: `the feed ${subject} is silent`, facts: { state: 'silent' } } : undefined,
      `the feed ${subject} is fresh again`,
      NOW,
    ),
  );

/** Lets the database's time pass, by which groups wait and pauses last. */
async function pass(seconds: number): Promise<void> {
  const ago = `- interval '${seconds} seconds'`;
  await plafond.query(`UPDATE operator_events SET created_at = created_at ${ago}`);
  await plafond.query(
    `UPDATE operator_messages SET created_at = created_at ${ago}, leased_until = leased_until ${ago}`,
  );
}

async function tell(): Promise<void> {
  await operators.group();
  for (const name of await operators.due()) await operators.send(name);
}

const states = async () =>
  (await plafond.query<{ state: string }>('SELECT state FROM operator_messages ORDER BY message_no')).map(
    ({ state }) => state,
  );

const evidence = async (kind: string) =>
  (
    await plafond.query<{ body: object }>('SELECT body FROM evidence WHERE kind = $1 ORDER BY account_id, seq', [kind])
  ).map(({ body }) => body);

describe('operators', () => {
  it('are told of decisions that ask for a person, together and once, signed after Standard Webhooks', async () => {
    await webhook();
    await receive('mail', { kind: 'email', address: 'billing@example.net' });
    await plafond.addAccount({ accountId: '1001', suspensionTerms: '' });
    await plafond.addAccount({ accountId: '1002', suspensionTerms: '' });
    await plafond.addCap({ thresholds: [{ percent: 100, actions: ['suspend:international'] }] });
    await plafond.send([
      { record_id: 'r1', account_id: '1001', amount: '120.00' },
      { record_id: 'r2', account_id: '1002', amount: '130.00' },
    ]);
    // Whoever checks a signature also looks at its time.
    operators = operatorsAt(new SystemClock());
    await tell();
    expect(hook.received).toEqual([]);
    await pass(10);
    await tell();
    expect(hook.received).toHaveLength(1);
    const { headers, body } = hook.received[0]!;
    const said = new Webhook(KEY).verify(body, headers as Record<string, string>, {}) as { type: string; data: object };
    expect(said.type).toBe('plafond.notify-operator');
    expect(said.data).toMatchObject({ count: 2, withheld: 0 });
    expect(mails.map(({ to, subject }) => [to, subject])).toEqual([
      ['billing@example.net', 'Plafond: 2 decisions need a look'],
    ]);
    await pass(120);
    await tell();
    expect(hook.received).toHaveLength(1);
  });

  it('are told of an alarm once and of its all-clear once', async () => {
    await receive('slack', { kind: 'slack', address: hook.url });
    await alarm('rating', true);
    await alarm('rating', true);
    await pass(10);
    await tell();
    await alarm('rating', false);
    await alarm('rating', false);
    await pass(60);
    await tell();
    expect(hook.received.map(({ body }) => JSON.parse(body).text)).toEqual([
      '*Plafond: 1 alarm*\n- 2026-03-10T11:00:00Z the feed rating is silent',
      '*Plafond: all clear*\n- 2026-03-10T11:00:00Z all clear: the feed rating is fresh again',
    ]);
  });

  it('get many of one kind within a minute as one message', async () => {
    await receive('slack', { kind: 'slack', address: hook.url });
    await alarm('a', true);
    await pass(10);
    await tell();
    for (const feed of ['b', 'c', 'd']) await alarm(feed, true);
    await pass(10);
    await tell();
    expect(hook.received).toHaveLength(1);
    await pass(50);
    await tell();
    expect(hook.received).toHaveLength(2);
    expect(JSON.parse(hook.received[1]!.body).text).toContain('*Plafond: 3 alarms*');
  });

  it('hear of it from others where a receiver is down, and that receiver gets everything once it is back', async () => {
    await webhook();
    await receive('mail', { kind: 'email', address: 'billing@example.net' });
    await hook.stop();
    await alarm('rating', true);
    await pass(10);
    await tell();
    for (let attempt = 2; attempt <= 3; attempt++) {
      await pass(60);
      await tell();
    }
    await pass(60);
    await tell();
    expect(mails.map(({ text }) => text).join('\n')).toContain('the receiver hook of messages to operators can');
    await hook.start();
    await pass(3_600);
    await tell();
    expect(hook.received.map(({ body }) => JSON.parse(body).data.events[0].text)).toContain(
      'the feed rating is silent',
    );
    await pass(60);
    await tell();
    expect(mails.at(-1)!.text).toContain('all clear: the receiver hook is reached again');
    expect(new Set(await states())).toEqual(new Set(['sent']));
    expect(new Set(hook.received.map(({ headers }) => headers['webhook-id'])).size).toBe(hook.received.length);
  });

  it('are sent again what a receiver answered 500 to, under the same id and byte for byte', async () => {
    await webhook();
    hook.status = 500;
    await alarm('rating', true);
    await pass(10);
    await tell();
    expect(await states()).toEqual(['queued']);
    await operators.send('hook');
    const attempts = () => plafond.query<{ answer: string }>('SELECT answer FROM operator_attempts ORDER BY attempt');
    expect(await attempts()).toEqual([expect.objectContaining({ answer: '500 not now' })]);
    hook.status = 200;
    await pass(60);
    await tell();
    expect(await states()).toEqual(['sent']);
    const [{ message_id: id } = { message_id: '' }] = await plafond.query<{ message_id: string }>(
      'SELECT message_id FROM operator_messages',
    );
    expect(hook.received[0]!.headers['webhook-id']).toBe(id);
  });

  it('give up on a receiver that is gone for good', async () => {
    await webhook();
    hook.status = 410;
    await alarm('rating', true);
    await pass(10);
    await tell();
    expect(await states()).toEqual(['failed']);
    expect(await plafond.query(`SELECT subject FROM alarms WHERE kind = 'receiver-failing'`)).toEqual([
      { subject: 'hook' },
    ]);
  });

  it('are not held up by one who answers slowly, and get nothing twice where two workers are at it', async () => {
    await webhook();
    await receive('mail', { kind: 'email', address: 'billing@example.net' });
    hook.pause_ms = 400;
    await alarm('rating', true);
    await pass(10);
    await operators.group();
    await Promise.all([operators.send('hook'), operators.send('hook'), operators.send('mail')]);
    expect([hook.received.length, mails.length]).toEqual([1, 1]);
    expect(await states()).toEqual(['sent', 'sent']);
  });

  it('were told, or were not: the evidence of each account says so, of its own decisions', async () => {
    await receive('mail', { kind: 'email', address: 'billing@example.net' });
    await receive('gone', { kind: 'webhook', address: `${hook.url}/gone`, secret: 'PLAFOND_SECRET_HOOK' });
    hook.status = 410;
    await plafond.addCap({ thresholds: [{ percent: 100, actions: ['notify-operator'] }] });
    for (const accountId of ['1001', '1002']) {
      await plafond.addAccount({ accountId });
      await plafond.send([{ record_id: accountId, account_id: accountId, amount: '120.00' }]);
    }
    await pass(10);
    await tell();
    const decisions = await plafond.decisions();
    const told = { subject: 'Plafond: 2 decisions need a look', of: 2, attempt: 1 };
    expect(await evidence('operators-told')).toEqual(
      ['1001', '1002'].flatMap((account) => {
        const own = decisions.filter((each) => each.accountId === account).map(({ id }) => id);
        const both = { ...told, message: expect.any(String), decisions: own };
        return [
          { ...both, receiver: 'gone', way: 'webhook', state: 'failed', answer: expect.stringContaining('410') },
          { ...both, receiver: 'mail', way: 'email', to: 'b***@example.net', state: 'sent', answer: '250' },
        ];
      }),
    );
  });

  it('hear nothing of what is silenced, while everything else goes on', async () => {
    await receive('mail', { kind: 'email', address: 'billing@example.net' });
    await plafond.addAccount({ accountId: '1001' });
    await plafond.addCap({ thresholds: [{ percent: 100, actions: ['notify-operator', 'suspend:international'] }] });
    const id = await change.silence(
      { subject: '1001', reason: 'known, being looked at', ends_at: '2026-03-10T13:00:00+01:00' },
      'a person',
    );
    await plafond.send([{ record_id: 'r1', amount: '120.00' }]);
    await pass(10);
    await tell();
    expect(mails).toEqual([]);
    expect((await plafond.decisions()).map(({ type }) => type)).toEqual(['notify-operator', 'suspend']);
    expect(await plafond.query('SELECT state FROM suspensions')).toEqual([{ state: 'wanted' }]);
    expect(await plafond.query('SELECT count(*)::int AS n FROM operator_events WHERE silence_id = $1', [id])).toEqual([
      { n: 1 },
    ]);
    const [decision] = await plafond.decisions();
    expect(await evidence('operators-not-told')).toEqual([{ decision: decision!.id, silence: id }]);

    plafond.clock.advanceTo(parseInstant('2026-03-10T13:00:00+01:00')!);
    await alarm('1001', true);
    await pass(60);
    await tell();
    expect(mails).toHaveLength(1);
  });

  it('hear nothing of what a cap in shadow mode decides', async () => {
    await receive('mail', { kind: 'email', address: 'billing@example.net' });
    await plafond.addAccount({ accountId: '1001' });
    await plafond.addCap({ mode: 'shadow', thresholds: [{ percent: 100, actions: ['notify-operator'] }] });
    await plafond.send([{ record_id: 'r1', amount: '120.00' }]);
    await pass(10);
    await tell();
    expect(mails).toEqual([]);
  });

  it('learn that a secret is not set where it is needed', async () => {
    delete process.env['PLAFOND_SECRET_HOOK'];
    await webhook();
    await alarm('rating', true);
    await pass(10);
    await tell();
    expect(await plafond.query('SELECT answer FROM operator_attempts')).toEqual([
      { answer: 'PLAFOND_SECRET_HOOK is not set in this process' },
    ]);
  });
});
