import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';

/** What somebody changed, for the record of who and when. */
export interface RecordedChange {
  actor: string;
  subject:
    | 'account'
    | 'allowed-numbers'
    | 'cap'
    | 'consent-policy'
    | 'counter'
    | 'deviation-policy'
    | 'feed'
    | 'guard'
    | 'key'
    | 'receiver'
    | 'second-person'
    | 'silence'
    | 'switch';
  subjectId: string;
  change: 'created' | 'changed' | 'mended' | 'removed' | 'revoked';
  before?: object | undefined;
  after?: object | undefined;
}

export async function recordChanges(
  client: ClientBase,
  changes: readonly RecordedChange[],
  at: Instant,
): Promise<void> {
  if (changes.length === 0) return;
  const json = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));
  await client.query(
    `INSERT INTO changes (at, actor, subject, subject_id, change, before, after)
     SELECT $1::timestamptz, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[])`,
    [
      toDate(at),
      changes.map((c) => c.actor),
      changes.map((c) => c.subject),
      changes.map((c) => c.subjectId),
      changes.map((c) => c.change),
      changes.map((c) => json(c.before)),
      changes.map((c) => json(c.after)),
    ],
  );
}
