/**
 * What operators are told, in the database. Events are grouped and messages leased in the database's own time, which all
 * processes share; what people read is in Plafond's.
 */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Outcome } from '../warnings/channels/channel.ts';
import { settlement } from '../warnings/deliveries.ts';
import type { OperatorEvent, OperatorMessage } from './group.ts';
import type { EventKind, Receiver, ReceiverKind } from './receiver.ts';

/** How long the first event of a group waits for others, and how far apart groups of a kind are. */
const GROUP_WAIT_S = 10;
const GROUP_INTERVAL_S = 60;
const GROUP_MAX = 5_000;
// Longer than any channel waits for an answer, so that nobody else takes up what is still on its way.
const LEASE_S = 60;

/** Kinds of which something waits that has waited long enough, the last group of them being long enough ago. */
const DUE_KINDS = `
  SELECT kind FROM operator_events AS e WHERE grouped_at IS NULL
   GROUP BY kind HAVING min(created_at) <= now() - make_interval(secs => ${GROUP_WAIT_S})
    AND NOT EXISTS (SELECT FROM operator_messages m
                     WHERE m.kind = e.kind AND m.created_at > now() - make_interval(secs => ${GROUP_INTERVAL_S}))`;

export async function dueKinds(client: ClientBase): Promise<EventKind[]> {
  return (await client.query<{ kind: EventKind }>(DUE_KINDS)).rows.map(({ kind }) => kind);
}

/**
 * Takes the events of a kind that wait, each with the silence that withholds it: of its kind (an alarm's own kind too), of
 * its subject, or of both. By operator_events_pending; an event is in one group, whoever groups at the same time.
 */
const TAKE = `
  WITH taken AS (
    SELECT event_id FROM operator_events WHERE kind = $1 AND grouped_at IS NULL
     ORDER BY event_id LIMIT ${GROUP_MAX} FOR UPDATE SKIP LOCKED)
  UPDATE operator_events AS e
     SET grouped_at = now(),
         silence_id = (SELECT s.silence_id FROM silences s
                        WHERE s.starts_at <= $2 AND s.ends_at > $2
                          AND (s.kind IS NULL OR s.kind = e.kind OR s.kind = e.facts->>'kind')
                          AND (s.subject IS NULL OR s.subject = e.subject)
                        ORDER BY s.created_at LIMIT 1)
    FROM taken WHERE e.event_id = taken.event_id
  RETURNING e.event_id, e.kind, e.subject, e.at, e.text, e.over, e.facts, e.silence_id`;

export interface WithheldEvent extends OperatorEvent {
  silence: string;
}

export async function takeEvents(
  client: ClientBase,
  kind: EventKind,
  now: Instant,
): Promise<{ told: OperatorEvent[]; withheld: WithheldEvent[] }> {
  const { rows } = await client.query<{
    event_id: string;
    kind: EventKind;
    subject: string;
    at: Date;
    text: string;
    over: boolean;
    facts: Record<string, unknown>;
    silence_id: string | null;
  }>(TAKE, [kind, toDate(now)]);
  const taken = rows
    .toSorted((a, b) => Number(BigInt(a.event_id) - BigInt(b.event_id)))
    .map(({ event_id, kind: of, subject, at, text, over, facts, silence_id: silence }) => {
      return { event: { id: event_id, kind: of, subject, at: at.getTime(), text, over, facts }, silence };
    });
  return {
    told: taken.flatMap(({ event, silence }) => (silence === null ? [event] : [])),
    withheld: taken.flatMap(({ event, silence }) => (silence === null ? [] : [{ ...event, silence }])),
  };
}

/** One message to each receiver that wants its kind, which tells of these decisions. Answers how many. */
const WRITE = `
  INSERT INTO operator_messages (message_id, receiver, kind, at, subject, text, html, body, decisions)
  SELECT gen_random_uuid(), name, $1, $2, $3, $4, $5, $6::json, $7 FROM receivers WHERE $1 = ANY (events) ORDER BY name`;

export async function writeMessages(
  client: ClientBase,
  kind: EventKind,
  { subject, text, body, html = '' }: OperatorMessage & { html?: string },
  at: Instant,
  decisions: readonly string[] = [],
): Promise<number> {
  const written = await client.query(WRITE, [
    kind,
    toDate(at),
    subject,
    text,
    html,
    JSON.stringify(body),
    [...decisions],
  ]);
  return written.rowCount ?? 0;
}

/** By operator_messages_open. */
const DUE_RECEIVERS = `
  SELECT DISTINCT receiver FROM operator_messages
   WHERE state IN ('queued', 'sending') AND (leased_until IS NULL OR leased_until <= now())`;

