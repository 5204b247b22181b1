import type { Channel, Outcome, OutgoingMessage } from './channel.ts';
import { askGateway, isRefusal, takeLogin } from './http-exchange.ts';

/**
 * Any gateway that takes `{id, to, text}` as JSON by POST and knows a repeated message by its `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header). A log-in in the URL becomes HTTP Basic. `receipt_url` is where it may POST
 * `{"status": "delivered"}` (or `accepted`, `delayed`, `failed`) with what it has to say as `detail`.
 *
 * A status of 2xx alone is no acceptance, for many gateways give it to an error too: see `acceptance`.
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
        body: JSON.stringify({
          id: message.id,
          to: message.to,
          text: message.text,
          ...(message.receiptUrl === undefined ? {} : { receipt_url: message.receiptUrl }),
        }),
      },
      this.#secrets,
    );
    if (answer.status === undefined) return { outcome: 'retry', answer: answer.line };
    if (answer.status >= 200 && answer.status < 300) return { outcome: acceptance(answer.text), answer: answer.line };
    return { outcome: isRefusal(answer.status) ? 'refused' : 'retry', answer: answer.line };
  }

  async close(): Promise<void> {}
}

const ACCEPTED = /^(?:ok|accepted|queued|sent|success(?:ful)?|submitted|scheduled|enroute|pending|delivered)$/i;
const REFUSED = /^(?:rejected|refused|invalid|undeliverable|undelivered|blocked|denied)$/i;
const IDS = ['id', 'message_id', 'messageId', 'message-id', 'msgid', 'sid', 'reference'];
const FAULTS = ['error', 'errors', 'error_code', 'error_message', 'errorCode', 'errorMessage', 'fault'];
const VERDICTS = ['success', 'ok', 'accepted'];

/**
 * What the body of a successful status says of the message. It is sent where the body is empty, `{}`, a word such as `OK`,
 * or JSON with an id, a status such as `queued` or `"accepted": true`, and no error. It is refused where a status says so
 * of the message. Anything else (an error, a page of HTML, a sentence) decided nothing: it is tried again, and the operators
 * hear of it.
 */
function acceptance(body: string): Outcome['outcome'] {
  const text = body.trim();
  if (text === '' || ACCEPTED.test(text.replace(/[.!]$/, ''))) return 'sent';
  const said = jsonObject(text);
  if (!said) return 'retry';
  const status = [said.status, said.state, said.result].find((each) => typeof each === 'string') ?? '';
  if (REFUSED.test(status)) return 'refused';
  const faulty = FAULTS.some((name) => isFault(said[name])) || VERDICTS.some((name) => said[name] === false);
  if (faulty) return 'retry';
  if (status !== '') return ACCEPTED.test(status) ? 'sent' : 'retry';
  const positive = IDS.some((name) => isName(said[name])) || VERDICTS.some((name) => said[name] === true);
  return positive || Object.keys(said).length === 0 ? 'sent' : 'retry';
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** An error is one unless it says that there is none. */
function isFault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return ![undefined, null, false, 0, '', '0'].includes(value as string);
}

function isName(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}
