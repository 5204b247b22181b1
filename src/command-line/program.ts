/** The commands of `plafond`, what they take, and how each ends. */
import { existsSync, readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { BadEnvironment, readClientConfig } from '../config.ts';
import { INSTANT_WANTED, parseInstant, type Instant } from '../kernel/clock.ts';
import { applyCaps } from './apply-caps.ts';
import { inWords } from './in-words.ts';
import { importAccounts, importUsage } from './import-files.ts';
import { rebuildDeviations, reportDeviations } from './deviations.ts';
import { rebuildSpend } from './rebuild-spend.ts';
import { CommandFailure, Server } from './server.ts';
import type { WorldOptions } from '../simulation/world/world.ts';
import { count, counted, type Out } from './terminal.ts';
import { verifyEvidence } from './verify-evidence.ts';

export interface Terminal {
  out: Out;
  err: Out;
}

const STANDARD_INPUT = '/dev/stdin';

const DONE = 0;
const FAILED = 1;
const ROWS_REJECTED = 2;

interface ServerOptions {
  url?: string;
  key?: string;
}

interface ReplayArguments {
  accounts: string;
  caps: string;
  usage: string;
  out: string;
  warmUntil?: Instant;
  mode: 'shadow' | 'enforce';
  budget?: string;
}

interface SimulateArguments extends Omit<WorldOptions, 'attacksPerShape' | 'interim'> {
  out: string;
  attacks: number;
  interim?: boolean;
}

/**
 * Runs one command and gives its exit code: 0 when it is done, 1 when it failed or found a fault, 2 when it is done but
 * rows were rejected.
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = DONE;
  const program = commands(terminal, (code) => (exitCode = code));
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    const known = error instanceof CommandFailure || error instanceof BadEnvironment;
    const story = error instanceof Error ? (known ? error.message : error.stack) : String(error);
    terminal.err(`plafond: ${story}`);
    return FAILED;
  }
}

function commands({ out, err }: Terminal, end: (exitCode: number) => void): Command {
  const program = new Command('plafond')
    .description('Watches what telecom customers spend, and acts before the bill does')
    .version(version())
    .exitOverride()
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => err(text.trimEnd()) })
    .showHelpAfterError('(--help shows what it takes)');

  program
    .command('replay')
    .description('runs usage through the same rules as live, without a server, and writes the decisions')
    .requiredOption('--accounts <file>', 'accounts, CSV')
    .requiredOption('--caps <file>', 'caps, JSON')
    .requiredOption('--usage <file>', 'canonical usage, CSV or NDJSON, gzipped or not; - is standard input, CSV')
    .requiredOption('--out <file>', 'where decisions go, NDJSON; - is standard output')
    .option('--warm-until <instant>', 'the rules count, but stay silent until then', instantArgument)
    .addOption(modeOption())
    .option(
      '--budget <number|off>',
      'false holds and suspensions by deviations, per 1,000 account-months',
      budgetArgument,
    )
    .option('--allowed-numbers <file>', 'numbers that accounts may call whatever is barred, JSON: {"1001": ["+31…"]}')
    .action(async (options: ReplayArguments) => {
      // Loaded only here: the rules and their tables are not needed to speak with a server.
      const { replayFiles } = await import('./replay-files.ts');
      const usage = options.usage === '-' ? STANDARD_INPUT : options.usage;
      await replayFiles({ ...options, usage }, err);
    });

  program
    .command('simulate')
    .description('makes up a provider with fraud among its usage: accounts.csv, usage.csv, caps.json and truth.ndjson')
    .requiredOption('--out <folder>', 'where the files go')
    .option('--seed <number>', 'the same seed gives the same files', wholeArgument, 1)
    .option('--accounts <number>', 'customers', positiveArgument, 1_000)
    .option('--warm-days <number>', 'days before the first attack', wholeArgument, 60)
    .option('--test-days <number>', 'days after them', positiveArgument, 120)
    .option('--attacks <number>', 'attacks of each shape', wholeArgument, 20)
    .option(
      '--partners <number>',
      'new partners abroad after the warm-up, as a multiple of the usual',
      wholeArgument,
      1,
    )
    .option('--misrated <number>', 'prices of a day to one country are so many times too high', positiveArgument, 1)
    .addOption(new Option('--traffic <kind>', 'how customers call').choices(['steady', 'bursty']).default('steady'))
    .addOption(new Option('--latency <kind>', 'when records come').choices(['live', 'nightly']).default('live'))
    .option('--interim', 'an interim record every 15 minutes of a call')
    .action(async ({ out: folder, attacks, interim, ...options }: SimulateArguments) => {
      const { simulate } = await import('../simulation/simulate.ts');
      const wanted = { ...options, attacksPerShape: attacks, interim: interim === true };
      const made = await simulate(folder, wanted).catch((error: unknown) => {
        throw inWords(error);
      });
      const { accounts, records, attacks: done, wanted: asked, warmUntil } = made;
      if (done < asked) {
        err(
          `only ${counted(done, 'attack')} of ${count(asked)}: nobody is attacked twice, and there are no more whom one would be made on; take more --accounts`,
        );
      }
      err(
        `${counted(records, 'record')}, ${counted(accounts, 'account')}, ${counted(done, 'attack')}; replay with --warm-until ${warmUntil}`,
      );
    });

  onServer(program.command('import'))
    .description('sends usage to a running server; exits with 2 where rows were rejected')
    .argument('<file...>', 'usage as its feed writes it: .csv, .cdr, .ndjson or .json, or one of these gzipped (.gz)')
    .requiredOption('--feed <name>', 'the feed that it comes from')
    .option('--all', 'show every rejected row, not only the first 20')
    .action(async (files: string[], options: ServerOptions & { feed: string; all?: boolean }) => {
      const rejected = await importUsage(serverOf(options), files, options, out);
      if (rejected > 0) end(ROWS_REJECTED);
    });

  const caps = program.command('caps').description('limits on what accounts may spend');
  onServer(caps.command('apply'))
    .description('creates and changes caps so that they are as in a file; leaves others alone')
    .argument('<file>', 'caps, JSON: one, or an array of them')
    .option('--dry-run', 'change nothing, and say who would be warned or suspended')
    .action(async (file: string, options: ServerOptions & { dryRun?: boolean }) => {
      await applyCaps(serverOf(options), file, options, out);
    });

  const accounts = program.command('accounts').description('customers whose spend is watched');
  onServer(accounts.command('import'))
    .description('creates and changes accounts; all of the file is taken, or nothing')
    .argument('<file>', 'accounts, CSV')
    .action(async (file: string, options: ServerOptions) => {
      await importAccounts(serverOf(options), file, out);
    });

  const spend = program.command('spend').description('what was spent, as it is counted');
  onServer(spend.command('rebuild'))
    .description('counts every counter anew from the ledger, and mends those that differ')
    .option('--check', 'mend nothing; exits with 1 where one differs')
    .action(async ({ check, ...options }: ServerOptions & { check?: boolean }) => {
      const differing = await rebuildSpend(serverOf(options), { check }, out);
      if (check && differing > 0) end(FAILED);
    });

  const deviations = program.command('deviations').description('what is usual for each account, and what broke it');
  onServer(deviations.command('rebuild'))
    .description('makes every signature anew from the ledger')
    .option('--check', 'change nothing; exits with 1 where one differs')
    .action(async ({ check, ...options }: ServerOptions & { check?: boolean }) => {
      const differing = await rebuildDeviations(serverOf(options), { check }, out);
      if (check && differing > 0) end(FAILED);
    });
  onServer(deviations.command('report'))
    .description('tells what deviations did, or in shadow mode would have done')
    .option('--from <instant>', 'from then on (default: a week)', checkedInstant)
    .option('--to <instant>', 'until then (default: now)', checkedInstant)
    .action(async ({ from, to, ...options }: ServerOptions & { from?: string; to?: string }) => {
      await reportDeviations(serverOf(options), { ...(from && { from }), ...(to && { to }) }, out);
    });

  const evidence = program.command('evidence').description('what was known and done, and when');
  onServer(evidence.command('verify'))
    .description('recomputes every hash; exits with 1 where an entry was altered or is missing')
    .option('--account <id>', 'this account only')
    .action(async ({ account, ...options }: ServerOptions & { account?: string }) => {
      const broken = await verifyEvidence(serverOf(options), account, out);
      if (broken > 0) end(FAILED);
    });

  return program;
}

/** That of the package, which is some folders up, as it was written or as it was compiled. */
function version(): string {
  let folder = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', folder))) folder = new URL('..', folder);
  const read = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { version: string };
  return read.version;
}

function onServer(command: Command): Command {
  return command
    .option('--url <url>', 'the server (default: PLAFOND_URL, or where HOST and PORT put it)')
    .option('--key <key>', 'a key of it (default: PLAFOND_KEY, or PLAFOND_ADMIN_KEY)');
}

function serverOf({ url, key }: ServerOptions): Server {
  const environment = readClientConfig();
  return new Server({ url: url ?? environment.url, key: key ?? environment.key });
}

function modeOption(): Option {
  return new Option('--mode <mode>', 'enforce leaves out the usage that a suspension would have barred')
    .choices(['shadow', 'enforce'])
    .default('shadow');
}

function instantArgument(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) {
    throw new InvalidArgumentError(`It ${INSTANT_WANTED}.`);
  }
  return instant;
}

function wholeArgument(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of at most nine digits.');
  return Number(text);
}

function positiveArgument(text: string): number {
  const number = wholeArgument(text);
  if (number === 0) throw new InvalidArgumentError('It must be at least 1.');
  return number;
}

function checkedInstant(text: string): string {
  instantArgument(text);
  return text;
}

function budgetArgument(text: string): string {
  if (text !== 'off' && (!/^\d{1,6}(\.\d{1,6})?$/.test(text) || Number(text) === 0)) {
    throw new InvalidArgumentError('It must be a number above 0 such as 1 or 0.5, or off.');
  }
  return text;
}
