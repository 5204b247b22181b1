/** Makes signatures anew from the ledger: to prove that they are equal, to mend those that are not, or after a verdict. */
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { notToLearn, type NotToLearn } from '../../cases/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { takeIn } from '../../deviations/learning.ts';
import type { Model } from '../../deviations/model.ts';
import { hasUnread } from '../../deviations/movement-log.ts';
import { observe } from '../../deviations/observe.ts';
import { isSameMemory, takeOver } from '../../deviations/same-signature.ts';
import type { Signature } from '../../deviations/signature.ts';
import { removeSignatures, saveSignatures, signatureEvents, signaturesOf } from '../../deviations/signature-store.ts';
import { Clock } from '../../kernel/clock.ts';
import { lockShards, SHARDS, shardOf, USAGE_ROW, versionOf, type UsageRow } from '../../ledger/usage-store.ts';
import type { Version } from '../../ledger/version.ts';
import { ObservationContexts } from './observation-context.ts';
import { ObserveUsage } from './observe-usage.ts';
import { newSignature } from './watch-signatures.ts';

const CHUNK = 200;
const FETCH_ROWS = 20_000;

export interface RebuiltSignatures {
  accounts: number;
  /** accounts whose live signature is not what the ledger makes of them */
  differing: string[];
  /** accounts of which something waits to be looked at, so that nothing can be said now */
  waiting: number;
}

@Injectable()
export class RebuildSignatures {
  readonly #log = new Logger('deviations');
  readonly #contexts = new ObservationContexts();

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly observations: ObserveUsage,
  ) {}

  /** Where live signatures and the ledger differ. Nobody is held up; by today's norms, so that new norms show as differences too. */
  async check(): Promise<RebuiltSignatures> {
    const found: RebuiltSignatures = { accounts: 0, differing: [], waiting: 0 };
    for (const [shard, ids] of await this.#accountsByShard()) {
      await inTransaction(this.dataSource, async ({ client }) => {
        await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
        found.accounts += ids.length;
        if (await hasUnread(client, shard)) found.waiting += ids.length;
        else for (const chunk of chunksOf(ids)) found.differing.push(...(await this.#differing(client, chunk)));
      });
    }
    return found;
  }

  /** Makes all signatures anew, shard by shard: importers wait for the accounts of one shard at a time. */
  async mend(): Promise<RebuiltSignatures> {
    const done: RebuiltSignatures = { accounts: 0, differing: [], waiting: 0 };
    for (const [shard, ids] of await this.#accountsByShard()) {
      await inTransaction(this.dataSource, async ({ client }) => {
        await this.catchUp(client, shard);
        for (const chunk of chunksOf(ids)) {
          done.differing.push(...(await this.#differing(client, chunk)));
          await this.rebuild(client, chunk);
        }
        done.accounts += ids.length;
      });
    }
    this.#log.log(`made ${done.accounts} signatures anew; ${done.differing.length} differed`);
    return done;
  }

  /** Locks a shard against importers and looks at all that has moved in it: ledger and signatures are of one state then. */
  async catchUp(client: PoolClient, shard: number): Promise<void> {
    await lockShards(client, [shard]);
    while ((await this.observations.turn(client, [shard])).movements > 0);
  }

  /** Makes signatures anew within the transaction of `client`, which has caught up. */
  async rebuild(client: ClientBase, accountIds: readonly string[]): Promise<void> {
    const before = await signaturesOf(client, accountIds);
    const made = await this.#fromLedger(client, accountIds);
    for (const [accountId, signature] of made) {
      const old = before.get(accountId);
      if (old) takeOver(signature, old);
    }
    const gone = [...before.keys()].filter((id) => !made.has(id));
    await removeSignatures(client, gone);
    await saveSignatures(client, made);
  }

  async #differing(client: ClientBase, accountIds: readonly string[]): Promise<string[]> {
    const live = await signaturesOf(client, accountIds);
    const made = await this.#fromLedger(client, accountIds);
    return accountIds.filter((id) => {
      const [a, b] = [live.get(id), made.get(id)];
      return a && b ? !isSameMemory(a, b) : a !== b;
    });
  }

  async #fromLedger(client: ClientBase, accountIds: readonly string[]): Promise<Map<string, Signature>> {
    const { policies, model } = await this.#contexts.at(client, this.clock.now());
    const accounts = new Map((await accountsById(client, accountIds)).map((each) => [each.accountId, each]));
    const watched = [...accounts.values()].filter((account) => policies.watches(account));
    const ids = watched.map(({ accountId }) => accountId);
    const excluded = await notToLearn(client, ids);
    const events = await signatureEvents(client, ids);
    const makers = new Map(
      watched.map((account) => {
        const own = (each: { accountId: string }) => each.accountId === account.accountId;
        return [account.accountId, new SignatureMaker(account, model, excluded.filter(own), events.filter(own))];
      }),
    );
    for await (const { version, arrived } of usageOf(client, ids))
      makers.get(version.accountId)!.take(version, arrived);
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
    private readonly model: Model,
    private readonly excluded: readonly NotToLearn[],
    private readonly events: { importId: bigint }[],
  ) {}

  take(version: Version, arrived: bigint): void {
    while (this.events.length > 0 && this.events[0]!.importId < arrived) this.#takeIn();
    if (this.excluded.some((each) => isWithin(version, each))) return;
    this.#signature ??= newSignature(version.startedAt);
    observe(this.#signature, { from: undefined, to: version }, this.account, this.model, undefined);
  }

  end(): Signature | undefined {
    while (this.events.length > 0) this.#takeIn();
    return this.#signature;
  }

  #takeIn(): void {
    this.events.shift();
    if (this.#signature) takeIn(this.#signature, this.model.segment(this.account.segment));
  }
}

function isWithin({ startedAt, destination }: Version, { from, to, ranges, countries }: NotToLearn): boolean {
  if (startedAt < from || startedAt > to) return false;
  return countries.includes(destination.country) || ranges.some((range) => destination.number.startsWith(range));
}

/** The usage that holds, by account in the order in which its records first arrived; by the index on (account_id, started_at). */
const USAGE = `
  DECLARE usage_of_accounts NO SCROLL CURSOR FOR
  SELECT ${USAGE_ROW}, coalesce(u.near_import_id, u.import_id) AS arrived FROM usage u WHERE u.account_id = ANY ($1)
   ORDER BY u.account_id, arrived, u.started_at, u.record_id`;

async function* usageOf(
  client: ClientBase,
  accountIds: readonly string[],
): AsyncGenerator<{ version: Version; arrived: bigint }> {
  await client.query(USAGE, [accountIds]);
  for (;;) {
    const { rows } = await client.query<UsageRow & { arrived: string }>(`FETCH ${FETCH_ROWS} FROM usage_of_accounts`);
    for (const row of rows) yield { version: versionOf(row), arrived: BigInt(row.arrived) };
    if (rows.length < FETCH_ROWS) break;
  }
  await client.query('CLOSE usage_of_accounts');
}

function chunksOf(ids: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let from = 0; from < ids.length; from += CHUNK) chunks.push(ids.slice(from, from + CHUNK));
  return chunks;
}
