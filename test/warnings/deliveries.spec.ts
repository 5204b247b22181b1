import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { DrivenClock } from '../../src/kernel/clock.ts';
import type { SettleDelivery } from '../../src/pipeline/telling/settle-delivery.ts';
import type { Channel, Outcome, OutgoingMessage } from '../../src/warnings/channels/channel.ts';
import { EmailInbox } from '../../src/warnings/channels/inbox.ts';
import { claimWarnings, settlement } from '../../src/warnings/deliveries.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { messagesBy } from '../harness/messages.ts';

Logger.overrideLogger(false);

let database: TestDatabase;
let account: string;
let gateway: Gateway;
let settle: SettleDelivery;
const at = Date.UTC(2010, 2, 14, 1, 41, 0);
const clock = new DrivenClock(at);
const query = <T = Record<string, unknown>>(sql: string, parameters?: unknown[]) =>
  database.dataSource.query<T[]>(sql, parameters);

/** A gateway that answers as it is told, and remembers what it was sent. */
class Gateway implements Channel {
  readonly kind = 'email';
  readonly description = 'a test';
  readonly messages: OutgoingMessage[] = [];
  answer: () => Promise<Outcome> = async () => ({ outcome: 'sent', answer: '250 ok', reference: 'q1' });

  async send(message: OutgoingMessage): Promise<Outcome> {
    this.messages.push(message);
    return this.answer();
  }
  async close(): Promise<void> {}
}

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await query(`DELETE FROM outbox`);
  await query(`UPDATE warnings SET state = 'failed'`);
  account = `acc-${randomUUID()}`;
  gateway = new Gateway();
  settle = settledBy(gateway);
});

const settledBy = (channel: Channel) => messagesBy(database, clock, { email: channel, sms: channel }).settle;

async function warning(createdAt = at): Promise<string> {
  const [id, decision] = [randomUUID(), randomUUID()];
  await query(
    `INSERT INTO decisions (decision_id, at, account_id, type, trigger, action, period, traffic, currency, record_id, service_id, mode, explanation)
     VALUES ($1, now(), $2, 'warn', 'cap', 'warn', '2010-03', 'international', 'EUR', 'r1', '', 'enforce', '')`,
    [decision, account],
  );
  await query(
    `INSERT INTO warnings (warning_id, decision_id, account_id, channel, address, subject, text, state, created_at)
     VALUES ($1, $2, $3, 'email', 'anna@example.net', 'Half of your limit', 'Hello', 'queued', $4)`,
    [id, decision, account, new Date(createdAt)],
  );
  return id;
}
const stateOf = async (id: string) =>
  (await query(`SELECT state, attempts, settled_at FROM warnings WHERE warning_id = $1`, [id]))[0];
const attemptsOf = (id: string) =>
  query(`SELECT attempt, outcome, answer FROM warning_attempts WHERE warning_id = $1 ORDER BY attempt`, [id]);
const evidence = () => query(`SELECT kind, body FROM evidence WHERE account_id = $1 ORDER BY seq`, [account]);
/** As if the pause, or the lease of a worker that was killed, had run out. */
const letTimePass = () => query(`UPDATE warnings SET leased_until = now() - interval '1 second'`);

