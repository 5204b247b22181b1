/**
 * A channel carries one text to one person and says what became of it. It keeps no state of deliveries and never
 * repeats by itself: whoever calls it counts the attempts and waits between them.
 *
 * - `sent`: the next hop has taken responsibility for the message.
 * - `retry`: nothing was decided about this message (unreachable, busy, our own log-in refused); try again later.
 *   Where an answer got lost on the way back, the message may have been taken already. The id that travels with it
 *   lets the next hop notice (Message-ID, Idempotency-Key, the file's name); Kannel and SMPP have no such key.
 * - `refused`: the next hop has judged this message, and trying again would bring the same answer.
 */
import type { Instant } from '../../kernel/clock.ts';
import { HttpGatewayChannel } from './http-gateway.ts';
import { EmailInbox, SmsInbox } from './inbox.ts';
import { KannelChannel } from './kannel.ts';
import { SmppChannel } from './smpp.ts';
import { SmtpChannel } from './smtp.ts';

export interface OutgoingMessage {
  /** The warning's id: also the Message-ID, the idempotency key and the file's name. */
  id: string;
  /** An e-mail address, or a number in E.164. */
  to: string;
  /** Empty for an SMS. */
  subject: string;
  text: string;
  /** Of a mail, beside its text. */
  html?: string | undefined;
  /** Shown by the HTML under its name. */
  image?: MessageImage | undefined;
  /** Where a gateway may report what becomes of an SMS. */
  receiptUrl?: string | undefined;
  account: string;
  /** When it was decided; the date the message carries, however late it is sent. */
  at: Instant;
}

export interface MessageImage {
  cid: string;
  png: Buffer;
}

/** `answer` is what the next hop said, on one line and without secrets; `reference` is the name it gave the message, `gatewayIds` the names under which its receipts come. */
export type Outcome =
  | { outcome: 'sent'; answer: string; reference?: string; gatewayIds?: readonly string[] }
  | { outcome: 'retry'; answer: string }
  | { outcome: 'refused'; answer: string };

export interface Channel {
  readonly kind: 'email' | 'sms';
  /** Where the messages go, for the log at start-up; without secrets. */
  readonly description: string;
  /** Never throws: whatever goes wrong is an outcome. */
  send(message: OutgoingMessage): Promise<Outcome>;
  /** Where receipts come by the channel's own connection: from now on they go to `listener`. */
  listen?(listener: ReceiptListener): void;
  close(): Promise<void>;
}

/**
 * A receipt that came by the channel's own connection. Answers whether it was kept: one that was not comes again.
 */
export type ReceiptListener = (receipt: GatewayReceipt) => Promise<boolean>;

export interface GatewayReceipt {
  gatewayId: string;
  /** the number it is about, as the gateway writes it; empty where it says none */
  number: string;
  said: 'accepted' | 'delayed' | 'delivered' | 'failed';
  answer: string;
}

/** How mails are sent, whatever their server. */
export interface MailSettings {
  /** `Name <address>` */
  from: string;
  /** empty: answers go to `from` */
  replyTo?: string;
  /** Where bounces and reports go; `user+…@domain` of it names the message. Undefined: to the sender, and none are asked for. */
  bounceAddress?: string | undefined;
  dkim?: { domainName: string; keySelector: string; privateKey: string } | undefined;
}

/** E-mail by `smtp://` or `smtps://`, or into the local inbox where no URL is set. Throws on any other URL. */
export function emailChannel(smtpUrl: string | undefined, inboxDir: string, mail: MailSettings): Channel {
  if (smtpUrl === undefined) return new EmailInbox(inboxDir, mail);
  const url = readUrl('SMTP_URL', smtpUrl);
  if (url.protocol === 'smtp:' || url.protocol === 'smtps:') return new SmtpChannel(url, mail);
  throw new Error('SMTP_URL must begin with smtp:// or smtps://');
}

/** SMS by Kannel, SMPP or a JSON gateway, or into the local inbox where no URL is set. Throws on any other URL. */
export function smsChannel(smsUrl: string | undefined, inboxDir: string): Channel {
  if (smsUrl === undefined) return new SmsInbox(inboxDir);
  const url = readUrl('SMS_URL', smsUrl.replace(/^kannel\+/, ''));
  const overHttp = url.protocol === 'http:' || url.protocol === 'https:';
  const kannel = smsUrl.startsWith('kannel+');
  if (overHttp) return kannel ? new KannelChannel(url) : new HttpGatewayChannel(url);
  if (url.protocol === 'smpp:' && !kannel) return new SmppChannel(url);
  throw new Error('SMS_URL must begin with kannel+http://, kannel+https://, smpp://, https:// or http://');
}

/** Checked here, for the platform's own errors would print the whole URL, password included. */
function readUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '') throw new Error(`${name} is not a URL with a host`);
  // A "%" that encodes nothing; what follows it would be read as something else by one library and not by another.
  if (/%(?![0-9a-f]{2})/i.test(url.username + url.password)) {
    throw new Error(`${name}: a "%" in the user or the password is written %25`);
  }
  return url;
}