export async function dueReceivers(client: Pick<ClientBase, 'query'>): Promise<string[]> {
  return (await client.query<{ receiver: string }>(DUE_RECEIVERS)).rows.map(({ receiver }) => receiver);
}

export interface ClaimedMessage {
  id: string;
  kind: EventKind;
  subject: string;
  text: string;
  html: string;
  /** the very bytes of a webhook's body */
  body: string;
  at: Instant;
  /** that it tells of */
  decisions: readonly string[];
  /** this attempt's number, from 1 */
  attempt: number;
}

/** The oldest message of a receiver that nobody else is sending and whose pause is over. */
const CLAIM = `
  UPDATE operator_messages AS m
     SET state = 'sending', attempts = m.attempts + 1, leased_until = now() + make_interval(secs => ${LEASE_S})
    FROM (SELECT message_id FROM operator_messages
           WHERE receiver = $1 AND state IN ('queued', 'sending') AND (leased_until IS NULL OR leased_until <= now())
           ORDER BY message_no LIMIT 1 FOR UPDATE SKIP LOCKED) AS open
   WHERE m.message_id = open.message_id
  RETURNING m.message_id, m.kind, m.subject, m.text, m.html, m.body::text AS body, m.at, m.decisions, m.attempts`;

export async function claimMessage(client: ClientBase, receiver: string): Promise<ClaimedMessage | undefined> {
  const { rows } = await client.query<
    Omit<ClaimedMessage, 'id' | 'at' | 'attempt'> & { message_id: string; at: Date; attempts: number }
  >(CLAIM, [receiver]);
  return rows.map(({ message_id, at, attempts, ...row }) => ({
    id: message_id,
    at: at.getTime(),
    attempt: attempts,
    ...row,
  }))[0];
}

/** Only the attempt that holds the lease settles its message. */
const SETTLE = `
  WITH recorded AS (
    INSERT INTO operator_attempts (message_id, attempt, at, outcome, answer) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING)
  UPDATE operator_messages
     SET state = $6, leased_until = now() + make_interval(secs => $7::float8),
         settled_at = CASE WHEN $6 = 'queued' THEN NULL ELSE $3::timestamptz END
   WHERE message_id = $1 AND state = 'sending' AND attempts = $2`;

/** Answers whether this attempt did. */
export async function settleMessage(
  client: ClientBase,
  { id, attempt }: Pick<ClaimedMessage, 'id' | 'attempt'>,
  { outcome, answer }: Pick<Outcome, 'outcome' | 'answer'>,
  at: Instant,
): Promise<boolean> {
  const settled = settlement(outcome, attempt);
  const pause_s = 'pause_s' in settled ? settled.pause_s : null;
  const { rowCount } = await client.query(SETTLE, [id, attempt, toDate(at), outcome, answer, settled.state, pause_s]);
  return rowCount === 1;
}

export interface ReceiverRow {
  name: string;
  kind: ReceiverKind;
  address: string;
  secret: string;
  events: EventKind[];
  version: number;
  created_at: Date;
  updated_at: Date;
}

export function receiverOf({ name, kind, address, secret, events }: ReceiverRow): Receiver {
  return { name, kind, address, events, ...(secret === '' ? {} : { secret }) };
}

export async function receiverNamed(client: ClientBase, name: string): Promise<ReceiverRow | undefined> {
  return (await client.query<ReceiverRow>('SELECT * FROM receivers WHERE name = $1', [name])).rows[0];
}

const PUT = `
  INSERT INTO receivers AS r (name, kind, address, secret, events, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
  ON CONFLICT (name) DO UPDATE
     SET kind = excluded.kind, address = excluded.address, secret = excluded.secret, events = excluded.events,
         updated_at = excluded.updated_at, version = r.version + 1
  RETURNING *`;

export async function putReceiver(client: ClientBase, receiver: Receiver, at: Instant): Promise<ReceiverRow> {
  const { name, kind, address, secret = '', events } = receiver;
  const { rows } = await client.query<ReceiverRow>(PUT, [name, kind, address, secret, events, toDate(at)]);
  return rows[0]!;
}

/** What was still to be sent to it has nowhere to go. */
const REMOVE = `
  WITH removed AS (DELETE FROM receivers WHERE name = $1)
  UPDATE operator_messages SET state = 'failed', settled_at = $2 WHERE receiver = $1 AND state IN ('queued', 'sending')`;

export async function removeReceiver(client: ClientBase, name: string, at: Instant): Promise<void> {
  await client.query(REMOVE, [name, toDate(at)]);
}
