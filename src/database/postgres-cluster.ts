import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAs, type PostgresBinaries, type ServerAccount } from './postgres-binaries.ts';
import { runningProcess } from './processes.ts';

/** The database's only user; its password stands in the file `password` beside the cluster. */
export const CLUSTER_USER = 'plafond';

/**
 * Makes `place/postgres` with an empty cluster, its password and the folder of its owners, where there is none yet. All
 * is made in a folder beside and renamed into place: it is there whole or not at all, and of two processes that make one
 * at once the second throws its own away.
 */
export async function makeCluster(place: string, binaries: PostgresBinaries, account: ServerAccount): Promise<void> {
  await removeUnfinished(place);
  const made = () => existsSync(join(place, 'postgres', 'cluster', 'PG_VERSION'));
  if (made()) return;
  const unfinished = await mkdtemp(join(place, `postgres.new-${process.pid}-`));
  const password = join(unfinished, 'password');
  try {
    await mkdir(join(unfinished, 'owners'));
    await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
    if (account) {
      for (const path of [unfinished, password]) await chown(path, account.uid, account.gid);
    }
    await runAs(account, binaries.initdb, [
      `--pgdata=${join(unfinished, 'cluster')}`,
      `--username=${CLUSTER_USER}`,
      `--pwfile=${password}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
    ]);
    await rename(unfinished, join(place, 'postgres'));
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!made()) throw error;
  }
}

/** Removes what processes left that died while they made a cluster. */
async function removeUnfinished(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const pid = /^postgres\.new-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !runningProcess(Number(pid))) {
      await rm(join(place, name), { recursive: true, force: true });
    }
  }
}
