/** What is written down of a customer's answer: for the operators, for the customer, and as evidence. */
import type { ClientBase } from 'pg';
import type { Answer } from '../../answers/store.ts';
import { decisionId, type Decision } from '../../decisions/decision.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { maskAddress, maskAnswer } from '../../kernel/masking.ts';
import type { WrittenMessage } from '../../warnings/planned.ts';

/** What operators are told of it. */
export function tellOperators(answer: Answer, decision: Decision, told: string): Decision {
  return {
    ...decision,
    id: decisionId('answer', answer.id),
    at: answer.at,
    type: 'notify-operator',
    trigger: 'manual',
    action: '',
    threshold: undefined,
    // The warning's own: an answer is no deviation of its own.
    score: undefined,
    evidence: undefined,
    mode: 'enforce',
    recordId: '',
    explanation: `Account ${answer.accountId} answered a warning: ${told}`,
  };
}

/** As it may stay for years: who calls back reads the number in what operators were sent. */
export function withoutPhone(decision: Decision, phone: string): Decision {
  return { ...decision, explanation: maskAnswer(decision.explanation, phone) };
}

/** The confirmation goes by mail, or by SMS to who has no mail on file. */
export function confirmationOf(
  decision: Decision,
  account: { accountId: string; email: string; msisdn: string },
  { subject, text }: { subject: string; text: string },
): WrittenMessage | undefined {
  const [channel, address] =
    account.email === '' ? (['sms', account.msisdn] as const) : (['email', account.email] as const);
  if (address === '') return undefined;
  const words = channel === 'sms' ? { subject: '', text: subject } : { subject, text };
  const id = decisionId('warning', decision.id, channel);
  return { id, decisionId: decision.id, accountId: account.accountId, channel, address, ...words };
}

/** The messages that told of a decision; by `warnings_of_account`. */
const NOTICES = `
  SELECT warning_id, channel, state, settled_at FROM warnings
   WHERE account_id = $2 AND (decision_id = $1 OR $1 = ANY (covers)) ORDER BY warning_no`;

/** What had become of the warning when it was answered. */
export async function noticesOf(
  client: ClientBase,
  { id, accountId }: Decision,
  timeZone: string,
): Promise<Record<string, unknown>[]> {
  const { rows } = await client.query<{ warning_id: string; channel: string; state: string; settled_at: Date | null }>(
    NOTICES,
    [id, accountId],
  );
  return rows.map((row) => ({
    warning: row.warning_id,
    channel: row.channel,
    state: row.state,
    at: row.settled_at === null ? 'not yet' : formatInstant(row.settled_at.getTime(), timeZone),
  }));
}

/** Notice, answer and confirmation as one: who was told what and how it arrived, what they read, said and were sent. */
export function answerEvidence(
  answer: Answer,
  {
    notice,
    confirmation,
    facts,
  }: { notice: Record<string, unknown>[]; confirmation: WrittenMessage | undefined; facts: Record<string, unknown> },
): NewEvidence {
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  return {
    accountId: answer.accountId,
    at: answer.at,
    kind: `answer-${answer.answer}`,
    body: {
      answer: answer.id,
      decision: answer.decisionId,
      notice,
      said: answer.answer,
      shown: answer.shown,
      language: answer.language,
      address: answer.address,
      user_agent: answer.userAgent,
      form: answer.formId,
      ...known,
      ...(confirmation && {
        confirmation: {
          warning: confirmation.id,
          channel: confirmation.channel,
          to: maskAddress(confirmation.address),
          subject: confirmation.subject,
          text: confirmation.text,
        },
      }),
    },
  };
}
