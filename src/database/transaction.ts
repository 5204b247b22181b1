/** Transactions on the raw connection: for the hot path, which is set-based, and for what must commit with it. */
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { DataSource, EntityManager } from 'typeorm';

/** One transaction, seen from `pg` and from TypeORM: both are the same connection. */
export interface Transaction {
  client: PoolClient;
  manager: EntityManager;
}

export interface TransactionOptions {
  /** How often the work is repeated after the first time. */
  retries?: number;
  /** Also repeat it where another transaction was first with a key; the second time around, the work finds that row. */
  retryOnUniqueViolation?: boolean;
}

const SERIALIZATION_FAILURE = '40001';
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

async function once<T>(dataSource: DataSource, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient & Pick<Client, 'end'>;
    try {
      await runner.startTransaction();
      const result = await work({ client, manager: runner.manager });
      // PostgreSQL answers COMMIT with ROLLBACK, and no error, where a statement failed and the work went on regardless.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new Error('a statement of this transaction failed unnoticed; it was rolled back');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        // Its state is unknown, so it must not serve another transaction: the pool drops a connection that is ending.
        void client.end().catch(() => undefined);
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

// Large enough that the cost of a message is lost in that of its rows, small enough to stream.
const COPY_CHUNK_CHARACTERS = 65_536;

/**
 * Sends `lines` (COPY's text format, without line ends) to `statement`, such as `COPY staging (a, b) FROM STDIN`, no faster
 * than the server takes them. Resolves to the number of rows; throws, and spoils the transaction, where one is refused.
 */
export async function copyRows(client: PoolClient, statement: string, lines: Iterable<string>): Promise<number> {
  const copy = client.query(copyFrom(statement));
  await pipeline(chunks(lines), copy);
  return copy.rowCount;
}

function* chunks(lines: Iterable<string>): Generator<string> {
  let chunk = '';
  for (const line of lines) {
    chunk += line + '\n';
    if (chunk.length < COPY_CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Writes a value as one field of COPY's text format; fields are separated by tabs. */
export function copyText(value: string | null): string {
  if (value === null) return '\\N';
  return SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : value;
}
