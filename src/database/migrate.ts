import { setTimeout as sleep } from 'node:timers/promises';
import { runMigrations } from 'bullmq';
import { Client } from 'pg';
import { migrations } from '../../migrations/index.ts';
import { assertServerVersion, createDataSource, FIRST_SESSION } from './data-source.ts';
import type { DatabaseLog } from './embedded-postgres.ts';
import { assertOwnSessions } from './own-sessions.ts';
import { assertPlace } from './place.ts';

/** A server that takes the connection and says nothing for so long is as good as away. */
const CONNECT_MS_MAX = 10_000;
/** Longer than whoever was told to end may take, and than the server keeps sessions of a machine that is gone. */
const OTHERS_END_MS_MAX = 60_000;
const LOOK_EVERY_MS = 200;
// "PLAF" in ASCII: any number does that nobody else locks in this database.
const MIGRATION_LOCK = 0x504c4146;

/**
 * Brings the database to this version's schema: Plafond's own migrations, each in its transaction, and BullMQ's (schema
 * `bullmq`) unless the queue is elsewhere. Of several processes that start at once one does it and the others wait, by
 * an advisory lock that PostgreSQL releases where its holder dies.
 *
 * Throws where the server does not answer, is older than PostgreSQL 18, or a pooler stands before it; where the role may not make
 * what is needed, or the encoding is not UTF-8; where a later version has migrated the database, or processes of an earlier one go
 * on; and where a migration fails, which leaves those before it in place.
 */
export async function migrate(
  url: string,
  log: DatabaseLog,
  { queue = true, othersEnd_ms = OTHERS_END_MS_MAX }: { queue?: boolean; othersEnd_ms?: number } = {},
): Promise<void> {
  const connection = {
    connectionString: url,
    application_name: 'plafond migrate',
    ...FIRST_SESSION,
    connectionTimeoutMillis: CONNECT_MS_MAX,
  };
  await assertOwnSessions(connection);
  const client = new Client(connection);
  client.on('error', (error) => log.error(`the connection that holds the migration lock broke: ${error.message}`));
  await client.connect();
  try {
    await assertServerVersion(async (sql) => (await client.query<{ num: string; name: string }>(sql)).rows);
    await client.query('SET transaction_timeout = 0');
    await assertPlace(client, { queue });
    const lock = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [MIGRATION_LOCK]);
    if (!lock.rows[0]!.taken) {
      log.info('another process migrates the database; waiting for it');
      await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    }
    if (await isBehind(client)) await untilOthersEnd(client, log, othersEnd_ms);
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

/** Whether the schema is one of an earlier version. Throws where it is one of a later version: this one would not keep what that relies on. */
async function isBehind(client: Client): Promise<boolean> {
  const { rows: made } = await client.query(`SELECT WHERE to_regclass('migrations') IS NOT NULL`);
  if (made.length === 0) return false;
  const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY timestamp');
  const known = new Set(migrations.map(({ name }) => name));
  const later = rows.filter(({ name }) => !known.has(name));
  if (later.length > 0) {
    throw new Error(
      `a later version of Plafond has migrated this database (${later.at(-1)!.name}): start that version, or restore what was kept from before it`,
    );
  }
  return rows.length > 0 && rows.length < known.size;
}

/** Whoever goes on under a schema that changes does not keep what the new one relies on, and nobody would notice. */
async function untilOthersEnd(client: Client, log: DatabaseLog, within_ms: number): Promise<void> {
  const limit = AbortSignal.timeout(within_ms);
  for (let told = false; ; told = true) {
    const { rows } = await client.query<{ sessions: number }>(
      `SELECT count(*)::int AS sessions FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'plafond%' AND application_name <> 'plafond migrate'`,
    );
    const { sessions } = rows[0]!;
    if (sessions === 0) return;
    const running = `processes of an earlier version of Plafond still run on this database (${sessions} session${sessions === 1 ? '' : 's'})`;
    if (limit.aborted) throw new Error(`${running}: stop them, then start this one`);
    if (!told) log.warn(`${running}; waiting until they have ended`);
    await sleep(LOOK_EVERY_MS);
  }
}
