/**
 * Writes down what was decided, in the transaction that caused it: the decision, the evidence of what was known, the
 * messages to customers, the suspensions that are wanted, and the outbox rows that make workers act.
 */
import type { ClientBase } from 'pg';
import type { Crossing } from '../../caps/crossing.ts';
import { decisionId, type Decision } from '../../decisions/decision.ts';
import { insertDecisions } from '../../decisions/store.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import { watchedFeeds } from '../../feeds/watched-feeds.ts';
import type { Instant } from '../../kernel/clock.ts';
import { enqueue } from '../../queues/outbox.ts';
import { spentOn, type SpentOn } from '../../spend/spent-on.ts';
import {
  insertSuspensions,
  IS_ASKED_FOR,
  liftSuspensions,
  standingAmong,
  type PlannedSuspension,
} from '../../suspensions/planned.ts';
import type { PlannedMessage } from '../../warnings/plan.ts';
import { crossingMatters } from './crossing-matters.ts';
import { evidenceOf, freshnessThen, type Freshness } from './decision-evidence.ts';
import { endAsked } from './end-asked.ts';
import { grouped, inChunks } from '../grouped.ts';
import type { Matter, Words } from './matter.ts';
import { joinTheirCases } from './join-cases.ts';
import { holdStill, throughBrake } from './through-brake.ts';
import { seriesOf, tellCustomers } from '../telling/tell-customers.ts';
import { keptForApproval } from '../telling/tell-of-approvals.ts';
import { throughGuard, withinTerms } from './through-guard.ts';

/** Decides on each crossing and writes what follows; answers the decisions that are new. `beside`: evidence of what led to them. */
export async function carryOutCrossings(
  client: ClientBase,
  crossings: readonly Crossing[],
  at: Instant,
  freshness: Freshness | undefined,
  beside: readonly NewEvidence[] = [],
): Promise<Decision[]> {
  return carryOutEach(client, [{ wanted: mattersOf(crossings, at), freshness }], at, beside);
}

export function mattersOf(crossings: readonly Crossing[], at: Instant): Matter[] {
  return crossings.flatMap((crossing) => crossingMatters(crossing, at));
}

/** What {@link carryOutCrossings} would decide now, but for what the guard asks first; writes nothing. */
export async function wouldDecide(
  client: ClientBase,
  crossings: readonly Crossing[],
  at: Instant,
): Promise<Decision[]> {
  const { matters } = await throughBrake(client, mattersOf(crossings, at));
  const decisions = matters.map((matter) => withinTerms(matter).decision);
  const { rows } = await client.query<{ decision_id: string }>(
    'SELECT decision_id FROM decisions WHERE decision_id = ANY ($1::uuid[])',
    [decisions.map(({ id }) => id)],
  );
  const known = new Set(rows.map((row) => row.decision_id));
  return decisions.filter(({ id }) => !known.has(id));
}

/** What a delivery led to, and how fresh it was; no freshness where no usage led to it. */
export interface Wanted {
  wanted: readonly Matter[];
  freshness: Freshness | undefined;
}

/**
 * Writes what follows from each matter that is new, of one delivery after the other; answers their decisions. The chains of
 * evidence are locked once, in the end.
 */
export async function carryOutEach(
  client: ClientBase,
  deliveries: readonly Wanted[],
  at: Instant,
  beside: readonly NewEvidence[] = [],
): Promise<Decision[]> {
  const decisions: Decision[] = [];
  const evidence: NewEvidence[] = [];
  for (const delivery of deliveries) {
    const done = await carryOut(client, delivery, at);
    decisions.push(...done.decisions);
    evidence.push(...done.evidence);
  }
  await appendEvidence(client, [...evidence, ...beside]);
  return decisions;
}

