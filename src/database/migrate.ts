import { runMigrations } from 'bullmq';
import { Client } from 'pg';
import { assertServerVersion, createDataSource, KEPT_ALIVE } from './data-source.ts';
import type { DatabaseLog } from './embedded-postgres.ts';
import { assertOwnSessions } from './own-sessions.ts';

/** A server that takes the connection and says nothing for so long is as good as away. */
const CONNECT_MS_MAX = 10_000;
// "PLAF" in ASCII: any number does that nobody else locks in this database.
const MIGRATION_LOCK = 0x504c4146;

/**
 * Brings the database to this version's schema: Plafond's own migrations, each in its transaction, and BullMQ's (schema
 * `bullmq`) unless the queue is elsewhere. Of several processes that start at once one does it and the others wait, by
 * an advisory lock that PostgreSQL releases where its holder dies.
 *
 * Throws where the server does not answer, is older than PostgreSQL 18, or a pooler stands before it, and where a migration fails, which
 * leaves those before it in place.
 */
export async function migrate(
  url: string,
  log: DatabaseLog,
  { queue = true }: { queue?: boolean } = {},
): Promise<void> {
  const connection = {
    connectionString: url,
    application_name: 'plafond migrate',
    ...KEPT_ALIVE,
    connectionTimeoutMillis: CONNECT_MS_MAX,
  };
  await assertOwnSessions(connection);
  const client = new Client(connection);
  client.on('error', (error) => log.error(`the connection that holds the migration lock broke: ${error.message}`));
  await client.connect();
  try {
    await assertServerVersion(async (sql) => (await client.query<{ num: string; name: string }>(sql)).rows);
    const lock = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [MIGRATION_LOCK]);
    if (!lock.rows[0]!.taken) {
      log.info('another process migrates the database; waiting for it');
      await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    }
    const dataSource = createDataSource(url, { poolSize: 2, applicationName: 'plafond migrate' });
    await dataSource.initialize();
    try {
      for (const migration of await dataSource.runMigrations()) log.info(`migrated: ${migration.name}`);
    } finally {
      await dataSource.destroy();
    }
    if (queue) await runMigrations(client);
  } finally {
    await client.end();
  }
}
