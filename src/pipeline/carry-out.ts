/**
 * Writes down what was decided, in the transaction that caused it: the decision, the evidence of what was known, the
 * warnings with their final words, the suspensions that are wanted, and the outbox rows that make workers act.
 */
import type { ClientBase } from 'pg';
import type { Account } from '../accounts/account.ts';
import { suspendedClass, type Cap } from '../caps/cap.ts';
import type { Crossing } from '../caps/evaluation.ts';
import { decide } from '../decisions/decide.ts';
import { decisionId, type Decision } from '../decisions/decision.ts';
import { insertDecisions } from '../decisions/store.ts';
import { appendEvidence } from '../evidence/append.ts';
import { watchedFeeds } from '../feeds/watched-feeds.ts';
import type { Instant } from '../kernel/clock.ts';
import { rollingHours, type CalendarPeriod } from '../kernel/period.ts';
import { enqueue } from '../queues/outbox.ts';
import { spentOn, type SpentOn } from '../spend/spent-on.ts';
import { insertSuspensions, liftSuspensions, type PlannedSuspension } from '../suspensions/planned.ts';
import { insertWarnings, type PlannedWarning } from '../warnings/planned.ts';
import { renderEmail, renderSms, type WarningFacts } from '../warnings/render.ts';
import { evidenceOf, freshnessThen, type Decided, type Freshness } from './decision-evidence.ts';

/** Decides on each crossing and writes what follows; answers the decisions that are new. */
export async function carryOut(
  client: ClientBase,
  crossings: readonly Crossing[],
  at: Instant,
  freshness: Freshness | undefined,
): Promise<Decision[]> {
  const decided = crossings.flatMap((crossing) => decide(crossing, at).map((decision) => ({ decision, crossing })));
  const unreachable = decided.filter(({ decision, crossing }) => warns(decision) && !reachable(crossing.account));
  decided.push(...unreachable.map(({ decision, crossing }) => ({ decision: cannotWarn(decision), crossing })));
  const fresh = await insertDecisions(
    client,
    decided.map(({ decision }) => decision),
  );
  const made = decided.filter(({ decision }) => fresh.has(decision.id));
  if (made.length === 0) return [];

  const spent = await spentOnByDecision(client, made);
  const known = freshness && freshnessThen(freshness, await watchedFeeds(client), at);
  const suspensions = planSuspensions(made);
  const suspensionOf = new Map(suspensions.map((suspension) => [suspension.decision.id, suspension]));
  const suspending = new Map(
    made.filter(({ decision }) => suspends(decision)).map(({ decision, crossing }) => [crossing, decision]),
  );
  const warningsOf = new Map(
    made.map((each) => [
      each.decision.id,
      planWarnings(each, suspending.get(each.crossing), spent.get(each.decision.id) ?? []),
    ]),
  );
  const warnings = [...warningsOf.values()].flat();
  const restored = made.filter(({ decision }) => decision.type === 'restore').map(({ decision }) => decision);
  const lifted = await liftSuspensions(client, restored, at);
  await insertSuspensions(client, suspensions, at);
  await insertWarnings(client, warnings, at);
  await appendEvidence(
    client,
    made.map((each) => {
      const { id } = each.decision;
      return evidenceOf(each, spent.get(id) ?? [], warningsOf.get(id) ?? [], suspensionOf.get(id), known, at);
    }),
  );
  const toReconcile = new Set([...suspensions.map((each) => each.decision.accountId), ...lifted]);
  await enqueue(client, [
    ...inChunks([...toReconcile], 500).map((accounts) => ({
      job: 'reconcile-suspensions' as const,
      payload: { accounts },
    })),
    ...inChunks(warnings, 50).map((chunk) => ({
      job: 'deliver-warnings' as const,
      payload: { warnings: chunk.map((warning) => warning.id) },
    })),
  ]);
  return made.map(({ decision }) => decision);
}

function warns(decision: Decision): boolean {
  return decision.type === 'warn' && decision.mode !== 'shadow';
}

function reachable(account: Account): boolean {
  return account.email !== '' || account.msisdn !== '';
}

function cannotWarn(decision: Decision): Decision {
  return {
    ...decision,
    id: decisionId('no-channel', decision.id),
    type: 'notify-operator',
    explanation: `${decision.explanation} The customer could not be warned: no e-mail address and no mobile number on file.`,
  };
}

/** Whether a decision bars routes, now or when a person approves; shadow mode only records. */
function suspends(decision: Decision): boolean {
  return decision.type === 'suspend' && decision.mode !== 'shadow';
}

