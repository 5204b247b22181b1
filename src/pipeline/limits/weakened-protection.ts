/**
 * What a billing key may not do by itself where two people have to agree (`second-person.ts`): let customers spend so much
 * more before a cap acts. A limit that is raised, a bar that comes later or not at all (thresholds, mode), a cap that goes, or
 * comes over a stricter one, and an account that is put into another segment are held against what held before.
 */
import type { ClientBase } from 'pg';
import { accountsById } from '../../accounts/store.ts';
import type { Account } from '../../accounts/account.ts';
import { suspendedClass } from '../../caps/barring.ts';
import { capOf, type Cap, type CapDefinition } from '../../caps/cap.ts';
import { CapBook } from '../../caps/cap-book.ts';
import { allCaps } from '../../caps/store.ts';
import { toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { amountAbove } from '../deciding/second-person.ts';

/** Whether customers may spend more by `above` before a cap acts, or bars; undefined: none holds. Pure. */
export function weakens(before: Cap | undefined, after: Cap | undefined, above: Micros): boolean {
  const isMore = (was: Micros | undefined, is: Micros | undefined) =>
    was !== undefined && (is === undefined || is - was > above);
  return isMore(actsAt(before), actsAt(after)) || isMore(barsAt(before), barsAt(after));
}

function actsAt(cap: Cap | undefined): Micros | undefined {
  return cap?.mode === 'shadow' ? undefined : cap?.limit;
}

function barsAt(cap: Cap | undefined): Micros | undefined {
  if (!cap || cap.mode === 'shadow') return undefined;
  return cap.thresholds.find(({ actions }) => actions.some((action) => suspendedClass(action) !== undefined))?.amount;
}

/** Refuses with `second_person_needed` where a cap is made, changed (`before`) or removed (`after` undefined). To be called while nobody else changes caps. */
export async function refuseWeakerCap(
  client: ClientBase,
  before: Cap | undefined,
  after: Cap | undefined,
  at: Instant,
): Promise<void> {
  const above = await amountAbove(client);
  if (above === undefined) return;
  const others = (await allCaps(client)).filter(({ id }) => id !== before?.id);
  const isSame = before && after && standsAlike(before, after);
  if (before && !isSame && (await otherwise(client, others, before)).some((each) => weakens(before, each, above))) {
    throw needed(above);
  }
  if (!after) return;
  const held = isSame ? [before] : await otherwise(client, others, after);
  // What is no weaker than what holds now puts nothing at risk, whatever held before.
  if (!held.some((each) => weakens(each, after, 0n))) return;
  const since = before ? (await sinceMonthAgo(client, before.id, at)).filter((each) => standsAlike(each, after)) : [];
  if ([...held, ...since].some((each) => weakens(each, after, above))) throw needed(above);
}

/** Refuses with `second_person_needed` where an account would come under weaker caps by its new segment. */
export async function refuseWeakerSegment(client: ClientBase, moved: readonly [Account, Account][]): Promise<void> {
  const above = moved.length === 0 ? undefined : await amountAbove(client);
  if (above === undefined) return;
  const book = new CapBook(await allCaps(client));
  for (const [before, after] of moved) {
    const then = book.ofAccount(after);
    const isWeaker = book.ofAccount(before).some((cap) =>
      weakens(
        cap,
        then.find((each) => countsAlike(cap, each)),
        above,
      ),
    );
    if (isWeaker) throw needed(above, `account ${after.accountId} in the segment "${after.segment}"`);
  }
}

function countsAlike(a: Cap, b: Cap): boolean {
  return a.traffic === b.traffic && a.period === b.period && a.currency === b.currency;
}

function standsAlike(a: Cap, b: Cap): boolean {
  return a.scope.kind === b.scope.kind && a.scope.value === b.scope.value && countsAlike(a, b);
}

/**
 * What holds where a cap would stand, or stood, if it is not there: the less specific one. Of a service each is that may hold
 * for who uses it, today or later.
 */
async function otherwise(client: ClientBase, others: readonly Cap[], cap: Cap): Promise<(Cap | undefined)[]> {
  const { kind, value } = cap.scope;
  if (kind === 'everyone') return [undefined];
  const alike = others.filter((each) => countsAlike(each, cap));
  const everyone = alike.find(({ scope }) => scope.kind === 'everyone');
  if (kind === 'service') return [everyone, ...alike.filter(({ scope }) => scope.kind !== 'service')];
  const [account] = kind === 'account' ? await accountsById(client, [value]) : [];
  return [alike.find(({ scope }) => scope.kind === 'segment' && scope.value === account?.segment) ?? everyone];
}

const MONTH_MS = 31 * 86_400_000;

/** What a cap has been since a month ago; by the primary key of its versions. */
const VERSIONS = `
  SELECT version, definition FROM cap_versions
   WHERE cap_id = $1 AND version >= coalesce((SELECT max(version) FROM cap_versions WHERE cap_id = $1 AND changed_at <= $2), 0)`;

async function sinceMonthAgo(client: ClientBase, id: string, at: Instant): Promise<Cap[]> {
  const { rows } = await client.query<{ version: number; definition: CapDefinition }>(VERSIONS, [
    id,
    toDate(at - MONTH_MS),
  ]);
  return rows.map(({ version, definition }) => capOf(id, version, definition));
}

function needed(above: Micros, whom = 'customers'): Refusal {
  return new Refusal(
    'conflict',
    'second_person_needed',
    `with it ${whom} could spend over ${formatAmount(above)} more before a cap acts than within the month before: an administrator may do so; or raise a limit for a while, to which another person agrees`,
  );
}
