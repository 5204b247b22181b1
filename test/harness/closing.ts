/**
 * What the tests of a file have started and not closed. Who fails, or is timed out, does not come to where it closes; so all
 * that is left is closed after the file's last test, the newest first, and jest can end.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const CLOSE_MS_MAX = 150_000;

const open = new Map<() => Promise<void>, string>();
let ended = false;

/** How to close what has just been started: once, however often that is called, and at the latest when the file's tests have ended. */
export function closedAtLast(what: string, close: () => unknown): () => Promise<void> {
  let closing: Promise<void> | undefined;
  const once = () =>
    (closing ??= (async () => {
      open.delete(once);
      await close();
    })());
  open.set(once, what);
  // A test that was timed out goes on.
  if (ended) once().catch(() => undefined);
  return once;
}

/** Closes what is left, and waits no longer than `ms_max` for each. Throws, when all have had their turn, what went wrong. */
export async function closeWhatIsLeft(ms_max = CLOSE_MS_MAX): Promise<void> {
  ended = true;
  const wrong: string[] = [];
  for (const [close, what] of [...open].toReversed()) {
    const inVain = sleep(ms_max, undefined, { ref: false }).then(() => {
      throw new Error(`not closed within ${ms_max} ms`);
    });
    await Promise.race([close(), inVain]).catch((error: unknown) => wrong.push(`${what}: ${String(error)}`));
  }
  if (wrong.length > 0) throw new Error(`what tests had left open: ${wrong.join('\n')}`);
}
