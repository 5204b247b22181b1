import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runningProcess } from './processes.ts';

/**
 * Who uses a server, as files in a folder named after the processes, so that the last one out stops it.
 *
 * Who leaves first puts up a sign (`.leaving`), then takes its own file away, and stops the server only where no living
 * owner is left. Who comes first puts up its file, then waits until no living sign is left. So of two that cross at least
 * one sees the other, and nobody loses a server that was just adopted. Files of dead processes count for nothing.
 */
export class ServerOwners {
  readonly #folder: string;
  readonly #own: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#own = join(folder, `${process.pid}.${runningProcess(process.pid)?.started ?? 0}`);
  }

  async enter(): Promise<void> {
    await writeFile(this.#own, '');
    while ((await this.#living()).some(isSign)) await sleep(20);
  }

  /** Calls `stop` where nobody else is left; tells whether it did. */
  async leave(stop: () => Promise<void>): Promise<boolean> {
    await writeFile(`${this.#own}.leaving`, '');
    try {
      await rm(this.#own, { force: true });
      if (!(await this.#living()).every(isSign)) return false;
      await stop();
      return true;
    } finally {
      await rm(`${this.#own}.leaving`, { force: true });
    }
  }

  async #living(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => {
      const [pid, started] = name.split('.');
      return runningProcess(Number(pid))?.started === started;
    });
  }
}

function isSign(name: string): boolean {
  return name.endsWith('.leaving');
}
