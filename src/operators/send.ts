/** The three ways to operators: mail, a Slack-compatible webhook, a signed webhook (Standard Webhooks). */
import { Webhook } from 'standardwebhooks';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Channel, Outcome } from '../warnings/channels/channel.ts';
import { askGateway } from '../warnings/channels/http-exchange.ts';
import { slackBody } from './group.ts';
import type { Receiver } from './receiver.ts';
import type { ClaimedMessage } from './store.ts';

export interface Ways {
  email: Pick<Channel, 'send'>;
  /** the value of a variable of the environment; undefined where it is not set here */
  secret: (name: string) => string | undefined;
}

const GONE = 410;

/** Sends once. Whatever goes wrong is an outcome; only 410 Gone is for good, for what an endpoint refuses can be mended there. */
export async function sendTo(
  receiver: Receiver,
  message: ClaimedMessage,
  { email, secret }: Ways,
  now: Instant,
): Promise<Outcome> {
  const { id, subject, text, html, at } = message;
  if (receiver.kind === 'email') {
    return email.send({ id, to: receiver.address, subject, text, html: html || undefined, account: 'operators', at });
  }
  const kept = receiver.secret === undefined ? '' : secret(receiver.secret);
  if (kept === undefined) return { outcome: 'retry', answer: `${receiver.secret} is not set in this process` };
  if (receiver.kind === 'slack') {
    const url = receiver.address || kept;
    if (!URL.canParse(url)) return { outcome: 'retry', answer: `${receiver.secret} holds no URL` };
    return post(url, JSON.stringify(slackBody(message)), {}, [kept]);
  }
  const signature = sign(kept, message, now);
  if (signature === undefined) {
    return { outcome: 'retry', answer: `${receiver.secret} holds no signing key: whsec_ and base64` };
  }
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': signature,
  };
  return post(receiver.address, message.body, headers, [kept]);
}

/** The key is base64, with or without `whsec_` before it; the package signs with whatever is left of another text. */
function sign(key: string, { id, body }: ClaimedMessage, now: Instant): string | undefined {
  if (!/^(?:whsec_)?[A-Za-z0-9+/]{24,}={0,2}$/.test(key)) return undefined;
  return new Webhook(key).sign(id, toDate(now), body);
}

async function post(url: string, body: string, headers: Record<string, string>, secrets: string[]): Promise<Outcome> {
  const answer = await askGateway(
    new URL(url),
    { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body },
    secrets,
  );
  if (answer.status === GONE) return { outcome: 'refused', answer: answer.line };
  const taken = answer.status !== undefined && answer.status >= 200 && answer.status < 300;
  return { outcome: taken ? 'sent' : 'retry', answer: answer.line };
}
