/** Takes what comes back after a message has left, writes it down, and sees to what follows from it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { Clock } from '../../kernel/clock.ts';
import { maskAddress, maskAnswer } from '../../kernel/masking.ts';
import { readBounce } from '../../warnings/bounces.ts';
import type { Channel, GatewayReceipt } from '../../warnings/channels/channel.ts';
import { SMS_CHANNEL } from '../../warnings/deliveries.ts';
import { readReceiptToken } from '../../warnings/receipt-url.ts';
import { keepReceipt, warningByGatewayId, type Receipt } from '../../warnings/receipts.ts';
import { EscalateFailures } from './escalate-failures.ts';
import { LinkKey } from './link-key.ts';

/** A receipt may come before we have written down under which name its message went. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 400;

export interface Received {
  /** undefined: it is about no message of ours */
  warning: string | undefined;
  /** whether it said something new */
  kept: boolean;
}

@Injectable()
export class ReceiveReceipts {
  readonly #log = new Logger('warnings');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(SMS_CHANNEL) private readonly sms: Channel,
    private readonly linkKey: LinkKey,
    private readonly failures: EscalateFailures,
  ) {}

  /** Where the SMS gateway sends receipts over its own connection, they are taken from now on. */
  listen(): void {
    this.sms.listen?.((receipt) => this.#fromGateway(receipt));
  }

  /** Of which message a receipt's address speaks; `undefined` where the address is none of ours. */
  async warningOf(token: string): Promise<string | undefined> {
    return readReceiptToken(token, await this.linkKey.get());
  }

  /** A mail that came back, or reports of one (RFC 3464), as it lay in the mailbox. */
  async bounce(mail: Buffer): Promise<Received> {
    const bounce = await readBounce(mail);
    if (!bounce) return { warning: undefined, kept: false };
    return this.receive({ ...bounce, part: '' });
  }

  async receive(receipt: Receipt): Promise<Received> {
    const kept = await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const received = await keepReceipt(client, receipt, at);
      if (received === undefined || received === 'known') return received;
      const { accountId, channel, address, decisionId, answer, after } = received;
      if (after === 'delivered') {
        const allClear = `account ${accountId} was reached by ${channel}`;
        await settleAlarm(client, 'contact-fails', `${accountId} ${channel}`, undefined, allClear, at);
      }
      await appendEvidence(client, [
        {
          accountId,
          at,
          kind: 'warning-receipt',
          body: {
            warning: receipt.warningId,
            decision: decisionId,
            channel,
            to: maskAddress(address),
            said: receipt.said,
            part: receipt.part,
            answer,
            state: after,
          },
        },
      ]);
      return received;
    });
    if (kept === undefined) return { warning: undefined, kept: false };
    if (kept === 'known') return { warning: receipt.warningId, kept: false };
    if (kept.after !== kept.before && (kept.after === 'failed' || kept.after === 'bounced')) {
      this.#log.warn(`warning ${receipt.warningId} by ${kept.channel} came back: ${kept.answer}`);
      await this.failures.run();
    }
    return { warning: receipt.warningId, kept: true };
  }

  async #fromGateway(receipt: GatewayReceipt): Promise<boolean> {
    const { gatewayId, said, answer } = receipt;
    for (let look = 1; ; look++) {
      const warningId = await inTransaction(this.dataSource, ({ client }) => warningByGatewayId(client, receipt));
      if (warningId !== undefined) {
        await this.receive({ warningId, said, part: gatewayId, answer });
        return true;
      }
      if (look === LOOKS) break;
      await sleep(LOOK_AGAIN_MS, undefined, { ref: false });
    }
    this.#log.warn(`a receipt about ${gatewayId}, which is no message of ours: ${maskAnswer(answer, receipt.number)}`);
    return false;
  }
}