describe('a delivery', () => {
  it('goes out with its id, is recorded, and leaves evidence that shows no address', async () => {
    const id = await warning();
    expect(await settle.deliver([id, id])).toEqual({ retry: [] });
    expect(gateway.messages).toMatchObject([
      { id, to: 'anna@example.net', subject: 'Half of your limit', text: 'Hello', account, at },
    ]);
    expect(await stateOf(id)).toEqual({ state: 'sent', attempts: 1, settled_at: new Date(at) });
    expect(await evidence()).toMatchObject([
      {
        kind: 'warning-sent',
        body: { warning: id, to: 'a***@example.net', answer: '250 ok', reference: 'q1', attempt: 1 },
      },
    ]);
    expect(await inTransaction(database.dataSource, ({ client }) => verifyAccount(client, account))).toMatchObject({
      ok: true,
    });
  });

  it('is not repeated when its job runs again', async () => {
    const id = await warning();
    await settle.deliver([id]);
    await letTimePass();
    await settle.deliver([id]);
    expect(gateway.messages).toHaveLength(1);
  });

  it('is made by one worker only, however many are told to', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => warning()));
    gateway.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { outcome: 'sent', answer: 'ok' };
    };
    await Promise.all([1, 2, 3, 4].map(() => settledBy(gateway).deliver(ids)));
    expect(gateway.messages.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  });

  it('that the gateway puts off waits out its pause and is then sent', async () => {
    const id = await warning();
    gateway.answer = async () => ({ outcome: 'retry', answer: '451 later, anna@example.net' });
    expect(await settle.deliver([id])).toEqual({ retry: [id] });
    expect(await settle.deliver([id])).toEqual({ retry: [id] });
    expect(gateway.messages).toHaveLength(1);
    expect(await settle.sweep()).toEqual([]);

    await letTimePass();
    expect(await settle.sweep()).toEqual([id]);
    expect(await query('SELECT job, payload FROM outbox')).toEqual([
      { job: 'deliver-warnings', payload: { warnings: [id] } },
    ]);
    gateway.answer = async () => ({ outcome: 'sent', answer: '250 ok' });
    expect(await settle.deliver([id])).toEqual({ retry: [] });
    expect(await attemptsOf(id)).toEqual([
      { attempt: 1, outcome: 'retry', answer: '451 later, a***@example.net' },
      { attempt: 2, outcome: 'sent', answer: '250 ok' },
    ]);
    expect((await evidence()).map(({ kind }) => kind)).toEqual(['warning-sent']);
  });

  it('that is refused has failed, and is not tried again', async () => {
    const id = await warning();
    gateway.answer = async () => ({ outcome: 'refused', answer: '550 no such user' });
    expect(await settle.deliver([id])).toEqual({ retry: [] });
    await settle.deliver([id]);
    expect(await stateOf(id)).toMatchObject({ state: 'failed', attempts: 1 });
    expect(await evidence()).toMatchObject([
      { kind: 'warning-failed', body: { answer: '550 no such user' } },
      { kind: 'decision', body: { not_reached: { warning: id, answer: '550 no such user' } } },
    ]);
  });

  it('fails after ten attempts', async () => {
    const id = await warning();
    gateway.answer = async () => {
      throw new Error('a fault of the channel');
    };
    for (let i = 0; i < 12; i++) {
      await settle.deliver([id]);
      await letTimePass();
    }
    expect(gateway.messages).toHaveLength(10);
    expect(await stateOf(id)).toMatchObject({ state: 'failed', attempts: 10 });
    expect((await evidence()).map(({ kind }) => kind)).toEqual(['warning-failed', 'decision']);
  });

  it('whose worker was killed after sending goes out again under the same id, which the inbox notices', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plafond-inbox-'));
    const inbox = new EmailInbox(folder, { from: 'plafond@localhost' });
    const id = await warning();
    const [claimed] = await inTransaction(database.dataSource, ({ client }) => claimWarnings(client, [id], at));
    await inbox.send({ ...claimed!, to: claimed!.address, account, at });

    expect(await settledBy(inbox).deliver([id])).toEqual({ retry: [id] });
    await letTimePass();
    expect(await settledBy(inbox).deliver([id])).toEqual({ retry: [] });
    expect(await readdir(join(folder, 'email'))).toHaveLength(1);
    expect(await stateOf(id)).toMatchObject({ state: 'sent', attempts: 2 });
    await rm(folder, { recursive: true });
  });

  it('that came through late is sent, whatever the worker meets that took it up meanwhile', async () => {
    const id = await warning();
    const late = new Gateway();
    let answerLate: (outcome: Outcome) => void = () => undefined;
    late.answer = () => new Promise((resolve) => (answerLate = resolve));
    const first = settledBy(late).deliver([id]);
    while (late.messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await letTimePass();
    gateway.answer = async () => {
      answerLate({ outcome: 'sent', answer: 'at last' });
      await first;
      return { outcome: 'refused', answer: 'seen already' };
    };
    await settle.deliver([id]);
    expect(await stateOf(id)).toMatchObject({ state: 'sent', attempts: 2 });
    expect((await evidence()).map(({ kind }) => kind)).toEqual(['warning-sent']);
    expect(await attemptsOf(id)).toHaveLength(2);
  });
});

describe('the sweep', () => {
  it('finds what nobody has taken up for a minute, and nothing younger', async () => {
    const old = await warning(at - 60_000);
    await warning(at - 59_999);
    expect(await settle.sweep()).toEqual([old]);
  });

  it('carries many in batches', async () => {
    await Promise.all(Array.from({ length: 120 }, () => warning(at - 120_000)));
    expect(await settle.sweep()).toHaveLength(120);
    expect(await query('SELECT 1 FROM outbox')).toHaveLength(3);
  });
});

describe('what an attempt makes of its warning', () => {
  it.each([
    ['sent is sent', 'sent', 10, { state: 'sent' }],
    ['refused has failed at once', 'refused', 1, { state: 'failed' }],
    ['the first pause is ten seconds', 'retry', 1, { state: 'queued', pause_s: 10 }],
    ['each further pause is twice as long', 'retry', 4, { state: 'queued', pause_s: 80 }],
    ['the ninth waits some three quarters of an hour', 'retry', 9, { state: 'queued', pause_s: 2_560 }],
    ['the tenth has failed', 'retry', 10, { state: 'failed' }],
  ] as const)('%s', (_, outcome, attempt, made) => expect(settlement(outcome, attempt)).toEqual(made));
});
