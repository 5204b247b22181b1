/**
 * Raises an account's limit for a while, and lets it fall back: what that crosses, in either direction, is decided and
 * carried out in the same transaction. Used by the billing team and by a customer's consent to go on up to an amount.
 */
import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import type { Cap } from '../../caps/cap.ts';
import type { CapBook } from '../../caps/cap-book.ts';
import type { Crossing, Occasion } from '../../caps/crossing.ts';
import { raises } from '../../caps/uplift.ts';
import {
  anyUpliftOver,
  capBook,
  endUplifts,
  forgetFallen,
  insertUplift,
  lockEnding,
  upliftOf,
  upliftsInForce,
  type UpliftRow,
} from '../../caps/uplift-store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Traffic } from '../../destinations/traffic.ts';
import { Clock, formatInstant, toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { LONGEST_PERIOD_MS } from '../../kernel/period.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { carryOutCrossings } from '../deciding/carry-out.ts';
import { holdDue } from './come-to-hold.ts';
import { holdCap } from './hold-cap.ts';

export interface UpliftRequest {
  /** where its request has a name; one of its own else */
  id?: string;
  accountId: string;
  /** of one cap that holds for the account, or of all that do on a traffic */
  of: { cap: string } | { traffic: Traffic };
  amount: Micros;
  until: Instant;
  reason: string;
  actor: string;
}

/** A limit that is raised for longer is another limit: then the cap is what has to be changed. */
const LONGEST_MS = 366 * 86_400_000;
const IN_FORCE_MAX = 20;
const BY = 'plafond';
/** Importers wait while so many end. */
const CHUNK = 20;

@Injectable()
export class GrantUplift {
  readonly #log = new Logger('uplifts');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /**
   * Raises the limit from now on: thresholds that are no longer reached fall, and what they had suspended is lifted, also
   * where the cap is lifted by hand only. Refuses with `unknown_account`, `bad_end`, `no_such_cap`, `too_many_uplifts`. In
   * the caller's transaction, which holds nothing that importers wait for.
   */
  async grantWithin(client: ClientBase, asked: UpliftRequest): Promise<string> {
    const at = this.clock.now();
    await lockCounting(client);
    const account = await this.#accountFor(client, asked, at);
    const due = await holdDue(client, [account.accountId], at);
    const row = await insertUplift(client, {
      ...asked,
      id: asked.id ?? randomUUID(),
      currency: account.currency,
      by: asked.actor,
      at,
    });
    const change = { trigger: 'manual' as const, words: raisedWords(row, account) };
    const crossings = await holdAnew(client, account, await capBook(client), [row], change, at);
    const said = { by: asked.actor, reason: asked.reason };
    await carryOutCrossings(client, [...due, ...crossings], at, undefined, [
      evidence(row, account, 'uplift-granted', said, at),
    ]);
    return row.uplift_id;
  }

  /** Ends an uplift before its time. Refuses with `unknown_uplift` and `already_ended`. */
  async end(accountId: string, id: string, reason: string, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      await lockCounting(client);
      const { rows } = await client.query<UpliftRow>('SELECT * FROM uplifts WHERE uplift_id = $1 AND account_id = $2', [
        id,
        accountId,
      ]);
      if (!rows[0]) throw new Refusal('not-found', 'unknown_uplift', `account ${accountId} has no uplift ${id}`);
      const ending = await lockEnding(client, id, at, 1);
      if (ending.length === 0) throw new Refusal('conflict', 'already_ended', 'this uplift has ended already');
      await this.#endAll(client, ending, { by: actor, reason }, 'manual', at);
    });
  }

  /** Ends those whose time is over. Safe to run anywhere at the same time: each is ended once. */
  async endDue(): Promise<number> {
    let ended = 0;
    for (;;) {
      const chunk = await inTransaction(this.dataSource, async ({ client }) => {
        const at = this.clock.now();
        // Importers are kept waiting only where there is something to end.
        if (!(await anyUpliftOver(client, at))) return 0;
        await lockCounting(client);
        const ending = await lockEnding(client, undefined, at, CHUNK);
        await this.#endAll(client, ending, { by: BY, reason: 'its time is over' }, 'cap', at);
        return ending.length;
      });
      ended += chunk;
      if (chunk < CHUNK) break;
    }
    if (ended > 0) this.#log.log(`${ended} uplifts have ended`);
    return ended;
  }

  async #accountFor(client: ClientBase, { accountId, of, until }: UpliftRequest, at: Instant): Promise<Account> {
    const [account] = await accountsById(client, [accountId]);
    if (!account) throw new Refusal('not-found', 'unknown_account', `there is no account ${accountId}`);
    if (until <= at || until > at + LONGEST_MS) {
      throw new Refusal('invalid', 'bad_end', 'an uplift ends within a year', [
        { field: 'until', detail: 'must be in the future, and within 366 days' },
      ]);
    }
    const probe = { accountId, of, amount: 1n };
    if (!(await capsOf(client, account, await capBook(client), at)).some((cap) => raises(probe, cap))) {
      const field = 'cap' in of ? 'cap' : 'traffic';
      throw new Refusal('invalid', 'no_such_cap', 'no cap that holds for the account would be raised', [
        { field, detail: 'cap' in of ? 'is no cap that holds for it' : 'has no cap that holds for it' },
      ]);
    }
    if ((await upliftsInForce(client, accountId)).length >= IN_FORCE_MAX) {
      const detail = `account ${accountId} has ${IN_FORCE_MAX} uplifts in force; end one first`;
      throw new Refusal('conflict', 'too_many_uplifts', detail);
    }
    return account;
  }

  async #endAll(
    client: ClientBase,
    rows: readonly UpliftRow[],
    said: { by: string; reason: string },
    trigger: Occasion['trigger'],
    at: Instant,
  ): Promise<void> {
    const ids = [...new Set(rows.map((row) => row.account_id))];
    const crossings = await holdDue(client, ids, at);
    await endUplifts(
      client,
      rows.map((row) => row.uplift_id),
      said.by,
      said.reason,
      at,
    );
    const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
    const standing = rows.filter((row) => accounts.has(row.account_id));
    // Importers wait: it is read once for all of them.
    const book = await capBook(client);
    for (const account of accounts.values()) {
      const own = standing.filter((row) => row.account_id === account.accountId);
      const words = `since ${own.map((row) => `its uplift of ${shown(row)} has ended`).join(', and ')}`;
      crossings.push(...(await holdAnew(client, account, book, own, { trigger, words }, at)));
    }
    const ended = standing.map((row) => evidence(row, accounts.get(row.account_id)!, 'uplift-ended', said, at));
    await carryOutCrossings(client, crossings, at, undefined, ended);
  }
}

