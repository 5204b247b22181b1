import { isNativeError } from 'node:util/types';
import {
  createTransport,
  type NodemailerError,
  type SMTPPoolOptions,
  type SMTPPoolSentMessageInfo,
  type Transporter,
} from 'nodemailer';
import { answerLine, failureName } from './answer.ts';
import type { Channel, MailSettings, Outcome, OutgoingMessage } from './channel.ts';
import { composeMail } from './mail.ts';

const TIMEOUTS = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** As many as four jobs at a time keep busy; mail servers commonly take 20 from one client. */
const CONNECTIONS_MAX = 10;

/** Mail by SMTP over a small pool of connections, with STARTTLS where the server offers it (always TLS for `smtps`). */
export class SmtpChannel implements Channel {
  readonly kind = 'email';
  readonly description: string;
  readonly #mail: MailSettings;
  readonly #secrets: string[];
  readonly #transport: Transporter<SMTPPoolSentMessageInfo, SMTPPoolOptions>;

  constructor(url: URL, mail: MailSettings) {
    this.description = `e-mail by ${url.protocol}//${url.host}`;
    this.#mail = mail;
    this.#secrets = [decodeURIComponent(url.password)];
    // The pool's own repetitions are off: a repetition is the caller's, who counts it.
    const pool = { pool: true, maxConnections: CONNECTIONS_MAX, maxRequeues: 0 } as const;
    this.#transport = createTransport({
      url: url.href,
      ...pool,
      ...TIMEOUTS,
      ...(mail.dkim ? { dkim: mail.dkim } : {}),
    });
  }

  async send(message: OutgoingMessage): Promise<Outcome> {
    try {
      const sent = await this.#transport.sendMail(composeMail(message, this.#mail));
      return { outcome: 'sent', answer: answerLine(sent.response, this.#secrets), reference: sent.messageId };
    } catch (error) {
      const answer = answerLine(answerOf(error), this.#secrets);
      return { outcome: isRefusal(error) ? 'refused' : 'retry', answer };
    }
  }

  async close(): Promise<void> {
    this.#transport.close();
  }
}

function answerOf(error: unknown): string {
  const response = isNativeError(error) ? (error as NodemailerError).response : undefined;
  return response ?? failureName(error);
}

/**
 * The mail is refused where the server answered 5xx to its sender, recipient or content (RFC 5321 §4.2.1), or where
 * its address can't be one. A 5xx to our greeting or log-in says nothing about the mail.
 */
function isRefusal(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  const { code, responseCode } = error as NodemailerError;
  const aboutTheMail = code === 'EENVELOPE' || code === 'EMESSAGE';
  return aboutTheMail && (responseCode === undefined ? code === 'EENVELOPE' : responseCode >= 500);
}
