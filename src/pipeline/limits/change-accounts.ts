import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import {
  accountOf,
  accountsById,
  changeAccounts,
  lockAccounts,
  makeAccounts,
  type AccountRow,
} from '../../accounts/store.ts';
import { refuseParentCycle } from '../../accounts/parents.ts';
import type { Cap } from '../../caps/cap.ts';
import { allCaps, capsAhead } from '../../caps/store.ts';
import { capBook } from '../../caps/uplift-store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { forgetCorrected, noteCorrected } from '../../deviations/corrected-accounts.ts';
import { removeSignatures } from '../../deviations/signature-store.ts';
import { Clock, toDate, type Instant } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { inChunks } from '../grouped.ts';
import { askToHold, comeToHoldBehind, holdFew } from './come-to-hold.ts';
import { recountUnder } from './way.ts';
import { refuseWeakerSegment } from './weakened-protection.ts';
import { recordChanges, type RecordedChange } from '../recorded-change.ts';
import { hasOpenSuspension } from '../../suspensions/store.ts';

/** Where an account that was not there has been made meanwhile, all begins again: then it is changed. */
const MADE_MEANWHILE = { retryOnUniqueViolation: true };

const MANY = 1_000;
/** So many accounts are read, written and put on record at once: of a file of hundred thousands little is held in memory. */
const PORTION = 2_000;

/** Accounts are made, changed and removed here; a change that puts one under other caps or periods counts it anew. */
@Injectable()
export class ChangeAccounts {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;

  constructor(dataSource: DataSource, clock: Clock) {
    this.#dataSource = dataSource;
    this.#clock = clock;
  }

