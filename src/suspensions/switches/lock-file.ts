/** One holder at a time among the processes that share a folder. */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 10;
// A holder has the lock for milliseconds. Of a process on another machine only its standstill shows that it is gone.
const HELD_MS_MAX = 10_000;

// A process that was killed may have had the pid that this one has now, as each first process of a container does.
const heldHere = new Set<string>();

/** Somebody took this lock away, as from a process that stood still for too long. */
class LockLost extends Error {}

/**
 * Does `work` while holding the lock file at `path`; waits for whoever holds it. A holder that was killed is found out: at
 * once on the same machine, else after ten seconds. Before its last step the work calls `assertHeld`, for a process that
 * stood still for longer has been taken for dead; the work then starts anew.
 */
export async function holdingLock<T>(path: string, work: (assertHeld: () => Promise<void>) => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await holdingLockOnce(path, work);
    } catch (error) {
      if (!(error instanceof LockLost)) throw error;
    }
  }
}

async function holdingLockOnce<T>(path: string, work: (assertHeld: () => Promise<void>) => Promise<T>): Promise<T> {
  const token = `${hostname()} ${process.pid} ${randomUUID()}`;
  heldHere.add(token);
  try {
    await acquire(path, token);
    return await work(async () => {
      if ((await contentOf(path)) !== token) throw new LockLost(`${path} was taken by somebody else meanwhile`);
    });
  } finally {
    if ((await contentOf(path)) === token) await rm(path, { force: true });
    heldHere.delete(token);
  }
}

async function acquire(path: string, token: string): Promise<void> {
  let holder: string | undefined;
  for (let unchanged_ms = 0; !(await create(path, token)); unchanged_ms += LOOK_EVERY_MS) {
    const found = await contentOf(path);
    if (found !== holder) unchanged_ms = 0;
    holder = found;
    if (holder === undefined) continue;
    if (!isGone(holder) && unchanged_ms < HELD_MS_MAX) await sleep(LOOK_EVERY_MS);
    // Looked at once more: a holder that let go since it was read is no dead one, and the lock is another's by now.
    else if ((await contentOf(path)) === holder) await takeAway(path, holder);
  }
}

async function create(path: string, token: string): Promise<boolean> {
  try {
    await writeFile(path, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function isGone(holder: string): boolean {
  const [host, pid] = holder.split(' ');
  if (host !== hostname() || !(Number(pid) > 0)) return false;
  if (Number(pid) === process.pid) return !heldHere.has(holder);
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** Takes away the lock of `holder`, and puts it back where meanwhile it had become another's. */
async function takeAway(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await contentOf(aside)) !== holder) await link(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The system's name of an error, such as `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
