/** The real programs that these tests run against, and what is said where one is not there. */
import { accessSync, constants } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { describe } from '@jest/globals';

// Servers stand in /usr/sbin, which is on root's path alone.
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** Where a program is, by its name or its path; undefined where it is not installed. */
export function findProgram(program: string): string | undefined {
  const places = isAbsolute(program) ? [program] : FOLDERS.map((folder) => join(folder, program));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Describes tests that need these programs (names, or paths). Where one is missing they are skipped, and that is said. */
export function describeWith(programs: readonly string[], what: string, tests: () => void): void {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return describe(what, tests);
  process.stderr.write(`SKIPPED: ${what}: not installed: ${missing.join(', ')}\n`);
  describe.skip(`${what} (skipped: ${missing.join(', ')} not installed)`, tests);
}
