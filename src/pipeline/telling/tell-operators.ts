/** Tells the billing team what it has to look at: groups events into messages, and sends each until it is there. */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { secretFromEnvironment } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { Clock } from '../../kernel/clock.ts';
import { groupMessage } from '../../operators/group.ts';
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
      for (const kind of await dueKinds(client)) {
        const { told, withheld } = await takeEvents(client, kind, at);
        if (told.length > 0) await writeMessages(client, kind, groupMessage(kind, told, withheld, at), at);
      }
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
      await this.#record(name, message, outcome);
      if (outcome.outcome !== 'sent') return;
    }
  }

  async #record(name: string, message: ClaimedMessage, outcome: Outcome): Promise<void> {
    const at = this.clock.now();
    const sent = outcome.outcome === 'sent';
    const { state } = settlement(outcome.outcome, message.attempt);
    await inTransaction(this.dataSource, async ({ client }) => {
      await settleMessage(client, message, outcome, at);
      if (!sent && state !== 'failed' && message.attempt < ATTEMPTS_BEFORE_ALARM) return;
      const trouble = sent
        ? undefined
        : {
            text: `the receiver ${name} of messages to operators can't be reached: ${outcome.answer}`,
            facts: { message: message.id, attempts: message.attempt },
          };
      await settleAlarm(client, 'receiver-failing', name, trouble, `the receiver ${name} is reached again`, at);
    });
    if (sent) return;
    const story = `message ${message.id} to ${name}, attempt ${message.attempt}: ${outcome.answer}`;
    if (state === 'failed') this.#log.error(`${story}; it is given up`);
    else this.#log.warn(`${story}; it is tried again`);
  }
}
