import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { capOf, scopeOf, type Cap, type CapDefinition, type Scope } from '../../caps/cap.ts';
import {
  allCaps,
  capsAhead,
  insertCap,
  keepVersion,
  lockCap,
  twinOf,
  updateCap,
  type CapRow,
} from '../../caps/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Decision } from '../../decisions/decision.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { Turns } from '../../kernel/turns.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import type { Person } from '../deciding/second-person.ts';
import { usersBefore, type KnownUsers } from './accounts-named.ts';
import { previewOf, type CapPreview } from './cap-preview.ts';
import { comeToHold, comeToHoldBehind } from './come-to-hold.ts';
import { countAhead, isCountedAhead, settleAhead } from './count-ahead.ts';
import { recordChanges } from '../recorded-change.ts';
import { forGood, toSee, type Way } from './way.ts';
import { refuseWeakerCap } from './weakened-protection.ts';

export interface StoredCap {
  id: string;
  version: number;
  definition: CapDefinition;
  createdAt: Instant;
  updatedAt: Instant;
}

class RolledBack extends Error {}

/**
 * Previews share it, and a change has it to itself before it keeps importers out: rows that a preview holds until it is
 * rolled back are waited for while importers go on.
 */
const CAPS_LOCK = 7_004;

async function changeAlone(client: ClientBase): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [CAPS_LOCK]);
  // It may wait for long while others count ahead.
  await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
}

/** Caps are made, changed and removed here; what a change crosses is decided where it comes to hold, or behind it. */
@Injectable()
export class ChangeCaps {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  /** Who waits for the lock of caps has a connection, and whoever has it needs a second: most are left to all else. */
  readonly #changes = new Turns(1);
  readonly #previews = new Turns(2);

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /** @throws Refusal cap_exists, second_person_needed (unless they act `alone`), or invalid where the cap does not fit its account */
  async create(definition: CapDefinition, actor: string, alone = true): Promise<StoredCap> {
    return this.#alone(async (client) => {
      if (!alone) await refuseWeakerCap(client, undefined, capOf('', 1, definition), this.#clock.now());
      await this.#countAhead(client, definition, undefined);
      const way = forGood(await this.#usersBefore(scopeOf(definition)));
      await lockCounting(client);
      return this.#create(client, definition, actor, way);
    });
  }

  /** @throws Refusal not-found, changed-meanwhile, cap_exists, invalid, second_person_needed */
  async change(
    id: string,
    ifMatch: number | undefined,
    definition: CapDefinition,
    { actor, alone }: Pick<Person, 'actor' | 'alone'>,
  ): Promise<StoredCap> {
    return this.#alone(async (client) => {
      const before = (await allCaps(client)).find((cap) => cap.id === id);
      if (before && (ifMatch ?? before.version) === before.version) {
        const after = capOf(id, before.version + 1, definition);
        if (!alone) await refuseWeakerCap(client, before, after, this.#clock.now());
        await this.#countAhead(client, definition, before);
      }
      const way = forGood(await this.#usersBefore(scopeOf(definition), before?.scope));
      await lockCounting(client);
      return this.#change(client, id, ifMatch, definition, actor, way);
    });
  }

