import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Decision } from './decision.ts';

/** Writes each decision once: an id that is there already stays as it was. Answers the ids that are new. */
const INSERT_DECISIONS = `
  INSERT INTO decisions (decision_id, at, account_id, type, trigger, action, cap_id, cap_version, period, threshold, traffic,
                         spend_micros, limit_micros, currency, record_id, service_id, mode, explanation, score, evidence)
  SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::int[],
                       $9::text[], $10::numeric[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[],
                       $16::text[], $17::text[], $18::text[], $19::float8[], $20::jsonb[])
  ON CONFLICT (decision_id) DO NOTHING
  RETURNING decision_id`;

export async function insertDecisions(client: ClientBase, decisions: readonly Decision[]): Promise<Set<string>> {
  if (decisions.length === 0) return new Set();
  const { rows } = await client.query<{ decision_id: string }>(INSERT_DECISIONS, [
    decisions.map((d) => d.id),
    decisions.map((d) => toDate(d.at)),
    decisions.map((d) => d.accountId),
    decisions.map((d) => d.type),
    decisions.map((d) => d.trigger),
    decisions.map((d) => d.action),
    decisions.map((d) => d.capId || null),
    decisions.map((d) => d.capVersion || null),
    decisions.map((d) => d.period),
    decisions.map((d) => d.threshold ?? null),
    decisions.map((d) => d.traffic),
    decisions.map((d) => d.spend?.toString() ?? null),
    decisions.map((d) => d.limit?.toString() ?? null),
    decisions.map((d) => d.currency),
    decisions.map((d) => d.recordId),
    decisions.map((d) => d.serviceId),
    decisions.map((d) => d.mode),
    decisions.map((d) => d.explanation),
    decisions.map((d) => d.score ?? null),
    decisions.map((d) => (d.evidence === undefined ? null : JSON.stringify(d.evidence))),
  ]);
  return new Set(rows.map((row) => row.decision_id));
}

/** A row of `decisions` as it is stored. */
export interface DecisionRow {
  decision_no: string;
  decision_id: string;
  at: Date;
  account_id: string;
  type: Decision['type'];
  trigger: Decision['trigger'];
  action: string;
  cap_id: string | null;
  cap_version: number | null;
  period: string;
  threshold: string | null;
  traffic: Decision['traffic'];
  spend_micros: string | null;
  limit_micros: string | null;
  currency: string;
  record_id: string;
  service_id: string;
  mode: Decision['mode'];
  explanation: string;
  score: number | null;
  evidence: Record<string, unknown> | null;
}

export function decisionOf(row: DecisionRow): Decision {
  return {
    id: row.decision_id,
    at: row.at.getTime() satisfies Instant,
    accountId: row.account_id,
    type: row.type,
    trigger: row.trigger,
    action: row.action,
    capId: row.cap_id ?? '',
    capVersion: row.cap_version ?? 0,
    period: row.period,
    threshold: row.threshold === null ? undefined : Number(row.threshold),
    traffic: row.traffic,
    spend: row.spend_micros === null ? undefined : BigInt(row.spend_micros),
    limit: row.limit_micros === null ? undefined : BigInt(row.limit_micros),
    currency: row.currency,
    recordId: row.record_id,
    serviceId: row.service_id,
    mode: row.mode,
    explanation: row.explanation,
    score: row.score ?? undefined,
    evidence: row.evidence ?? undefined,
  };
}
