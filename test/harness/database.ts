import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../../src/database/data-source.ts';
import { closedAtLast } from './closing.ts';
import { databaseUrl, TEMPLATE } from './server.ts';

/** A connection that a failed test keeps for itself is waited for no longer: it ends with the database. */
const RELEASED_MS_MAX = 5_000;

export interface TestDatabase {
  url: string;
  /** Connected, ten connections at most. */
  dataSource: DataSource;
  /** Closes the data source and drops the database, whoever is still connected to it. */
  drop(): Promise<void>;
}

/** A migrated, empty database of the test's own; some 30 ms in memory. The first one of a run waits for the server: some 0.6 s, on a disk 2 s. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} STRATEGY file_copy`);
  const url = databaseUrl(server, name);
  const dataSource = createDataSource(url, { poolSize: 10, applicationName: 'plafond test' });
  await dataSource.initialize();
  return {
    url,
    dataSource,
    drop: closedAtLast(`database ${name}`, async () => {
      if (dataSource.isInitialized) {
        await Promise.race([dataSource.destroy(), sleep(RELEASED_MS_MAX, undefined, { ref: false })]);
      }
      await execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }),
  };
}

/** An empty database without any table, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = await serverUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${name}`);
  return {
    url: databaseUrl(server, name),
    drop: closedAtLast(`database ${name}`, () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

async function serverUrl(): Promise<string> {
  const answer = await text(connect(Number(process.env.PLAFOND_TEST_SERVER), '127.0.0.1'));
  if (answer.startsWith('!')) throw new Error(answer.slice(1));
  return answer;
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
