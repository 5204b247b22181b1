import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../database/transaction.ts';
import { Clock } from '../kernel/clock.ts';
import {
  lockShards,
  recordsOnSeveralDays,
  removeVersions,
  shardOf,
  versionsOfRecord,
  type RecordIdentity,
} from '../ledger/usage-store.ts';
import { standing, type Movement, type Version } from '../ledger/version.ts';
import { applyMovements } from './apply-movements.ts';
import { carryOutCrossings } from './carry-out.ts';
import { askToObserve } from './ask-to-observe.ts';
import { KnownAccounts } from './count-batch.ts';

/**
 * The rest of "each euro once": an importer sees a version whose start has moved by up to a day; one that moved further
 * looks like a record of its own. Once a night this finds records that stand on several days, lets the version hold that
 * is the highest, and takes the others out of the ledger and of what was counted.
 */
@Injectable()
export class SettleMovedRecords {
  readonly #log = new Logger('ledger');
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #known = new KnownAccounts();

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /** Answers how many records were settled. Safe to repeat, and beside importers. */
  async run(): Promise<number> {
    const found = await inTransaction(this.#dataSource, ({ client }) => recordsOnSeveralDays(client));
    for (const identity of found) {
      await inTransaction(this.#dataSource, ({ client }) => this.#settle(client, identity));
    }
    if (found.length > 0) this.#log.log(`${found.length} records had moved by more than a day and count once now`);
    return found.length;
  }

  async #settle(client: PoolClient, identity: RecordIdentity): Promise<void> {
    const seen = await versionsOfRecord(client, identity);
    const ids = seen.map((version) => version.accountId);
    const revision = await lockShards(client, ids.map(shardOf));
    const holding = await this.#known.at(revision, client, ids);
    // What was seen before the locks may have changed since; what is there now can't.
    const versions = await versionsOfRecord(client, identity);
    const holds = versions.reduce((best, each) => (standing(best, each) === 'superseded' ? each : best), versions[0]!);
    const others = versions.filter((version) => version !== holds);
    const now = this.#clock.now();
    const crossings = await applyMovements(client, holding, others.map(withdrawn), now, () =>
      removeVersions(client, others),
    );
    const taken = others.map((from) => ({ from, to: undefined }));
    await askToObserve(client, taken, holding.accounts, holding.policies, undefined, now);
    if (crossings.length > 0) await carryOutCrossings(client, crossings, now, undefined);
  }
}

/** A version that holds no longer: what it cost becomes nothing. */
function withdrawn(version: Version): Movement {
  return { from: version, to: { ...version, amount: 0n } };
}
