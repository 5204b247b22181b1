/** Messages in the database as they are decided: what they tell is final with the decision, their words are made later. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { freezeFacts, thawFacts } from './facts.ts';
import { GATHER_MS, type ChannelKind, type Correspondence, type PlannedMessage } from './plan.ts';

/**
 * What of these accounts has not left yet, locked; what a worker is about to take is left to it. By `warnings_waiting`.
 */
const WAITING = `
  SELECT warning_id, account_id, channel, covers, facts::text AS facts, (extract(epoch FROM due_at) * 1000)::float8 AS due_ms
    FROM warnings
   WHERE account_id = ANY ($1) AND state = 'queued' AND attempts = 0 AND due_at > $2
   ORDER BY warning_no FOR UPDATE SKIP LOCKED`;

/** When these accounts were told last, by channel; by `warnings_of_account`. */
const LAST = `
  SELECT account_id, channel, (extract(epoch FROM max(due_at)) * 1000)::float8 AS last_ms
    FROM warnings
   WHERE account_id = ANY ($1) AND due_at > $2 AND due_at <= $3 AND state <> 'failed' GROUP BY 1, 2`;

/** How the messages of these accounts stand; an account without any is not among the answers. */
export async function correspondenceOf(
  client: ClientBase,
  accounts: readonly string[],
  now: Instant,
): Promise<Map<string, Correspondence>> {
  const waiting = await client.query<{
    warning_id: string;
    account_id: string;
    channel: ChannelKind;
    covers: string[];
    facts: string;
    due_ms: number;
  }>(WAITING, [accounts, toDate(now)]);
  const last = await client.query<{ account_id: string; channel: ChannelKind; last_ms: number }>(LAST, [
    accounts,
    toDate(now - GATHER_MS),
    toDate(now),
  ]);
  const answers = new Map<string, { waiting: Correspondence['waiting'][number][]; lastAt: Correspondence['lastAt'] }>();
  const of = (account: string) => {
    let known = answers.get(account);
    if (!known) answers.set(account, (known = { waiting: [], lastAt: {} }));
    return known;
  };
  for (const row of waiting.rows) {
    const { warning_id: id, channel, covers, facts, due_ms } = row;
    of(row.account_id).waiting.push({ id, channel, covers, told: thawFacts(facts), dueAt: Math.round(due_ms) });
  }
  for (const row of last.rows) of(row.account_id).lastAt[row.channel] = Math.round(row.last_ms);
  return answers;
}

const INSERT = `
  INSERT INTO warnings (warning_id, decision_id, account_id, channel, address, subject, text, state, covers, facts, created_at, due_at)
  SELECT warning_id, decision_id, account_id, channel, address, '', '', 'queued', covers::uuid[], facts, created_at, due_at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[],
                $9::timestamptz[])
           AS planned (warning_id, decision_id, account_id, channel, address, covers, facts, created_at, due_at)
  ON CONFLICT DO NOTHING`;

/** The address too, for the customer may have changed it since. The rows are locked by `WAITING`. */
const GROW = `
  UPDATE warnings AS w
     SET decision_id = grown.decision_id, address = grown.address, covers = grown.covers::uuid[], facts = grown.facts,
         due_at = grown.due_at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[])
           AS grown (warning_id, decision_id, address, covers, facts, due_at)
   WHERE w.warning_id = grown.warning_id`;

export async function keepMessages(client: ClientBase, planned: readonly PlannedMessage[]): Promise<void> {
  const added = planned.filter(({ grown }) => !grown);
  if (added.length > 0) {
    await client.query(INSERT, [
      added.map(({ id }) => id),
      added.map((message) => message.decisionId),
      added.map(({ accountId }) => accountId),
      added.map(({ channel }) => channel),
      added.map(({ address }) => address),
      added.map(({ covers }) => uuids(covers)),
      added.map(({ told }) => freezeFacts(told)),
      added.map(({ createdAt }) => toDate(createdAt)),
      added.map(({ dueAt }) => toDate(dueAt)),
    ]);
  }
  const grown = planned.filter((message) => message.grown);
  if (grown.length > 0) {
    await client.query(GROW, [
      grown.map(({ id }) => id),
      grown.map((message) => message.decisionId),
      grown.map(({ address }) => address),
      grown.map(({ covers }) => uuids(covers)),
      grown.map(({ told }) => freezeFacts(told)),
      grown.map(({ dueAt }) => toDate(dueAt)),
    ]);
  }
}

/** As PostgreSQL reads an array; arrays of arrays can't be of different lengths there. */
function uuids(ids: readonly string[]): string {
  return `{${ids.join(',')}}`;
}

/** A message whose words are final as it is decided: what somebody agreed to is confirmed to the letter. */
export interface WrittenMessage {
  id: string;
  decisionId: string;
  accountId: string;
  channel: ChannelKind;
  address: string;
  /** empty for an SMS */
  subject: string;
  text: string;
}

const INSERT_WRITTEN = `
  INSERT INTO warnings (warning_id, decision_id, account_id, channel, address, subject, text, state, covers, facts, created_at, due_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', ARRAY[$2::uuid], '[]', $8, $8)
  ON CONFLICT DO NOTHING`;

export async function keepWritten(client: ClientBase, message: WrittenMessage, at: Instant): Promise<void> {
  const { id, decisionId, accountId, channel, address, subject, text } = message;
  await client.query(INSERT_WRITTEN, [id, decisionId, accountId, channel, address, subject, text, toDate(at)]);
}
