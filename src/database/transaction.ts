/** Transactions on the raw connection: for the hot path, which is set-based, and for what must commit with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { LineWriter } from './line-writer.ts';
import { sentTogether, type CopyConfig } from './sent-together.ts';

export interface Transaction {
  /** What is asked of it in one turn goes to the server together: see sent-together.ts. */
  client: PoolClient;
  /** Statements that were asked for, whose answers the work does not wait for: they go with COMMIT, and hold or fail with it. */
  atLast(asked: Promise<unknown>): void;
}

export interface TransactionOptions {
  /** How often the work is repeated after the first time. */
  retries?: number;
  /** Also repeat it where another transaction was first with a key; the second time around, the work finds that row. */
  retryOnUniqueViolation?: boolean;
}

const SERIALIZATION_FAILURE = '40001';
/** Nobody waited longer than `lock_timeout`; nothing has been done. */
export const LOCK_NOT_AVAILABLE = '55P03';
const DEADLOCK_DETECTED = '40P01';
const UNIQUE_VIOLATION = '23505';
const RETRY_DELAY_MS_MAX = 1_000;

/**
 * Does `work` in one transaction, which commits when the work is done and rolls back when it throws. After a deadlock or a
 * serialization failure the work is done again, from the beginning, so it must have no effect outside the transaction.
 *
 * Throws what the work threw. A connection that breaks is never retried: where it broke during COMMIT, nobody here knows
 * whether the transaction holds, and the caller has to be idempotent.
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (transaction: Transaction) => Promise<T>,
  { retries = 5, retryOnUniqueViolation = false }: TransactionOptions = {},
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await once(dataSource, work);
    } catch (error) {
      const state = sqlState(error);
      const again =
        state === DEADLOCK_DETECTED ||
        state === SERIALIZATION_FAILURE ||
        (retryOnUniqueViolation && state === UNIQUE_VIOLATION);
      if (!again || attempt >= retries) throw error;
      // Jitter keeps two transactions that met once from meeting again.
      await sleep(Math.min(10 * 2 ** attempt, RETRY_DELAY_MS_MAX) * (0.5 + Math.random()));
    }
  }
}

const START = { name: 'start-transaction', text: 'START TRANSACTION' };
const COMMIT = { name: 'commit', text: 'COMMIT' };

async function once<T>(dataSource: DataSource, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    const connection = (await runner.connect()) as PoolClient & Pick<Client, 'end'>;
    const { client, finish } = sentTogether(connection);
    const last: Promise<unknown>[] = [];
    const atLast = (asked: Promise<unknown>) => {
      asked.catch(() => undefined);
      last.push(asked);
    };
    try {
      // It goes with the first statement; where it fails, that one does.
      client.query(START).catch(() => undefined);
      const result = await work({ client, atLast });
      const committed = finish(COMMIT);
      committed.catch(() => undefined);
      // First, since who asked has the better word for what failed.
      await Promise.all(last);
      const { command } = await committed;
      // PostgreSQL answers COMMIT with ROLLBACK, and no error, where a statement failed and the work went on regardless.
      if (command !== 'COMMIT') throw new Error('a statement of this transaction failed unnoticed; it was rolled back');
      return result;
    } catch (error) {
      await finish('ROLLBACK').catch(() => {
        // Its state is unknown, so it must not serve another transaction: the pool drops a connection that is ending.
        void connection.end().catch(() => undefined);
      });
      throw error;
    }
  } finally {
    await runner.release();
  }
}

/** The SQLSTATE of an error that PostgreSQL reported, by way of `pg` or TypeORM. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

// Large enough that the cost of a message is lost in that of its rows, small enough that little is copied as it grows.
const COPY_CHUNK_BYTES = 65_536;

/**
 * Brings `rows`, as `write` writes each, by `statement`, such as `COPY staging (a, b) FROM STDIN`. They are written at once,
 * and go to the server whole, so there have to be few enough. Resolves to the number of rows; throws, and spoils the
 * transaction, where one is refused.
 */
export async function copyRows<Row>(
  client: PoolClient,
  statement: string,
  rows: Iterable<Row>,
  write: (line: LineWriter, row: Row) => void,
): Promise<number> {
  const config: CopyConfig = { text: statement, copied: [...chunks(rows, write)] };
  return (await client.query(config)).rowCount ?? 0;
}

function* chunks<Row>(rows: Iterable<Row>, write: (line: LineWriter, row: Row) => void): Generator<Buffer> {
  const line = new LineWriter(COPY_CHUNK_BYTES + 1024);
  for (const row of rows) {
    write(line, row);
    if (line.length >= COPY_CHUNK_BYTES) yield line.take();
  }
  if (line.length > 0) yield line.take();
}
