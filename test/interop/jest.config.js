/** The tests against real programs: like all others, but one file after the other, for each starts several programs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const { jest } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));

export default {
  ...jest,
  rootDir: fileURLToPath(ROOT),
  testMatch: ['<rootDir>/test/interop/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  maxWorkers: 1,
};
