/** The address to which an SMS gateway reports of one message: it names the message, and is signed. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const TOKEN = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([A-Za-z0-9_-]{22})$/;

export function receiptUrl(publicUrl: string, warningId: string, key: Buffer): string {
  return `${publicUrl}/v1/receipts/${warningId}.${signatureOf(warningId, key)}`;
}

/** Of which warning a token speaks; `undefined` where it is none of ours. */
export function readReceiptToken(token: string, key: Buffer): string | undefined {
  const [, warningId, signature] = TOKEN.exec(token) ?? [];
  if (warningId === undefined || signature === undefined) return undefined;
  const ours = Buffer.from(signatureOf(warningId, key));
  return timingSafeEqual(ours, Buffer.from(signature)) ? warningId : undefined;
}

/** HMAC-SHA-256, cut to 128 bits (RFC 2104 §5). */
function signatureOf(warningId: string, key: Buffer): string {
  return createHmac('sha256', key).update(`plafond receipt ${warningId}`).digest('base64url').slice(0, 22);
}
