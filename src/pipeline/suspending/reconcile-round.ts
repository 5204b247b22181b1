/**
 * One round between what is wanted and one node of a switch: read both, compare, tell the node, read it back, record; and
 * then end the calls in progress that a new bar covers. States and rules: suspensions/README.md.
 */
import type { LoggerService } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { allowedNumbers } from '../../accounts/allowed-numbers.ts';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import type { Clock, Instant } from '../../kernel/clock.ts';
import { recordCallsEnded, recordMissing, recordReadBack, liveOn } from '../../suspensions/read-backs.ts';
import { reconcile, type Drift, type LiveSuspension, type SwitchCommand } from '../../suspensions/reconcile.ts';
import { suspensionIdsAmong, type SuspensionRow } from '../../suspensions/store.ts';
import { safeReference, UnsafeReference } from '../../suspensions/switches/account-reference.ts';
import { inParallel } from '../../suspensions/switches/in-parallel.ts';
import { keyOf, SwitchFailure, type Bar, type BarKey, type SwitchNode } from '../../suspensions/switches/switch.ts';

export interface RoundResult {
  /** suspensions that every node was read to bar, and those that none was read to bar any more */
  applied: number;
  lifted: number;
  /** differences that nobody had asked for */
  drifted: number;
  /** what the node still has to do; the next round tries again */
  open: number;
  /** why the node, or a part of what it was told, could not be reached */
  unreachable: SwitchFailure | undefined;
  /** settles when the calls in progress of new bars have ended, or could not be; never fails */
  calls: Promise<void>;
}

const COMMANDS_AT_ONCE = 8;
// A node that refuses a single bar is not away; one that refuses so many in a row is not asked for all the others.
const FAILURES_IN_A_ROW_MAX = 3;

/** What it works with: the surroundings, and what this process told already. */
export interface RoundTools {
  dataSource: DataSource;
  clock: Clock;
  log: Pick<LoggerService, 'log' | 'warn' | 'error'>;
  /** drifts that are no state of a suspension's and last: told once a process and not once a round */
  toldDrifts: Set<string>;
}

/**
 * Rounds on one node must not run at the same time; the caller sees to it. Looks at all suspensions of these accounts, and at
 * further bars that were seen on the node. Throws {@link SwitchFailure} where the node can't be read.
 */
export async function reconcileRound(
  tools: RoundTools,
  node: SwitchNode,
  /** the names of all nodes in service */
  nodes: readonly string[],
  accounts: readonly string[],
  further: readonly Bar[] = [],
): Promise<RoundResult> {
  const { dataSource, clock } = tools;
  let live = await inTransaction(dataSource, ({ client }) => liveOn(client, node.name, accounts));
  live = live.filter((each) => isTellable(tools, each.accountId));
  const bars = new Map<BarKey, Bar>(further.map((bar) => [keyOf(bar), bar]));
  for (const each of live) bars.set(keyOf(barOf(each)), barOf(each));

  let readAt = clock.now();
  const actual = await node.read([...bars.values()]);
  const compare = async () => {
    const known = new Set(live.map((each) => each.id));
    const others = [...actual.values()].filter((id) => !known.has(id));
    const ours =
      others.length === 0
        ? new Set<string>()
        : await inTransaction(dataSource, ({ client }) => suspensionIdsAmong(client, others));
    return reconcile(live, actual, (id) => ours.has(id));
  };
  const plan = await compare();
  const drifted = await recordDrifts(tools, node, plan.drifts, readAt);
  const missing = new Set(plan.drifts.map((each) => each.drift === 'bar-missing' && each.suspensionId));
  live = live.map((each) => (missing.has(each.id) ? { ...each, here: false } : each));

  let unreachable: SwitchFailure | undefined;
  let found = plan;
  if (plan.commands.length > 0) {
    unreachable = await carryOut(node, plan.commands);
    readAt = clock.now();
    const told = plan.commands.map((command) => ({ accountId: command.accountId, scope: command.class }));
    const after = await node.read(told).catch((error: unknown) => {
      unreachable ??= asFailure(error);
      return undefined;
    });
    if (!after)
      return { applied: 0, lifted: 0, drifted, open: plan.commands.length, unreachable, calls: Promise.resolve() };
    for (const bar of told) {
      const id = after.get(keyOf(bar));
      if (id === undefined) actual.delete(keyOf(bar));
      else actual.set(keyOf(bar), id);
    }
    found = await compare();
  }
  // The customer's calls cost money: they are ended while what was read is being written down.
  const endings = endCalls(tools, node, found.barred);
  // Where the database is away, what is written down fails first, and nobody waits for these any more.
  endings.catch(() => undefined);
  const settled = await recordSettled(tools, node, nodes, found.barred, found.gone, readAt);
  const calls = recordEndings(tools, node, endings);
  return { ...settled, drifted, open: found.commands.length, unreachable, calls };
}