async function carryOut(
  client: ClientBase,
  { wanted, freshness }: Wanted,
  at: Instant,
): Promise<{ decisions: Decision[]; evidence: NewEvidence[] }> {
  const braked = await throughBrake(client, await withStanding(client, wanted));
  // Read first: from the guard on, all others who decide may have to wait for the end of this transaction.
  const spent = await spentOnByDecision(client, braked.matters);
  const series = await seriesOf(client, braked.matters, at);
  const feeds = freshness && braked.matters.length > 0 ? await watchedFeeds(client) : [];
  // What is to be held may be let go by now: then all is looked at once more.
  if (!(await holdStill(client, braked))) return carryOut(client, { wanted, freshness }, at);
  const told = braked.matters.map((each) => toldAsBilled(each, spent.get(each.decision.id) ?? []));
  const { matters, question } = await throughGuard(client, told, at);
  const fresh = await insertDecisions(
    client,
    matters.map(({ decision }) => decision),
  );
  const made = matters.filter(({ decision }) => fresh.has(decision.id));
  if (made.length === 0) return { decisions: [], evidence: [] };

  const known = freshness && freshnessThen(freshness, feeds, at);
  const restored = made.filter(({ decision }) => decision.type === 'restore').map(({ decision }) => decision);
  const lifted = await liftSuspensions(client, restored, at);
  const suspensions = planSuspensions(made);
  const suspensionsOf = grouped(suspensions, ({ decision }) => decision.id);
  const asksNobody = new Set(
    wanted.filter(({ decision }) => decision.mode === 'enforce').map(({ decision }) => decision.id),
  );
  const outdone = await endOutdone(client, made, asksNobody, at);
  await insertSuspensions(client, suspensions, question, at);
  await joinTheirCases(client, made, braked.held);
  const messages = await tellCustomers(client, made, { spent, series }, at);
  const messagesOf = byDecision(messages);
  const decided = made.map((each) => {
    const { id } = each.decision;
    return evidenceOf(each, spent.get(id) ?? [], messagesOf.get(id) ?? [], suspensionsOf.get(id) ?? [], known, at);
  });
  const toReconcile = new Set([...suspensions.map((each) => each.decision.accountId), ...lifted]);
  await enqueue(client, [
    ...inChunks([...toReconcile], 500).map((accounts) => ({
      job: 'reconcile-suspensions' as const,
      payload: { accounts },
    })),
    ...inChunks(
      messages.filter(({ dueAt }) => dueAt <= at),
      50,
    ).map((chunk) => ({
      job: 'deliver-warnings' as const,
      payload: { warnings: chunk.map((message) => message.id) },
    })),
  ]);
  return { decisions: made.map(({ decision }) => decision), evidence: [...outdone, ...decided] };
}

/**
 * A deviation's money is what its score knew: of unusual usage alone, up to the record that decided, at wholesale cost where
 * a bundle hides the price. The customer is told what they spent, which is what the countries beside it add up to.
 */
function toldAsBilled(matter: Matter, spent: readonly SpentOn[]): Matter {
  if (matter.decision.score === undefined) return matter;
  const spend = spent.reduce((sum, { amount }) => sum + amount, 0n);
  const told = (words: Words | undefined): Words | undefined => words && { ...words, spend };
  return { ...matter, words: told(matter.words), wordsIfApproved: told(matter.wordsIfApproved) };
}

/** What a person is asked about of deviations, and is barred by others for which no policy asks; by `suspensions_of_account`. */
const OUTDONE = `
  SELECT s.suspension_id FROM suspensions s JOIN decisions d USING (decision_id)
   WHERE s.account_id = ANY ($1) AND ${IS_ASKED_FOR} AND d.score IS NOT NULL
     AND EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS made (account_id, scope)
                  WHERE made.account_id = s.account_id
                    AND (made.scope = s.class OR (made.scope = 'international' AND starts_with(s.class, 'country:'))))
   ORDER BY s.suspension_id FOR UPDATE OF s`;

/**
 * Nobody is asked any more for a rule about what is barred without asking, also where that waits for a brake or for the guard; answers the
 * evidence of it. `asksNobody`: the decisions for which their rules ask nobody.
 */
