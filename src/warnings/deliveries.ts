/**
 * Deliveries in the database: who may send a warning now, and what became of it. Leases and pauses are in the database's
 * own time, which all workers share; `created_at` and `settled_at` are in Plafond's.
 */
import type { ClientBase } from 'pg';
import { textArray } from '../database/array-literal.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Outcome } from './channels/channel.ts';
import { thawFacts, type ToldFact } from './facts.ts';
import type { ChannelKind } from './plan.ts';

/** For injection: the channels of this process. */
export const EMAIL_CHANNEL = Symbol('EMAIL_CHANNEL');
export const SMS_CHANNEL = Symbol('SMS_CHANNEL');

const ATTEMPTS_MAX = 10;
// Longer than any channel waits for an answer, so that nobody else takes up what is still on its way.
const LEASE_S = 60;
const FIRST_PAUSE_S = 10;
const PAUSE_S_MAX = 3_600;

/** A warning that this worker alone may send, until its lease ends. */
export interface ClaimedWarning {
  id: string;
  decisionId: string;
  accountId: string;
  channel: ChannelKind;
  address: string;
  /** empty until it is written, as are text and html */
  subject: string;
  text: string;
  html: string;
  covers: readonly string[];
  told: readonly ToldFact[];
  createdAt: Instant;
  /** this attempt's number, from 1 */
  attempt: number;
  /** of its account, as it is now; empty where the account is gone */
  segment: string;
  homeCountry: string;
}

/**
 * Claims those of the given warnings that are open and due, that nobody holds, and whose pause is over. Of two workers only
 * one gets a warning; what a worker held that was killed becomes free when its lease ends. By the primary key.
 */
const CLAIM = `
  UPDATE warnings AS w
  SET state = 'sending', attempts = w.attempts + 1, leased_until = now() + make_interval(secs => ${LEASE_S})
  FROM (SELECT warning_id FROM warnings
        WHERE warning_id = ANY($1::uuid[]) AND state IN ('queued', 'sending') AND due_at <= $2
          AND (leased_until IS NULL OR leased_until <= now())
        ORDER BY warning_no FOR UPDATE SKIP LOCKED) AS open
  WHERE w.warning_id = open.warning_id
  RETURNING w.*, w.facts::text AS facts_text,
    (SELECT json_build_object('segment', a.segment, 'home', a.home_country) FROM accounts a
      WHERE a.account_id = w.account_id) AS account`;

interface WarningRow {
  warning_id: string;
  decision_id: string;
  account_id: string;
  channel: ChannelKind;
  address: string;
  subject: string;
  text: string;
  html: string;
  covers: string[];
  facts_text: string;
  created_at: Date;
  attempts: number;
  account: { segment: string; home: string } | null;
}

export async function claimWarnings(
  client: ClientBase,
  ids: readonly string[],
  now: Instant,
): Promise<ClaimedWarning[]> {
  const { rows } = await client.query<WarningRow>(CLAIM, [ids, toDate(now)]);
  return rows.map((row) => ({
    id: row.warning_id,
    decisionId: row.decision_id,
    accountId: row.account_id,
    channel: row.channel,
    address: row.address,
    subject: row.subject,
    text: row.text,
    html: row.html,
    covers: row.covers,
    told: thawFacts(row.facts_text),
    createdAt: row.created_at.getTime(),
    attempt: row.attempts,
    segment: row.account?.segment ?? '',
    homeCountry: row.account?.home ?? '',
  }));
}

/** Gives claimed warnings back, to go out later: as if they had not been taken up. */
const POSTPONE = `
  UPDATE warnings AS w SET state = 'queued', attempts = w.attempts - 1, leased_until = NULL, due_at = later.due_at
    FROM unnest($1::uuid[], $2::timestamptz[]) AS later (warning_id, due_at)
   WHERE w.warning_id = later.warning_id AND w.state = 'sending'`;

export async function postponeWarnings(
  client: ClientBase,
  later: readonly { warning: ClaimedWarning; until: Instant }[],
): Promise<void> {
  if (later.length === 0) return;
  await client.query(POSTPONE, [later.map(({ warning }) => warning.id), later.map(({ until }) => toDate(until))]);
}

export interface WrittenWarning {
  warning: ClaimedWarning;
  subject: string;
  text: string;
  html: string;
}

/** Words are final as soon as there are some: whoever comes second gets those of the first. */
const WRITE = `
  UPDATE warnings AS w
     SET subject = CASE w.text WHEN '' THEN written.subject ELSE w.subject END,
         html = CASE w.text WHEN '' THEN written.html ELSE w.html END,
         text = CASE w.text WHEN '' THEN written.text ELSE w.text END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS written (warning_id, subject, text, html)
   WHERE w.warning_id = written.warning_id
  RETURNING w.warning_id, new.subject, new.text, new.html, old.text = '' AS fresh`;

