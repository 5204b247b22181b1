/** Behind PgBouncer Plafond does not start, and leaves nothing there: its sessions would not be its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createEmptyDatabase } from '../harness/database.ts';
import { end, freePort, until } from '../harness/process.ts';
import { findProgram } from './find-program.ts';
import { describeWith } from './programs.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describeWith(['pgbouncer'], 'a database behind PgBouncer', () => {
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  let folder: string;
  beforeEach(async () => {
    database = await createEmptyDatabase();
    folder = mkdtempSync(join(tmpdir(), 'plafond-pgbouncer-'));
  });
  afterEach(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  /** The address at which it is reached by way of PgBouncer. */
  const behind = async (settings: string[]): Promise<{ url: string; pooler: ChildProcess }> => {
    const { hostname, port, username, password, pathname } = new URL(database.url);
    const at = await freePort();
    const config = join(folder, 'pgbouncer.ini');
    const server = `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password}`;
    const own = ['listen_addr = 127.0.0.1', `listen_port = ${at}`, 'unix_socket_dir =', 'auth_type = any'];
    writeFileSync(config, ['[databases]', `plafond = ${server}`, '[pgbouncer]', ...own, ...settings, ''].join('\n'));
    chmodSync(folder, 0o755);
    // It does not run as root.
    const pooler = spawn(findProgram('pgbouncer')!, ['-q', config], {
      stdio: 'ignore',
      ...(process.getuid!() === 0 && NOBODY),
    });
    closedAtLast('PgBouncer', () => end(pooler));
    const url = `postgres://anyone@127.0.0.1:${at}/plafond`;
    await until('PgBouncer answers', () => rowsOf(url, 'SELECT 1').catch(() => undefined));
    return { url, pooler };
  };

  const rowsOf = async (url: string, sql: string) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };

  const IGNORES = 'ignore_startup_parameters = options';
  it.each([
    ['as it is installed', [], 'refuses what sessions are started with'],
    ['by the transaction', ['pool_mode = transaction', IGNORES], 'lends sessions by the transaction'],
    [
      'by the transaction, in turn',
      ['pool_mode = transaction', 'server_round_robin = 1', IGNORES],
      'lends sessions by',
    ],
    ['by the session', ['pool_mode = session', IGNORES], 'drops what sessions are started with'],
  ])('is refused, whichever way it is shared: %s', async (_, settings, why) => {
    const { url, pooler } = await behind(settings);
    await expect(migrate(url, silent)).rejects.toThrow(
      `a pooler of connections, such as PgBouncer, stands between and ${why}`,
    );
    const left = `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                  UNION ALL SELECT 'a lock' FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database()
                   WHERE locktype = 'advisory'`;
    expect(await rowsOf(database.url, left)).toEqual([]);
    await end(pooler);
  });
});
