import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { capOf, scopeOf, type Cap, type CapDefinition, type Scope } from '../../caps/cap.ts';
import type { Crossing } from '../../caps/evaluation.ts';
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
import { rollingHours } from '../../kernel/period.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { Turns } from '../../kernel/turns.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { forgetUncounted, recount } from '../../spend/counters.ts';
import { carryOutCrossings, wouldDecide } from '../deciding/carry-out.ts';
import type { Person } from '../deciding/second-person.ts';
import { accountsNamed, usersBefore, type KnownUsers } from './accounts-named.ts';
import { previewOf, type CapPreview } from './cap-preview.ts';
import { countAhead, isCountedAhead, settleAhead } from './count-ahead.ts';
import { holdCap } from './hold-cap.ts';
import { recordChanges } from '../recorded-change.ts';
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

/** Caps are made, changed and removed here; what a change crosses is decided and carried out in the transaction in which it comes to hold. */
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
      return (await this.#create(client, definition, actor, way)).stored;
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
      return (await this.#change(client, id, ifMatch, definition, actor, way)).stored;
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
      await way.carryOut(client, await holdMeter(client, removed, accounts, at), at);
    });
  }

  /** Lets go what a process that died while it made a cap had counted for it. */
  async forgetAbandoned(): Promise<void> {
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

  /** In a transaction that has the lock of caps. */
  async #alone<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#changes.take(() =>
      inTransaction(this.#dataSource, async ({ client }) => {
        await changeAlone(client);
        return work(client);
      }),
    );
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
    await countAhead(this.#dataSource, this.#clock, definition);
  }

  /**
   * The real thing, rolled back: which accounts would be warned or suspended now if this definition were saved. What is
   * counted for it is counted apart, so importers go on meanwhile; what they bring then may be in it or not.
   */
  async preview(definition: CapDefinition, replacing: string | undefined): Promise<CapPreview> {
    let decisions: Decision[] = [];
    const preview = () =>
      inTransaction(this.#dataSource, async ({ client }) => {
        await client.query('SELECT pg_advisory_xact_lock_shared($1)', [CAPS_LOCK]);
        const done =
          replacing === undefined
            ? await this.#create(client, definition, 'preview', TO_SEE)
            : await this.#change(client, replacing, undefined, definition, 'preview', TO_SEE);
        decisions = done.decisions;
        throw new RolledBack();
      });
    try {
      await this.#previews.take(preview);
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
    }
    return previewOf(decisions);
  }

  async #create(client: PoolClient, definition: CapDefinition, actor: string, way: Way): Promise<Saved> {
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
  ): Promise<Saved> {
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
  ): Promise<Saved> {
    await keepVersion(client, row, at, actor);
    const cap = capOf(row.cap_id, row.version, row.definition);
    const crossings: Crossing[] = [];
    // What the cap held for before comes under others now.
    if (before && !countsAlike(before, cap)) {
      const accounts = await way.accountsNamed(client, before);
      await way.uncount(client, before, accounts, at);
      crossings.push(...(await holdMeter(client, before, accounts, at)));
    }
    const accounts = await way.accountsNamed(client, cap);
    if (!before || !countsAlike(before, cap)) await way.count(client, cap, accounts, at);
    crossings.push(...(await holdMeter(client, cap, accounts, at, before)));
    const decisions = await way.carryOut(client, crossings, at);
    return { stored: storedCap(row), decisions };
  }
}

type Count = (client: ClientBase, cap: Cap, accountIds: readonly string[] | undefined, at: Instant) => Promise<void>;

/** How a change is made. */
interface Way {
  count: Count;
  uncount: Count;
  accountsNamed(client: ClientBase, cap: Cap): Promise<string[] | undefined>;
  carryOut(client: ClientBase, crossings: readonly Crossing[], at: Instant): Promise<Decision[]>;
}

const forGood = (users: KnownUsers): Way => ({
  async count(client, cap, accountIds) {
    // What was counted ahead is there.
    if (!isCountedAhead(cap)) await recountUnder(client, cap, accountIds);
    await settleAhead(client, cap);
  },
  async uncount(client, cap, accountIds) {
    if (isCountedAhead(cap)) await forgetUncounted(client, cap.traffic, cap.period);
    else await recountUnder(client, cap, accountIds);
  },
  accountsNamed: (client, cap) => accountsNamed(client, cap, users),
  carryOut: (client, crossings, at) => carryOutCrossings(client, crossings, at, undefined),
});

const countToSee: Count = async (client, cap, accountIds, at) => {
  await client.query('CREATE TEMP TABLE IF NOT EXISTS counters (LIKE counters INCLUDING ALL) ON COMMIT DROP');
  await recountUnder(client, cap, accountIds, at);
};

/** Only to see what it does: in counters of the transaction's own, which hide the others from it, and of periods that run alone. */
const TO_SEE: Way = { count: countToSee, uncount: countToSee, accountsNamed, carryOut: wouldDecide };

interface Saved {
  stored: StoredCap;
  decisions: Decision[];
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

/** Rolling windows are read from the ledger itself; only calendar periods have counters. */
export async function recountUnder(
  client: ClientBase,
  cap: Pick<Cap, 'traffic' | 'period'>,
  accountIds: readonly string[] | undefined,
  since?: Instant,
): Promise<void> {
  if (rollingHours(cap.period) === undefined) await recount(client, cap.traffic, cap.period, accountIds, since);
}

/** From the least specific scope to the most. */
const SPECIFICITY: readonly Scope['kind'][] = ['everyone', 'segment', 'account', 'service'];

/**
 * Holds a cap, and the less specific ones that count the same, against what accounts have spent; answers what that
 * crosses: where it comes, they count without its service; where it goes, they take over. More specific ones notice nothing.
 */
async function holdMeter(
  client: ClientBase,
  changed: Cap,
  accountIds: readonly string[] | undefined,
  at: Instant,
  before?: Cap,
): Promise<Crossing[]> {
  const { traffic, period, currency, scope } = changed;
  const concerned = (await allCaps(client)).filter(
    (cap) =>
      cap.traffic === traffic &&
      cap.period === period &&
      cap.currency === currency &&
      (cap.id === changed.id || SPECIFICITY.indexOf(cap.scope.kind) < SPECIFICITY.indexOf(scope.kind)) &&
      (cap.scope.kind !== 'account' || (accountIds ?? [cap.scope.value]).includes(cap.scope.value)),
  );
  const crossings: Crossing[] = [];
  for (const cap of concerned) {
    crossings.push(
      ...(await holdCap(client, cap, accountIds, at, { before: cap.id === changed.id ? before : undefined })),
    );
  }
  return crossings;
}
