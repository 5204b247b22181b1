/** Warnings that failed or came back, and what else there is for their customers. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { freezeFacts, thawFacts, type ToldFact } from './facts.ts';
import type { ChannelKind } from './plan.ts';
import type { DeliveryState } from './receipts.ts';

export interface FailedWarning {
  id: string;
  decisionId: string;
  accountId: string;
  channel: ChannelKind;
  address: string;
  state: DeliveryState;
  covers: readonly string[];
  told: readonly ToldFact[];
  /** what was said of it last */
  answer: string;
  /** the same message by the other way; undefined where it did not go there */
  other: DeliveryState | undefined;
  /** where the other way would go to, as it is on file now; empty: nowhere */
  otherAddress: string;
}

/**
 * Takes up failures that nobody has seen to; skips what somebody else is at. By `warnings_to_escalate`. The last thing said
 * is a receipt, or else the last attempt's answer.
 */
const TAKE_UP = `
  UPDATE warnings AS w SET escalated_at = $1
    FROM (SELECT warning_id FROM warnings WHERE state IN ('failed', 'bounced') AND escalated_at IS NULL
          ORDER BY warning_no LIMIT $2 FOR UPDATE SKIP LOCKED) AS open
   WHERE w.warning_id = open.warning_id
  RETURNING w.warning_id, w.decision_id, w.account_id, w.channel, w.address, w.state, w.covers, w.facts::text AS facts,
    coalesce((SELECT answer FROM warning_receipts r WHERE r.warning_id = w.warning_id AND said = 'failed'
               ORDER BY receipt_no DESC LIMIT 1),
             (SELECT answer FROM warning_attempts a WHERE a.warning_id = w.warning_id ORDER BY attempt DESC LIMIT 1),
             '') AS answer,
    (SELECT o.state FROM warnings o WHERE o.decision_id = w.decision_id AND o.channel <> w.channel LIMIT 1) AS other,
    coalesce((SELECT CASE w.channel WHEN 'email' THEN a.msisdn ELSE a.email END FROM accounts a
               WHERE a.account_id = w.account_id), '') AS other_address`;

export async function takeUpFailures(client: ClientBase, at: Instant, limit: number): Promise<FailedWarning[]> {
  const { rows } = await client.query<{
    warning_id: string;
    decision_id: string;
    account_id: string;
    channel: ChannelKind;
    address: string;
    state: DeliveryState;
    covers: string[];
    facts: string;
    answer: string;
    other: DeliveryState | null;
    other_address: string;
  }>(TAKE_UP, [toDate(at), limit]);
  return rows.map((row) => ({
    id: row.warning_id,
    decisionId: row.decision_id,
    accountId: row.account_id,
    channel: row.channel,
    address: row.address,
    state: row.state,
    covers: row.covers,
    told: thawFacts(row.facts),
    answer: row.answer,
    other: row.other ?? undefined,
    otherAddress: row.other_address,
  }));
}

/** What is to be done about a failure. Pure. */
export function remedyFor({ other, otherAddress }: Pick<FailedWarning, 'other' | 'otherAddress'>) {
  if (other === undefined) return otherAddress === '' ? 'tell-operators' : 'other-way';
  return other === 'failed' || other === 'bounced' ? 'tell-operators' : 'nothing';
}

/** The same message by the other way, once; of one that was written as a whole, its subject. By the primary key. */
const SEND_OTHER_WAY = `
  INSERT INTO warnings (warning_id, decision_id, account_id, channel, address, subject, text, state, covers, facts, created_at, due_at)
  SELECT $1, $2, $3, $4, $5, '', CASE WHEN w.facts = '[]' THEN w.subject ELSE '' END, 'queued', $6, $7, $8, $8
    FROM warnings w WHERE w.warning_id = $9
  ON CONFLICT DO NOTHING`;

export async function sendOtherWay(
  client: ClientBase,
  id: string,
  failed: FailedWarning,
  at: Instant,
): Promise<ChannelKind> {
  const channel = failed.channel === 'email' ? 'sms' : 'email';
  await client.query(SEND_OTHER_WAY, [
    id,
    failed.decisionId,
    failed.accountId,
    channel,
    failed.otherAddress,
    failed.covers,
    freezeFacts(failed.told),
    toDate(at),
    failed.id,
  ]);
  return channel;
}

/**
 * By channel, how often a gateway put messages off since it last took or refused one, within a quarter of an hour, and what
 * it said last. By `warning_attempts_by_time`.
 */
const PUT_OFF = `
  WITH latest AS (
    SELECT w.channel, a.outcome, a.answer, a.at FROM warning_attempts a JOIN warnings w USING (warning_id) WHERE a.at > $1)
  SELECT channel, count(*)::int AS times, (array_agg(answer ORDER BY at DESC))[1] AS answer
    FROM latest
   WHERE outcome = 'retry'
     AND at > coalesce((SELECT max(at) FROM latest t WHERE t.channel = latest.channel AND outcome <> 'retry'), '-infinity')
   GROUP BY 1`;

const LOOK_BACK_MS = 15 * 60_000;

export async function gatewaysPuttingOff(
  client: ClientBase,
  at: Instant,
): Promise<{ channel: ChannelKind; times: number; answer: string }[]> {
  const { rows } = await client.query<{ channel: ChannelKind; times: number; answer: string }>(PUT_OFF, [
    toDate(at - LOOK_BACK_MS),
  ]);
  return rows;
}

/** Whether a gateway has taken or refused a message since `at`. By `warning_attempts_by_time`. */
const ANSWERED = `
  SELECT EXISTS (SELECT FROM warning_attempts a JOIN warnings w USING (warning_id)
                  WHERE a.at > $2 AND w.channel = $1 AND a.outcome <> 'retry') AS answered`;

export async function hasAnsweredSince(client: ClientBase, channel: string, at: Instant): Promise<boolean> {
  const { rows } = await client.query<{ answered: boolean }>(ANSWERED, [channel, toDate(at)]);
  return rows[0]!.answered;
}
