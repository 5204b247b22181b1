/** Delivery receipts as SMSCs send them in `deliver_sm` (SMPP 3.4, appendix B). Pure. */
import type { Pdu } from 'smpp';
import { answerLine } from './answer.ts';
import type { GatewayReceipt } from './channel.ts';

/** Bits 2 to 5 of `esm_class` name the type of a message (§5.2.12): 0001 is a receipt of the SMSC. */
const TYPE_BITS = 0b0011_1100;
const RECEIPT_BITS = 0b0000_0100;

const SAID: Record<string, GatewayReceipt['said']> = {
  DELIVRD: 'delivered',
  ACCEPTD: 'accepted',
  ENROUTE: 'delayed',
  UNKNOWN: 'delayed',
  EXPIRED: 'failed',
  DELETED: 'failed',
  UNDELIV: 'failed',
  REJECTD: 'failed',
};

/** By the numbers of `message_state` (§5.2.28). */
const STATES = ['', 'ENROUTE', 'DELIVRD', 'EXPIRED', 'DELETED', 'UNDELIV', 'ACCEPTD', 'UNKNOWN', 'REJECTD'];

/** The receipt in a `deliver_sm`; `undefined` where it is none, as a text that somebody sent us. */
export function receiptIn(pdu: Pdu): GatewayReceipt | undefined {
  if (((pdu.esm_class ?? 0) & TYPE_BITS) !== RECEIPT_BITS) return undefined;
  const text = textOf(pdu);
  // The words are a custom that each SMSC varies; the optional parameters, where they come, are not.
  const gatewayId = pdu.receipted_message_id || /\bid:\s*(\S+)/i.exec(text)?.[1];
  const stat = STATES[pdu.message_state ?? 0] || /\bstat:\s*(\w+)/i.exec(text)?.[1]?.toUpperCase();
  const said = stat === undefined ? undefined : SAID[stat];
  if (!gatewayId || said === undefined) return undefined;
  const err = /\berr:\s*(\w+)/i.exec(text)?.[1];
  return {
    gatewayId,
    number: pdu.source_addr ?? '',
    said,
    answer: answerLine(`${stat!}${err === undefined ? '' : ` err:${err}`}`),
  };
}

/** The package leaves a body of no known alphabet as octets. */
function textOf({ short_message: body }: Pdu): string {
  const message: unknown = body?.message;
  return Buffer.isBuffer(message) ? message.toString('latin1') : String(message ?? '');
}