  /**
   * Removes a cap: it acts no more. What it has suspended stays so until its end or until a person lifts it.
   * @throws Refusal not-found, changed-meanwhile, second_person_needed (unless they act `alone`)
   */
  async remove(id: string, ifMatch: number | undefined, actor: string, alone = true): Promise<void> {
    await this.#alone(async (client) => {
      const way = forGood(await this.#usersBefore((await allCaps(client)).find((cap) => cap.id === id)?.scope));
      await lockCounting(client);
      const at = this.#clock.now();
      const row = await existing(client, id, ifMatch);
      const removed = capOf(row.cap_id, row.version, row.definition);
      if (!alone) await refuseWeakerCap(client, removed, undefined, at);
      await client.query('DELETE FROM caps WHERE cap_id = $1', [id]);
      await recordChanges(
        client,
        [{ actor, subject: 'cap', subjectId: id, change: 'removed', before: row.definition }],
        at,
      );
      const accounts = await way.accountsNamed(client, removed);
      await way.uncount(client, removed, accounts, at);
      await settleAhead(client, undefined);
      await holdMeter(client, removed, accounts, at, way);
      await way.decide(client, at);
    });
  }

  /** Takes up what a process that died had left to decide, and lets go what it had counted for a cap that it made. */
  async takeUpAbandoned(): Promise<void> {
    await comeToHold(this.#dataSource, this.#clock);
    await inTransaction(this.#dataSource, async ({ client }) => {
      if ((await capsAhead(client)).length === 0) return;
      const { rows } = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
        CAPS_LOCK,
      ]);
      if (!rows[0]!.mine) return;
      await lockCounting(client);
      await settleAhead(client, undefined);
    });
  }

  /** In a transaction that has the lock of caps; what it leaves to decide is decided behind it. */
  async #alone<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const done = await this.#changes.take(() =>
      inTransaction(this.#dataSource, async ({ client }) => {
        await changeAlone(client);
        return work(client);
      }),
    );
    await comeToHoldBehind(this.#dataSource, this.#clock);
    return done;
  }

  #usersBefore(...scopes: (Scope | undefined)[]): Promise<KnownUsers> {
    return usersBefore(this.#dataSource, scopes, this.#clock.now());
  }

  /** Where the cap needs more counted than is, and many are concerned: importers go on meanwhile. */
  async #countAhead(client: ClientBase, definition: CapDefinition, before: Cap | undefined): Promise<void> {
    const cap = capOf('', 0, definition);
    const counted = (each: Cap) => each.scope.kind === 'everyone' && countsAlike(each, { ...cap, scope: each.scope });
    if (!isCountedAhead(cap) || (before && countsAlike(before, cap)) || (await allCaps(client)).some(counted)) return;
    await refuseWhatDoesNotFit(client, definition, before?.id);
    await countAhead(this.#dataSource, definition);
  }

  /**
   * The real thing, rolled back: which accounts would be warned or suspended now if this definition were saved. What is
   * counted for it is counted apart, so importers go on meanwhile; what they bring then may be in it or not.
   */
  async preview(definition: CapDefinition, replacing: string | undefined): Promise<CapPreview> {
    let decisions: readonly Decision[] = [];
    const way = toSee((decided) => (decisions = decided));
    const preview = () =>
      inTransaction(this.#dataSource, async ({ client }) => {
        await client.query('SELECT pg_advisory_xact_lock_shared($1)', [CAPS_LOCK]);
        if (replacing === undefined) await this.#create(client, definition, 'preview', way);
        else await this.#change(client, replacing, undefined, definition, 'preview', way);
        throw new RolledBack();
      });
    try {
      await this.#previews.take(preview);
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
    }
    return previewOf(decisions);
  }

  async #create(client: PoolClient, definition: CapDefinition, actor: string, way: Way): Promise<StoredCap> {
    const at = this.#clock.now();
    await refuseWhatDoesNotFit(client, definition, undefined);
    const row = await insertCap(client, randomUUID(), definition, at);
    await recordChanges(
      client,
      [{ actor, subject: 'cap', subjectId: row.cap_id, change: 'created', after: definition }],
      at,
    );
    return this.#saved(client, row, undefined, actor, at, way);
  }

  async #change(
    client: PoolClient,
    id: string,
    ifMatch: number | undefined,
    definition: CapDefinition,
    actor: string,
    way: Way,
  ): Promise<StoredCap> {
    const at = this.#clock.now();
    const before = await existing(client, id, ifMatch);
    await refuseWhatDoesNotFit(client, definition, id);
    const row = await updateCap(client, id, definition, at);
    await recordChanges(
      client,
      [{ actor, subject: 'cap', subjectId: id, change: 'changed', before: before.definition, after: definition }],
      at,
    );
    return this.#saved(client, row, capOf(id, before.version, before.definition), actor, at, way);
  }

  /** Counts what the cap needs counted, holds it against spend, and carries out what that crosses. */
  async #saved(
    client: PoolClient,
    row: CapRow,
    before: Cap | undefined,
    actor: string,
    at: Instant,
    way: Way,
  ): Promise<StoredCap> {
    await keepVersion(client, row, at, actor);
    const cap = capOf(row.cap_id, row.version, row.definition);
    // What the cap held for before comes under others now.
    if (before && !countsAlike(before, cap)) {
      const accounts = await way.accountsNamed(client, before);
      await way.uncount(client, before, accounts, at);
      await holdMeter(client, before, accounts, at, way);
    }
    const accounts = await way.accountsNamed(client, cap);
    if (!before || !countsAlike(before, cap)) await way.count(client, cap, accounts, at);
    await holdMeter(client, cap, accounts, at, way);
    await way.hold(client, cap, accounts, at);
    await way.decide(client, at);
    return storedCap(row);
  }
}