async function endOutdone(
  client: ClientBase,
  made: readonly Matter[],
  asksNobody: ReadonlySet<string>,
  at: Instant,
): Promise<NewEvidence[]> {
  const byCaps = made.flatMap(({ bars }) => bars.flatMap(({ outdoes = [] }) => outdoes));
  const acting = made
    .filter(({ decision }) => decision.score !== undefined && asksNobody.has(decision.id))
    .flatMap(({ decision: { accountId }, bars }) => bars.map(({ scope }) => ({ accountId, scope })));
  const ofCaps = await endAsked(client, byCaps, 'manual', 'its cap was changed and asks nobody about it', at);
  if (acting.length === 0) return ofCaps;
  const { rows } = await client.query<{ suspension_id: string }>(OUTDONE, [
    acting.map(({ accountId }) => accountId),
    acting.map(({ scope }) => scope),
  ]);
  const ids = rows.map((row) => row.suspension_id);
  const reason = 'its policy asks nobody about it any more';
  return [...ofCaps, ...(await endAsked(client, ids, 'deviation', reason, at))];
}

/** Says of bars whether they stand already, and what gives way to them. */
async function withStanding(client: ClientBase, matters: readonly Matter[]): Promise<readonly Matter[]> {
  const wanted = matters.flatMap(({ decision, bars }) => bars.map((bar) => ({ decision, class: bar.scope, bar })));
  const standing = grouped(await standingAmong(client, wanted), ({ bar: { bar } }) => bar);
  if (standing.size === 0) return matters;
  return matters.map((matter) => ({
    ...matter,
    bars: matter.bars.map((bar) => {
      const known = standing.get(bar) ?? [];
      const outdone = known.filter((each) => each.outdone);
      const outdoes = outdone.map(({ suspension }) => suspension);
      return { ...bar, stands: known.length > outdone.length, outdoes, told: outdone.some(({ told }) => told) };
    }),
  }));
}

/** The suspensions that are wanted when all is decided: one that a later decision of the same cause lifts is not. */
function planSuspensions(made: readonly Matter[]): PlannedSuspension[] {
  const wanted = new Map<string, PlannedSuspension[]>();
  const telling = new Map(made.filter((each) => wordsOf(each) !== undefined).map((each) => [each.cause, each]));
  for (const each of made) {
    if (each.decision.type === 'restore') wanted.delete(each.cause);
    else wanted.set(each.cause, [...(wanted.get(each.cause) ?? []), ...planBars(each, telling.get(each.cause))]);
  }
  return [...wanted.values()].flat();
}

/** `telling` is what the customer is told of the same cause. */
function planBars({ decision, account, bars }: Matter, telling: Matter | undefined): PlannedSuspension[] {
  const waits = decision.mode === 'approve';
  const words = telling && wordsOf(telling);
  const due = bars.filter(({ stands }) => !stands);
  return due.map(({ scope, endsAt }) => ({
    id: decisionId('suspension', decision.id, scope),
    decision,
    class: scope,
    state: waits ? 'awaiting-approval' : 'wanted',
    endsAt,
    terms: account.suspensionTerms,
    toldWhenApproved: waits && words ? keptForApproval(decision.id, words, telling.stretch) : undefined,
  }));
}

function wordsOf({ words, wordsIfApproved }: Matter): Words | undefined {
  return words ?? wordsIfApproved;
}

/** The messages that tell of each decision. */
function byDecision(messages: readonly PlannedMessage[]): Map<string, PlannedMessage[]> {
  const pairs = messages.flatMap((message) => message.covers.map((decision) => ({ decision, message })));
  return new Map(
    [...grouped(pairs, ({ decision }) => decision)].map(([decision, both]) => [
      decision,
      both.map(({ message }) => message),
    ]),
  );
}

/** On what was spent in each decision's stretch: one query a traffic. */
async function spentOnByDecision(client: ClientBase, matters: readonly Matter[]): Promise<Map<string, SpentOn[]>> {
  const byTraffic = grouped(matters, ({ stretch }) => stretch.traffic);
  const answers = new Map<string, SpentOn[]>();
  for (const [traffic, same] of byTraffic) {
    const questions = same.map(({ decision, stretch }) => ({ key: decision.id, ...stretch }));
    for (const [id, countries] of await spentOn(client, traffic, questions)) answers.set(id, countries);
  }
  return answers;
}