/** Keeps the words of messages; answers those that hold, and whether they are these. */
export async function keepWords(
  client: ClientBase,
  written: readonly WrittenWarning[],
): Promise<(WrittenWarning & { fresh: boolean })[]> {
  const { rows } = await client.query<{
    warning_id: string;
    subject: string;
    text: string;
    html: string;
    fresh: boolean;
  }>(WRITE, [
    written.map(({ warning }) => warning.id),
    written.map(({ subject }) => subject),
    written.map(({ text }) => text),
    written.map(({ html }) => html),
  ]);
  const kept = new Map(rows.map((row) => [row.warning_id, row]));
  return written.map(({ warning }) => {
    const { subject, text, html, fresh } = kept.get(warning.id)!;
    return { warning, subject, text, html, fresh };
  });
}

/** What an attempt makes of its warning: `queued` waits `pause_s` for the next one. Pure. */
export function settlement(
  outcome: Outcome['outcome'],
  attempt: number,
): { state: 'sent' | 'failed' } | { state: 'queued'; pause_s: number } {
  if (outcome === 'sent') return { state: 'sent' };
  if (outcome === 'refused' || attempt >= ATTEMPTS_MAX) return { state: 'failed' };
  return { state: 'queued', pause_s: Math.min(FIRST_PAUSE_S * 2 ** (attempt - 1), PAUSE_S_MAX) };
}

export interface Attempted {
  warning: ClaimedWarning;
  outcome: Outcome['outcome'];
  /** without the address */
  answer: string;
  /** what the gateway calls it, or its parts */
  gatewayIds: readonly string[];
}

/**
 * Writes attempts down and settles their warnings, in one statement. A warning that was sent stays sent, or what receipts
 * have made of it; any other outcome counts only where nobody has taken the warning up since (its number of attempts is
 * still ours).
 */
const RECORD = `
  WITH attempted AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::float8[], $8::text[])
      AS attempted (warning_id, attempt, outcome, answer, state, pause_s, gateway_ids)
  ), recorded AS (
    INSERT INTO warning_attempts (warning_id, attempt, at, outcome, answer)
    SELECT warning_id, attempt, $7, outcome, answer FROM attempted
    ON CONFLICT (warning_id, attempt) DO NOTHING
  )
  UPDATE warnings AS w
  SET state = attempted.state,
      leased_until = now() + make_interval(secs => attempted.pause_s),
      settled_at = CASE WHEN attempted.state = 'queued' THEN NULL ELSE $7::timestamptz END,
      gateway_ids = attempted.gateway_ids::text[]
  FROM attempted
  WHERE w.warning_id = attempted.warning_id AND w.state NOT IN ('sent', 'delivered', 'bounced')
    AND (attempted.state = 'sent' OR (w.state = 'sending' AND w.attempts = attempted.attempt))
  RETURNING w.warning_id`;

/** Answers the ids of the warnings whose state it set. */
export async function recordAttempts(
  client: ClientBase,
  attempted: readonly Attempted[],
  at: Instant,
): Promise<Set<string>> {
  const settled = attempted.map(({ outcome, warning }) => settlement(outcome, warning.attempt));
  const { rows } = await client.query<{ warning_id: string }>(RECORD, [
    attempted.map(({ warning }) => warning.id),
    attempted.map(({ warning }) => warning.attempt),
    attempted.map(({ outcome }) => outcome),
    attempted.map(({ answer }) => answer),
    settled.map(({ state }) => state),
    settled.map((each) => (each.state === 'queued' ? each.pause_s : null)),
    toDate(at),
    attempted.map(({ gatewayIds }) => textArray(gatewayIds)),
  ]);
  return new Set(rows.map((row) => row.warning_id));
}

/** By `warnings_open`; what somebody takes up just now is no longer paused. */
const END_PAUSES = `
  UPDATE warnings SET leased_until = now()
   WHERE state = 'queued' AND channel = $1 AND attempts > 0 AND leased_until > now()`;

/** What a gateway has put off need not wait any longer. */
export async function endPauses(client: ClientBase, channel: string): Promise<void> {
  await client.query(END_PAUSES, [channel]);
}

/** By the primary key. */
const STILL_OPEN = `SELECT warning_id FROM warnings WHERE warning_id = ANY($1::uuid[]) AND state IN ('queued', 'sending')`;

export async function openAmong(client: ClientBase, ids: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ warning_id: string }>(STILL_OPEN, [ids]);
  return rows.map((row) => row.warning_id);
}

/**
 * Warnings whose lease or pause has ended, whose time has come after they had to wait, or that nobody has taken up since
 * `before`; the oldest first, by `warnings_open`.
 */
const LEFT_LYING = `
  SELECT warning_id FROM warnings
  WHERE state IN ('queued', 'sending') AND due_at <= $2
    AND (leased_until <= now() OR (leased_until IS NULL AND (created_at <= $1 OR due_at > created_at)))
  ORDER BY created_at LIMIT $3`;

export async function leftLying(client: ClientBase, before: Instant, now: Instant, limit: number): Promise<string[]> {
  const { rows } = await client.query<{ warning_id: string }>(LEFT_LYING, [toDate(before), toDate(now), limit]);
  return rows.map((row) => row.warning_id);
}
