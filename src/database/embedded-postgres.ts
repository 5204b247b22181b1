/**
 * The embedded PostgreSQL 18: made at the first start, kept running, shared by the Plafonds of one machine that have the
 * same data folder.
 *
 * In `DATA_DIR/postgres` stand `cluster/` (PostgreSQL's own folder), `password`, `port`, `server.log` and `owners/`.
 * - There is one server. PostgreSQL itself sees to it, by `postmaster.pid` and by the shared memory named there. Who loses
 *   a race to start it, and who comes after a `kill -9` that left it running, adopts the server that runs.
 * - The last Plafond out stops it (`ServerOwners`).
 * - It comes back. A server that dies is started again, on the same port, by whoever notices first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fchownSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { chown, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import {
  isCode,
  locateBinaries,
  placeOfServer,
  runAs,
  serverAccount,
  spawnOptions,
  type PostgresBinaries,
  type ServerAccount,
} from './postgres-binaries.ts';
import { CLUSTER_USER, makeCluster } from './postgres-cluster.ts';
import { runningProcess } from './processes.ts';
import { ServerOwners } from './server-owners.ts';

/** Where the database's stories are told. A pino logger is one. */
export type DatabaseLog = Record<'info' | 'warn' | 'error', (text: string) => void>;

export interface EmbeddedPostgresOptions {
  /** Plafond's data folder; the server's is `postgres` in it. */
  dataDir: string;
  log: DatabaseLog;
  /** Server settings beside or instead of Plafond's own, such as `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
}

// Recovery after a crash replays at most `max_wal_size`, which takes a slow disk a minute or two.
const START_MS_MAX = 180_000;
const FAILED_STARTS_MAX = 5;
const WATCH_EVERY_MS = 250;
const RESTART_DELAY_MS_MAX = 30_000;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
// No system gives a process this pid.
const NO_PROCESS = 2_147_483_646;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Each queue and each worker of BullMQ has a pool of its own.
  max_connections: '200',
  shared_buffers: `${sharedBuffers()}MB`,
  max_wal_size: '2GB',
  jit: 'off',
  log_checkpoints: 'off',
  // Statements and details of errors hold people's numbers, which have no place in a log.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/**
 * In MB, an eighth of the memory that this process may have: each new record meets another page of the large indexes, and
 * one that is not there pushes another out. PostgreSQL's documentation begins at a quarter, where nothing else runs.
 */
function sharedBuffers(): number {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2 ** 20;
  return Math.round(Math.min(Math.max(memory / 8, 128), 2_048));
}

/** One server on one data folder. A process has at most one of these for a folder. */
export class EmbeddedPostgres {
  readonly #options: EmbeddedPostgresOptions;
  readonly #account: ServerAccount;
  readonly #ending = new AbortController();
  #binaries: PostgresBinaries;
  #home = '';
  #owners: ServerOwners | undefined;
  #port = 0;
  #password = '';
  #watching = Promise.resolve();
  #lastAnswer: unknown;

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options;
    this.#account = serverAccount(options.dataDir);
  }

