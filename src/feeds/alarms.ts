/** Alarms for operators: raised once, cleared once. At most one is open of a kind and subject. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';

export const ALARM_KINDS = [
  'feed-behind',
  'feed-definition',
  'feed-gap',
  'rejects-rise',
  'file-failed',
  'file-waits',
  'pull-fails',
  'lifting-waits',
  'reconciliation',
  'guard',
  'tariff-brake',
  'receiver-failing',
  'switch-away',
  'contact-fails',
  'gateway-trouble',
  'template-broken',
] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

export interface Trouble {
  text: string;
  /** what the text says, for programs; amounts as decimal strings */
  facts: Record<string, unknown>;
}

/** By the index `alarms_open`: one that is open takes the newest words, and is not raised again. */
const RAISE = `
  INSERT INTO alarms (kind, subject, raised_at, text, facts) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO UPDATE SET text = excluded.text, facts = excluded.facts
  RETURNING old.alarm_id IS NULL AS raised`;

const CLEAR = `
  UPDATE alarms SET cleared_at = $3, cleared_text = $4
   WHERE kind = $1 AND subject = $2 AND cleared_at IS NULL`;

/**
 * Brings the alarm of a kind and subject to what is: raised where there is trouble, cleared where there is none. Answers
 * what there is to tell of it: nothing, where it was so already.
 */
export async function settleAlarm(
  client: ClientBase,
  kind: AlarmKind,
  subject: string,
  trouble: Trouble | undefined,
  allClear: string,
  at: Instant,
): Promise<string[]> {
  if (!trouble) {
    const { rowCount } = await client.query(CLEAR, [kind, subject, toDate(at), allClear]);
    return rowCount ? [`all clear: ${allClear}`] : [];
  }
  const { rows } = await client.query<{ raised: boolean }>(RAISE, [
    kind,
    subject,
    toDate(at),
    trouble.text,
    JSON.stringify(trouble.facts),
  ]);
  return rows[0]!.raised ? [`alarm: ${trouble.text}`] : [];
}

/** What alarms of a kind are open about. */
export async function openSubjects(client: ClientBase, kind: AlarmKind): Promise<string[]> {
  const { rows } = await client.query<{ subject: string }>(
    'SELECT subject FROM alarms WHERE kind = $1 AND cleared_at IS NULL',
    [kind],
  );
  return rows.map(({ subject }) => subject);
}

/** Since when alarms of a kind are open, by their subjects. */
export async function openSince(client: ClientBase, kind: AlarmKind): Promise<Map<string, Instant>> {
  const { rows } = await client.query<{ subject: string; raised_at: Date }>(
    'SELECT subject, raised_at FROM alarms WHERE kind = $1 AND cleared_at IS NULL',
    [kind],
  );
  return new Map(rows.map((row) => [row.subject, row.raised_at.getTime()]));
}

/** Clears what is open of these kinds about anything else than `subjects`; answers what there is to tell. */
export async function clearAllBut(
  client: ClientBase,
  kinds: readonly AlarmKind[],
  subjects: readonly string[],
  allClear: string,
  at: Instant,
): Promise<string[]> {
  const { rows } = await client.query<{ subject: string }>(
    `UPDATE alarms SET cleared_at = $3, cleared_text = subject || ': ' || $4
      WHERE cleared_at IS NULL AND kind = ANY ($1) AND subject <> ALL ($2) RETURNING subject`,
    [kinds, subjects, toDate(at), allClear],
  );
  return rows.map(({ subject }) => `all clear: ${subject}: ${allClear}`);
}
