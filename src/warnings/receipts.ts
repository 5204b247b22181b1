/**
 * What comes back after a message has left: receipts of SMSCs, reports and bounces of mail servers. They may come twice, in
 * any order, and before we have written down that the message left.
 */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { maskAnswer } from '../kernel/masking.ts';
import type { ChannelKind } from './plan.ts';

/** `accepted` and `delayed` tell of the way; `delivered` and `failed` are ends. */
export type Said = 'accepted' | 'delayed' | 'delivered' | 'failed';

export interface Receipt {
  warningId: string;
  said: Said;
  /** of a message in parts: which one; empty where the whole is meant */
  part: string;
  /** in the words of who sent it, on one line; kept without the address */
  answer: string;
}

export type DeliveryState = 'queued' | 'sending' | 'sent' | 'delivered' | 'failed' | 'bounced';

/**
 * What receipts make of a warning in this state, of which `parts` went out; the same state where they change nothing. Pure.
 *
 * - One part that failed makes the whole unreadable.
 * - All parts delivered is delivered, whatever was said of them before: who has it in hand has it.
 * - A mail that comes back has bounced; an SMS that does has failed.
 */
export function afterReceipts(
  state: DeliveryState,
  channel: ChannelKind,
  parts: number,
  said: readonly Pick<Receipt, 'said' | 'part'>[],
): DeliveryState {
  const delivered = new Set(said.filter((each) => each.said === 'delivered').map(({ part }) => part));
  if (delivered.has('') || delivered.size >= Math.max(parts, 1)) return 'delivered';
  const failed = said.some((each) => each.said === 'failed' && !delivered.has(each.part));
  if (failed && state !== 'delivered') return channel === 'email' ? 'bounced' : 'failed';
  return state;
}

/** One that is known already is not kept again. */
const KEEP = `
  INSERT INTO warning_receipts (warning_id, at, said, part, answer) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (warning_id, part, said) DO NOTHING`;

export interface ReceivedFor {
  accountId: string;
  channel: ChannelKind;
  address: string;
  decisionId: string;
  /** as it is kept: the address masked */
  answer: string;
  before: DeliveryState;
  after: DeliveryState;
}

/**
 * Keeps a receipt and brings its warning to what it makes of it. Answers for whom it came, and whether it changed anything;
 * `undefined` where there is no such warning, `'known'` where it had come before.
 */
export async function keepReceipt(
  client: ClientBase,
  receipt: Receipt,
  at: Instant,
): Promise<ReceivedFor | 'known' | undefined> {
  const { rows } = await client.query<{
    account_id: string;
    channel: ChannelKind;
    address: string;
    decision_id: string;
    state: DeliveryState;
    parts: number;
  }>(
    `SELECT account_id, channel, address, decision_id, state, cardinality(gateway_ids) AS parts
       FROM warnings WHERE warning_id = $1 FOR UPDATE`,
    [receipt.warningId],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { warningId, said, part } = receipt;
  const answer = maskAnswer(receipt.answer, row.address);
  const kept = await client.query(KEEP, [warningId, toDate(at), said, part, answer]);
  if (kept.rowCount === 0) return 'known';
  const all = await client.query<{ said: Said; part: string }>(
    'SELECT said, part FROM warning_receipts WHERE warning_id = $1',
    [warningId],
  );
  const after = afterReceipts(row.state, row.channel, row.parts, all.rows);
  if (after !== row.state) {
    await client.query(
      'UPDATE warnings SET state = $2, settled_at = $3, leased_until = NULL, escalated_at = NULL WHERE warning_id = $1',
      [warningId, after, toDate(at)],
    );
  }
  return {
    accountId: row.account_id,
    channel: row.channel,
    address: row.address,
    decisionId: row.decision_id,
    answer,
    before: row.state,
    after,
  };
}

/**
 * The warning that a gateway knows by this name. Some count their names from one again, and some have one name for all: of
 * several it is one to that number, written nationally or not, and of those the latest. By `warnings_by_gateway_id`.
 */
const BY_GATEWAY_ID = `
  SELECT warning_id FROM warnings
   WHERE gateway_ids @> ARRAY[$1::text] AND gateway_ids <> '{}' AND channel = 'sms'
   ORDER BY right(address, 7) = right($2, 7) DESC, warning_no DESC LIMIT 1`;

export async function warningByGatewayId(
  client: ClientBase,
  { gatewayId, number }: { gatewayId: string; number: string },
): Promise<string | undefined> {
  const { rows } = await client.query<{ warning_id: string }>(BY_GATEWAY_ID, [gatewayId, number]);
  return rows[0]?.warning_id;
}