  /**
   * @throws Refusal changed-meanwhile; conflict where usage stands in the way of another currency, or, unless they act
   * `alone`, where a second person is needed
   */
  async put(
    account: Account,
    ifMatch: number | undefined,
    actor: string,
    alone = true,
  ): Promise<{ version: number; created: boolean }> {
    return this.#change(async (client) => {
      const [before] = await lockAccounts(client, [account.accountId]);
      if (ifMatch !== undefined && ifMatch !== before?.version) {
        throw new Refusal(
          'changed-meanwhile',
          'changed_meanwhile',
          before
            ? `account ${account.accountId} is at version ${before.version}, not ${ifMatch}; read it again`
            : `account ${account.accountId} does not exist`,
        );
      }
      if (before && isSame(accountOf(before), account))
        return { answer: { version: before.version, created: false }, recut: [] };
      if (before) await lockCounting(client);
      const at = this.#clock.now();
      const { rows, recut } = await this.#put(client, [account], before ? [accountOf(before)] : [], actor, alone, at);
      if (before?.parent_id !== account.parentId) await refuseParentCycle(client, [account]);
      return { answer: { version: rows[0]!.version, created: !before }, recut };
    });
  }

  /** All of them, or none. @throws Refusal conflict, as {@link put} does */
  async importAll(
    accounts: readonly Account[],
    actor: string,
    alone = true,
  ): Promise<{ created: number; changed: number; unchanged: number }> {
    return this.#change(async (client) => {
      const at = this.#clock.now();
      const { made, changed, moved } = await lockDiffering(client, accounts);
      // New accounts disturb nobody; a changed one is remembered by importers, who must read it again.
      if (changed.length > 0) await lockCounting(client);
      for (const portion of inChunks(made, PORTION)) await this.#put(client, portion, [], actor, alone, at);
      const recut: string[] = [];
      for (const portion of inChunks(changed, PORTION)) {
        const before = await accountsById(client, portion.map(idOf));
        recut.push(...(await this.#put(client, portion, before, actor, alone, at)).recut);
      }
      // Not before: what one portion would make a circle, another may open.
      await refuseParentCycle(client, moved);
      const created = made.length;
      // Until PostgreSQL looks by itself, a minute later, it takes accounts for few: a cap that is made meanwhile is counted for minutes.
      if (created >= MANY) await client.query('ANALYZE accounts');
      const unchanged = accounts.length - created - changed.length;
      return { answer: { created, changed: changed.length, unchanged }, recut };
    });
  }

  /** Counts those anew who are `recut`; what that leaves to decide about them is decided behind the change. */
  async #change<T>(work: (client: ClientBase) => Promise<{ answer: T; recut: readonly string[] }>): Promise<T> {
    const { answer, recut } = await inTransaction(
      this.#dataSource,
      async ({ client }) => {
        const done = await work(client);
        if (done.recut.length > 0) await countAnew(client, done.recut, this.#clock.now());
        return done;
      },
      MADE_MEANWHILE,
    );
    if (recut.length > 0) await comeToHoldBehind(this.#dataSource, this.#clock, recut);
    return answer;
  }

  /**
   * @throws Refusal not-found, changed-meanwhile; conflict where it has usage: that is kept as long as it must be; or where
   * something of it is barred, or is about to be: nobody would lift it any more
   */
  async remove(accountId: string, ifMatch: number | undefined, actor: string): Promise<void> {
    await inTransaction(this.#dataSource, async ({ client }) => {
      // In the order of a change, which knows only by the row that it is one.
      const [before] = await lockAccounts(client, [accountId]);
      await lockCounting(client);
      if (!before) throw new Refusal('not-found', 'unknown_account', `there is no account ${accountId}`);
      if (ifMatch !== undefined && ifMatch !== before.version) {
        throw new Refusal(
          'changed-meanwhile',
          'changed_meanwhile',
          `account ${accountId} is at version ${before.version}, not ${ifMatch}; read it again`,
        );
      }
      const { rows } = await client.query('SELECT FROM usage WHERE account_id = $1 LIMIT 1', [accountId]);
      if (rows.length > 0) {
        throw new Refusal('conflict', 'account_has_usage', `account ${accountId} has usage, so it can't be removed`);
      }
      if (await hasOpenSuspension(client, accountId)) {
        throw new Refusal(
          'conflict',
          'account_is_suspended',
          `account ${accountId} has a suspension that is not over, so it can't be removed; lift it, or decline it, first`,
        );
      }
      await client.query('DELETE FROM accounts WHERE account_id = $1', [accountId]);
      await removeSignatures(client, [accountId]);
      await forgetCorrected(client, [accountId]);
      await recordChanges(
        client,
        [{ actor, subject: 'account', subjectId: accountId, change: 'removed', before: accountOf(before) }],
        this.#clock.now(),
      );
    });
  }

  /** Within a lock on counting where any is there `before`; `recut` are those that have to be counted anew. */
  async #put(
    client: ClientBase,
    accounts: readonly Account[],
    before: readonly Account[],
    actor: string,
    alone: boolean,
    at: Instant,
  ): Promise<{ rows: AccountRow[]; recut: string[] }> {
    const known = new Map(before.map((account) => [account.accountId, account]));
    const changed = accounts.filter((account) => known.has(account.accountId));
    await refuseOtherCurrency(
      client,
      changed.filter(({ accountId, currency }) => currency !== known.get(accountId)!.currency),
    );
    if (!alone) {
      const pairs = changed.map((account): [Account, Account] => [known.get(account.accountId)!, account]);
      await refuseWeakerSegment(
        client,
        pairs.filter(([was, is]) => was.segment !== is.segment),
      );
    }
    const made = accounts.filter((account) => !known.has(account.accountId));
    const rows = [
      ...(await makeAccounts(client, made, toDate(at))),
      ...(await changeAccounts(client, changed, toDate(at))),
    ];
    await recordChanges(
      client,
      accounts.map((account): RecordedChange => ({
        actor,
        subject: 'account',
        subjectId: account.accountId,
        change: known.has(account.accountId) ? 'changed' : 'created',
        before: known.get(account.accountId),
        after: account,
      })),
      at,
    );
    const otherwise = changed.filter((account) => !isSeenAlike(known.get(account.accountId)!, account));
    await noteCorrected(client, otherwise.map(idOf), at);
    const recut = changed.filter((account) => !isCutAlike(known.get(account.accountId)!, account));
    return { rows, recut: recut.map(idOf) };
  }
}