export function storedCap(row: CapRow): StoredCap {
  return {
    id: row.cap_id,
    version: row.version,
    definition: row.definition,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

function countsAlike(a: Cap, b: Cap): boolean {
  return (
    a.scope.kind === b.scope.kind &&
    a.scope.value === b.scope.value &&
    a.traffic === b.traffic &&
    a.period === b.period &&
    a.currency === b.currency
  );
}

async function existing(client: ClientBase, id: string, ifMatch: number | undefined): Promise<CapRow> {
  const row = await lockCap(client, id);
  if (!row) throw new Refusal('not-found', 'unknown_cap', `there is no cap ${id}`);
  if (ifMatch !== undefined && ifMatch !== row.version) {
    throw new Refusal(
      'changed-meanwhile',
      'changed_meanwhile',
      `cap ${id} is at version ${row.version}, not ${ifMatch}; read it again`,
    );
  }
  return row;
}

async function refuseWhatDoesNotFit(
  client: ClientBase,
  definition: CapDefinition,
  id: string | undefined,
): Promise<void> {
  if (definition.forecast && definition.period !== 'week' && definition.period !== 'month') {
    throw new Refusal('invalid', 'no_forecast_of_days', 'a forecast is made of weeks and months alone', [
      { field: 'forecast', detail: `must be false where the period is ${definition.period}` },
    ]);
  }
  const scope = scopeOf(definition);
  if (scope.kind === 'account') {
    const [account] = await accountsById(client, [scope.value]);
    if (!account) {
      throw new Refusal('invalid', 'unknown_account', 'the cap is for an account that does not exist', [
        { field: 'scope.account', detail: `there is no account "${scope.value}"` },
      ]);
    }
    if (account.currency !== definition.currency) {
      throw new Refusal('invalid', 'wrong_currency', 'the cap is in another currency than its account', [
        {
          field: 'currency',
          detail: `is ${definition.currency}, but account ${scope.value} is charged in ${account.currency}`,
        },
      ]);
    }
  }
  const twin = await twinOf(client, definition);
  if (twin && twin.cap_id !== id) {
    throw new Refusal(
      'conflict',
      'cap_exists',
      `cap ${twin.cap_id} "${twin.definition.name}" has the same scope, traffic, period and currency; change that one`,
    );
  }
}

/** From the least specific scope to the most. */
const SPECIFICITY: readonly Scope['kind'][] = ['everyone', 'segment', 'account', 'service'];

/**
 * Holds the caps that are less specific than one that comes, changes or goes, and count the same: where it comes, they count
 * without its service; where it goes, they take over. More specific ones notice nothing.
 */
async function holdMeter(
  client: ClientBase,
  { id, traffic, period, currency, scope }: Cap,
  accountIds: readonly string[] | undefined,
  at: Instant,
  way: Way,
): Promise<void> {
  const concerned = (await allCaps(client)).filter(
    (cap) =>
      cap.id !== id &&
      cap.traffic === traffic &&
      cap.period === period &&
      cap.currency === currency &&
      SPECIFICITY.indexOf(cap.scope.kind) < SPECIFICITY.indexOf(scope.kind) &&
      (cap.scope.kind !== 'account' || (accountIds ?? [cap.scope.value]).includes(cap.scope.value)),
  );
  for (const cap of concerned) await way.hold(client, cap, accountIds, at);
}
