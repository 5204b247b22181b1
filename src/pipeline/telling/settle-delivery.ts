/** Sends warnings, each once, and writes down what became of them. The window in which one may go out twice: warnings/README.md. */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { enqueue } from '../../queues/outbox.ts';
import { inTransaction } from '../../database/transaction.ts';
import { whyNoSms } from '../../destinations/sms-reach.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { maskAddress, maskAnswer } from '../../kernel/masking.ts';
import type { Channel, Outcome } from '../../warnings/channels/channel.ts';
import {
  claimWarnings,
  EMAIL_CHANNEL,
  keepWords,
  leftLying,
  openAmong,
  postponeWarnings,
  recordAttempts,
  settlement,
  SMS_CHANNEL,
  type Attempted,
  type ClaimedWarning,
  type WrittenWarning,
} from '../../warnings/deliveries.ts';
import { BRAND, type Brand } from '../../warnings/brand.ts';
import { quietUntil } from '../../warnings/plan.ts';
import { EscalateFailures } from './escalate-failures.ts';
import { inChunks } from '../grouped.ts';
import { WriteMessages } from './write-messages.ts';

// Claimed, sent and recorded together: a gateway that takes its time holds up no more than these.
const AT_ONCE = 10;
const LEFT_LYING_MS = 60_000;
const SWEPT_MAX = 5_000;
const JOB_WARNINGS = 50;
const EMAIL_ADDRESS = /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/;

@Injectable()
export class SettleDelivery {
  readonly #log = new Logger('warnings');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(EMAIL_CHANNEL) private readonly email: Channel,
    @Inject(SMS_CHANNEL) private readonly sms: Channel,
    @Inject(BRAND) private readonly brand: Brand,
    private readonly words: WriteMessages,
    private readonly failures: EscalateFailures,
  ) {}

  /**
   * Sends those of the warnings that are open and due, and that nobody else is sending. `retry` are those that are open
   * still: put off by their gateway, waiting for their time, or held by another worker. Called again for the same ones it
   * sends nothing twice, nor before its time.
   */
  async deliver(warningIds: readonly string[]): Promise<{ retry: string[] }> {
    const ids = [...new Set(warningIds)];
    for (const some of inChunks(ids, AT_ONCE)) {
      const claimed = await inTransaction(this.dataSource, ({ client }) =>
        claimWarnings(client, some, this.clock.now()),
      );
      const going = await this.#withoutThoseThatWait(claimed);
      if (going.length === 0) continue;
      const written = await this.#write(going);
      await this.#record(going, await Promise.all(written.map((each) => this.#send(each))));
    }
    return { retry: await inTransaction(this.dataSource, ({ client }) => openAmong(client, ids)) };
  }

  /**
   * Puts warnings into the outbox again that were left lying: their job was lost, their worker killed, their pause or the
   * time they had to wait is over. Sees to failures that nobody has seen to.
   */
  async sweep(): Promise<string[]> {
    await this.failures.run();
    return inTransaction(this.dataSource, async ({ client }) => {
      const now = this.clock.now();
      const lying = await leftLying(client, now - LEFT_LYING_MS, now, SWEPT_MAX);
      await enqueue(
        client,
        inChunks(lying, JOB_WARNINGS).map((warnings) => ({ job: 'deliver-warnings' as const, payload: { warnings } })),
      );
      return lying;
    });
  }

  /** In quiet hours no phone rings for what can wait: such an SMS goes back into the queue until they end. */
  async #withoutThoseThatWait(claimed: readonly ClaimedWarning[]): Promise<ClaimedWarning[]> {
    const { quietHours } = this.brand;
    const now = this.clock.now();
    const later = claimed.flatMap((warning) => {
      const hours = quietHours.has(warning.segment) ? quietHours.get(warning.segment) : quietHours.get('default');
      // What was taken up before may have gone out already.
      const until =
        warning.channel === 'sms' && warning.attempt === 1 ? quietUntil(warning.told, hours, now) : undefined;
      return until === undefined ? [] : [{ warning, until }];
    });
    if (later.length === 0) return [...claimed];
    await inTransaction(this.dataSource, ({ client }) => postponeWarnings(client, later));
    return claimed.filter((warning) => !later.some((each) => each.warning === warning));
  }

  /** Finds the words for what has none yet, and keeps them with their evidence before anything leaves. */
  async #write(claimed: readonly ClaimedWarning[]): Promise<WrittenWarning[]> {
    const unwritten = claimed.filter(({ text }) => text === '').map((warning) => this.words.write(warning));
    if (unwritten.length === 0) return claimed.map((warning) => ({ warning, ...warning }));
    const kept = await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const words = await keepWords(client, unwritten);
      await appendEvidence(
        client,
        words.filter(({ fresh }) => fresh).map((each) => wordsEvidence(each, this.words.chartFacts(each.warning), at)),
      );
      return new Map(words.map((each) => [each.warning.id, each]));
    });
    return claimed.map((warning) => kept.get(warning.id) ?? { warning, ...warning });
  }

  async #send(written: WrittenWarning): Promise<Outcome> {
    const { warning } = written;
    try {
      const useless = whyUseless(warning);
      if (useless !== undefined) return { outcome: 'refused', answer: `not sent: ${useless}` };
      const channel = warning.channel === 'email' ? this.email : this.sms;
      return await channel.send(await this.words.outgoing(written));
    } catch (error) {
      // A channel promises not to; where one does, the others of its batch must not suffer.
      return { outcome: 'retry', answer: String(error) };
    }
  }

  async #record(claimed: readonly ClaimedWarning[], outcomes: readonly Outcome[]): Promise<void> {
    const attempted = claimed.map((warning, i) => {
      const { outcome, answer, ...named } = outcomes[i]!;
      const reference = 'reference' in named ? named.reference : undefined;
      const gatewayIds = ('gatewayIds' in named ? named.gatewayIds : undefined) ?? [];
      return { warning, outcome, answer: maskAnswer(answer, warning.address), reference, gatewayIds };
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
    let failed = false;
    for (const { warning, outcome, answer } of attempted) {
      if (outcome === 'sent') continue;
      const { state } = settlement(outcome, warning.attempt);
      const story = `warning ${warning.id} by ${warning.channel}, attempt ${warning.attempt}: ${answer}`;
      failed ||= state === 'failed';
      if (state === 'failed') this.#log.error(`${story}; the customer was not warned this way`);
      // Each attempt is kept; of a gateway that is away an alarm tells, and ten lines a message hide all else.
      else this.#log[warning.attempt === 1 ? 'warn' : 'debug'](`${story}; it is tried again`);
    }
    if (failed) await this.failures.run();
  }
}

