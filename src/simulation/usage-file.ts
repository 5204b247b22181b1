/** Usage of a file in the order in which it became available: streamed where the file has that order, sorted in memory where not. */
import { readRows } from '../feeds/formats/rows.ts';
import { openFile } from '../feeds/sources/drop-folder.ts';
import type { Reject, UsageRecord } from '../feeds/usage-record.ts';

const BATCH_ROWS = 20_000;

export type UsageSource = (rejects: Reject[]) => AsyncGenerator<UsageRecord[]>;

/** Streams. Throws {@link OutOfOrder} at the first record that became available before its predecessor. */
export function streamed(path: string): UsageSource {
  return async function* (rejects) {
    let latest = -Infinity;
    for await (const records of batchesOf(path, rejects)) {
      for (const { receivedAt } of records) {
        if (receivedAt < latest) throw new OutOfOrder();
        latest = receivedAt;
      }
      yield records;
    }
  };
}

/** Reads all of it first, and only once. The order of the file decides between records of the same instant. */
export function sorted(path: string): UsageSource {
  let reading: Promise<{ records: UsageRecord[]; rejected: Reject[] }> | undefined;
  return async function* (rejects) {
    const { records, rejected } = await (reading ??= wholeOf(path));
    for (const reject of rejected) rejects.push(reject);
    yield records;
  };
}

async function wholeOf(path: string): Promise<{ records: UsageRecord[]; rejected: Reject[] }> {
  const all: UsageRecord[] = [];
  const rejected: Reject[] = [];
  for await (const records of batchesOf(path, rejected)) for (const record of records) all.push(record);
  return { records: all.toSorted((a, b) => a.receivedAt - b.receivedAt), rejected };
}

export class OutOfOrder extends Error {}

async function* batchesOf(path: string, rejects: Reject[]): AsyncGenerator<UsageRecord[]> {
  const { bytes, format } = openFile(path);
  for await (const rows of readRows(bytes, format, BATCH_ROWS)) {
    const records: UsageRecord[] = [];
    for (const row of rows) {
      if ('reject' in row) rejects.push(row.reject);
      else records.push(row.record);
    }
    yield records;
  }
}