/** The suspensions that are wanted when all is decided: one that a later decision of the same delivery lifts is not. */
function planSuspensions(made: readonly Decided[]): PlannedSuspension[] {
  const wanted = new Map<string, PlannedSuspension[]>();
  for (const each of made) {
    const { accountId, capId, period, threshold } = each.decision;
    const cause = JSON.stringify([accountId, capId, period, threshold]);
    if (each.decision.type === 'restore') wanted.delete(cause);
    else wanted.set(cause, [...(wanted.get(cause) ?? []), ...planSuspension(each)]);
  }
  return [...wanted.values()].flat();
}

function planSuspension({ decision, crossing }: Decided): PlannedSuspension[] {
  const barred = suspendedClass(decision.action);
  if (!barred || !suspends(decision)) return [];
  return [
    {
      id: decisionId('suspension', decision.id),
      decision,
      class: barred,
      state: decision.mode === 'approve' ? 'awaiting-approval' : 'wanted',
      endsAt: crossing.meter.cap.reinstate === 'period-end' ? crossing.period.to : undefined,
      terms: crossing.account.suspensionTerms,
    },
  ];
}

function planWarnings(
  { decision, crossing }: Decided,
  suspended: Decision | undefined,
  spent: readonly SpentOn[],
): PlannedWarning[] {
  if (!warns(decision)) return [];
  const { account } = crossing;
  const facts = warningFacts(crossing, suspended, spent);
  const planned: PlannedWarning[] = [];
  const plan = (channel: 'email' | 'sms', address: string, subject: string, text: string) =>
    planned.push({ id: decisionId('warning', decision.id, channel), decision, channel, address, subject, text });
  if (account.email !== '') {
    const mail = renderEmail(facts);
    plan('email', account.email, mail.subject, mail.text);
  }
  if (account.msisdn !== '') plan('sms', account.msisdn, '', renderSms(facts));
  return planned;
}

function warningFacts(crossing: Crossing, suspended: Decision | undefined, spent: readonly SpentOn[]): WarningFacts {
  const { account, meter, period, threshold, spend } = crossing;
  const { cap } = meter;
  const hours = rollingHours(cap.period);
  const next = cap.thresholds.find((each) => each.amount > spend);
  const enforced = cap.mode === 'enforce' && account.suspensionTerms !== '';
  const nextBar = next?.actions.map(suspendedClass).find((barred) => barred !== undefined);
  return {
    accountName: account.name,
    locale: account.locale,
    timeZone: account.timeZone,
    kind: suspended ? (suspended.mode === 'approve' ? 'approve' : 'suspend') : 'warn',
    traffic: cap.traffic,
    spend,
    limit: cap.limit,
    currency: account.currency,
    percent: threshold.percent,
    period: hours === undefined ? (cap.period as 'day' | 'week' | 'month') : 'rolling',
    ...(hours === undefined ? {} : { periodHours: hours }),
    periodEnd: period.to,
    next: next && {
      percent: next.percent,
      amount: next.amount,
      warn: next.actions.includes('warn'),
      ...(nextBar && enforced ? { suspend: nextBar } : {}),
    },
    ...(suspended && suspended.mode === 'enforce'
      ? {
          suspended: {
            class: suspendedClass(suspended.action)!,
            until: cap.reinstate === 'period-end' ? period.to : undefined,
            terms: account.suspensionTerms,
          },
        }
      : {}),
    mostSpentOn: spent.slice(0, 3),
  };
}

/** On what each decision's period was spent: one query a cap. */
async function spentOnByDecision(client: ClientBase, made: readonly Decided[]): Promise<Map<string, SpentOn[]>> {
  const byCap = new Map<string, Decided[]>();
  for (const each of made) {
    const same = byCap.get(each.decision.capId);
    if (same) same.push(each);
    else byCap.set(each.decision.capId, [each]);
  }
  const answers = new Map<string, SpentOn[]>();
  for (const same of byCap.values()) {
    const { cap } = same[0]!.crossing.meter;
    const questions = same.map(({ decision, crossing }) => ({
      key: decision.id,
      accountId: decision.accountId,
      serviceId: decision.serviceId,
      ...windowOf(cap, crossing.period),
    }));
    for (const [id, countries] of await spentOn(client, cap.traffic, questions)) answers.set(id, countries);
  }
  return answers;
}

/** The usage of a period; a rolling window is open at its beginning and closed at its end, halfway to where it acts. */
function windowOf(cap: Cap, period: CalendarPeriod): { from: Instant; to: Instant } {
  const hours = rollingHours(cap.period);
  return hours === undefined ? period : { from: period.from + 1, to: period.from + hours * 3_600_000 + 1 };
}

function inChunks<T>(all: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < all.length; i += size) chunks.push(all.slice(i, i + size));
  return chunks;
}
