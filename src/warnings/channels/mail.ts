import type { SendMailOptions } from 'nodemailer';
import { toDate } from '../../kernel/clock.ts';
import type { OutgoingMessage } from './channel.ts';
import { nameOf } from './name.ts';

/**
 * The message as a mail. Date and Message-ID are fixed by the warning, so that a repetition is the same mail;
 * `Auto-Submitted` (RFC 3834) keeps out-of-office replies away.
 */
export function composeMail(message: OutgoingMessage, from: string): SendMailOptions {
  const domain = /@([^\s@>]+)>?\s*$/.exec(from)?.[1] ?? 'plafond.invalid';
  return {
    messageId: `<${nameOf(message.id)}@${domain}>`,
    date: toDate(message.at),
    from,
    // As an object the address stays one address, whatever characters stand in it.
    to: { name: '', address: message.to },
    subject: message.subject,
    text: message.text,
    textEncoding: 'quoted-printable',
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}
