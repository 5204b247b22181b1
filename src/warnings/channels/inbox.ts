/**
 * The local inbox: where no gateway is configured, each message becomes a file that a person can read. The name is made
 * from the message alone and the file appears whole, by a rename; so a message that comes again, even after the process
 * was killed, finds its file and nothing is written twice.
 */
import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { formatInstant } from '../../kernel/clock.ts';
import { answerLine, errorCode, failureName } from './answer.ts';
import type { Channel, MailSettings, Outcome, OutgoingMessage } from './channel.ts';
import { composeMail } from './mail.ts';
import { nameOf } from './name.ts';

/** Mails as `.eml` files, which mail programs open. */
export class EmailInbox implements Channel {
  readonly kind = 'email';
  readonly description: string;
  readonly #folder: string;
  readonly #mail: MailSettings;
  readonly #composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });

  constructor(inboxDir: string, mail: MailSettings) {
    this.#folder = join(inboxDir, 'email');
    this.#mail = mail;
    this.description = `e-mail is not sent but kept in ${this.#folder}, for SMTP_URL is not set`;
  }

  async send(message: OutgoingMessage): Promise<Outcome> {
    return keep(this.#folder, 'eml', message, async () => {
      const mail = await this.#composer.sendMail(composeMail(message, this.#mail));
      return mail.message as Buffer;
    });
  }

  async close(): Promise<void> {}
}

/** SMS messages as `.txt` files: a few header lines, an empty line, the text. */
export class SmsInbox implements Channel {
  readonly kind = 'sms';
  readonly description: string;
  readonly #folder: string;

  constructor(inboxDir: string) {
    this.#folder = join(inboxDir, 'sms');
    this.description = `SMS is not sent but kept in ${this.#folder}, for SMS_URL is not set`;
  }

  async send(message: OutgoingMessage): Promise<Outcome> {
    const head = [`To: ${answerLine(message.to)}`, 'From: Plafond', `Date: ${formatInstant(message.at)}`];
    return keep(this.#folder, 'txt', message, async () => `${head.join('\n')}\n\n${message.text}\n`);
  }

  async close(): Promise<void> {}
}

async function keep(
  folder: string,
  extension: string,
  message: OutgoingMessage,
  compose: () => Promise<string | Buffer>,
): Promise<Outcome> {
  const at = formatInstant(message.at).replaceAll(':', '-');
  const name = `${at}_${nameOf(message.account)}_${nameOf(message.id)}.${extension}`;
  const path = join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
    if (!(await exists(path))) {
      const unfinished = join(folder, `.${randomUUID()}.part`);
      await writeFile(unfinished, await compose(), { flag: 'wx', mode: 0o600 });
      await rename(unfinished, path);
    }
    return { outcome: 'sent', answer: `kept in ${path}`, reference: name };
  } catch (error) {
    return { outcome: 'retry', answer: answerLine(failureName(error)) };
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
