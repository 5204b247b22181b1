import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, readFileSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { EmbeddedPostgres, type DatabaseLog } from '../../src/database/embedded-postgres.ts';
import { makeTestFolder, postmasterOf, removeDataDir } from '../harness/server.ts';

const PROGRAM = resolve('test/database/plafond-process.js');
const DAEMON = { uid: 1, gid: 1 };
const isRoot = process.getuid?.() === 0;

let folder: string;
let dataDir: string;
let story: string[];
let cleanUp: (() => unknown)[];

beforeEach(() => {
  folder = makeTestFolder();
  dataDir = folder;
  story = [];
  cleanUp = [];
});
afterEach(async () => {
  for (const each of cleanUp.toReversed()) await each();
  await removeDataDir(dataDir);
  await removeDataDir(folder);
});

const tell = (text: string) => void story.push(text);
const log: DatabaseLog = { info: tell, warn: tell, error: tell };

function embedded(settings: Record<string, string> = {}): EmbeddedPostgres {
  const postgres = new EmbeddedPostgres({ dataDir, log, settings: { fsync: 'off', ...settings } });
  cleanUp.push(() => postgres.stop());
  return postgres;
}

const cluster = () => join(realpathSync(dataDir), 'postgres', 'cluster');
const postmaster = () => postmasterOf(cluster());

/** Another process on the same folder, and its server's url. */
async function anotherProcess(account = {}): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [PROGRAM, dataDir], { stdio: ['ignore', 'pipe', 'inherit'], ...account });
  cleanUp.push(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(() => {
    throw new Error('the process ended before its server was up; is dist/ as `npm run build` makes it?');
  });
  ended.catch(() => undefined);
  const [line] = (await Promise.race([once(child.stdout!, 'data'), ended])) as [Buffer];
  return { process: child, url: line.toString().trim() };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows[0] && Object.values(rows[0])[0];
  } finally {
    await client.end();
  }
}

describe('the embedded PostgreSQL', () => {
  it('is made at the first start, keeps what it holds over a restart, and comes back on the same port', async () => {
    const first = embedded();
    const { url } = await first.start();
    expect(Number(await ask(url, 'SHOW server_version_num'))).toBeGreaterThanOrEqual(180_000);
    expect(await ask(url, `SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1`)).toBe('bC.UTF-8');
    expect(statSync(join(dataDir, 'postgres', 'password')).mode & 0o777).toBe(0o600);
    await ask(url, 'CREATE TABLE kept AS SELECT 42 AS it');
    await first.stop();
    expect(postmaster()).toBeUndefined();

    const second = await embedded().start();
    expect(second.url).toBe(url);
    expect(await ask(url, 'SELECT it FROM kept')).toBe(42);
  });

  it('comes back by itself when it is killed', async () => {
    const { url } = await embedded().start();
    await ask(url, 'CREATE TABLE kept AS SELECT 42 AS it');
    const killed = postmaster()!;
    process.kill(killed, 'SIGKILL');
    let answer: unknown;
    for (let look = 0; look < 200 && answer === undefined; look++) {
      await sleep(50);
      answer = await ask(url, 'SELECT it FROM kept').catch(() => undefined);
    }
    expect(answer).toBe(42);
    expect(postmaster()).not.toBe(killed);
    expect(story).toContain('PostgreSQL has ended by itself and is started again');
  });

  it('starts over a postmaster.pid that names a dead process, another process, or a zombie', async () => {
    const maker = embedded();
    await maker.start();
    const valid = readFileSync(join(cluster(), 'postmaster.pid'), 'utf8');
    await maker.stop();

    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    cleanUp.push(() => parent.kill());
    const [zombie] = (await once(parent.stdout, 'data')) as [Buffer];
    const dead = spawnSync('true').pid;
    for (const pid of [dead, process.pid, Number(zombie.toString())]) {
      writeFileSync(join(cluster(), 'postmaster.pid'), valid.replace(/^\d+/, String(pid)), { mode: 0o600 });
      const { uid, gid } = statSync(cluster());
      chownSync(join(cluster(), 'postmaster.pid'), uid, gid);
      const postgres = embedded();
      expect(await ask((await postgres.start()).url, 'SELECT 1')).toBe(1);
      await postgres.stop();
    }
  });

  it('outlives a Plafond that is killed, and is adopted and at last stopped by the next', async () => {
    const killed = await anotherProcess();
    const server = postmaster();
    await end(killed.process, 'SIGKILL');
    expect(postmaster()).toBe(server);

    const next = embedded();
    expect((await next.start()).url).toBe(killed.url);
    expect(postmaster()).toBe(server);
    expect(story.join()).toContain('adopted');
    await next.stop();
    expect(postmaster()).toBeUndefined();
  });

  it('is made once by two processes that start at once, and stopped by whichever leaves last', async () => {
    const [one, other] = await Promise.all([anotherProcess(), anotherProcess()]);
    expect(one.url).toBe(other.url);
    expect(readdirSync(dataDir)).toEqual(['postgres']);
    await end(one.process, 'SIGTERM');
    expect(await ask(other.url, 'SELECT 1')).toBe(1);
    await end(other.process, 'SIGTERM');
    expect(postmaster()).toBeUndefined();
    expect(readdirSync(join(dataDir, 'postgres', 'owners'))).toEqual([]);
  });

  it('that cannot start says why, in the words of its log', async () => {
    await expect(embedded({ shared_buffers: 'plenty' }).start()).rejects.toThrow(
      /did not start.*invalid value for parameter "shared_buffers"/s,
    );
  });

  const daemonCanRun =
    isRoot && spawnSync(process.execPath, ['--check', PROGRAM], { ...DAEMON, cwd: '/' }).status === 0;
  (daemonCanRun ? it : it.skip)('works for an ordinary user in a folder of their own', async () => {
    chownSync(dataDir, DAEMON.uid, DAEMON.gid);
    chmodSync(dataDir, 0o700);
    const { process: child, url } = await anotherProcess(DAEMON);
    expect(await ask(url, 'SELECT 1')).toBe(1);
    expect(statSync(cluster()).uid).toBe(DAEMON.uid);
    await end(child, 'SIGTERM');
    expect(postmaster()).toBeUndefined();
  });

  (isRoot ? it : it.skip)('stands elsewhere, behind a link, where root alone can enter the data folder', async () => {
    chmodSync(folder, 0o700);
    dataDir = join(folder, 'data');
    const first = embedded();
    const { url } = await first.start();
    expect(await ask(url, 'SELECT 1')).toBe(1);
    expect(realpathSync(join(dataDir, 'postgres'))).toMatch(/^\/var\/lib\/plafond\/server-/);
    await first.stop();
    expect((await embedded().start()).url).toBe(url);
  });
});
