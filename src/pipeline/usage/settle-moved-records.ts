import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, type Transaction } from '../../database/transaction.ts';
import { endAbandoned } from '../../feeds/imports.ts';
import { Clock, Stopwatch } from '../../kernel/clock.ts';
import {
  beginSweep,
  endSweep,
  isSweepDue,
  recordsOnSeveralDays,
  versionsOnAnyDay,
  type RecordIdentity,
} from '../../ledger/moved-records.ts';
import { insertVersions, lockShards, removeVersions, shardOf } from '../../ledger/usage-store.ts';
import { holdingOf, withdrawn } from '../../ledger/version.ts';
import { applyMovements } from './apply-movements.ts';
import { carryOutCrossings } from '../deciding/carry-out.ts';
import { askToObserve } from '../deviations/ask-to-observe.ts';
import { holdDue } from '../limits/come-to-hold.ts';
import { KnownAccounts } from './count-batch.ts';

/**
 * The rest of "each euro once": an importer sees a version whose start has moved by up to a day, and most of those that
 * moved further (versions-afar.ts); what it does not see looks like a record of its own. Once a night, and soon where an importer had to leave some, this
 * finds records that stand on several days, lets the version hold that is the highest, of equal ones the first that came,
 * and takes the others out of the ledger and of what was counted. What that un-crosses is decided as any correction is.
 * What an import that runs still brings is left to the next time, so those that nobody carries on are ended first.
 */
@Injectable()
export class SettleMovedRecords {
  readonly #log = new Logger('ledger');
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #known = new KnownAccounts();
  readonly #stopwatch = new Stopwatch();

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /** Does it before the night where an importer has left records to it. */
  async runIfAsked(): Promise<number> {
    const now = this.#clock.now();
    return (await inTransaction(this.#dataSource, ({ client }) => isSweepDue(client, now))) ? this.run() : 0;
  }

  /** Answers how many records were settled. Safe to repeat, and beside importers. */
  async run(): Promise<number> {
    const now = this.#clock.now();
    const since = this.#stopwatch.now();
    const { ended, sweep } = await inTransaction(this.#dataSource, async ({ client }) => ({
      ended: await endAbandoned(client, now),
      sweep: await beginSweep(client, now),
    }));
    for (const { import_id, feed } of ended)
      this.#log.warn(`import ${import_id} of the feed ${feed} broke off for good`);
    let settled = 0;
    for (;;) {
      const found = await inTransaction(this.#dataSource, ({ client }) => recordsOnSeveralDays(client, sweep));
      if (found.length === 0) break;
      for (const identity of found) {
        await inTransaction(this.#dataSource, (transaction) => this.#settle(transaction, identity));
      }
      settled += found.length;
    }
    const took_ms = this.#stopwatch.now() - since;
    await inTransaction(this.#dataSource, ({ client }) => endSweep(client, sweep, took_ms, this.#clock.now()));
    if (settled > 0) this.#log.log(`${settled} records had moved by more than a day and count once now`);
    return settled;
  }

  async #settle(transaction: Transaction, { origin, recordId }: RecordIdentity): Promise<void> {
    const { client } = transaction;
    const seen = await versionsOnAnyDay(client, origin, [recordId]);
    const ids = seen.map((version) => version.accountId);
    const { revision, batch } = await lockShards(client, ids.map(shardOf));
    const holding = await this.#known.at(revision, client, ids);
    // What was seen before the locks may have changed since; what is there now can't.
    const versions = await versionsOnAnyDay(client, origin, [recordId]);
    // One of another account came in between: its shard is not locked, and the next look finds it.
    if (versions.some(({ accountId }) => !ids.includes(accountId))) return;
    const { held, surplus } = holdingOf(versions);
    const now = this.#clock.now();
    const due = await holdDue(client, ids, now);
    const crossings = await applyMovements(transaction, holding, surplus.map(withdrawn), now, async () => {
      // The one that holds is written anew, since it may stand beside what near real time had said now.
      await Promise.all([removeVersions(client, versions), insertVersions(client, [...held.values()])]);
    });
    const taken = { source: undefined, batch, moved: surplus.map((from) => ({ from, to: undefined })) };
    await askToObserve(client, [taken], holding.accounts, holding.policies, now);
    const decisive = [...due, ...crossings];
    if (decisive.length > 0) await carryOutCrossings(client, decisive, now, undefined);
  }
}