/** Why nobody need be asked to carry it: the address is none, or the number is no phone that shows texts. */
function whyUseless({ channel, address, homeCountry }: ClaimedWarning): string | undefined {
  if (channel === 'sms') return whyNoSms(address, homeCountry);
  return EMAIL_ADDRESS.test(address) ? undefined : 'it is no e-mail address';
}

/** The words as they are about to leave; the link in them lacks its signature, so that no reader can answer by it. */
function wordsEvidence(
  { warning, subject, text, html }: WrittenWarning,
  chart: Record<string, unknown> | undefined,
  at: Instant,
): NewEvidence {
  return {
    accountId: warning.accountId,
    at,
    kind: 'warning-written',
    body: {
      warning: warning.id,
      decision: warning.decisionId,
      covers: [...warning.covers],
      channel: warning.channel,
      to: maskAddress(warning.address),
      subject,
      text,
      ...(html === '' ? {} : { html }),
      ...(chart ? { chart } : {}),
    },
  };
}

/** How a warning ended; the attempts before that are kept beside it. Its text stands with the decision. */
function evidenceOf(attempted: Attempted & { reference: string | undefined }, at: Instant): NewEvidence[] {
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
        covers: [...warning.covers],
        channel: warning.channel,
        to: maskAddress(warning.address),
        attempt: warning.attempt,
        outcome,
        answer,
        ...(reference === undefined ? {} : { reference }),
      },
    },
  ];
}
