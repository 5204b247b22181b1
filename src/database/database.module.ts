import { setTimeout as sleep } from 'node:timers/promises';
import { Module, type DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Config } from '../config.ts';
import { createDataSource } from './data-source.ts';
import { EmbeddedPostgres, type DatabaseLog } from './embedded-postgres.ts';
import { migrate } from './migrate.ts';
import { sqlState } from './transaction.ts';

/** One process holds at most this many for its own statements, up to 40 for queues on PostgreSQL, and one for the relay; the embedded server grants 200. */
const POOL_SIZE = 12;

/** Plafond's database, migrated and connected. */
export class Database {
  constructor(
    readonly url: string,
    readonly dataSource: DataSource,
    private readonly embedded: EmbeddedPostgres | undefined,
  ) {}

  /** Ends the pool, then the embedded server; to be called after everything that uses them has ended. */
  async close(): Promise<void> {
    await this.dataSource.destroy();
    await this.embedded?.stop();
  }
}

/**
 * Opens the database that DATABASE_URL names, or starts the embedded one, and brings it to this version's schema.
 * Throws where a server does not answer within some seconds, is older than PostgreSQL 18, or a migration fails.
 */
export async function openDatabase(config: Config, log: DatabaseLog): Promise<Database> {
  const embedded =
    config.databaseUrl === undefined ? new EmbeddedPostgres({ dataDir: config.dataDir, log }) : undefined;
  const url = config.databaseUrl ?? (await embedded!.start()).url;
  try {
    await migrateOnceItAnswers(url, log, { queue: config.queueUrl.startsWith('postgres:') });
    const dataSource = createDataSource(url, { poolSize: POOL_SIZE, applicationName: 'plafond' });
    return new Database(url, await dataSource.initialize(), embedded);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

const ATTEMPTS = 5;
const STILL_AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  '57P03', // cannot_connect_now: it is starting up
]);

/** A server that starts together with Plafond, as in a compose file, may need some seconds more. */
async function migrateOnceItAnswers(url: string, log: DatabaseLog, options: { queue: boolean }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrate(url, log, options);
    } catch (error) {
      const state = sqlState(error);
      if (state === undefined || !STILL_AWAY.has(state) || attempt === ATTEMPTS) throw error;
      log.warn(`the database does not answer yet (${state}), attempt ${attempt} of ${ATTEMPTS}`);
      await sleep(attempt * 500);
    }
  }
}

/** Gives everything the database that was opened for it. */
@Module({})
export class DatabaseModule {
  static of(database: Database): DynamicModule {
    const providers = [
      { provide: Database, useValue: database },
      { provide: DataSource, useValue: database.dataSource },
    ];
    return { module: DatabaseModule, global: true, providers, exports: providers };
  }
}
