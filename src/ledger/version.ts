/**
 * Of the versions of one record, the one with the highest (state, revision) holds. Pure.
 */
import type { Destination } from '../destinations/classify.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { STATES, type UsageRecord } from '../feeds/usage-record.ts';

/** A usage record that is held against an account and a destination: what the ledger keeps. */
export interface Version extends Omit<UsageRecord, 'bNumber' | 'currency' | 'line'> {
  /** with the record's id its identity */
  origin: string;
  destination: Destination;
}

export function endOf({ startedAt, durationSeconds }: Version): Instant {
  return startedAt + durationSeconds * 1_000;
}

/** What near real time says of a record beside its final version, and the import that brought it. */
export interface NearRealTime {
  amount: Micros;
  importId: string;
}

/** A version with the import that brought it, as the ledger holds it. */
export interface HeldVersion extends Version {
  importId: string;
  /** the number of the batch by which its record first came to the account: so usage of an account stays in its order */
  arrived: number;
  /** beside a final version what had held near real time, also when it is re-rated later */
  near: NearRealTime | undefined;
}

/**
 * What becomes of an arriving version: `counted` is the first of its record, `superseded` replaces the one that held;
 * `duplicate` (same content) and `stale` (other content) come after one that is as high or higher, and change nothing.
 */
export type Standing = 'counted' | 'superseded' | 'duplicate' | 'stale';

export function standing(held: Version | undefined, arriving: Version): Standing {
  if (!held) return 'counted';
  if (rankOf(arriving, held) > 0) return 'superseded';
  return sameContent(held, arriving) ? 'duplicate' : 'stale';
}

/** Above 0 where `a` is the higher one, 0 where none is. */
function rankOf(a: Version, b: Version): number {
  return STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.revision - b.revision;
}

/** What a version says, apart from how authoritative it is and when it came. */
export function sameContent(a: Version, b: Version): boolean {
  return (
    a.amount === b.amount &&
    a.startedAt === b.startedAt &&
    a.accountId === b.accountId &&
    a.serviceId === b.serviceId &&
    a.durationSeconds === b.durationSeconds &&
    a.kind === b.kind &&
    a.units === b.units &&
    a.aNumber === b.aNumber &&
    a.destination.number === b.destination.number &&
    a.cost === b.cost &&
    a.originCountry === b.originCountry &&
    a.tariff === b.tariff
  );
}

/** A change of what holds: a version came to hold, in place of an earlier one or of none. */
export interface Movement {
  from: Version | undefined;
  to: Version;
}

/** What a final version stands beside when it takes the place of `before`. */
export function nearRealTime(before: HeldVersion): NearRealTime | undefined {
  return before.state === 'final' ? before.near : { amount: before.amount, importId: before.importId };
}

/**
 * What an arriving version tells of near real time where the final one came first: it changes nothing that counts, but is
 * what that is held against. An interim version tells too little.
 */
export function lateNearRealTime(held: HeldVersion | undefined, arriving: HeldVersion): NearRealTime | undefined {
  return held?.state === 'final' && !held.near && arriving.state === 'provisional'
    ? { amount: arriving.amount, importId: arriving.importId }
    : undefined;
}

/**
 * Of versions that the ledger holds, the one that holds of each record, and those that do not: a record whose start moved
 * by days may stand there several times until somebody looks. Of equal ones the first that came holds.
 */
export function holdingOf(versions: Iterable<HeldVersion>): { held: Map<string, HeldVersion>; surplus: HeldVersion[] } {
  const held = new Map<string, HeldVersion>();
  const surplus: HeldVersion[] = [];
  for (const version of versions) {
    const known = held.get(version.recordId);
    const holds = known && !isAbove(version, known) ? known : version;
    held.set(version.recordId, holds);
    if (known) surplus.push(holds === known ? version : known);
  }
  for (const { recordId } of surplus) {
    const holds = held.get(recordId)!;
    if (holds.state !== 'final' || holds.near) continue;
    holds.near = nearAmong([holds, ...surplus.filter((each) => each.recordId === recordId)]);
  }
  return { held, surplus };
}

function isAbove(a: HeldVersion, b: HeldVersion): boolean {
  const rank = rankOf(a, b);
  return rank > 0 || (rank === 0 && BigInt(a.importId) < BigInt(b.importId));
}

/** What near real time says of a record with final versions, as if they had met in the order in which they came. */
function nearAmong(versions: readonly HeldVersion[]): NearRealTime | undefined {
  const inOrder = versions.toSorted((a, b) => Number(BigInt(a.importId) - BigInt(b.importId)));
  const firstFinal = inOrder.findIndex(({ state }) => state === 'final');
  const known = inOrder.find(({ state, near }) => state === 'final' && near);
  if (known) return known.near;
  const [first, ...others] = inOrder.slice(0, firstFinal);
  const held = others.reduce((holds, other) => (holds && rankOf(other, holds) > 0 ? other : holds), first);
  const told = held ?? inOrder.find(({ state }) => state === 'provisional');
  return told && { amount: told.amount, importId: told.importId };
}

/** A version that holds no longer: what it cost becomes nothing. */
export function withdrawn(version: Version): Movement {
  return { from: version, to: { ...version, amount: 0n } };
}
