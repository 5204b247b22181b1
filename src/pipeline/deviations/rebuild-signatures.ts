/** Makes signatures anew from the ledger: to prove that they are equal, to mend those that are not, or after a verdict. */
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { notToLearn, type NotToLearn } from '../../cases/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { drop, takeIn } from '../../deviations/learning.ts';
import { correctedAccounts, correctedAmong, forgetCorrected } from '../../deviations/corrected-accounts.ts';
import type { Fits } from '../../deviations/model.ts';
import { hasUnread, takeTurns } from '../../deviations/movement-log.ts';
import { observe } from '../../deviations/observe.ts';
import { isSame, isSameMemory, takeOver } from '../../deviations/same-signature.ts';
import type { Signature } from '../../deviations/signature.ts';
import {
  removeSignatures,
  saveSignatures,
  signatureEvents,
  signaturesOf,
  type Fitted,
  type SignatureEvent,
} from '../../deviations/signature-store.ts';
import { Clock, Stopwatch } from '../../kernel/clock.ts';
import { lockShards, revisionOf, SHARDS, shardOf, USAGE_ROW, versionsInTurn } from '../../ledger/usage-store.ts';
import type { HeldVersion } from '../../ledger/version.ts';
import { enqueue } from '../../queues/outbox.ts';
import { grouped, inChunks } from '../grouped.ts';
import { ObservationContexts } from './observation-context.ts';
import { ObserveUsage } from './observe-usage.ts';
import { isNotLearnt } from './not-learnt.ts';
import { newSignature } from './watch-signatures.ts';

const CHECKED_TOGETHER = 200;
/** Few, so that seldom somebody changes one of them meanwhile, and nobody waits long for those. */
const MENDED_TOGETHER = 20;
const CORRECTED_MAX = 50_000;
/** The rest waits for the next hour. */
const MENDING_MS = 5 * 60_000;

export interface RebuiltSignatures {
  accounts: number;
  /** accounts whose live signature is not what the ledger makes of them */
  differing: string[];
  /** accounts that differ for what was corrected since: they are made anew hour by hour */
  corrected: number;
  /** accounts of which something waits to be looked at, so that nothing can be said now */
  waiting: number;
}

