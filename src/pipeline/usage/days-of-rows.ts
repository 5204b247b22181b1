/** Rows of a night or a month start on few days. A wrong file may name thousands, and each is a partition of the ledger. */
import type { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { FeedRow } from '../../feeds/usage-record.ts';
import type { UsagePartitions } from '../../ledger/partitions.ts';
import { dayOf } from '../../ledger/usage-store.ts';

/** Whoever else needs a day waits while some are made, so not more than this are made in one transaction. */
const PREPARED_AT_ONCE = 50;
/** A transaction locks each partition and its indexes, of which PostgreSQL keeps some ten thousand for all. */
const DAYS_OF_BATCH_MAX = 500;

export function daysOf(rows: readonly FeedRow[]): Set<number> {
  const days = new Set<number>();
  for (const row of rows) if ('record' in row) days.add(dayOf(row.record.startedAt));
  return days;
}

/**
 * Makes the days ready on which rows start. Where these are many it is asked first whose the rows are, since those of unknown
 * accounts are refused: a wrong file leaves no days behind. An account that is made only then makes the batch fail; it is
 * there when the batch comes again.
 */
export async function prepareDaysOf(
  rows: readonly FeedRow[],
  dataSource: DataSource,
  partitions: UsagePartitions,
): Promise<void> {
  let days = daysOf(rows);
  if (days.size > PREPARED_AT_ONCE) {
    const named = new Set(rows.flatMap((row) => ('record' in row ? [row.record.accountId] : [])));
    const found = await inTransaction(dataSource, ({ client }) => accountsById(client, [...named]));
    const known = new Set(found.map(({ accountId }) => accountId));
    days = daysOf(rows.filter((row) => 'record' in row && known.has(row.record.accountId)));
  }
  const ordered = [...days].toSorted((a, b) => a - b);
  for (let from = 0; from < ordered.length; from += PREPARED_AT_ONCE) {
    await partitions.prepareDays(ordered.slice(from, from + PREPARED_AT_ONCE));
  }
}

/** Batches of `batchRows`, whose last is smaller; one of too many days in several, in the order of its rows. */
export async function* ofFewDays(
  batches: AsyncIterable<readonly FeedRow[]>,
  batchRows: number,
): AsyncGenerator<{ batch: readonly FeedRow[]; isLast: boolean }> {
  for await (const batch of batches) {
    const isLast = batch.length < batchRows;
    if (daysOf(batch).size <= DAYS_OF_BATCH_MAX) {
      yield { batch, isLast };
      continue;
    }
    let from = 0;
    let days = new Set<number>();
    for (const [index, row] of batch.entries()) {
      if (!('record' in row)) continue;
      const day = dayOf(row.record.startedAt);
      if (days.size === DAYS_OF_BATCH_MAX && !days.has(day)) {
        yield { batch: batch.slice(from, index), isLast: false };
        from = index;
        days = new Set();
      }
      days.add(day);
    }
    yield { batch: batch.slice(from), isLast };
  }
}
