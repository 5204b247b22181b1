/**
 * What rules want barred, past the last two gates before it is written down: the customer's contract must allow it, and
 * it must not be one of too many within the hour. What the guard holds waits as one question to the operators
 * (`answer-guard.ts`); what a person asks for by hand does not come this way.
 */
import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { BarThatWaits } from '../../cases/bars.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import type { Instant } from '../../kernel/clock.ts';
import { guardLimit, guardVerdict, type GuardSettings } from '../../suspensions/guard.ts';
import {
  activeAccounts,
  addToQuestion,
  holdForAnswer,
  keepActiveAccounts,
  lockGuard,
  madeByRules,
  openQuestion,
  readGuard,
  settingsOf,
  type QuestionRow,
} from '../../suspensions/guard-store.ts';
import { grouped } from '../grouped.ts';
import type { Matter, Words } from './matter.ts';

export interface Guarded {
  matters: readonly Matter[];
  /** the question for which some of them wait */
  question: string | undefined;
}

/** Asks nobody, and costs nothing, where no bar is wanted. */
export async function throughGuard(client: ClientBase, asked: readonly Matter[], at: Instant): Promise<Guarded> {
  const matters = asked.map(withinTerms);
  const causes = causesWithBars(matters);
  if (causes.length === 0) return { matters, question: undefined };
  const { passing, question, reason } = await askGuard(
    client,
    causes.map(({ bars }) => bars),
    at,
  );
  if (!question) return { matters, question: undefined };
  const held = new Set(causes.slice(passing).map(({ cause }) => cause));
  const passed = matters.map((matter) => (held.has(matter.cause) ? heldBack(matter, question, reason) : matter));
  return { matters: withoutTold(passed, held), question: question.question_id };
}

/**
 * Of causes that are held: a customer who was told of the limit when a person was asked about the bar is told no sooner than
 * it is approved. Pure.
 */
function withoutTold(matters: readonly Matter[], held: ReadonlySet<string>): Matter[] {
  const told = new Set(matters.filter(({ bars }) => bars.some((bar) => bar.told)).map(({ cause }) => cause));
  const isTold = ({ cause }: Matter) => held.has(cause) && told.has(cause);
  const words = new Map(matters.filter((each) => isTold(each) && each.words).map((each) => [each.cause, each.words]));
  return matters
    .filter((each) => !isTold(each) || !each.words)
    .map((each) => (isTold(each) ? { ...each, wordsIfApproved: words.get(each.cause) } : each));
}

/**
 * What a tariff brake held back, as if it were decided now: answers the bars that pass, all of a decision or none. The others
 * wait for the operators from now on, with the question, and with evidence that says so.
 */
export async function letGoThroughGuard(
  client: ClientBase,
  bars: readonly BarThatWaits[],
  at: Instant,
): Promise<{ passing: readonly BarThatWaits[]; held: number; question: string | undefined; evidence: NewEvidence[] }> {
  const decisions = [...grouped(bars, ({ decision_id }) => decision_id).values()];
  if (decisions.length === 0) return { passing: [], held: 0, question: undefined, evidence: [] };
  const sizes = decisions.map((same) => same.length);
  const { passing, question, reason } = await askGuard(client, sizes, at);
  const held = question ? decisions.slice(passing).flat() : [];
  if (question)
    await holdForAnswer(
      client,
      held.map(({ suspension_id }) => suspension_id),
      question.question_id,
    );
  return {
    passing: decisions.slice(0, passing).flat(),
    held: held.length,
    question: question?.question_id,
    evidence: held.map(({ account_id: accountId, suspension_id: suspension }) => ({
      accountId,
      at,
      kind: 'guard-held',
      body: { suspension, question: question!.question_id, reason },
    })),
  };
}

