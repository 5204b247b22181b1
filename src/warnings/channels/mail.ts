import type { SendMailOptions } from 'nodemailer';
import { toDate } from '../../kernel/clock.ts';
import type { MailSettings, OutgoingMessage } from './channel.ts';
import { nameOf } from './name.ts';

/**
 * The message as a mail. Date and Message-ID are fixed by the warning, so that a repetition is the same mail;
 * `Auto-Submitted` (RFC 3834) keeps out-of-office replies away.
 */
export function composeMail(message: OutgoingMessage, { from, replyTo, bounceAddress }: MailSettings): SendMailOptions {
  const domain = /@([^\s@>]+)>?\s*$/.exec(from)?.[1] ?? 'plafond.invalid';
  const { image } = message;
  return {
    messageId: `<${nameOf(message.id)}@${domain}>`,
    date: toDate(message.at),
    from,
    ...(replyTo ? { replyTo } : {}),
    // As an object the address stays one address, whatever characters stand in it.
    to: { name: '', address: message.to },
    subject: message.subject,
    text: message.text,
    ...(message.html === undefined ? {} : { html: message.html }),
    ...(image
      ? {
          attachments: [
            {
              cid: image.cid,
              filename: 'chart.png',
              content: image.png,
              contentType: 'image/png',
              contentDisposition: 'inline',
            },
          ],
        }
      : {}),
    textEncoding: 'quoted-printable',
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...(bounceAddress === undefined ? {} : reports(message, bounceAddress)),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/**
 * What comes back names the message, in three ways: the return path of its own (VERP), the envelope's id (RFC 3461) and the
 * Message-ID in the headers that are returned. Servers without DSN send bounces to the return path all the same.
 */
function reports(message: OutgoingMessage, bounceAddress: string): Partial<SendMailOptions> {
  return {
    envelope: { from: returnPath(bounceAddress, message.id), to: [message.to] },
    dsn: { id: message.id, return: 'headers', notify: ['success', 'failure', 'delay'], recipient: message.to },
  };
}

/** `bounces+<id>@domain`: mail servers deliver it to `bounces`, and keep what stands after the `+`. */
function returnPath(bounceAddress: string, id: string): string {
  return bounceAddress.replace('@', `+${nameOf(id)}@`);
}