/** Which accounts are not there yet, which are otherwise, and which of both have another parent; all that are there stay as they are while the transaction lasts. */
async function lockDiffering(
  client: ClientBase,
  accounts: readonly Account[],
): Promise<{ made: Account[]; changed: Account[]; moved: Account[] }> {
  const made: Account[] = [];
  const changed: Account[] = [];
  const moved: Account[] = [];
  // In one order, whatever that of the file: so two files wait for each other, and no one for ever.
  const ordered = accounts.toSorted((a, b) => (a.accountId < b.accountId ? -1 : 1));
  for (const portion of inChunks(ordered, PORTION)) {
    const rows = new Map((await lockAccounts(client, portion.map(idOf))).map((row) => [row.account_id, row]));
    for (const account of portion) {
      const row = rows.get(account.accountId);
      if (!row) made.push(account);
      else if (!isSame(accountOf(row), account)) changed.push(account);
      if (row?.parent_id !== account.parentId) moved.push(account);
    }
  }
  return { made, changed, moved };
}

/** The first of these accounts that has usage; by the index on (account_id, started_at). */
const WITH_USAGE = `
  SELECT account_id, currency FROM unnest($1::text[], $2::text[]) AS a (account_id, currency)
   WHERE EXISTS (SELECT FROM usage u WHERE u.account_id = a.account_id) LIMIT 1`;

/** What was spent in one currency would be told, and held against limits, in the other. @throws Refusal account_has_usage */
async function refuseOtherCurrency(client: ClientBase, accounts: readonly Account[]): Promise<void> {
  if (accounts.length === 0) return;
  const { rows } = await client.query<{ account_id: string; currency: string }>(WITH_USAGE, [
    accounts.map(idOf),
    accounts.map(({ currency }) => currency),
  ]);
  for (const { account_id, currency } of rows) {
    throw new Refusal(
      'conflict',
      'account_has_usage',
      `account ${account_id} has usage in another currency than ${currency}; what is charged in ${currency} needs an account of its own`,
    );
  }
}

/** The services of these accounts that are counted apart; by the primary key. */
async function servicesCounted(client: ClientBase, accounts: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ service_id: string }>(
    `SELECT DISTINCT service_id FROM counters WHERE account_id = ANY ($1) AND service_id <> ''`,
    [accounts],
  );
  return new Set(rows.map((row) => row.service_id));
}

/** Counts accounts under the caps and in the periods that hold for them now; what that crosses is decided here, or behind it. */
async function countAnew(client: ClientBase, ids: readonly string[], at: Instant): Promise<void> {
  const caps = await allCaps(client);
  const meters = new Map([...caps, ...(await capsAhead(client))].map((cap) => [`${cap.traffic} ${cap.period}`, cap]));
  for (const cap of meters.values()) await recountUnder(client, cap, ids);
  const book = await capBook(client);
  const ofAccounts = new Set<string>();
  for (const account of await accountsById(client, ids)) {
    for (const { id } of book.ofAccount(account)) ofAccounts.add(id);
  }
  const services = await servicesCounted(client, ids);
  const isHolding = ({ id, scope }: Cap) =>
    ofAccounts.has(id) || (scope.kind === 'service' && services.has(scope.value));
  for (const cap of caps.filter(isHolding)) await askToHold(client, cap, ids, at);
  await holdFew(client, at, ids);
}

function idOf({ accountId }: Account): string {
  return accountId;
}

function isSame(a: Account, b: Account): boolean {
  return (Object.keys(a) as (keyof Account)[]).every((key) => a[key] === b[key]);
}

/** Whether what is usual for an account is the same in two states of it. */
function isSeenAlike(a: Account, b: Account): boolean {
  return (
    a.segment === b.segment && a.homeCountry === b.homeCountry && a.timeZone === b.timeZone && a.currency === b.currency
  );
}

/** Whether two states of an account come under the same caps and have the same periods. */
function isCutAlike(a: Account, b: Account): boolean {
  return a.segment === b.segment && a.timeZone === b.timeZone && a.cycleDay === b.cycleDay && a.currency === b.currency;
}