/** By the index on (account_id, started_at). */
const SERVICES = `SELECT DISTINCT service_id FROM usage WHERE account_id = $1 AND started_at > $2 AND service_id <> ''`;

/** Every cap that holds for an account or for a service that it used of late, as it is raised now. */
async function capsOf(client: ClientBase, account: Account, book: CapBook, at: Instant): Promise<Cap[]> {
  const { rows } = await client.query<{ service_id: string }>(SERVICES, [
    account.accountId,
    toDate(at - LONGEST_PERIOD_MS),
  ]);
  return [...book.ofAccount(account), ...rows.flatMap((row) => book.ofService(row.service_id, account))];
}

/** What the changed limits cross. A threshold that falls by it is forgotten: it may be reached, and told of, once more. */
async function holdAnew(
  client: ClientBase,
  account: Account,
  book: CapBook,
  changed: readonly UpliftRow[],
  change: Occasion,
  at: Instant,
): Promise<Crossing[]> {
  const uplifts = changed.map(upliftOf);
  const crossings: Crossing[] = [];
  for (const cap of await capsOf(client, account, book, at)) {
    if (uplifts.some((uplift) => raises(uplift, cap))) {
      crossings.push(...(await holdCap(client, cap, [account.accountId], at, book)));
    }
  }
  const fallen = crossings.filter(({ direction }) => direction === 'fell');
  await forgetFallen(
    client,
    fallen.map(({ meter, threshold, period }) => ({
      accountId: account.accountId,
      capId: meter.cap.id,
      percent: threshold.percent,
      period: period.name,
    })),
  );
  return crossings.map((crossing) => ({ ...crossing, occasion: change }));
}

function shown(row: UpliftRow): string {
  return `${formatAmount(BigInt(row.amount_micros))} ${row.currency}`;
}

function raisedWords(row: UpliftRow, account: Account): string {
  return `since its limit is raised by ${shown(row)} until ${formatInstant(row.until_at.getTime(), account.timeZone)}`;
}

function evidence(
  row: UpliftRow,
  account: Account,
  kind: 'uplift-granted' | 'uplift-ended',
  said: { by: string; reason: string },
  at: Instant,
) {
  return {
    accountId: account.accountId,
    at,
    kind,
    body: {
      uplift: row.uplift_id,
      ...(row.cap_id === null ? { traffic: row.traffic } : { cap: row.cap_id }),
      amount: formatAmount(BigInt(row.amount_micros)),
      currency: row.currency,
      until: formatInstant(row.until_at.getTime(), account.timeZone),
      ...said,
    },
  };
}
