/** Tells the billing team what it has to look at: groups events into messages, and sends each until it is there, or has been tried ten times. */
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { secretFromEnvironment } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { maskAddress, maskAnswer } from '../../kernel/masking.ts';
import { groupMessage, type OperatorEvent } from '../../operators/group.ts';
import type { Receiver } from '../../operators/receiver.ts';
import { sendTo } from '../../operators/send.ts';
import {
  claimMessage,
  dueKinds,
  dueReceivers,
  receiverNamed,
  receiverOf,
  settleMessage,
  takeEvents,
  writeMessages,
  type ClaimedMessage,
  type WithheldEvent,
} from '../../operators/store.ts';
import type { Channel, Outcome } from '../../warnings/channels/channel.ts';
import { EMAIL_CHANNEL, settlement } from '../../warnings/deliveries.ts';

const GROUP_LOCK = 7_020;
/** From this attempt on, the others hear that a receiver can't be reached. */
const ATTEMPTS_BEFORE_ALARM = 3;

@Injectable()
export class TellOperators {
  readonly #log = new Logger('operators');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(EMAIL_CHANNEL) private readonly email: Channel,
  ) {}

  /** Makes messages of what has waited long enough. One process does at a time; the others pass. */
  async group(): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
        GROUP_LOCK,
      ]);
      if (!rows[0]!.ours) return;
      const at = this.clock.now();
      const evidence: NewEvidence[] = [];
      for (const kind of await dueKinds(client)) {
        const { told, withheld } = await takeEvents(client, kind, at);
        if (told.length > 0) {
          const message = groupMessage(kind, told, withheld.length, at);
          await writeMessages(client, kind, message, at, told.flatMap(decisionsIn));
        }
        if (kind === 'notify-operator') evidence.push(...withheld.map((event) => withheldEvidence(event, at)));
      }
      await appendEvidence(client, evidence);
    });
  }

  /** The receivers to whom something may be sent now. */
  async due(): Promise<string[]> {
    return inTransaction(this.dataSource, ({ client }) => dueReceivers(client));
  }

  /** Sends a receiver what waits for it, one after the other; stops at the first that does not arrive. */
  async send(name: string): Promise<void> {
    for (;;) {
      const claimed = await inTransaction(this.dataSource, async ({ client }) => {
        const row = await receiverNamed(client, name);
        const message = row && (await claimMessage(client, name));
        return message && { receiver: receiverOf(row), message };
      });
      if (!claimed) return;
      const { receiver, message } = claimed;
      const now = this.clock.now();
      const ways = { email: this.email, secret: (secret: string) => secretFromEnvironment(secret) };
      const outcome = await sendTo(receiver, message, ways, now).catch((error: unknown): Outcome => ({
        outcome: 'retry',
        answer: String(error),
      }));
      await this.#record(receiver, message, outcome);
      if (outcome.outcome !== 'sent') return;
    }
  }

  async #record(receiver: Receiver, message: ClaimedMessage, outcome: Outcome): Promise<void> {
    const { name } = receiver;
    const at = this.clock.now();
    const sent = outcome.outcome === 'sent';
    const { state } = settlement(outcome.outcome, message.attempt);
    await inTransaction(this.dataSource, async ({ client }) => {
      const settled = await settleMessage(client, message, outcome, at);
      if (!sent && state !== 'failed' && message.attempt < ATTEMPTS_BEFORE_ALARM) return;
      const trouble = sent
        ? undefined
        : {
            text: `the receiver ${name} of messages to operators can't be reached: ${outcome.answer}`,
            facts: { message: message.id, attempts: message.attempt },
          };
      await settleAlarm(client, 'receiver-failing', name, trouble, `the receiver ${name} is reached again`, at);
      if (settled && state !== 'queued') {
        const about = await accountsOf(client, message.decisions);
        await appendEvidence(
          client,
          about.map((each) => toldEvidence(each, receiver, message, { state, answer: outcome.answer }, at)),
        );
      }
    });
    if (sent) return;
    const story = `message ${message.id} to ${name}, attempt ${message.attempt}: ${outcome.answer}`;
    if (state === 'failed') this.#log.error(`${story}; it is given up`);
    else this.#log[message.attempt === 1 ? 'warn' : 'debug'](`${story}; it is tried again`);
  }
}

function decisionsIn({ facts }: OperatorEvent): string[] {
  return typeof facts.decision === 'string' ? [facts.decision] : [];
}

/** Whose decisions these are; by the primary key. */
const ACCOUNTS_OF = `
  SELECT account_id, array_agg(decision_id::text ORDER BY decision_no) AS decisions FROM decisions
   WHERE decision_id = ANY ($1) GROUP BY account_id`;

interface About {
  account_id: string;
  decisions: string[];
}

async function accountsOf(client: ClientBase, decisions: readonly string[]): Promise<About[]> {
  return decisions.length === 0 ? [] : (await client.query<About>(ACCOUNTS_OF, [decisions])).rows;
}

/** In each account's chain, of its own decisions alone; their words stand there already. */
function toldEvidence(
  { account_id: accountId, decisions }: About,
  { name, kind, address }: Receiver,
  { id, subject, attempt, decisions: all }: ClaimedMessage,
  { state, answer }: { state: string; answer: string },
  at: Instant,
): NewEvidence {
  const to = kind === 'email' ? { to: maskAddress(address) } : {};
  const body = { message: id, receiver: name, way: kind, ...to, subject, decisions, of: all.length, state, attempt };
  return { accountId, at, kind: 'operators-told', body: { ...body, answer: maskAnswer(answer, address) } };
}

function withheldEvidence({ subject: accountId, facts, silence }: WithheldEvent, at: Instant): NewEvidence {
  return { accountId, at, kind: 'operators-not-told', body: { decision: facts.decision, silence } };
}
