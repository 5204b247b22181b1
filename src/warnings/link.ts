/**
 * The link of a warning, by which a customer sees what is going on and answers without a log-in. Pure.
 *
 * Its token names the decision and when it expires, and carries a signature over both (HMAC-SHA-256, cut to 128 bits: RFC
 * 2104 §5). So no token is stored anywhere: not one row more where decisions are made by the thousand, and a message that
 * is sent again carries the same link. What a warning's frozen text and evidence hold is the link with its signature
 * struck out; it is put in as the message leaves. So nobody who reads them (staff, a backup) can answer for a customer.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Instant } from '../kernel/clock.ts';

/** How long a link answers: as long as the longest period that a warning is about. */
export const LINK_DAYS = 31;

/** What a token says. */
export interface Link {
  decisionId: string;
  expiresAt: Instant;
}

const BODY_BYTES = 20;
const BODY = '[A-Za-z0-9_-]{27}';
const SIGNATURE_LENGTH = 22;
const STRUCK = '*'.repeat(SIGNATURE_LENGTH);
const UNSIGNED = new RegExp(String.raw`(?<=/a/)(${BODY})\*{${SIGNATURE_LENGTH}}`, 'g');
const TOKEN = new RegExp(`^(${BODY})([A-Za-z0-9_-]{${SIGNATURE_LENGTH}})$`);

/** The link of the warning that `decisionId` made at `at`, under the server's address, its signature struck out. */
export function warningLink(publicUrl: string, decisionId: string, at: Instant): string {
  return `${publicUrl}/a/${bodyOf({ decisionId, expiresAt: at + LINK_DAYS * 86_400_000 })}${STRUCK}`;
}

/** The text or HTML of a message with the signatures of its links put in: what leaves, and is kept nowhere. */
export function signLinks(text: string, key: Buffer): string {
  return text.replaceAll(UNSIGNED, (_, body: string) => body + signatureOf(body, key));
}

/** Reads a token: what it says, or why it opens nothing. */
export function readToken(token: string, key: Buffer, now: Instant): Link | 'altered' | 'expired' {
  const [, body, signature] = TOKEN.exec(token) ?? [];
  if (body === undefined || signature === undefined) return 'altered';
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(signatureOf(body, key)))) return 'altered';
  const bytes = Buffer.from(body, 'base64url');
  const hex = bytes.toString('hex', 0, 16);
  const link = {
    decisionId: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    expiresAt: bytes.readUInt32BE(16) * 1000,
  };
  return link.expiresAt > now ? link : 'expired';
}

function bodyOf({ decisionId, expiresAt }: Link): string {
  const bytes = Buffer.alloc(BODY_BYTES);
  bytes.write(decisionId.replaceAll('-', ''), 'hex');
  bytes.writeUInt32BE(Math.ceil(expiresAt / 1000), 16);
  return bytes.toString('base64url');
}

function signatureOf(body: string, key: Buffer): string {
  return createHmac('sha256', key).update(`plafond link ${body}`).digest('base64url').slice(0, SIGNATURE_LENGTH);
}
