/** Warnings as they are decided: their words are final, and each decision gives one a channel. */
import type { ClientBase } from 'pg';
import type { Decision } from '../decisions/decision.ts';
import { toDate, type Instant } from '../kernel/clock.ts';

export interface PlannedWarning {
  id: string;
  decision: Decision;
  channel: 'email' | 'sms';
  address: string;
  subject: string;
  text: string;
}

const INSERT_WARNINGS = `
  INSERT INTO warnings (warning_id, decision_id, account_id, channel, address, subject, text, state, created_at)
  SELECT *, 'queued', $8::timestamptz
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
  ON CONFLICT DO NOTHING`;

export async function insertWarnings(
  client: ClientBase,
  warnings: readonly PlannedWarning[],
  at: Instant,
): Promise<void> {
  if (warnings.length === 0) return;
  await client.query(INSERT_WARNINGS, [
    warnings.map((w) => w.id),
    warnings.map((w) => w.decision.id),
    warnings.map((w) => w.decision.accountId),
    warnings.map((w) => w.channel),
    warnings.map((w) => w.address),
    warnings.map((w) => w.subject),
    warnings.map((w) => w.text),
    toDate(at),
  ]);
}
