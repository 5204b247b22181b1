/**
 * Versions whose start has moved by more than a day: the unique key is by day, so each looks like the first of its record. To
 * look for one costs a probe of every day that is kept, so it is done where it is likely, or where it matters.
 */
import type { PoolClient } from 'pg';
import type { Crossing } from '../../caps/crossing.ts';
import type { Instant } from '../../kernel/clock.ts';
import { versionsOnAnyDay } from '../../ledger/moved-records.ts';
import type { HeldVersion } from '../../ledger/version.ts';
import type { WeighedBatch } from './count-batch.ts';
import { BeginsAgain, type Learnt } from './learnt.ts';

const PROBED_MAX = 200;
/** From here on a revision is no count of ratings but the time of one, which the first has as well: seconds since 2000, or 1970. */
const RATED_AT_MIN = 100_000_000;
/** A final record that comes this soon after its call ended has not been corrected from afar. */
const FRESH_MS = 6 * 3_600_000;
/** Near real time comes within two days; what comes later may have been overtaken by what corrected it. */
const NEAR_MS = 48 * 3_600_000;

/**
 * What the ledger holds of records whose start has moved by more than a day, so that a version looked like the first. All
 * of the ledger is asked, a probe a day that is kept, only for what looks like a version of a record that should be there:
 * re-rated ones; where few of a batch are the first of their record, as where near real time came before, final ones, but
 * for those that come final as their calls end; and as few others that come days after their calls. `leavesSome`: there were
 * too many. What is not sought stands twice until {@link SettleMovedRecords} has looked: soon where some were left, else by night.
 */
export async function lostVersions(
  client: PoolClient,
  origin: string,
  first: readonly HeldVersion[],
  now: Instant,
  { records }: Learnt,
): Promise<{ lost: HeldVersion[]; leavesSome: boolean }> {
  const known = new Set(records);
  const { likely, leavesSome } = likelyMoved(first, now);
  const sought = [...likely, ...first.filter(({ recordId }) => known.has(recordId))];
  const ids = [...new Set(sought.map(({ recordId }) => recordId))];
  return { lost: ids.length === 0 ? [] : await versionsOnAnyDay(client, origin, ids), leavesSome };
}

function likelyMoved(
  first: readonly HeldVersion[],
  now: Instant,
): { likely: readonly HeldVersion[]; leavesSome: boolean } {
  const endedWithin = (ms: number, { startedAt, durationSeconds }: HeldVersion) =>
    now - startedAt - durationSeconds * 1000 < ms;
  const isRevised = ({ revision }: HeldVersion) => revision > 0 && revision < RATED_AT_MIN;
  const revised = first.filter(isRevised);
  const once = first.filter((version) => !isRevised(version));
  const late = [
    once.filter((version) => version.state === 'final' && !endedWithin(FRESH_MS, version)),
    once.filter((version) => version.state !== 'final' && !endedWithin(NEAR_MS, version)),
  ];
  const likely = late.reduce(
    (chosen, more) => (chosen.length + more.length > PROBED_MAX ? chosen : [...chosen, ...more]),
    revised.slice(0, PROBED_MAX),
  );
  return { likely, leavesSome: likely.length < revised.length + late.flat().length };
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