/** What is no account's id is told to no switch: it is written to the log, and everybody else goes on. */
export function isTellable({ log, toldDrifts }: RoundTools, accountId: string): boolean {
  try {
    safeReference(accountId);
    return true;
  } catch (error) {
    if (!(error instanceof UnsafeReference)) throw error;
    if (!toldDrifts.has(error.message)) log.error(`a suspension is told to no switch: ${error.message}`);
    toldDrifts.add(error.message);
    return false;
  }
}

function barOf({ accountId, class: scope }: Pick<LiveSuspension, 'accountId' | 'class'>): Bar {
  return { accountId, scope };
}

/** Answers why a command failed, of several the first. */
async function carryOut(node: SwitchNode, commands: readonly SwitchCommand[]): Promise<SwitchFailure | undefined> {
  let failure: SwitchFailure | undefined;
  let inARow = 0;
  await inParallel(commands, COMMANDS_AT_ONCE, async (command) => {
    if (inARow >= FAILURES_IN_A_ROW_MAX) return;
    const bar = barOf(command);
    try {
      if (command.do === 'bar') await node.bar(bar, command.suspensionId);
      else await node.unbar(bar);
      inARow = 0;
    } catch (error) {
      failure ??= asFailure(error);
      inARow++;
    }
  });
  return failure;
}

/** Before it is set right, so that a drift is on record even where setting it right fails. */
export async function recordDrifts(
  { dataSource, clock, log, toldDrifts }: RoundTools,
  node: SwitchNode,
  drifts: readonly Drift[],
  readAt: Instant,
): Promise<number> {
  // A missing bar is told by its state: once told, the node is known not to bar it.
  const news = drifts.filter((each) => each.drift === 'bar-missing' || !toldDrifts.has(driftKey(node.name, each)));
  if (news.length === 0) return 0;
  await inTransaction(dataSource, async ({ client }) => {
    const missing = news.flatMap((each) => (each.drift === 'bar-missing' ? [each.suspensionId] : []));
    if (missing.length > 0) await recordMissing(client, node.name, missing, readAt);
    const named = [...new Set(news.flatMap((each) => each.accountId ?? []))];
    const existing = new Set((await accountsById(client, named)).map((account) => account.accountId));
    await appendEvidence(
      client,
      news
        .filter((each) => existing.has(each.accountId ?? ''))
        .map((each) => driftEvidence(each, node.name, clock.now())),
    );
  });
  for (const each of news) {
    if (each.drift !== 'bar-missing') toldDrifts.add(driftKey(node.name, each));
    log.warn(`${node.name}: ${driftStory(each)}`);
  }
  return news.length;
}

function driftEvidence({ accountId, drift, ...what }: Drift, node: string, at: Instant): NewEvidence {
  const suspension = 'suspensionId' in what ? { suspension: what.suspensionId } : { key: what.key, found: what.found };
  return {
    accountId: accountId!,
    at,
    kind: 'suspension-drift',
    body: { drift, class: what.class, ...suspension, switch: node },
  };
}

async function recordSettled(
  { dataSource, clock }: RoundTools,
  node: SwitchNode,
  nodes: readonly string[],
  barred: readonly LiveSuspension[],
  gone: readonly LiveSuspension[],
  readAt: Instant,
): Promise<{ applied: number; lifted: number }> {
  if (barred.length + gone.length === 0) return { applied: 0, lifted: 0 };
  return inTransaction(dataSource, async ({ client }) => {
    const at = clock.now();
    const ids = (list: readonly LiveSuspension[]) => list.map((each) => each.id);
    const { applied, lifted } = await recordReadBack(client, {
      node: node.name,
      nodes,
      barred: ids(barred),
      gone: ids(gone),
      readAt,
      at,
    });
    const settled =
      (kind: string) =>
      (row: SuspensionRow): NewEvidence => ({
        accountId: row.account_id,
        at,
        kind,
        body: {
          suspension: row.suspension_id,
          class: row.class,
          state: row.state,
          switch: nodes.join(', '),
          reason: row.lift_reason ?? undefined,
        },
      });
    await appendEvidence(client, [
      ...applied.map(settled('suspension-applied')),
      ...lifted.map(settled('suspension-lifted')),
    ]);
    return { applied: applied.length, lifted: lifted.length };
  });
}