@Injectable()
export class RebuildSignatures implements OnModuleDestroy {
  readonly #log = new Logger('deviations');
  readonly #contexts = new ObservationContexts('all');
  readonly #stopwatch = new Stopwatch();
  #stopping = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly observations: ObserveUsage,
  ) {}

  /** There may be more accounts than this process has time for before it has to end: the next start goes on with the rest. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  /** Where live signatures and the ledger differ. Nobody is held up. */
  async check(): Promise<RebuiltSignatures> {
    const found = nothingFound();
    for (const [shard, ids] of await this.#accountsByShard()) {
      await inTransaction(this.dataSource, async ({ client }) => {
        await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
        found.accounts += ids.length;
        if (await hasUnread(client, shard)) {
          found.waiting += ids.length;
          return;
        }
        for (const chunk of inChunks(ids, CHECKED_TOGETHER)) {
          const differing = await this.#differing(client, chunk);
          const corrected = await correctedAmong(client, differing);
          found.corrected += corrected.size;
          found.differing.push(...differing.filter((id) => !corrected.has(id)));
        }
      });
    }
    return found;
  }

  /**
   * Makes all signatures anew, or those of the shards from one on. Importers wait only for the few accounts that somebody is at
   * work on meanwhile. Where the process ends before it is done, a job for the shards that are left waits for the next.
   */
  async mend(fromShard = 0): Promise<RebuiltSignatures> {
    const done = nothingFound();
    for (const [shard, ids] of await this.#accountsByShard()) {
      if (shard < fromShard) continue;
      for (const chunk of inChunks(ids, MENDED_TOGETHER)) {
        if (this.#stopping) {
          const rest = { job: 'rebuild-signatures', payload: { from_shard: shard } } as const;
          await inTransaction(this.dataSource, ({ client }) => enqueue(client, [rest]));
          return done;
        }
        const { left, differing } = await this.#mendBeside(shard, chunk);
        done.differing.push(...differing);
        if (left.length === 0) continue;
        await inTransaction(this.dataSource, async ({ client }) => {
          await this.catchUp(client, shard);
          done.differing.push(...(await this.#differing(client, left)));
          await this.rebuild(client, left);
        });
      }
      done.accounts += ids.length;
    }
    this.#log.log(`made ${done.accounts} signatures anew; ${done.differing.length} differed`);
    return done;
  }

  /**
   * Makes the signatures of corrected accounts anew; answers of how many. Nobody is held up: those that somebody is at work
   * on are left for the next hour, and so are those that are not come to within minutes.
   */
  async mendCorrected(): Promise<number> {
    const until = this.#stopwatch.now() + MENDING_MS;
    const corrected = await inTransaction(this.dataSource, ({ client }) => correctedAccounts(client, CORRECTED_MAX));
    let mended = 0;
    for (const [shard, ids] of grouped(corrected, shardOf)) {
      for (const chunk of inChunks(ids, MENDED_TOGETHER)) {
        if (!this.#stopping && this.#stopwatch.now() < until)
          mended += chunk.length - (await this.#mendBeside(shard, chunk)).left.length;
      }
    }
    if (corrected.length > 0)
      this.#log.log(`made ${mended} of ${corrected.length} signatures anew whose accounts' usage was corrected`);
    return mended;
  }

  /**
   * Makes signatures anew beside all that goes on, and puts in place those that nothing has touched by then. Answers those
   * that are left, and of the others those that were not what the ledger makes of them.
   */
  async #mendBeside(shard: number, accountIds: readonly string[]): Promise<{ left: string[]; differing: string[] }> {
    const seen = await inTransaction(this.dataSource, async ({ client }) => {
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      const revision = await revisionOf(client);
      if (await hasUnread(client, shard)) return undefined;
      const live = await signaturesOf(client, accountIds);
      return { revision, live, made: await this.#fromLedger(client, accountIds) };
    });
    if (!seen) return { left: [...accountIds], differing: [] };
    return inTransaction(this.dataSource, async ({ client }) => {
      // Accounts and policies stand still from here on: where one has changed, all of this is of yesterday.
      const { revision } = await lockShards(client, []);
      if (revision !== seen.revision) return { left: [...accountIds], differing: [] };
      await takeTurns(client, [shard]);
      const now = await signaturesOf(client, accountIds);
      const [untouched, left] = partition(accountIds, (id) => isSame(seen.live.get(id), now.get(id)));
      const differing = untouched.filter((id) => !isSameOrNone(seen.live.get(id), seen.made.get(id)));
      await replace(client, untouched, now, seen.made);
      return { left, differing };
    });
  }

  /** Locks a shard against importers and looks at all that has moved in it: ledger and signatures are of one state then. */
  async catchUp(client: PoolClient, shard: number): Promise<void> {
    await lockShards(client, [shard]);
    while (!(await this.observations.turn(client, [shard])).isAll);
  }

  /** Makes signatures anew within the transaction of `client`, which has caught up. */
  async rebuild(client: ClientBase, accountIds: readonly string[]): Promise<void> {
    const before = await signaturesOf(client, accountIds);
    await replace(client, accountIds, before, await this.#fromLedger(client, accountIds));
  }

  async #differing(client: ClientBase, accountIds: readonly string[]): Promise<string[]> {
    const live = await signaturesOf(client, accountIds);
    const made = await this.#fromLedger(client, accountIds);
    return accountIds.filter((id) => !isSameOrNone(live.get(id), made.get(id)));
  }

  async #fromLedger(client: ClientBase, accountIds: readonly string[]): Promise<Map<string, Signature>> {
    const { policies, fits } = await this.#contexts.at(client, this.clock.now());
    const accounts = new Map((await accountsById(client, accountIds)).map((each) => [each.accountId, each]));
    const watched = [...accounts.values()].filter((account) => policies.watches(account));
    const ids = watched.map(({ accountId }) => accountId);
    const excluded = await notToLearn(client, ids);
    const events = await signatureEvents(client, ids);
    const makers = new Map(
      watched.map((account) => {
        const own = (each: { accountId: string }) => each.accountId === account.accountId;
        return [account.accountId, new SignatureMaker(account, fits, excluded.filter(own), events.filter(own))];
      }),
    );
    for await (const version of versionsInTurn(client, USAGE, [ids])) makers.get(version.accountId)!.take(version);
    const made = new Map<string, Signature>();
    for (const [id, maker] of makers) {
      const signature = maker.end();
      if (signature) made.set(id, signature);
    }
    return made;
  }

  async #accountsByShard(): Promise<Map<number, string[]>> {
    const rows = await this.dataSource.query<{ account_id: string }[]>(
      'SELECT account_id FROM accounts UNION SELECT account_id FROM deviation_signatures ORDER BY account_id',
    );
    const byShard = new Map(Array.from({ length: SHARDS }, (_, shard): [number, string[]] => [shard, []]));
    for (const { account_id } of rows) byShard.get(shardOf(account_id))!.push(account_id);
    for (const [shard, ids] of byShard) if (ids.length === 0) byShard.delete(shard);
    return byShard;
  }
}

/** Takes an account's usage in the order in which it had arrived, and what verdicts did to it in between. */
class SignatureMaker {
  #signature: Signature | undefined;

  constructor(
    private readonly account: Account,
    private readonly fits: Fits<Fitted>,
    private readonly excluded: readonly NotToLearn[],
    private readonly events: SignatureEvent[],
  ) {}

  take(version: HeldVersion): void {
    while (this.events.length > 0 && isBefore(this.events[0]!, version)) this.#settle();
    if (this.excluded.some((each) => isNotLearnt(version, this.account, each))) return;
    this.#signature ??= newSignature(version.startedAt);
    const { model } = this.fits.at(version.arrived);
    observe(this.#signature, { from: undefined, to: version }, this.account, model, undefined);
  }

  end(): Signature | undefined {
    while (this.events.length > 0) this.#settle();
    return this.#signature;
  }

  #settle(): void {
    const { what, arrived } = this.events.shift()!;
    if (!this.#signature) return;
    if (what === 'dropped') drop(this.#signature);
    else takeIn(this.#signature, this.fits.at(arrived).model.segment(this.account.segment));
  }
}

/** Whether a verdict came before a record did: by the order of usage, or, of a time when there was none, by imports. */
function isBefore(event: SignatureEvent, { arrived, near, importId }: HeldVersion): boolean {
  return event.arrived < arrived || (event.arrived === arrived && event.importId < BigInt(near?.importId ?? importId));
}

/**
 * The usage that holds, by account in the order in which its records first came; by the index on (account_id, started_at).
 * Of a time when batches had no numbers, by imports.
 */
const USAGE = `
  SELECT ${USAGE_ROW} FROM usage u WHERE u.account_id = ANY ($1)
   ORDER BY u.account_id, u.arrived, coalesce(u.near_import_id, u.import_id), u.started_at, u.record_id`;

/** Puts what was made anew in the place of what was before, in their shards' turn. */
async function replace(
  client: ClientBase,
  accountIds: readonly string[],
  before: ReadonlyMap<string, Signature>,
  made: ReadonlyMap<string, Signature>,
): Promise<void> {
  const kept = new Map<string, Signature>();
  for (const accountId of accountIds) {
    const [old, signature] = [before.get(accountId), made.get(accountId)];
    if (!signature) continue;
    if (old) takeOver(signature, old);
    kept.set(accountId, signature);
  }
  await removeSignatures(
    client,
    accountIds.filter((id) => before.has(id) && !kept.has(id)),
  );
  await saveSignatures(client, kept);
  await forgetCorrected(client, accountIds);
}

function isSameOrNone(a: Signature | undefined, b: Signature | undefined): boolean {
  return a && b ? isSameMemory(a, b) : a === b;
}

function partition<T>(all: readonly T[], isFirst: (each: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}

function nothingFound(): RebuiltSignatures {
  return { accounts: 0, differing: [], corrected: 0, waiting: 0 };
}
