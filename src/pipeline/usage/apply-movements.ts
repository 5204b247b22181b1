/**
 * Brings spend after the ledger: what movements add to and take from counters and rolling windows, and which thresholds
 * that crosses. The caller holds the shards of all accounts concerned.
 */
import type { PoolClient } from 'pg';
import { textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/transaction.ts';
import type { Account } from '../../accounts/account.ts';
import type { Cap } from '../../caps/cap.ts';
import { bearingSince, endOf } from '../../caps/cap-periods.ts';
import { keepsBack } from '../../caps/crossing-states.ts';
import type { Crossing, CrossingState, InProgress } from '../../caps/crossing.ts';
import { Evaluation } from '../../caps/evaluation.ts';
import type { Meter, Meters } from '../../caps/meters.ts';
import { crossingsOf, keepCrossings } from '../../caps/store.ts';
import { stepsOfBatch, type Step } from '../../caps/steps.ts';
import type { Instant } from '../../kernel/clock.ts';
import type { Micros } from '../../kernel/money.ts';
import { rollingHours, type CalendarPeriod } from '../../kernel/period.ts';
import { destinationOf, toDates, type UsageRow } from '../../ledger/usage-store.ts';
import type { Movement } from '../../ledger/version.ts';
import { addToCounters, counterKey, staysBelow, type CounterDelta, type SpentSoFar } from '../../spend/counters.ts';
import { RollingWindow } from '../../spend/rolling-window.ts';
import { runningCallsKept } from '../../spend/running-calls.ts';
import {
  crossesNone,
  raiseBounds,
  setBounds,
  slotsOf,
  type BoundsSoFar,
  type FoundSlot,
  type RaisedSlot,
} from '../../spend/window-bounds.ts';
import { comeToIn, countedCalls, meterKey } from '../limits/counted-calls.ts';
import { takeOutHeldBack } from '../limits/held-back.ts';

/** Accounts and the caps that hold for them, as they stand while the transaction lasts. */
export interface Holding {
  accounts: ReadonlyMap<string, Account>;
  meters: Meters;
}

/** What was read under the locks of few accounts, by which it may be known that nothing is crossed. */
export interface ReadAhead {
  spent: SpentSoFar;
  bounds: BoundsSoFar;
}

/**
 * Applies movements in the order of their steps (`caps/steps.ts`); `write` brings them into the ledger, after what was before
 * has been read. Where `ahead` tells that nothing can be crossed, nothing is waited for, and all of it goes with COMMIT.
 */
export async function applyMovements(
  { client, atLast }: Transaction,
  holding: Holding,
  movements: readonly Movement[],
  now: Instant,
  write: () => Promise<void>,
  ahead?: ReadAhead,
): Promise<Crossing[]> {
  const { accounts, meters } = holding;
  const steps = stepsOfBatch(movements, accounts, meters);
  const deltas = deltasOf(steps);
  const raised = raisedBy(steps);
  const { spent, bounds } = ahead ?? {};
  if (
    spent &&
    bounds &&
    deltas.every((delta) => staysBelow(spent, delta)) &&
    raised.every((slot) => crossesNone(bounds, slot))
  ) {
    atLast(write());
    atLast(addToCounters(client, deltas).then(({ size }) => assertNone(size)));
    atLast(raiseBounds(client, raised).then(({ length }) => assertNone(length)));
    return [];
  }
  const due = await raiseBounds(client, raised);
  const keysDue = new Set(due.map(({ key }) => key));
  const inWindows = steps.filter((step) => keysDue.has(step.key));
  // In this order: windows are read as they are before anything is written.
  const [windows, recalled, , befores] = await Promise.all([
    loadWindows(client, inWindows, accounts, meters),
    // Whether a window acts anew depends on those before it.
    recall(client, inWindows),
    write(),
    addToCounters(client, deltas),
  ]);
  const { crossings, touched } = await findCrossings(client, holding, steps, befores, windows, recalled, now);
  const capOf = new Map(steps.map(({ key, meter }) => [key, meter.cap]));
  const states = new Set([...recalled, ...touched]);
  const found = due.map((slot) => foundIn(slot, capOf.get(slot.key)!, windows.get(slot.key)!, states, now));
  atLast(setBounds(client, found));
  return crossings;
}

/** What is known of a slot once its windows have been read; some end where nothing starts any more, since they have acted. */
function foundIn(
  slot: RaisedSlot,
  cap: Cap,
  window: RollingWindow,
  states: Iterable<CrossingState>,
  now: Instant,
): FoundSlot {
  const { from, accountId } = slot;
  const slotEnd = from + window.lengthMs;
  const own = [...states].filter((state) => state.accountId === accountId && state.capId === cap.id);
  const acted = own.map(({ period }) => endOf(period)).filter((end) => end >= from && end < slotEnd);
  const latestEnd = Math.max(window.latestStart(from, slotEnd), ...acted);
  const reached = cap.thresholds.filter(({ amount }) => window.spendAt(latestEnd) >= amount);
  const highest = reached.at(-1)?.amount;
  const found = { slot, spend: window.highestCharge(from, slotEnd), latestEnd };
  if (highest === undefined) return { ...found, floor: undefined };
  const stays = window.reaches(highest, latestEnd, from, slotEnd);
  // Of each threshold: beyond what the one that acted keeps back, others act.
  const kept = reached.map(({ percent }) =>
    own
      .filter((state) => state.percent === percent && state.uncrossedAt === undefined)
      .map((state) => keepsBack(state, now))
      .find(({ after, before }) => latestEnd > after && latestEnd < before),
  );
  const earliest = Math.max(stays.from, ...kept.map((each) => (each ? each.after + 1 : Infinity)));
  const until = Math.min(stays.until, ...kept.map((each) => (each ? each.before : -Infinity)));
  return { ...found, floor: earliest < until ? { spend: highest, from: earliest, until } : undefined };
}

/** What the steps in rolling windows do to each slot. What is credited counts for nothing, but its windows may fall. */
function raisedBy(steps: readonly Step[]): RaisedSlot[] {
  const raised = new Map<string, RaisedSlot>();
  for (const { key, period, meter, account, entries } of steps) {
    if (period) continue;
    const { serviceId, cap } = meter;
    const hours = rollingHours(cap.period)!;
    for (const { startedAt, amount } of entries) {
      const charged = amount > 0n ? amount : 0n;
      const falls = amount < 0n;
      const [own, next] = slotsOf(startedAt, hours);
      for (const [from, earliest, latest] of [
        [own, startedAt, startedAt],
        [next, next, -Infinity],
      ] as const) {
        const known = raised.get(`${key} ${from}`);
        if (known) {
          known.charged += charged;
          known.falls ||= falls;
          known.earliest = Math.min(known.earliest, earliest);
          known.latest = Math.max(known.latest, latest);
          continue;
        }
        const thresholds = cap.thresholds.map((threshold) => threshold.amount);
        const slot = { key, accountId: account.accountId, serviceId, traffic: cap.traffic, hours, from };
        raised.set(`${key} ${from}`, { ...slot, charged, falls, earliest, latest, thresholds });
      }
    }
  }
  return [...raised.values()];
}

function assertNone(due: number): void {
  if (due > 0) throw new Error('a counter or a bound moved while its shard was locked');
}

/**
 * What all steps add to each counter. A counter that also falls within the batch may have crossed on its way, so it is
 * looked at whatever its sum.
 */
function deltasOf(steps: readonly Step[]): CounterDelta[] {
  const totals = new Map<string, CounterDelta>();
  for (const { key, period, meter, account, delta } of steps) {
    if (!period) continue;
    const lookFrom = lookFromOf(meter, delta);
    const known = totals.get(key);
    if (known) {
      known.delta += delta;
      if (lookFrom < known.lookFrom) known.lookFrom = lookFrom;
    } else {
      totals.set(key, {
        key,
        accountId: account.accountId,
        serviceId: meter.serviceId,
        traffic: meter.cap.traffic,
        period: meter.cap.period,
        from: period.from,
        delta,
        lookFrom,
      });
    }
  }
  return [...totals.values()];
}

/** Less and more than any spend can be. */
const ALWAYS: Micros = -(2n ** 63n);
const NEVER: Micros = 2n ** 63n - 1n;

function lookFromOf(meter: Meter, delta: Micros): Micros {
  const lowest = lowestOf(meter);
  return delta < 0n && lowest !== NEVER ? ALWAYS : lowest;
}

/** The lowest threshold: what is counted ahead of a cap crosses nothing. */
function lowestOf({ cap }: Meter): Micros {
  return cap.thresholds[0]?.amount ?? NEVER;
}

/** Goes through the steps in their order; looks closer, at what was crossed before, only at accounts that reach a threshold. */
async function findCrossings(
  client: PoolClient,
  holding: Holding,
  steps: readonly Step[],
  befores: ReadonlyMap<string, Micros>,
  windows: ReadonlyMap<string, RollingWindow>,
  recalled: readonly CrossingState[],
  now: Instant,
): Promise<{ crossings: Crossing[]; touched: CrossingState[] }> {
  if (befores.size === 0 && windows.size === 0) return NOTHING_CROSSED;
  const looked = steps.filter(({ key }) => befores.has(key) || windows.has(key));
  const reaching = new Set<string>();
  const running = new Map(befores);
  for (const { key, period, meter, account, delta } of looked) {
    if (!period) continue;
    const before = running.get(key)!;
    const after = before + delta;
    running.set(key, after);
    if (meter.cap.thresholds.some(({ amount }) => before < amount !== after < amount)) reaching.add(account.accountId);
  }
  const corrected = looked.filter(({ key, period, meter, delta, entries }) =>
    period ? delta < 0n && running.get(key)! >= lowestOf(meter) : entries.some(({ amount }) => amount < 0n),
  );
  if (reaching.size === 0 && windows.size === 0 && corrected.length === 0) return NOTHING_CROSSED;
  const closer = looked.filter((step) => isRolling(step) || reaching.has(step.account.accountId));
  const evaluation = new Evaluation(await besideFalls(client, holding, closer, now));
  for (const [key, before] of befores) evaluation.counters.set(key, before);
  for (const [key, window] of windows) evaluation.windows.set(key, window);
  const recalledToo = await recall(
    client,
    [...new Set([...closer, ...corrected])].filter((step) => !isRolling(step)),
  );
  const states = [...recalled, ...recalledToo];
  const due = await heldBackOf(client, corrected, states);
  evaluation.recall(states);
  const crossings = closer.flatMap((step) => evaluation.apply(step, now));
  // When all of it is corrected: what had been held back since prices were wrong is due where the threshold is reached all the same.
  for (const { account, meter, record } of due) {
    const { cap, serviceId } = meter;
    const key = (from: Instant | undefined) => counterKey(account.accountId, serviceId, cap.traffic, cap.period, from);
    const window = windows.get(key(undefined));
    const spendIn = ({ from }: CalendarPeriod) =>
      window
        ? window.spendAt(from + window.lengthMs)
        : (evaluation.counters.get(key(from)) ?? running.get(key(from)) ?? 0n);
    const anew = evaluation.change(account, meter, spendIn, now);
    crossings.push(...anew.map((crossing) => ({ ...crossing, record })));
  }
  const touched = evaluation.touched();
  await keepCrossings(client, touched);
  return { crossings, touched };
}

/**
 * Marks of `states` what was held back, where these steps correct or a threshold may be reached anew; answers the meters of the steps of which
 * something stands and was, each once.
 */
async function heldBackOf(
  client: PoolClient,
  steps: readonly Step[],
  states: readonly CrossingState[],
): Promise<Step[]> {
  const nameOf = (accountId: string, capId: string) => `${capId} ${accountId}`;
  const nameOfStep = ({ account, meter }: Step) => nameOf(account.accountId, meter.cap.id);
  const corrected = new Set(steps.map(nameOfStep));
  await takeOutHeldBack(
    client,
    states.filter((each) => each.uncrossedAt !== undefined || corrected.has(nameOf(each.accountId, each.capId))),
    true,
  );
  const standing = states.filter(({ heldBack, uncrossedAt }) => heldBack !== undefined && uncrossedAt === undefined);
  const due = new Set(standing.map(({ accountId, capId }) => nameOf(accountId, capId)));
  return [...new Map(steps.map((step) => [step.key, step])).values()].filter((step) => due.has(nameOfStep(step)));
}

const NOTHING_CROSSED = { crossings: [], touched: [] };

/** What calls in progress come to where a cap counts them and spend falls: what both still reach stays, until the next look at them. */
async function besideFalls(
  client: PoolClient,
  { accounts, meters }: Holding,
  steps: readonly Step[],
  now: Instant,
): Promise<InProgress> {
  const falling = steps.filter(
    ({ meter, delta, entries }) =>
      meter.cap.count === 'with-exposure' && (delta < 0n || entries.some(({ amount }) => amount < 0n)),
  );
  if (falling.length === 0) return () => 0n;
  const ids = [...new Set(falling.map(({ account }) => account.accountId))];
  const calls = countedCalls(await runningCallsKept(client, ids), accounts, meters, now);
  return (account, meter, period) => comeToIn(meter, period, calls.get(meterKey(account, meter)) ?? []);
}

function isRolling({ period }: Step): boolean {
  return !period;
}

/** What was crossed before and bears on these steps. */
async function recall(client: PoolClient, steps: readonly Step[]): Promise<CrossingState[]> {
  let since = Infinity;
  for (const { period, entries, meter } of steps) {
    for (const start of period ? [period.from] : entries.map(({ startedAt }) => startedAt)) {
      since = Math.min(since, bearingSince(start, meter.cap));
    }
  }
  const accounts = new Set(steps.map(({ account }) => account.accountId));
  const caps = new Set(steps.map(({ meter }) => meter.cap.id));
  return crossingsOf(client, [...accounts], [...caps], since);
}

/** What of the usage of accounts with rolling caps is in windows, around the starts that move; by the index on (account_id, started_at). */
const AROUND = `
  SELECT u.account_id, u.service_id, (extract(epoch FROM u.started_at) * 1000)::bigint AS started_ms, u.amount_micros,
         u.b_number, u.country, u.traffic
    FROM usage u
   WHERE u.account_id = ANY ($1) AND u.started_at > $2 AND u.started_at <= $3 AND u.day BETWEEN $4 AND $5
     AND u.amount_micros <> 0
   ORDER BY u.started_at`;

/** The rolling windows that the steps touch, as they are before the steps. */
async function loadWindows(
  client: PoolClient,
  steps: readonly Step[],
  accounts: ReadonlyMap<string, Account>,
  meters: Meters,
): Promise<Map<string, RollingWindow>> {
  const windows = new Map<string, RollingWindow>();
  const ids = new Set<string>();
  let earliest = Infinity;
  let latest = -Infinity;
  for (const { key, period, meter, account, entries } of steps) {
    if (period) continue;
    const hours = rollingHours(meter.cap.period)!;
    ids.add(account.accountId);
    if (!windows.has(key)) windows.set(key, new RollingWindow(hours));
    for (const { startedAt } of entries) {
      // A window that falls may have kept one from acting that ends up to a length before or after it; and so far it is
      // from there to the ends of the slots around.
      const reach = 2 * hours * 3_600_000;
      earliest = Math.min(earliest, startedAt - reach);
      latest = Math.max(latest, startedAt + reach);
    }
  }
  if (ids.size === 0) return windows;
  const { rows } = await client.query<UsageRow>(AROUND, [textArray([...ids]), ...toDates(earliest, latest)]);
  for (const row of rows) {
    const account = accounts.get(row.account_id)!;
    const entry = { startedAt: Number(row.started_ms), amount: BigInt(row.amount_micros) };
    for (const { cap, serviceId } of meters.of(
      { serviceId: row.service_id, destination: destinationOf(row) },
      account,
    )) {
      if (rollingHours(cap.period) === undefined) continue;
      windows.get(counterKey(account.accountId, serviceId, cap.traffic, cap.period, undefined))?.add(entry);
    }
  }
  return windows;
}