interface CallsEnded {
  suspension: LiveSuspension;
  /** how many were ended, or why they could not all be */
  outcome: number | SwitchFailure;
}

/** Ends the calls that new bars cover; each bar once, however many suspensions want it. Fails with the database alone. */
export async function endCalls(
  { dataSource }: RoundTools,
  node: SwitchNode,
  barred: readonly LiveSuspension[],
): Promise<CallsEnded[]> {
  if (barred.length === 0) return [];
  const accounts = [...new Set(barred.map((each) => each.accountId))];
  const spared = await inTransaction(dataSource, ({ client }) => allowedNumbers(client, accounts));
  const ended: CallsEnded[] = [];
  const byKey = new Map<BarKey, LiveSuspension[]>();
  for (const each of barred) {
    const key = keyOf(barOf(each));
    byKey.set(key, [...(byKey.get(key) ?? []), each]);
  }
  await inParallel([...byKey.values()], COMMANDS_AT_ONCE, async (same) => {
    const bar = barOf(same[0]!);
    const outcome = await node.endCalls(bar, new Set(spared.get(bar.accountId))).catch(asFailure);
    for (const [index, suspension] of same.entries()) {
      ended.push({ suspension, outcome: typeof outcome === 'number' && index > 0 ? 0 : outcome });
    }
  });
  return ended;
}

/** Writes down what was ended. Never fails: where the database is away, the log tells so, and the next look ends them again. */
export async function recordEndings(
  tools: RoundTools,
  node: SwitchNode,
  endings: Promise<CallsEnded[]>,
): Promise<void> {
  await endings
    .then((all) => writeEndings(tools, node, all))
    .catch((error: unknown) => tools.log.error(`${node.name}: ${String(error)}`));
}

async function writeEndings(
  { dataSource, clock, log }: RoundTools,
  node: SwitchNode,
  all: readonly CallsEnded[],
): Promise<void> {
  if (all.length === 0) return;
  const over = all.flatMap(({ suspension, outcome }) =>
    typeof outcome === 'number' ? [{ suspension, calls: outcome }] : [],
  );
  for (const { suspension, outcome } of all) {
    if (typeof outcome !== 'number')
      log.error(`${node.name}: calls of ${suspension.accountId} (${suspension.class}) go on: ${outcome.message}`);
  }
  if (over.length === 0) return;
  await inTransaction(dataSource, async ({ client }) => {
    const at = clock.now();
    const ended = over.map(({ suspension, calls }) => ({ id: suspension.id, calls }));
    const news = await recordCallsEnded(client, node.name, ended, at);
    await appendEvidence(
      client,
      over
        .filter(({ suspension, calls }) => calls > 0 && news.has(suspension.id))
        .map(({ suspension, calls }) => ({
          accountId: suspension.accountId,
          at,
          kind: 'calls-ended',
          body: { suspension: suspension.id, class: suspension.class, calls, switch: node.name },
        })),
    );
  });
}

export function asFailure(error: unknown): SwitchFailure {
  if (error instanceof SwitchFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SwitchFailure('wrong', message, { cause: error });
}

export function driftKey(node: string, each: Drift): string {
  return each.drift === 'bar-foreign'
    ? `${node} ${each.drift} ${each.key} ${each.found}`
    : `${node} ${each.drift} ${each.accountId}:${each.class} ${each.suspensionId}`;
}

function driftStory(each: Drift): string {
  switch (each.drift) {
    case 'bar-missing':
      return `the bar of suspension ${each.suspensionId} on ${each.accountId}:${each.class} had gone; it is asserted again`;
    case 'bar-unwanted':
      return `a bar of suspension ${each.suspensionId} on ${each.accountId}:${each.class}, which is over, is taken away`;
    case 'bar-foreign':
      return `${each.key} is barred by "${each.found}", which is none of Plafond's; it is left alone`;
  }
}

/** The accounts and bars that a comparison of everything shows to need a round. */
export function suspects(
  live: readonly LiveSuspension[],
  bars: ReadonlyMap<BarKey, string>,
  ours: (id: string) => boolean,
): { accounts: string[]; further: Bar[]; foreign: Drift[] } {
  const { commands, barred, gone, drifts } = reconcile(live, bars, ours);
  const accounts = new Set([...commands, ...barred, ...gone].map((each) => each.accountId));
  const further = commands.map((command) => ({ accountId: command.accountId, scope: command.class }));
  for (const drift of drifts) if (drift.drift !== 'bar-foreign') accounts.add(drift.accountId);
  return { accounts: [...accounts], further, foreign: drifts.filter((each) => each.drift === 'bar-foreign') };
}
