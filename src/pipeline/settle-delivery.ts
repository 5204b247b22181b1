/** Sends warnings, each once, and writes down what became of them. The window in which one may go out twice: warnings/README.md. */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { enqueue } from '../queues/outbox.ts';
import { inTransaction } from '../database/transaction.ts';
import { appendEvidence, type NewEvidence } from '../evidence/append.ts';
import { Clock, type Instant } from '../kernel/clock.ts';
import type { Channel, Outcome } from '../warnings/channels/channel.ts';
import {
  claimWarnings,
  EMAIL_CHANNEL,
  leftLying,
  maskAddress,
  maskAnswer,
  openAmong,
  recordAttempts,
  settlement,
  SMS_CHANNEL,
  type ClaimedWarning,
} from '../warnings/deliveries.ts';

// Claimed, sent and recorded together: a gateway that takes its time holds up no more than these.
const AT_ONCE = 10;
const LEFT_LYING_MS = 60_000;
const SWEPT_MAX = 5_000;
const JOB_WARNINGS = 50;

@Injectable()
export class SettleDelivery {
  readonly #log = new Logger('warnings');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(EMAIL_CHANNEL) private readonly email: Channel,
    @Inject(SMS_CHANNEL) private readonly sms: Channel,
  ) {}

  /**
   * Sends those of the warnings that are open and that nobody else is sending. `retry` are those that are open still:
   * put off by their gateway, waiting out their pause, or held by another worker. Called again for the same ones it
   * sends nothing twice, nor before its time.
   */
  async deliver(warningIds: readonly string[]): Promise<{ retry: string[] }> {
    const ids = [...new Set(warningIds)];
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const some = ids.slice(from, from + AT_ONCE);
      const claimed = await inTransaction(this.dataSource, ({ client }) => claimWarnings(client, some));
      if (claimed.length > 0) await this.#record(claimed, await Promise.all(claimed.map((each) => this.#send(each))));
    }
    return { retry: await inTransaction(this.dataSource, ({ client }) => openAmong(client, ids)) };
  }

  /** Puts warnings into the outbox again that were left lying: their job was lost, their worker killed, their pause is over. */
  async sweep(): Promise<string[]> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const lying = await leftLying(client, this.clock.now() - LEFT_LYING_MS, SWEPT_MAX);
      const jobs = [];
      for (let from = 0; from < lying.length; from += JOB_WARNINGS) {
        const payload = { warnings: lying.slice(from, from + JOB_WARNINGS) };
        jobs.push({ job: 'deliver-warnings' as const, payload });
      }
      await enqueue(client, jobs);
      return lying;
    });
  }

  async #send(warning: ClaimedWarning): Promise<Outcome> {
    const channel = warning.channel === 'email' ? this.email : this.sms;
    const { id, address, subject, text, accountId, createdAt } = warning;
    try {
      return await channel.send({ id, to: address, subject, text, account: accountId, at: createdAt });
    } catch (error) {
      // A channel promises not to; where one does, the others of its batch must not suffer.
      return { outcome: 'retry', answer: String(error) };
    }
  }

  async #record(claimed: readonly ClaimedWarning[], outcomes: readonly Outcome[]): Promise<void> {
    const attempted = claimed.map((warning, i) => {
      const { outcome, answer, ...named } = outcomes[i]!;
      const reference = 'reference' in named ? named.reference : undefined;
      return { warning, outcome, answer: maskAnswer(answer, warning.address), reference };
    });
    await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const set = await recordAttempts(client, attempted, at);
      const settled = attempted.filter(({ warning }) => set.has(warning.id));
      await appendEvidence(
        client,
        settled.flatMap((each) => evidenceOf(each, at)),
      );
    });
    for (const { warning, outcome, answer } of attempted) {
      if (outcome === 'sent') continue;
      const { state } = settlement(outcome, warning.attempt);
      const story = `warning ${warning.id} by ${warning.channel}, attempt ${warning.attempt}: ${answer}`;
      if (state === 'failed') this.#log.error(`${story}; the customer was not warned this way`);
      else this.#log.warn(`${story}; it is tried again`);
    }
  }
}

/** How a warning ended; the attempts before that are kept beside it. Its text stands with the decision. */
function evidenceOf(
  attempted: { warning: ClaimedWarning; outcome: Outcome['outcome']; answer: string; reference: string | undefined },
  at: Instant,
): NewEvidence[] {
  const { warning, outcome, answer, reference } = attempted;
  const { state } = settlement(outcome, warning.attempt);
  if (state === 'queued') return [];
  return [
    {
      accountId: warning.accountId,
      at,
      kind: `warning-${state}`,
      body: {
        warning: warning.id,
        decision: warning.decisionId,
        channel: warning.channel,
        to: maskAddress(warning.address),
        attempt: warning.attempt,
        outcome,
        answer,
        reference,
      },
    },
  ];
}