  /**
   * Starts the server, or adopts the one that runs on this folder, and keeps it running until `stop`. Resolves when it
   * answers. Throws, with the end of the server's log, where it does not come up.
   */
  async start(): Promise<{ url: string }> {
    const place = await placeOfServer(this.#options.dataDir, this.#account);
    this.#binaries = await locateBinaries(place, this.#account);
    await makeCluster(place, this.#binaries, this.#account);
    this.#home = join(place, 'postgres');
    this.#password = await readFile(join(this.#home, 'password'), 'utf8');
    this.#owners = new ServerOwners(join(this.#home, 'owners'));
    await this.#owners.enter();
    try {
      this.#port = await this.#serve();
    } catch (error) {
      // A server that still recovers is left to it: the next start finds it further on.
      await this.#owners.leave(() => Promise.resolve());
      this.#owners = undefined;
      throw error;
    }
    this.#watching = this.#watch();
    return { url: this.#url(this.#port) };
  }

  /** Leaves the server; stops it where nobody else on this machine uses it. To be called after every connection is closed. */
  async stop(): Promise<void> {
    if (!this.#owners || this.#ending.signal.aborted) return;
    this.#ending.abort();
    await this.#watching;
    const stopped = await this.#owners.leave(() => this.#stopServer());
    if (!stopped) this.#options.log.info('PostgreSQL goes on: another Plafond uses it');
  }

  async #stopServer(): Promise<void> {
    if (!this.#postmaster()) return;
    const args = ['stop', '-s', '-w', '-t', '120', '-m', 'fast', '-D', this.#cluster];
    await runAs(this.#account, this.#binaries.pg_ctl, args).catch((error: unknown) => {
      if (this.#postmaster()) throw error;
    });
  }

  get #cluster(): string {
    return join(this.#home, 'cluster');
  }

  get #logFile(): string {
    return join(this.#home, 'server.log');
  }

  #url(port: number): string {
    return `postgres://${CLUSTER_USER}:${this.#password}@127.0.0.1:${port}/postgres`;
  }

  /** What `postmaster.pid` says, where the process it names is the server of this cluster. */
  #postmaster(): { pid: number; port: number } | undefined {
    const lines = this.#postmasterFile()?.split('\n') ?? [];
    const pid = Number(lines[0]);
    if (!(pid > 0)) return undefined;
    const command = runningProcess(pid)?.command;
    const ours = command !== undefined && (command === '' || command.includes(`-D ${this.#cluster} `));
    return ours ? { pid, port: Number(lines[3]) } : undefined;
  }

  #postmasterFile(): string | undefined {
    try {
      return readFileSync(join(this.#cluster, 'postmaster.pid'), 'utf8');
    } catch {
      return undefined;
    }
  }

  /** Resolves to the port of a server that answers: the one that runs, or one started here. */
  async #serve(): Promise<number> {
    const limit = AbortSignal.timeout(START_MS_MAX);
    const logFrom = (await stat(this.#logFile).catch(() => undefined))?.size ?? 0;
    let child: ChildProcess | undefined;
    let failedStarts = 0;
    let adopting = true;
    while (!limit.aborted && !this.#ending.signal.aborted) {
      const postmaster = this.#postmaster();
      if (postmaster && (await this.#answers(postmaster.port))) {
        this.#options.log.info(
          `PostgreSQL ${adopting ? 'was running and is adopted' : 'is up'} on 127.0.0.1:${postmaster.port}, data in ${this.#cluster}`,
        );
        await this.#keepPort(postmaster.port);
        return postmaster.port;
      }
      if (!postmaster && (!child || child.exitCode !== null || child.signalCode !== null)) {
        if (child && ++failedStarts === FAILED_STARTS_MAX) break;
        // Backends of a server that was killed take a moment to notice; until then a new one may not start.
        if (child) await sleep(100 * 2 ** failedStarts);
        adopting = false;
        child = await this.#spawn();
      }
      await sleep(20);
    }
    throw await this.#didNotStart(logFrom);
  }

  async #spawn(): Promise<ChildProcess> {
    this.#voidStaleLock();
    if (((await stat(this.#logFile).catch(() => undefined))?.size ?? 0) > LOG_BYTES_MAX) {
      await rename(this.#logFile, `${this.#logFile}.old`);
    }
    const port = await this.#choosePort();
    const settings = Object.entries({ ...SETTINGS, ...this.#options.settings });
    const args = [
      '-D',
      this.#cluster,
      '-p',
      String(port),
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    const log = openSync(this.#logFile, 'a', 0o600);
    if (this.#account) fchownSync(log, this.#account.uid, this.#account.gid);
    // In a session of its own, so that Ctrl-C in a terminal reaches Plafond alone, which stops the server last.
    const child = spawn(this.#binaries.postgres, args, {
      ...spawnOptions(this.#account),
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.unref();
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return child;
  }

  /**
   * A `postmaster.pid` whose process is gone does no harm: PostgreSQL looks whether any of its backends still hold the
   * shared memory named there, and starts if not. But it stops at a zombie, and at another process that has come by the
   * same pid. There we put a pid that no process has, which leaves PostgreSQL's look at the memory in force; removing the
   * file would not.
   */
  #voidStaleLock(): void {
    const file = this.#postmasterFile();
    if (file === undefined || this.#postmaster()) return;
    this.#options.log.warn(`PostgreSQL's last run was cut off (process ${file.split('\n')[0]}); it recovers`);
    writeFileSync(join(this.#cluster, 'postmaster.pid'), file.replace(/^.*/, String(NO_PROCESS)));
  }

  /** The port of last time where it is free, so that pools that know it find the server again; else a free one. */
  async #choosePort(): Promise<number> {
    const last = Number(await readFile(join(this.#home, 'port'), 'utf8').catch(() => '0'));
    return (await freePort(last)) ?? (await freePort(0))!;
  }

  async #keepPort(port: number): Promise<void> {
    const file = join(this.#home, 'port');
    await writeFile(file, String(port));
    if (this.#account) await chown(file, this.#account.uid, this.#account.gid);
  }

  async #answers(port: number): Promise<boolean> {
    const client = new Client({ connectionString: this.#url(port), connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch (error) {
      this.#lastAnswer = error;
      if (isCode(error, '28P01')) {
        throw new Error(`the password in ${this.#home}/password is not that of the cluster`, { cause: error });
      }
      // A server whose connections are all taken is up.
      return isCode(error, '53300');
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #didNotStart(logFrom: number): Promise<Error> {
    const log = (await readFile(this.#logFile).catch(() => Buffer.alloc(0))).subarray(logFrom).toString().slice(-2_000);
    return new Error(
      `PostgreSQL in ${this.#cluster} did not start; the end of ${this.#logFile}:\n${log || '(nothing was written)'}`,
      { cause: this.#lastAnswer },
    );
  }

  /** Looks after the server until `stop`. Never throws. */
  async #watch(): Promise<void> {
    const { log } = this.#options;
    let delay_ms = WATCH_EVERY_MS;
    let quietLooks = 0;
    // The timer keeps no process alive that has nothing else to do.
    const pause = (ms: number) =>
      sleep(ms, undefined, { ref: false, signal: this.#ending.signal }).catch(() => undefined);
    for (;;) {
      await pause(WATCH_EVERY_MS);
      if (this.#ending.signal.aborted) return;
      if (this.#postmaster()) {
        if (++quietLooks > RESTART_DELAY_MS_MAX / WATCH_EVERY_MS) delay_ms = WATCH_EVERY_MS;
        continue;
      }
      quietLooks = 0;
      log.error('PostgreSQL has ended by itself and is started again');
      try {
        const port = await this.#serve();
        if (port !== this.#port) log.error(`PostgreSQL has moved to port ${port}: restart this process`);
      } catch (error) {
        if (!this.#ending.signal.aborted) log.error(String(error));
      }
      await pause(delay_ms);
      delay_ms = Math.min(delay_ms * 2, RESTART_DELAY_MS_MAX);
    }
  }
}

/** `port` where it is free on 127.0.0.1 (0: any that is), else `undefined`. */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const found = (server.address() as AddressInfo).port;
      server.close(() => resolve(found));
    });
  });
}
