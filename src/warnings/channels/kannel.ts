import type { Channel, Outcome, OutgoingMessage } from './channel.ts';
import { isGsm7 } from './gsm7.ts';
import { askGateway, isRefusal, takeLogin } from './http-exchange.ts';

const DLR_MASK = 1 + 2 + 8 + 16;

/**
 * Kannel's `sendsms` (user guide 1.4, "Using the HTTP interface to send SMS messages"). Parameters of the URL, such as
 * `from` and `smsc`, go along with each message. The `sendsms-user` needs `max-messages = 2` or more: Kannel's default
 * of one cuts a longer text. Receipts come to `dlr-url` for all that `dlr-mask` asks for: 1 delivered, 2 failed, 8 taken by
 * the SMSC, 16 refused by it; 4, that it waits there, tells nothing new.
 */
export class KannelChannel implements Channel {
  readonly kind = 'sms';
  readonly description: string;
  readonly #url: URL;
  readonly #secrets: string[];

  constructor(url: URL) {
    const { bare, user, password } = takeLogin(url);
    this.description = `SMS by Kannel at ${bare.host}`;
    bare.searchParams.set('username', user);
    bare.searchParams.set('password', password);
    bare.searchParams.set('charset', 'UTF-8');
    this.#url = bare;
    this.#secrets = [password];
  }

  async send(message: OutgoingMessage): Promise<Outcome> {
    const url = new URL(this.#url);
    url.searchParams.set('to', message.to);
    url.searchParams.set('text', message.text);
    if (!isGsm7(message.text)) url.searchParams.set('coding', '2');
    if (message.receiptUrl !== undefined) {
      url.searchParams.set('dlr-mask', String(DLR_MASK));
      // Kannel puts in the kind of receipt and what the SMSC said.
      url.searchParams.set('dlr-url', `${message.receiptUrl}?dlr=%d&answer=%A`);
    }
    const { status, text, line } = await askGateway(url, {}, this.#secrets);
    if (status === undefined) return { outcome: 'retry', answer: line };
    return { outcome: kannelOutcome(status, text), answer: line };
  }

  async close(): Promise<void> {}
}

/**
 * Kannel says `202 0: Accepted for delivery` or `202 3: Queued for later delivery`, `503 Temporal failure, try again
 * later.`, and otherwise a 4xx with a sentence; some versions give a 200 to that sentence too, so the text decides.
 * A failed authorization is the provider's to repair and says nothing about the message.
 */
function kannelOutcome(status: number, text: string): Outcome['outcome'] {
  const successful = status >= 200 && status < 300;
  if (successful && /^\s*[03]:/.test(text)) return 'sent';
  if (/temporal failure|authorization failed/i.test(text)) return 'retry';
  return successful || isRefusal(status) ? 'refused' : 'retry';
}
