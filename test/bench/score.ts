/**
 * What scoring a record costs by itself: a made-up provider's usage, all of it in memory, through the engine alone, as often
 * as there are rounds; every record of warm-up and test counts, and so does what is learnt. Made-up usage, from a seed.
 */
import { cpus } from 'node:os';
import type { Account } from '../../src/accounts/account.ts';
import { World, WORLD_DEFAULTS } from '../../src/simulation/world/world.ts';
import type { Movement } from '../../src/ledger/version.ts';
import { measure } from './detection/measure.ts';
import { normsOf, plafond } from './detection/plafond.ts';

const ROUNDS = 7;
const CHOSEN = { ...WORLD_DEFAULTS, seed: 9_001, accounts: 700, attacksPerShape: 15 };

export async function score(): Promise<void> {
  const world = new World(CHOSEN);
  const records: [movement: Movement, account: Account, at: number][] = [];
  const collector = {
    name: 'collector',
    score: (...record: [Movement, Account, number]) => {
      records.push(record);
      return 0;
    },
  };
  measure(world, [collector]);
  const norms = normsOf(CHOSEN);
  const nanoseconds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const engine = plafond(norms, world.warmUntil * 1_000);
    const before = process.cpuUsage();
    for (const record of records) engine.score(...record);
    const { user, system } = process.cpuUsage(before);
    nanoseconds.push(((user + system) * 1_000) / records.length);
  }
  const sorted = nanoseconds.toSorted((a, b) => a - b);
  process.stdout.write(
    `score: ${records.length.toLocaleString('en')} records of ${CHOSEN.accounts} accounts, ${ROUNDS} rounds, ${cpus().length} cores\n` +
      `  CPU of the process  ${Math.round(sorted[ROUNDS >> 1]!)} ns a record (median; ${Math.round(sorted[0]!)} to ${Math.round(sorted.at(-1)!)})   goal 1,000\n`,
  );
}
