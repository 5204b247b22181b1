/**
 * One batch of rows through ledger, spend, caps and decisions, in one transaction: all of it holds or nothing does.
 * Reads first, decides in memory with the same pure code as a replay, then writes.
 */
import type { PoolClient } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { CapBook } from '../../caps/cap-book.ts';
import { Meters } from '../../caps/meters.ts';
import { capBook } from '../../caps/uplift-store.ts';
import type { Decision } from '../../decisions/decision.ts';
import { PolicyBook } from '../../deviations/policy.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import type { ParsedRow, Reject } from '../../feeds/usage-record.ts';
import type { Instant } from '../../kernel/clock.ts';
import { admit, isAdmitted } from '../../ledger/admit.ts';
import {
  dayOf,
  heldVersions,
  insertVersions,
  lockShards,
  removeVersions,
  shardOf,
  versionsOnAnyDay,
} from '../../ledger/usage-store.ts';
import {
  holdingOf,
  nearRealTime,
  standing,
  withdrawn,
  type HeldVersion,
  type Movement,
  type Standing,
} from '../../ledger/version.ts';
import { followInterims } from '../../spend/running-calls.ts';
import { applyMovements } from './apply-movements.ts';
import { carryOutCrossings } from '../deciding/carry-out.ts';
import { askToObserve } from '../deviations/ask-to-observe.ts';

export interface BatchSource {
  feed: string;
  origin: string;
  importId: string;
}

export interface BatchOutcome {
  received: number;
  standings: Record<Standing, number>;
  rejects: Reject[];
  latestStart: Instant | undefined;
  decisions: Decision[];
}

/** A version of the ledger belongs to an account whose shard the batch has not locked: it has to begin again with it. */
export class ShardsMissing extends Error {
  readonly shards: readonly number[];
  constructor(shards: readonly number[]) {
    super('a held version belongs to an account of another shard');
    this.shards = shards;
  }
}

/** Accounts and caps as they were at one revision of the cap book; a change makes a process read them again. */
export class KnownAccounts {
  #revision = '';
  #meters = new Meters(new CapBook([]));
  #policies = new PolicyBook([]);
  #accounts = new Map<string, Account>();

  static readonly #REMEMBERED_MAX = 200_000;

