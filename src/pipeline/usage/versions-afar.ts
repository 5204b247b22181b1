/**
 * Versions whose start has moved by more than a day: the unique key is by day, so each looks like the first of its record. To
 * look for one costs a probe of every day that is kept, so it is done where it is likely, or where it matters.
 */
import type { PoolClient } from 'pg';
import type { Crossing } from '../../caps/crossing.ts';
import type { Instant } from '../../kernel/clock.ts';
import { versionsOnAnyDay } from '../../ledger/usage-store.ts';
import type { HeldVersion } from '../../ledger/version.ts';
import type { WeighedBatch } from './count-batch.ts';
import { BeginsAgain, type Learnt } from './learnt.ts';

const PROBED_MAX = 200;
/** A record that comes this soon after its call ended has not been corrected from afar. */
const FRESH_MS = 6 * 3_600_000;

/**
 * What the ledger holds of records whose start has moved by more than a day, so that a version looked like the first. All
 * of the ledger is asked, a probe a day that is kept, only for what looks like the correction of a record that should be
 * there: re-rated ones, and final ones where few of a batch are the first of their record, as where near real time came
 * before; but for those that come final as their calls end. The others, if there are any, are found by night.
 */
export async function lostVersions(
  client: PoolClient,
  origin: string,
  first: readonly HeldVersion[],
  now: Instant,
  { records }: Learnt,
): Promise<HeldVersion[]> {
  const sought = new Set(records);
  const isFresh = ({ startedAt, durationSeconds }: HeldVersion) => now - startedAt - durationSeconds * 1000 < FRESH_MS;
  const idsOf = (isCorrection: (version: HeldVersion) => boolean) => [
    ...new Set(first.filter(isCorrection).map((each) => each.recordId)),
  ];
  const final = idsOf((version) => version.revision > 0 || (version.state === 'final' && !isFresh(version)));
  const lost = final.length > PROBED_MAX ? idsOf(({ revision }) => revision > 0).slice(0, PROBED_MAX) : final;
  const all = new Set([...lost, ...idsOf(({ recordId }) => sought.has(recordId))]);
  return all.size === 0 ? [] : versionsOnAnyDay(client, origin, [...all]);
}

function bars({ direction, threshold }: Crossing): boolean {
  return direction === 'rose' && threshold.actions.some((action) => action.startsWith('suspend'));
}

/**
 * Nobody is barred for money that stands twice: of accounts that are about to be, what seemed to be the first of its record is
 * sought on all days, the dearest at the most.
 */
export async function assureCountedOnce(
  client: PoolClient,
  { source, first, holding, learnt }: Pick<WeighedBatch, 'source' | 'first' | 'holding' | 'learnt'>,
  crossings: readonly Crossing[],
): Promise<void> {
  const accounts = new Set(crossings.filter(bars).map(({ account }) => account.accountId));
  const records = first
    .filter(({ accountId, recordId }) => accounts.has(accountId) && !learnt.records.includes(recordId))
    .toSorted((a, b) => Number(b.amount - a.amount))
    .slice(0, PROBED_MAX)
    .map(({ recordId }) => recordId);
  if (records.length === 0) return;
  const standing = await versionsOnAnyDay(client, source.origin, records);
  const elsewhere = standing.filter(({ recordId, startedAt }) => holding.get(recordId)?.startedAt !== startedAt);
  if (elsewhere.length === 0) return;
  throw new BeginsAgain({ ...learnt, records: [...learnt.records, ...elsewhere.map(({ recordId }) => recordId)] });
}
