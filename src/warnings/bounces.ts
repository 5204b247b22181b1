/** Reads what a mail server sends back: delivery status notifications (RFC 3464), and older bounces to a mail's own return path. */
import PostalMime from 'postal-mime';
import { answerLine } from './channels/answer.ts';
import type { Said } from './receipts.ts';

export interface Bounce {
  warningId: string;
  said: Said;
  answer: string;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
const RETURN_PATH = new RegExp(`\\+(${UUID.source})@`, 'i');
const MESSAGE_ID = new RegExp(`^message-id:\\s*<(${UUID.source})@`, 'im');

/** By RFC 3464's action; `relayed` left for a server that reports no more. */
const SAID: Record<string, Said> = {
  failed: 'failed',
  delayed: 'delayed',
  delivered: 'delivered',
  relayed: 'accepted',
  expanded: 'accepted',
};

/**
 * What a mail says of one of ours; `undefined` where it is about none, or no bounce at all (an out-of-office reply). The
 * message is known by its envelope's id, by the return path that the mail came to, or by the headers it brings back.
 */
export async function readBounce(mail: Buffer): Promise<Bounce | undefined> {
  const parsed = await PostalMime.parse(mail, { attachmentEncoding: 'utf8' });
  const parts = parsed.attachments.map(({ mimeType, content }) => ({ mimeType, text: String(content) }));
  const status = parts.find(({ mimeType }) => mimeType.endsWith('delivery-status'))?.text;
  const returned = parts.find(({ mimeType }) =>
    /^(message\/rfc822|text\/rfc822-headers|message\/global)/.test(mimeType),
  );
  const head = parsed.headers.map(({ key, value }) => `${key}: ${value}`).join('\n');
  const warningId =
    fieldOf(status, 'original-envelope-id')?.match(UUID)?.[0] ??
    RETURN_PATH.exec(head)?.[1] ??
    MESSAGE_ID.exec(returned?.text ?? '')?.[1];
  if (warningId === undefined) return undefined;
  if (status === undefined) return bouncedWithoutReport(warningId.toLowerCase(), head, parsed.subject, parsed.text);
  const said = SAID[fieldOf(status, 'action')?.toLowerCase() ?? ''];
  if (said === undefined) return undefined;
  const diagnosis = fieldOf(status, 'diagnostic-code') ?? '';
  return {
    warningId: warningId.toLowerCase(),
    said,
    answer: answerLine(`${fieldOf(status, 'status') ?? ''} ${diagnosis}`),
  };
}

/** What a server without reports sends has no sender (RFC 5321 §4.5.5); any other mail to the return path is a person's or a robot's. */
function bouncedWithoutReport(
  warningId: string,
  head: string,
  subject: string | undefined,
  text: string | undefined,
): Bounce | undefined {
  const nobody = /^return-path:\s*<>/im.test(head) || /^from:.*\b(?:mailer-daemon|postmaster)\b/im.test(head);
  if (!nobody || /^auto-submitted:\s*auto-replied/im.test(head)) return undefined;
  const line = text?.split('\n').find((each) => /\b[45]\d\d[ -]/.test(each)) ?? subject ?? '';
  return { warningId, said: 'failed', answer: answerLine(line) };
}

/** A field of a report, its continuation lines joined. */
function fieldOf(report: string | undefined, name: string): string | undefined {
  const unfolded = report?.replaceAll(/\r?\n[ \t]+/g, ' ');
  return unfolded && new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(unfolded)?.[1]?.trim();
}