  /** The caps and policies at `revision`, and the accounts named, as far as they exist. */
  async at(
    revision: string,
    client: PoolClient,
    ids: Iterable<string>,
  ): Promise<{ meters: Meters; policies: PolicyBook; accounts: ReadonlyMap<string, Account> }> {
    if (revision !== this.#revision) {
      this.#meters = new Meters(await capBook(client));
      this.#policies = await policyBook(client);
      this.#accounts = new Map();
      this.#revision = revision;
    }
    if (this.#accounts.size > KnownAccounts.#REMEMBERED_MAX) this.#accounts = new Map();
    const accounts = this.#accounts;
    const unknown = [...new Set(ids)].filter((id) => !accounts.has(id));
    for (const account of await accountsById(client, unknown)) accounts.set(account.accountId, account);
    return { meters: this.#meters, policies: this.#policies, accounts };
  }
}

export async function countBatch(
  client: PoolClient,
  known: KnownAccounts,
  rows: readonly ParsedRow[],
  source: BatchSource,
  now: Instant,
  extraShards: readonly number[] = [],
): Promise<BatchOutcome> {
  const ids = new Set<string>();
  for (const row of rows) if ('record' in row) ids.add(row.record.accountId);
  const shards = new Set([...[...ids].map(shardOf), ...extraShards]);
  const revision = await lockShards(client, shards);
  const { meters, policies, accounts } = await known.at(revision, client, ids);

  const rejects: Reject[] = [];
  const arriving = admitAll(rows, accounts, source, now, rejects);
  const found = await heldVersions(
    client,
    source.origin,
    arriving.map((v) => v.recordId),
    new Set(arriving.map((v) => dayOf(v.startedAt))),
  );
  found.push(...(await lostVersions(client, source.origin, arriving, new Set(found.map((v) => v.recordId)))));
  const { held, surplus } = holdingOf(found);
  const others = found
    .map((version) => version.accountId)
    .filter((id) => !accounts.has(id) || !shards.has(shardOf(id)));
  if (others.some((id) => !shards.has(shardOf(id)))) throw new ShardsMissing([...shards, ...others.map(shardOf)]);
  if (others.length > 0) await known.at(revision, client, others);

  const standings: Record<Standing, number> = { counted: 0, superseded: 0, duplicate: 0, stale: 0 };
  const holding = new Map(held);
  const movements: Movement[] = [];
  for (const version of arriving) {
    const before = holding.get(version.recordId);
    const result = standing(before, version);
    standings[result]++;
    if (result !== 'counted' && result !== 'superseded') continue;
    if (before && version.state === 'final') version.near = nearRealTime(before);
    holding.set(version.recordId, version);
    movements.push({ from: before, to: version });
  }

  const all = [...surplus.map(withdrawn), ...movements];
  const crossings = await applyMovements(client, { accounts, meters }, all, now, () =>
    writeVersions(client, held, surplus, holding, movements),
  );
  await followInterims(client, movements, now);
  const taken = surplus.map((from) => ({ from, to: undefined }));
  await askToObserve(client, [...taken, ...movements], accounts, policies, source, now);
  const latestStart = arriving.reduce<Instant | undefined>(
    (latest, { startedAt }) => (latest === undefined || startedAt > latest ? startedAt : latest),
    undefined,
  );
  const decisions =
    crossings.length === 0
      ? []
      : await carryOutCrossings(client, crossings, now, {
          feed: source.feed,
          importId: source.importId,
          latestStart: latestStart!,
        });
  return { received: rows.length, standings, rejects, latestStart, decisions };
}

const PROBED_MAX = 200;

/**
 * What the ledger holds of records whose start has moved by more than a day. All of the ledger is asked only for what
 * looks like the correction of a record that should be there: re-rated ones, and final ones where few of a batch are the
 * first of their record, as where near real time came before. The others, if there are any, are found by night.
 */
async function lostVersions(
  client: PoolClient,
  origin: string,
  arriving: readonly HeldVersion[],
  found: ReadonlySet<string>,
): Promise<HeldVersion[]> {
  const idsOf = (isCorrection: (version: HeldVersion) => boolean) => [
    ...new Set(arriving.filter((each) => !found.has(each.recordId) && isCorrection(each)).map((each) => each.recordId)),
  ];
  const final = idsOf(({ state, revision }) => state === 'final' || revision > 0);
  const lost = final.length > PROBED_MAX ? idsOf(({ revision }) => revision > 0).slice(0, PROBED_MAX) : final;
  return lost.length === 0 ? [] : versionsOnAnyDay(client, origin, lost);
}

function admitAll(
  rows: readonly ParsedRow[],
  accounts: ReadonlyMap<string, Account>,
  { origin, importId }: BatchSource,
  now: Instant,
  rejects: Reject[],
): HeldVersion[] {
  const arriving: HeldVersion[] = [];
  for (const row of rows) {
    if ('reject' in row) {
      rejects.push(row.reject);
      continue;
    }
    const admitted = admit(row.record, accounts.get(row.record.accountId), origin, now, importId);
    if (isAdmitted(admitted)) arriving.push(admitted);
    else rejects.push({ ...admitted, line: row.record.line, text: row.text });
  }
  return arriving;
}

/**
 * Brings the ledger from what it held to what holds now. A version that is replaced is taken out and the new one comes in
 * by COPY like all others: an update in place would write every index anew as well.
 */
async function writeVersions(
  client: PoolClient,
  held: ReadonlyMap<string, HeldVersion>,
  surplus: readonly HeldVersion[],
  holding: ReadonlyMap<string, HeldVersion>,
  movements: readonly Movement[],
): Promise<void> {
  const replaced: HeldVersion[] = [...surplus];
  const fresh: HeldVersion[] = [];
  for (const { to } of movements) {
    // Only the last version of a record that a delivery brings comes to lie in the ledger.
    const holds = holding.get(to.recordId)!;
    if (holds !== to) continue;
    fresh.push(holds);
    const before = held.get(to.recordId);
    if (before) replaced.push(before);
  }
  await removeVersions(client, replaced);
  await insertVersions(client, fresh);
}
