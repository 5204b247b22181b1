/**
 * `npm run bench -- detection`: made-up providers with fraud among their usage, past Plafond and its rivals.
 *
 * Quick by default. `--full`: 60 + 120 days, 20 seeds, 3,000 accounts. Else `--seeds=1 --accounts=500 --attacks=10 --traffic=steady,bursty
 * --interim --nightly --no-stress --plot=FILE.svg`. Seeds of this report begin at 9001; tuning is done on `--tuning`'s, from 1001 on.
 */
import { thresholdsOf } from '../../../src/deviations/calibration.ts';
import { SIGNATURE_BYTES_MAX } from '../../../src/deviations/signature.ts';
import { World, WORLD_DEFAULTS, type WorldOptions } from '../../../src/simulation/world/world.ts';
import { measure, type Measured } from './measure.ts';
import { normsOf, plafond } from './plafond.ts';
import { plot, reportPopulation, reportPromise, type Run } from './report.ts';
import { rivals } from './rivals.ts';

const REPORTED_SEED = 9_001;
const TUNING_SEED = 1_001;

function option(name: string, otherwise: string): string {
  return process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
}
const given = (name: string): boolean => process.argv.includes(`--${name}`);

export async function detection(): Promise<void> {
  const full = given('full');
  const seeds = Number(option('seeds', full ? '20' : '1'));
  const accounts = Number(option('accounts', full ? '3000' : '700'));
  const attacks = Number(option('attacks', full ? '25' : '15'));
  const first = given('tuning') ? TUNING_SEED : REPORTED_SEED;
  const populations: [title: string, options: Partial<WorldOptions>][] = option('traffic', 'steady,bursty')
    .split(',')
    .flatMap((kind) => {
      const traffic = kind as WorldOptions['traffic'];
      const base: [string, Partial<WorldOptions>] = [`${traffic} traffic`, { traffic }];
      return given('no-stress')
        ? [base]
        : [base, [`${traffic} traffic, three times the new partners abroad`, { traffic, partners: 3 }]];
    });
  process.stdout.write(`detection: seeds ${first} to ${first + seeds - 1}, ${accounts} accounts each, 60 + 120 days\n`);
  for (const [title, options] of populations) {
    const byDetector: Measured[][] = [];
    const bytes: number[] = [];
    for (let seed = first; seed < first + seeds; seed++) {
      const chosen: WorldOptions = {
        ...WORLD_DEFAULTS,
        seed,
        accounts,
        attacksPerShape: attacks,
        interim: given('interim'),
        latency: given('nightly') ? 'nightly' : 'live',
        ...options,
      };
      const world = new World(chosen);
      const ours = plafond(normsOf(chosen), world.warmUntil * 1_000);
      for (const [index, measured] of measure(world, [ours, ...(given('no-rivals') ? [] : rivals())]).entries()) {
        (byDetector[index] ??= []).push(measured);
      }
      bytes.push(...[...ours.signatures.values()].map((signature) => signature.encode().length));
      process.stderr.write(`${title}: seed ${seed} done\n`);
    }
    report(title, byDetector, bytes);
  }
}

function report(title: string, byDetector: readonly Run[], bytes: readonly number[]): void {
  reportPopulation(title, byDetector);
  reportPromise(title, byDetector[0]!, (budget) => thresholdsOf(budget).hold);
  const mean = bytes.reduce((sum, each) => sum + each, 0) / bytes.length;
  const nanoseconds = byDetector[0]!.reduce((sum, each) => sum + each.nanoseconds, 0) / byDetector[0]!.length;
  process.stdout.write(
    `    ${Math.round(nanoseconds)} ns a record; ${Math.round(mean)} bytes an account on average, ${SIGNATURE_BYTES_MAX} at most\n`,
  );
  const path = option('plot', '');
  if (path !== '' && !title.includes(','))
    plot(
      path.replace(/\.svg$/, `-${title.split(' ')[0]}.svg`),
      `Money lost before the first action (${title})`,
      byDetector,
    );
}
