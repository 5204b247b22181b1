/**
 * A cap that is made or changed, and accounts that come under other caps, may cross very many thresholds at once. Whom there
 * is something to decide about is written down in the transaction of the change; it is decided there where they are few,
 * and else behind it, by slices, while importers go on. Until its turn nothing has been decided about
 * an account under that cap since the change: whoever would holds it first. So each threshold acts once, and in its order.
 * A cap that is changed or removed meanwhile is held as it is then, or not at all. What a process that died leaves is taken
 * up by the next change of a cap, or within a minute.
 */
import { Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { Cap } from '../../caps/cap.ts';
import type { CapBook } from '../../caps/cap-book.ts';
import type { Crossing } from '../../caps/crossing.ts';
import { allCaps } from '../../caps/store.ts';
import { accountsToHold, keepToHold, takeToHold } from '../../caps/to-hold.ts';
import { capBook } from '../../caps/uplift-store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Clock, Instant } from '../../kernel/clock.ts';
import { reasonOf } from '../../kernel/outage.ts';
import { carryOutCrossings } from '../deciding/carry-out.ts';
import { moveEnds } from '../../suspensions/planned.ts';
import { bySlices } from './by-slices.ts';
import { concernedBy, holdCap } from './hold-cap.ts';

/** So many are held in the transaction of the change: importers hardly notice. */
const AT_ONCE_MAX = 50;

const log = new Logger('caps');

/** Has `accountIds`, or everyone, held against `cap`. Nobody may be counting meanwhile. */
export async function askToHold(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  at: Instant,
): Promise<void> {
  await keepToHold(client, cap.id, await concernedBy(client, cap, accountIds, at));
}

/** Decides about `among`, or all, at once where they are few. Nobody may be counting meanwhile. */
export async function holdFew(client: ClientBase, at: Instant, among?: readonly string[]): Promise<void> {
  const accounts = await accountsToHold(client, among, AT_ONCE_MAX + 1);
  if (accounts.length > AT_ONCE_MAX) return;
  await carryOutCrossings(client, await holdDue(client, accounts, at), at, undefined);
}

/** Decides about those of `among`, or of all, that are left, while importers go on. Safe to run anywhere at the same time. */
export async function comeToHold(dataSource: DataSource, clock: Clock, among?: readonly string[]): Promise<void> {
  const accounts = await inTransaction(dataSource, ({ client }) => accountsToHold(client, among));
  let known: KnownCaps | undefined;
  await bySlices(dataSource, accounts, async (client, slice) => {
    const at = clock.now();
    if (known?.revision !== slice.revision) known = { ...(await knownCaps(client)), revision: slice.revision };
    await carryOutCrossings(client, await holdDue(client, slice.accounts, at, known), at, undefined);
  });
}

/** As {@link comeToHold}, behind a change that is saved: whoever made it is answered so, also where this fails half-way. */
export async function comeToHoldBehind(dataSource: DataSource, clock: Clock, among?: readonly string[]): Promise<void> {
  try {
    await comeToHold(dataSource, clock, among);
  } catch (error) {
    log.error(`a change is saved, and what it leaves to decide is taken up within a minute: ${reasonOf(error)}`);
  }
}

interface KnownCaps {
  caps: readonly Cap[];
  book: CapBook;
  revision?: string;
}

async function knownCaps(client: ClientBase): Promise<KnownCaps> {
  return { caps: await allCaps(client), book: await capBook(client) };
}

/**
 * Holds those of `accounts` that still have to be: answers what that crosses, which comes before all else that is decided
 * about them. The caller keeps others from counting them.
 */
export async function holdDue(
  client: ClientBase,
  accounts: readonly string[],
  at: Instant,
  known?: KnownCaps,
): Promise<Crossing[]> {
  const due = await takeToHold(client, accounts);
  if (due.length === 0) return [];
  const { caps, book } = known ?? (await knownCaps(client));
  const crossings: Crossing[] = [];
  for (const cap of caps) {
    const ids = due.filter(({ capId }) => capId === cap.id).map(({ accountId }) => accountId);
    if (ids.length > 0) crossings.push(...(await holdCap(client, cap, ids, at, book)));
  }
  await moveEnds(client, [...new Set(due.map(({ accountId }) => accountId))]);
  return crossings;
}
