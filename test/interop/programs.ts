/** What tests against real programs say where one is not there. */
import { describe } from '@jest/globals';
import { findProgram } from './find-program.ts';

/** Describes tests that need these programs (names, or paths). Where one is missing they are skipped, and that is said. */
export function describeWith(programs: readonly string[], what: string, tests: () => void): void {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return describe(what, tests);
  process.stderr.write(`SKIPPED: ${what}: not installed: ${missing.join(', ')}\n`);
  describe.skip(`${what} (skipped: ${missing.join(', ')} not installed)`, tests);
}
