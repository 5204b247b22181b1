/**
 * One batch of rows through ledger, spend, caps and decisions, in one transaction: all of it holds or nothing does.
 * Reads first, decides in memory with the same pure code as a replay, then writes.
 */
import type { PoolClient } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { CapBook } from '../../caps/cap-book.ts';
import type { Crossing } from '../../caps/crossing.ts';
import { Meters } from '../../caps/meters.ts';
import { stillToHold } from '../../caps/to-hold.ts';
import { countingBook } from '../../caps/uplift-store.ts';
import type { Transaction } from '../../database/transaction.ts';
import { PolicyBook } from '../../deviations/policy.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import type { ParsedRow, Reject, UsageRecord } from '../../feeds/usage-record.ts';
import type { Instant } from '../../kernel/clock.ts';
import { Remembered } from '../../kernel/remembered.ts';
import { admit, isAdmitted, refusalOf, startsInFuture, type Arrival, type NotAdmitted } from '../../ledger/admit.ts';
import { heldLines, isSame, type HeldLines, type HeldOf } from '../../ledger/held-lines.ts';
import { askToSettleMoved } from '../../ledger/moved-records.ts';
import { dayOf, insertVersions, lockShards, removeVersions, shardOf } from '../../ledger/usage-store.ts';
import {
  holdingOf,
  lateNearRealTime,
  nearRealTime,
  standing,
  withdrawn,
  type HeldVersion,
  type Movement,
  type Standing,
} from '../../ledger/version.ts';
import { spentSoFar } from '../../spend/counters.ts';
import { followInterims } from '../../spend/running-calls.ts';
import { boundsSoFar, type BoundsSoFar } from '../../spend/window-bounds.ts';
import { carryOutEach, mattersOf } from '../deciding/carry-out.ts';
import { askToObserve } from '../deviations/ask-to-observe.ts';
import { grouped } from '../grouped.ts';
import { applyMovements, type ReadAhead } from './apply-movements.ts';
import { assureCountedOnce, lostVersions } from './versions-afar.ts';
import { BeginsAgain, NOTHING_LEARNT, type Learnt } from './learnt.ts';

/** Which feed a batch came by, and whose records its are. */
export interface BatchSource {
  feed: string;
  origin: string;
}

/** What an import brings to a batch, and what became of it. */
export interface ImportPart extends Arrival {
  standings: Record<Standing, number>;
  rejects: Reject[];
  latestStart: Instant | undefined;
  /** versions that held beside the one that does, of records that it names */
  surplus: HeldVersion[];
  movements: Movement[];
}

/** A batch held against the ledger: what is to be written, and not yet is. */
export interface WeighedBatch {
  source: BatchSource;
  now: Instant;
  parts: readonly ImportPart[];
  meters: Meters;
  policies: PolicyBook;
  accounts: ReadonlyMap<string, Account>;
  /** where the accounts are few: then most of what they spend crosses nothing, and that is known before it is written */
  ahead: ReadAhead | undefined;
  /** by record, what held and what holds now */
  held: ReadonlyMap<string, HeldVersion>;
  holding: ReadonlyMap<string, HeldVersion>;
  /** the versions of which nothing was found to be held */
  first: readonly HeldVersion[];
  /** whether some of those are likely to be held on a day far off, and were not sought there */
  leavesSome: boolean;
  learnt: Learnt;
}

/** The accounts that a batch names: those that were remembered, and what was found of the others. */
interface NamedAccounts {
  remembered: Remembered<string, Account>;
  named: Map<string, Account>;
  found: readonly Account[];
}

/** As many accounts as most providers have; of those who have more, the ones that were busy of late. */
const REMEMBERED = 200_000;

/** Accounts and caps as they were at one revision of the cap book; a change makes a process read them again. */
export class KnownAccounts {
  #revision = '';
  #meters = new Meters(new CapBook([]));
  #policies = new PolicyBook([]);
  #accounts = new Remembered<string, Account>(REMEMBERED);