/** How many of these causes pass, of which each wants so many bars; for the others there is a question, with the reason. */
async function askGuard(
  client: ClientBase,
  sizes: readonly number[],
  at: Instant,
): Promise<{ passing: number; question: QuestionRow | undefined; reason: string }> {
  // Counted, where that is due, before others may have to wait.
  const active = await activeAccounts(client, await readGuard(client), at);
  const guard = await lockGuard(client);
  const load = { made: await madeByRules(client, at), activeAccounts: active };
  await keepActiveAccounts(client, guard, active, at);
  const { passing, allowed, words } = guardVerdict(sizes, settingsOf(guard), load);
  const reason = `rules may make ${words}`;
  if (passing === sizes.length) return { passing, question: undefined, reason };
  const bars = sizes.slice(passing).reduce((sum, each) => sum + each, 0);
  const question = await addToQuestion(client, randomUUID(), bars, reason, at);
  await settleAlarm(client, 'guard', 'suspensions', askedOf(question, allowed), '', at);
  return { passing, question, reason };
}

/** Rules suspend by the contract's clause alone: where none is on file, the operators are told instead. Pure. */
export function withinTerms(matter: Matter): Matter {
  const { decision, account, bars } = matter;
  if (bars.length === 0 || account.suspensionTerms !== '') return matter;
  const refused = `Not barred: no suspension_terms on file for account ${account.accountId}, so the billing team decides.`;
  return {
    ...matter,
    decision: { ...decision, type: 'notify-operator', explanation: `${decision.explanation} ${refused}` },
    bars: [],
  };
}

/** The causes that want bars at once when all is decided, with how many; one that is taken back later wants none. */
function causesWithBars(matters: readonly Matter[]): { cause: string; bars: number }[] {
  const wanting = new Map<string, number>();
  for (const { decision, cause, bars } of matters) {
    if (decision.type === 'restore') wanting.delete(cause);
    else {
      const due = bars.filter(({ stands }) => !stands).length;
      if (due > 0 && decision.mode === 'enforce') wanting.set(cause, (wanting.get(cause) ?? 0) + due);
    }
  }
  return [...wanting].map(([cause, bars]) => ({ cause, bars }));
}

/** The same matter, waiting for the operators; the customer is told that the limit is reached, not that calls are barred. */
export function heldBack(matter: Matter, question: QuestionRow, reason: string): Matter {
  const { decision, words, bars, known } = matter;
  const mild = words && unbarred(words);
  if (bars.length === 0) return { ...matter, words: mild };
  return {
    ...matter,
    decision: {
      ...decision,
      trigger: 'guard',
      mode: 'approve',
      explanation: `${decision.explanation} Held by the guard: ${reason}, so the operators are asked.`,
    },
    known: { ...known, guard: { question: question.question_id, reason, trigger: decision.trigger } },
    words: mild,
  };
}

/** What the customer is told where nothing is barred yet: of the limit, or where there is none of what is unusual. */
function unbarred(words: Words): Words {
  const { suspended, held, ...rest } = words;
  if (!suspended && !held) return words;
  return { ...rest, kind: words.limit === undefined ? 'unusual' : 'approve' };
}

function askedOf(question: QuestionRow, allowed: number) {
  const { question_id: id, held, reason } = question;
  return {
    text:
      `${held} suspensions are held, since ${reason}: a fault in rating, or an attack on many? ` +
      `Approve all, some or none of them (guard question ${id}).`,
    facts: { question: id, held, allowed_an_hour: allowed },
  };
}

export interface GuardState {
  version: number;
  settings: GuardSettings;
  activeAccounts: number;
  /** how many an hour that is now, and how many there have been within the last */
  allowed: number;
  made: number;
  question: string | undefined;
}

/** The guard as it stands, for people. */
export async function readGuardState(client: ClientBase, at: Instant): Promise<GuardState> {
  const guard = await readGuard(client);
  const settings = settingsOf(guard);
  const active = await activeAccounts(client, guard, at);
  const made = await madeByRules(client, at);
  const { allowed } = guardLimit(settings, active);
  const question = await openQuestion(client);
  return { version: guard.version, settings, activeAccounts: active, allowed, made, question: question?.question_id };
}
