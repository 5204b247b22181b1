import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';

/** Lends a connection of the pool for reads that take a `pg` client. */
export async function onConnection<T>(dataSource: DataSource, read: (client: ClientBase) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    return await read((await runner.connect()) as ClientBase);
  } finally {
    await runner.release();
  }
}
