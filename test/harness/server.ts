/**
 * The PostgreSQL that a run of the tests shares. It belongs to jest's own process, is started when the first test asks
 * for a database, and is gone with the run; the next run removes what a killed one left.
 */
import { chmodSync, mkdtempSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { EmbeddedPostgres, type DatabaseLog } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { runningProcess } from '../../src/database/processes.ts';
import { closedAtLast } from './closing.ts';

/** The migrated database of which every test's database is a copy. */
export const TEMPLATE = 'plafond_template';

const silent: DatabaseLog = { info: () => undefined, warn: () => undefined, error: (text) => console.error(text) };

export class TestServer {
  readonly #dataDir = makeTestFolder();
  readonly #postgres: EmbeddedPostgres;
  #listener: Server;
  #started: Promise<string> | undefined;

  constructor() {
    this.#postgres = new EmbeddedPostgres({
      dataDir: this.#dataDir,
      log: silent,
      settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '256MB' },
    });
  }

  /** Waits for tests that ask. Resolves to the port where they get the server's url, or `!` and why there is none. */
  async listen(): Promise<number> {
    await removeLeftovers();
    this.#listener = createServer((socket) => {
      socket.on('error', () => undefined);
      this.#url().then(
        (url) => socket.end(url),
        (error: unknown) => socket.end(`!${String(error)}`),
      );
    });
    await new Promise<void>((resolve) => this.#listener.listen(0, '127.0.0.1', resolve));
    this.#listener.unref();
    return (this.#listener.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#listener.close();
    await this.#started?.catch(() => undefined);
    await this.#postgres.stop();
    await removeDataDir(this.#dataDir);
  }

  #url(): Promise<string> {
    return (this.#started ??= this.#start());
  }

  async #start(): Promise<string> {
    const { url } = await this.#postgres.start();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`CREATE DATABASE ${TEMPLATE}`);
    await client.end();
    await migrate(databaseUrl(url, TEMPLATE), silent);
    return url;
  }
}

/** A PostgreSQL of the test's own, until it is stopped or the tests of the file have ended. */
export async function startPostgres(dataDir: string): Promise<{ url: string; stop(): Promise<void> }> {
  const quiet = { ...silent, error: () => undefined };
  const postgres = new EmbeddedPostgres({ dataDir, log: quiet, settings: { fsync: 'off' } });
  const stop = closedAtLast('PostgreSQL', () => postgres.stop());
  return { ...(await postgres.start()), stop };
}

/** A folder for a server's data, removed with the server when the tests of the file have ended, or by the next run where this one is killed. */
export function makeTestFolder(): string {
  const folder = mkdtempSync(join(parentOfTestFolders(), `plafond-test-${process.pid}-`));
  // As root, the server's account must be able to come through.
  chmodSync(folder, 0o711);
  closedAtLast(folder, () => removeDataDir(folder));
  return folder;
}

/** In memory where there is room: a database is copied there in 25 ms, on some disks in 400. */
function parentOfTestFolders(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 1024 ** 3 ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** The url of another database of the same server. */
export function databaseUrl(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

/** Removes a data folder whose server, if it still runs, nobody needs any more. */
export async function removeDataDir(dataDir: string): Promise<void> {
  const home = await realpath(join(dataDir, 'postgres')).catch(() => undefined);
  if (home !== undefined) {
    const pid = postmasterOf(join(home, 'cluster'));
    if (pid !== undefined) {
      // An immediate shutdown; after a SIGKILL the server's shared memory would stay.
      process.kill(pid, 'SIGQUIT');
      while (runningProcess(pid)) await sleep(20);
    }
    if (!home.startsWith(await realpath(dataDir))) await rm(dirname(home), { recursive: true, force: true });
  }
  // Backends of a server that was killed write for a moment longer.
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

/** The pid of the server that runs on this cluster, which may stand elsewhere: as root it does. */
export function postmasterOf(place: string): number | undefined {
  try {
    const cluster = realpathSync(place);
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return runningProcess(pid)?.command.includes(cluster) ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function removeLeftovers(): Promise<void> {
  for (const parent of new Set([parentOfTestFolders(), tmpdir()])) {
    for (const name of await readdir(parent)) {
      const pid = /^plafond-test-(\d+)-/.exec(name)?.[1];
      if (pid !== undefined && !runningProcess(Number(pid))) await removeDataDir(join(parent, name));
    }
  }
}
