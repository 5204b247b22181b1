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

/** What near real time says of a record beside its final version at its highest, and the import that brought it. */
export interface NearRealTime {
  amount: Micros;
  importId: string;
  /** of the provisional version; undefined of an interim one, which any of those is above */
  revision: number | undefined;
}

/** A version with the import that brought it, as the ledger holds it. */
export interface HeldVersion extends Version {
  importId: string;
  /** the number of the batch by which its record first came to the account: so usage of an account stays in its order */
  arrived: number;
  /** beside a final version what near real time says, also when it is re-rated later */
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
  return before.state === 'final' ? before.near : toldBy(before);
}

/**
 * What an arriving version tells of near real time where the final one came first: it changes nothing that counts, but is
 * what that is held against, if nothing as high is. An interim version tells too little.
 */
export function lateNearRealTime(held: HeldVersion | undefined, arriving: HeldVersion): NearRealTime | undefined {
  if (held?.state !== 'final' || arriving.state !== 'provisional') return undefined;
  const told = toldBy(arriving);
  return tellsMore(told, held.near) ? told : undefined;
}

function toldBy({ state, revision, amount, importId }: HeldVersion): NearRealTime {
  return { amount, importId, revision: state === 'provisional' ? revision : undefined };
}

function tellsMore(told: NearRealTime, known: NearRealTime | undefined): boolean {
  return !known || (told.revision ?? -1) > (known.revision ?? -1);
}

/**
 * Of versions that the ledger holds, the one that holds of each record, and those that do not: a record whose start moved
 * by days may stand there several times until somebody looks. Of equal ones the first that came holds.
 */
export function holdingOf(versions: Iterable<HeldVersion>): { held: Map<string, HeldVersion>; surplus: HeldVersion[] } {
  const held = new Map<string, HeldVersion>();
  const others = new Map<string, HeldVersion[]>();
  for (const version of versions) {
    const known = held.get(version.recordId);
    const holds = known && !isAbove(version, known) ? known : version;
    held.set(version.recordId, holds);
    if (!known) continue;
    const beside = holds === known ? version : known;
    others.set(version.recordId, [...(others.get(version.recordId) ?? []), beside]);
  }
  for (const [recordId, beside] of others) {
    const holds = held.get(recordId)!;
    if (holds.state === 'final') holds.near = nearAmong([holds, ...beside]);
  }
  return { held, surplus: [...others.values()].flat() };
}

function isAbove(a: HeldVersion, b: HeldVersion): boolean {
  const rank = rankOf(a, b);
  return rank > 0 || (rank === 0 && BigInt(a.importId) < BigInt(b.importId));
}

/** What near real time says of a record with final versions: the highest, whichever came first; an interim one only before those. */
function nearAmong(versions: readonly HeldVersion[]): NearRealTime | undefined {
  const inOrder = versions.toSorted((a, b) => Number(BigInt(a.importId) - BigInt(b.importId)));
  const firstFinal = inOrder.findIndex(({ state }) => state === 'final');
  const told = inOrder.flatMap((version, index) => {
    if (version.state === 'final') return version.near ?? [];
    return version.state === 'provisional' || index < firstFinal ? toldBy(version) : [];
  });
  return told
    .toSorted((a, b) => Number(BigInt(a.importId) - BigInt(b.importId)))
    .reduce<NearRealTime | undefined>((known, each) => (tellsMore(each, known) ? each : known), undefined);
}

/** A version that holds no longer: what it cost becomes nothing. */
export function withdrawn(version: Version): Movement {
  return { from: version, to: { ...version, amount: 0n } };
}
