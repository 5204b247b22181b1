/** What customers answered, and how much they may consent to, in the database. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import type { ConsentPolicy } from './consent.ts';

export const ANSWERS = ['not-us', 'us', 'call-me'] as const;
export type AnswerKind = (typeof ANSWERS)[number];

export interface Answer {
  id: string;
  /** of the form that was sent: one form answers once */
  formId: string;
  accountId: string;
  decisionId: string;
  answer: AnswerKind;
  at: Instant;
  /** as it was read, in `language` */
  shown: string;
  language: string;
  /** IP address */
  address: string;
  userAgent: string;
  amount: Micros | undefined;
  currency: string;
  /** E.164; empty where none was asked for */
  phone: string;
}

export interface AnswerRow {
  answer_no: string;
  answer_id: string;
  form_id: string;
  account_id: string;
  decision_id: string;
  answer: AnswerKind;
  at: Date;
  shown: string;
  language: string;
  address: string;
  user_agent: string;
  amount_micros: string | null;
  currency: string;
  phone: string;
}

/** Of a form that is sent twice only the first counts, whoever is at it at the same time: by the unique key on form_id. */
const INSERT = `
  INSERT INTO answers (answer_id, form_id, account_id, decision_id, answer, at, shown, language, address, user_agent,
                       amount_micros, currency, phone)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
  ON CONFLICT (form_id) DO NOTHING RETURNING answer_no`;

/** Writes an answer down; false where its form had answered before. */
export async function insertAnswer(client: ClientBase, answer: Answer): Promise<boolean> {
  const { rows } = await client.query(INSERT, [
    answer.id,
    answer.formId,
    answer.accountId,
    answer.decisionId,
    answer.answer,
    toDate(answer.at),
    answer.shown,
    answer.language,
    answer.address,
    answer.userAgent,
    answer.amount?.toString() ?? null,
    answer.currency,
    answer.phone,
  ]);
  return rows.length > 0;
}

/** By the index answers_of_decision. */
const OF_DECISION = 'SELECT * FROM answers WHERE decision_id = $1 ORDER BY answer_no';

export async function answersTo(client: ClientBase, decisionId: string): Promise<AnswerRow[]> {
  return (await client.query<AnswerRow>(OF_DECISION, [decisionId])).rows;
}

export interface PolicyRow {
  scope_kind: ConsentPolicy['scope'];
  scope_value: string;
  currency: string;
  maximum_micros: string;
  updated_at: Date;
}

/** Those that may hold for an account; by the primary key. */
const POLICIES_FOR = `
  SELECT * FROM consent_policies
   WHERE currency = $3 AND ((scope_kind = 'everyone' AND scope_value = '') OR (scope_kind = 'segment' AND scope_value = $2)
                            OR (scope_kind = 'account' AND scope_value = $1))`;

export async function policiesFor(
  client: ClientBase,
  account: { accountId: string; segment: string; currency: string },
): Promise<ConsentPolicy[]> {
  const { rows } = await client.query<PolicyRow>(POLICIES_FOR, [account.accountId, account.segment, account.currency]);
  return rows.map(policyOf);
}

export function policyOf(row: PolicyRow): ConsentPolicy {
  return {
    scope: row.scope_kind,
    value: row.scope_value,
    currency: row.currency,
    maximum: BigInt(row.maximum_micros),
  };
}
