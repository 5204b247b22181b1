/**
 * Writes down what was decided, in the transaction that caused it: the decision, the evidence of what was known, the
 * warnings with their final words, the suspensions that are wanted, and the outbox rows that make workers act.
 */
import type { ClientBase } from 'pg';
import type { Crossing } from '../caps/evaluation.ts';
import { decisionId, type Decision } from '../decisions/decision.ts';
import { insertDecisions } from '../decisions/store.ts';
import { appendEvidence } from '../evidence/append.ts';
import { watchedFeeds } from '../feeds/watched-feeds.ts';
import type { Instant } from '../kernel/clock.ts';
import { enqueue } from '../queues/outbox.ts';
import { spentOn, type SpentOn } from '../spend/spent-on.ts';
import { insertSuspensions, liftSuspensions, type PlannedSuspension } from '../suspensions/planned.ts';
import { insertWarnings, type PlannedWarning } from '../warnings/planned.ts';
import { renderEmail, renderSms } from '../warnings/render.ts';
import { crossingMatters } from './crossing-matters.ts';
import { evidenceOf, freshnessThen, type Freshness } from './decision-evidence.ts';
import type { Matter } from './matter.ts';
import { joinTheirCases } from './join-cases.ts';
import { throughBrake } from './through-brake.ts';
import { throughGuard } from './through-guard.ts';

/** Decides on each crossing and writes what follows; answers the decisions that are new. */
export async function carryOutCrossings(
  client: ClientBase,
  crossings: readonly Crossing[],
  at: Instant,
  freshness: Freshness | undefined,
): Promise<Decision[]> {
  return carryOut(
    client,
    crossings.flatMap((crossing) => crossingMatters(crossing, at)),
    at,
    freshness,
  );
}

/** Writes what follows from each matter that is new; answers their decisions. */
export async function carryOut(
  client: ClientBase,
  wanted: readonly Matter[],
  at: Instant,
  freshness: Freshness | undefined,
): Promise<Decision[]> {
  const braked = await throughBrake(client, wanted);
  const { matters, question } = await throughGuard(client, braked.matters, at);
  const fresh = await insertDecisions(
    client,
    matters.map(({ decision }) => decision),
  );
  const made = matters.filter(({ decision }) => fresh.has(decision.id));
  if (made.length === 0) return [];

  const spent = await spentOnByDecision(client, made);
  const known = freshness && freshnessThen(freshness, await watchedFeeds(client), at);
  const suspensions = planSuspensions(made);
  const suspensionsOf = grouped(suspensions, ({ decision }) => decision.id);
  const warningsOf = new Map(
    made.map((each) => [each.decision.id, planWarnings(each, spent.get(each.decision.id) ?? [])]),
  );
  const warnings = [...warningsOf.values()].flat();
  const restored = made.filter(({ decision }) => decision.type === 'restore').map(({ decision }) => decision);
  const lifted = await liftSuspensions(client, restored, at);
  await insertSuspensions(client, suspensions, question, at);
  await insertWarnings(client, warnings, at);
  await joinTheirCases(client, made, braked.held);
  await appendEvidence(
    client,
    made.map((each) => {
      const { id } = each.decision;
      return evidenceOf(each, spent.get(id) ?? [], warningsOf.get(id) ?? [], suspensionsOf.get(id) ?? [], known, at);
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

/** The suspensions that are wanted when all is decided: one that a later decision of the same cause lifts is not. */
function planSuspensions(made: readonly Matter[]): PlannedSuspension[] {
  const wanted = new Map<string, PlannedSuspension[]>();
  for (const each of made) {
    if (each.decision.type === 'restore') wanted.delete(each.cause);
    else wanted.set(each.cause, [...(wanted.get(each.cause) ?? []), ...planBars(each)]);
  }
  return [...wanted.values()].flat();
}

function planBars({ decision, account, bars }: Matter): PlannedSuspension[] {
  return bars.map(({ scope, endsAt }) => ({
    id: decisionId('suspension', decision.id, scope),
    decision,
    class: scope,
    state: decision.mode === 'approve' ? 'awaiting-approval' : 'wanted',
    endsAt,
    terms: account.suspensionTerms,
  }));
}

function planWarnings({ decision, account, words }: Matter, spent: readonly SpentOn[]): PlannedWarning[] {
  if (!words) return [];
  const facts = { ...words, mostSpentOn: spent.slice(0, 3) };
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

/** On what was spent in each decision's stretch: one query a traffic. */
async function spentOnByDecision(client: ClientBase, made: readonly Matter[]): Promise<Map<string, SpentOn[]>> {
  const byTraffic = grouped(made, ({ stretch }) => stretch.traffic);
  const answers = new Map<string, SpentOn[]>();
  for (const [traffic, same] of byTraffic) {
    const questions = same.map(({ decision, stretch }) => ({ key: decision.id, ...stretch }));
    for (const [id, countries] of await spentOn(client, traffic, questions)) answers.set(id, countries);
  }
  return answers;
}

function grouped<K, T>(all: readonly T[], keyOf: (each: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const each of all) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group) group.push(each);
    else groups.set(key, [each]);
  }
  return groups;
}

export function inChunks<T>(all: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < all.length; i += size) chunks.push(all.slice(i, i + size));
  return chunks;
}
