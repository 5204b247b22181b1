import type { Channel, Outcome, OutgoingMessage } from './channel.ts';
import { askGateway, isRefusal, takeLogin } from './http-exchange.ts';

/**
 * Any gateway that takes `{id, to, text}` as JSON by POST and knows a repeated message by its `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header). A log-in in the URL becomes HTTP Basic.
 */
export class HttpGatewayChannel implements Channel {
  readonly kind = 'sms';
  readonly description: string;
  readonly #url: URL;
  readonly #authorization: Record<string, string>;
  readonly #secrets: string[];

  constructor(url: URL) {
    const { bare, user, password } = takeLogin(url);
    const basic = Buffer.from(`${user}:${password}`).toString('base64');
    this.#url = bare;
    this.#authorization = user === '' ? {} : { authorization: `Basic ${basic}` };
    this.#secrets = [password, basic, ...bare.searchParams.values()];
    // The path and the query of such a URL are often its key.
    this.description = `SMS by the gateway at ${bare.origin}`;
  }

  async send(message: OutgoingMessage): Promise<Outcome> {
    const answer = await askGateway(
      this.#url,
      {
        method: 'POST',
        headers: { ...this.#authorization, 'content-type': 'application/json', 'idempotency-key': message.id },
        body: JSON.stringify({ id: message.id, to: message.to, text: message.text }),
      },
      this.#secrets,
    );
    if (answer.status === undefined) return { outcome: 'retry', answer: answer.line };
    if (answer.status >= 200 && answer.status < 300) return { outcome: 'sent', answer: answer.line };
    return { outcome: isRefusal(answer.status) ? 'refused' : 'retry', answer: answer.line };
  }

  async close(): Promise<void> {}
}