  /** Whether caps with rolling windows are known, as far as was read. */
  get roll(): boolean {
    return this.#meters.roll;
  }

  /** Reads the accounts among `ids` that are not remembered. */
  async ask(client: PoolClient, ids: Iterable<string>): Promise<NamedAccounts> {
    const remembered = this.#accounts;
    const named = new Map<string, Account>();
    const unknown: string[] = [];
    for (const id of ids) {
      const account = remembered.get(id);
      if (account) named.set(id, account);
      else unknown.push(id);
    }
    return { remembered, named, found: await accountsById(client, unknown, 'accounts-to-count') };
  }

  /**
   * The caps and policies at `revision`, and the accounts named, as far as they exist, in a map of their own: a batch looks
   * each up several times, and all that are remembered lie far apart. `asked` were read when that revision was locked.
   */
  async at(
    revision: string,
    client: PoolClient,
    ids: Iterable<string>,
    asked?: NamedAccounts,
  ): Promise<{ meters: Meters; policies: PolicyBook; accounts: Map<string, Account> }> {
    if (revision !== this.#revision) {
      this.#meters = new Meters(await countingBook(client));
      this.#policies = await policyBook(client);
      this.#accounts = new Remembered(REMEMBERED);
      this.#revision = revision;
    }
    // Where they are no longer the same, what was remembered may be of another revision.
    const { named, found } = asked?.remembered === this.#accounts ? asked : await this.ask(client, ids);
    for (const account of found) {
      this.#accounts.set(account.accountId, account);
      named.set(account.accountId, account);
    }
    return { meters: this.#meters, policies: this.#policies, accounts: named };
  }
}

const NO_BOUNDS: BoundsSoFar = new Map();

/** Of so many accounts, reading their counters costs less than to ask once more. */
const READ_AHEAD_ACCOUNTS_MAX = 8;

/**
 * Reads what the rows of one or several imports meet, in the imports' order, and decides what becomes of each. `numbered`
 * answers the imports' numbers; it and what is asked here go to the server together.
 */
export async function weighBatch(
  client: PoolClient,
  known: KnownAccounts,
  rowsOfImports: readonly (readonly ParsedRow[])[],
  source: BatchSource,
  numbered: Promise<readonly string[]>,
  now: Instant,
  learnt: Learnt = NOTHING_LEARNT,
): Promise<WeighedBatch> {
  const named = namedIn(rowsOfImports, now);
  const shards = new Set([...[...named.accounts].map(shardOf), ...learnt.shards]);
  const areFew = named.accounts.size <= READ_AHEAD_ACCOUNTS_MAX;
  const [importIds, { revision, batch }, asked, lines, spent, bounds] = await Promise.all([
    numbered,
    lockShards(client, shards),
    known.ask(client, named.accounts),
    heldLines(client, source.origin, named.records, named.days, now),
    areFew ? spentSoFar(client, named.accounts, named.days) : undefined,
    areFew && known.roll ? boundsSoFar(client, named.accounts) : NO_BOUNDS,
  ]);
  const { meters, policies, accounts } = await known.at(revision, client, named.accounts, asked);

  const arriving = rowsOfImports.map((rows, index) =>
    admitAll(rows, accounts, lines, source.origin, { importId: importIds[index]!, arrived: batch + index }, now),
  );
  const first = arriving.flatMap((each) => each.first);
  const { lost, leavesSome } = await lostVersions(client, source.origin, first, now, learnt);
  const found = [
    ...[...new Set(arriving.flatMap(({ changed }) => changed))].flatMap((recordId) => lines.versionsOf(recordId)),
    ...lost,
  ];
  const { held, surplus } = holdingOf(found);
  const others = found
    .map((version) => version.accountId)
    .filter((id) => !accounts.has(id) || !shards.has(shardOf(id)));
  if (others.some((id) => !shards.has(shardOf(id)))) {
    throw new BeginsAgain({ ...learnt, shards: [...new Set([...shards, ...others.map(shardOf)])] });
  }
  if (others.length > 0) {
    for (const [id, account] of (await known.at(revision, client, others)).accounts) accounts.set(id, account);
  }

  const holding = new Map(held);
  const parts = arriving.map(({ importId, arrived, admitted, versions, rejects }): ImportPart => {
    const standings: Record<Standing, number> = { counted: 0, superseded: 0, duplicate: 0, stale: 0 };
    const movements: Movement[] = [];
    let latestStart: Instant | undefined;
    for (let at = 0; at < admitted.length; at++) {
      const row = admitted[at]!;
      const { recordId, startedAt } = row.record;
      if (latestStart === undefined || startedAt > latestStart) latestStart = startedAt;
      const before = holding.get(recordId);
      // What is held already needs no closer look, unless its batch also brings another version of it.
      if (!before && !versions[at]) {
        standings.duplicate++;
        continue;
      }
      const version =
        versions[at] ??
        admit(row.record, accounts.get(row.record.accountId), source.origin, now, { importId, arrived });
      if (!isAdmitted(version)) {
        rejects.push(rejectOf(row, version));
        continue;
      }
      const result = standing(before, version);
      standings[result]++;
      if (result !== 'counted' && result !== 'superseded') {
        const near = lateNearRealTime(before, version);
        if (near) holding.set(recordId, { ...before!, near });
        continue;
      }
      if (before && version.state === 'final') version.near = nearRealTime(before);
      if (before?.accountId === version.accountId) version.arrived = before.arrived;
      holding.set(recordId, version);
      movements.push({ from: before, to: version });
    }
    return { importId, arrived, standings, rejects, latestStart, surplus: [], movements };
  });
  for (const each of surplus) {
    const part = arriving.findIndex(({ admitted }) => admitted.some(({ record }) => record.recordId === each.recordId));
    // What an import before has read of a record is what it is rid of.
    parts[Math.max(part, 0)]!.surplus.push(each);
  }
  const ahead = spent && { spent, bounds };
  return { source, now, parts, meters, policies, accounts, ahead, held, holding, first, leavesSome, learnt };
}

/** Writes what has been weighed and what follows from it, in the same transaction. */
export async function writeBatch(transaction: Transaction, batch: WeighedBatch): Promise<void> {
  const { client, atLast } = transaction;
  const { source, now, parts, accounts, meters, policies } = batch;
  const all = parts.map(({ surplus, movements }) => [...surplus.map(withdrawn), ...movements]);
  const moved = parts.map(({ importId, arrived, surplus, movements }) => ({
    source: { feed: source.feed, importId },
    batch: arrived,
    moved: [...surplus.map((from) => ({ from, to: undefined })), ...movements],
  }));
  const write = () => {
    const written = writeVersions(client, batch);
    // Here rather than in the end: the log's lines are put together while the server works.
    atLast(askToObserve(client, moved, accounts, policies, now));
    // Before it is asked what calls in progress come to.
    atLast(
      followInterims(
        client,
        parts.flatMap((part) => part.movements),
        now,
      ),
    );
    if (batch.leavesSome) atLast(askToSettleMoved(client));
    return written;
  };
  const crossings = await applyMovements(transaction, { accounts, meters }, all.flat(), now, write, batch.ahead);
  if (crossings.length === 0) return;
  await assureHeld(client, batch, crossings);
  await assureCountedOnce(client, batch, crossings);
  const partOf = new Map(all.flatMap((of, part) => of.map(({ to }) => [to, part] as const)));
  const wanted = [...grouped(crossings, ({ record }) => partOf.get(record!)!)].map(([part, ofPart]) => {
    const { importId, latestStart } = parts[part]!;
    const freshness = { feed: source.feed, importId, latestStart: latestStart! };
    return { wanted: mattersOf(ofPart, now), freshness };
  });
  await carryOutEach(client, wanted, now);
}

/** Nothing is decided about an account under a cap that it has still to be held against. */
async function assureHeld(client: PoolClient, { learnt }: WeighedBatch, crossings: readonly Crossing[]): Promise<void> {
  const asked = crossings.map(({ account, meter }) => ({ accountId: account.accountId, capId: meter.cap.id }));
  const toHold = await stillToHold(client, asked);
  if (toHold.length > 0) throw new BeginsAgain(learnt, toHold);
}

/** The accounts, records and days that rows name; a start too far ahead is refused, whatever is held. */
function namedIn(
  rowsOfImports: readonly (readonly ParsedRow[])[],
  now: Instant,
): { accounts: Set<string>; records: string[]; days: Set<number> } {
  const accounts = new Set<string>();
  const records: string[] = [];
  const days = new Set<number>();
  for (const rows of rowsOfImports) {
    for (const row of rows) {
      if (!('record' in row)) continue;
      const { accountId, recordId, startedAt } = row.record;
      accounts.add(accountId);
      if (startsInFuture(startedAt, now)) continue;
      records.push(recordId);
      days.add(dayOf(startedAt));
    }
  }
  return { accounts, records, days };
}

type AdmittedRow = Extract<ParsedRow, { record: unknown }>;

interface Arriving extends Arrival {
  /** the rows that can be counted, and beside each its version: none where the ledger holds exactly this of the record */
  admitted: AdmittedRow[];
  versions: (HeldVersion | undefined)[];
  /** the versions of which nothing is held on the days around, and the records of which something else is */
  first: HeldVersion[];
  changed: string[];
  rejects: Reject[];
}

function admitAll(
  rows: readonly ParsedRow[],
  accounts: ReadonlyMap<string, Account>,
  lines: HeldLines,
  origin: string,
  arrival: Arrival,
  now: Instant,
): Arriving {
  const arriving: Arriving = { ...arrival, admitted: [], versions: [], first: [], changed: [], rejects: [] };
  for (const row of rows) {
    if ('reject' in row) {
      arriving.rejects.push(row.reject);
      continue;
    }
    const { record } = row;
    const account = accounts.get(record.accountId);
    const held = lines.of(record.recordId);
    if (held !== undefined && isSameAsWritten(held, record) && !refusalOf(record, account, now)) {
      arriving.admitted.push(row);
      arriving.versions.push(undefined);
      continue;
    }
    const version = admit(record, account, origin, now, arrival);
    if (!isAdmitted(version)) {
      arriving.rejects.push(rejectOf(row, version));
      continue;
    }
    const same = held !== undefined && isSame(held, version, version.destination.number);
    arriving.admitted.push(row);
    arriving.versions.push(same ? undefined : version);
    if (held === undefined) arriving.first.push(version);
    else if (!same) arriving.changed.push(version.recordId);
  }
  return arriving;
}

/** Whether a row says what is held. The number plan changes no E.164 number that it has made, so that one need not be asked. */
function isSameAsWritten(held: HeldOf, record: UsageRecord): boolean {
  const { aNumber, bNumber } = record;
  const areKept = (bNumber === '' || bNumber.startsWith('+')) && (aNumber === '' || aNumber.startsWith('+'));
  return areKept && isSame(held, record, bNumber);
}

function rejectOf({ record, text }: AdmittedRow, refusal: NotAdmitted): Reject {
  return { ...refusal, line: record.line, text };
}

/**
 * Brings the ledger from what it held to what holds now. A version that is replaced is taken out and the new one comes in
 * by COPY like all others: an update in place would write every index anew as well.
 */
async function writeVersions(client: PoolClient, { parts, held, holding }: WeighedBatch): Promise<void> {
  const replaced = parts.flatMap(({ surplus }) => surplus);
  // What stood beside others stands beside what near real time said among them now.
  const stoodTwice = new Set(replaced.map(({ recordId }) => recordId));
  const fresh: HeldVersion[] = [];
  // Only the last version of a record that a batch brings comes to lie in the ledger.
  holding.forEach((holds, recordId) => {
    const before = held.get(recordId);
    if (holds === before && !stoodTwice.has(recordId)) return;
    fresh.push(holds);
    if (before) replaced.push(before);
  });
  await Promise.all([removeVersions(client, replaced), insertVersions(client, fresh)]);
}
