/**
 * What it costs to look at all that is counted: ingest with deviations on, and a worker process of its own looking at it
 * meanwhile, as a ratio to ingest with deviations off, interleaved in one run; what the worker needs of CPU a record; and
 * how long after the durable answer a single record has been looked at. Made-up usage, from a seed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createDataSource } from '../../src/database/data-source.ts';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { putAccounts } from '../../src/accounts/store.ts';
import { unreadShards } from '../../src/deviations/movement-log.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { RecordUsage } from '../../src/pipeline/usage/record-usage.ts';
import { ACCOUNTS, HEADER, madeUpAccount, usageLines } from './made-up-usage.ts';

const ROUNDS = 3;
const SINGLES = 60;
const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);

const silent = {
  info: () => undefined,
  warn: () => undefined,
  error: (text: string) => process.stderr.write(`${text}\n`),
};

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export async function observe(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plafond-bench-'));
  const postgres = new EmbeddedPostgres({ dataDir, log: silent });
  const { url } = await postgres.start();
  await migrate(url, silent);
  const dataSource = createDataSource(url, { poolSize: 8, applicationName: 'bench' });
  await dataSource.initialize();
  const clock = new SystemClock();
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => madeUpAccount(index));
  await inTransaction(dataSource, async ({ client }) => void (await putAccounts(client, accounts, new Date())));
  const usage = new RecordUsage(dataSource, clock, new UsagePartitions(dataSource, clock));
  const policies = new ChangePolicies(dataSource, clock);
  const worker = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, DATABASE_URL: url, DATA_DIR: dataDir, ROLE: 'worker', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const file = async (name: string, rows: number): Promise<void> => {
    const bytes = (async function* () {
      yield Buffer.from([HEADER, ...usageLines(name, rows)].join('\n'));
    })();
    const delivery = { feed: 'bench', source: 'drop-folder', format: 'csv', requestedBy: 'bench' } as const;
    await usage.record({ ...delivery, bytes });
  };
  const watching = (mode: 'off' | 'shadow') => policies.put({ kind: 'everyone', value: '' }, mode, 1, 'bench');
  const lookedAt = async (pause_ms: number): Promise<void> => {
    while ((await inTransaction(dataSource, ({ client }) => unreadShards(client, SHARDS))).length > 0)
      await sleep(pause_ms);
  };

  const off: number[] = [];
  const log: number[] = [];
  const on: number[] = [];
  const through: number[] = [];
  let cpu_ms = 0;
  const after_ms: number[] = [];
  try {
    for (let round = -1; round < ROUNDS; round++) {
      await watching('off');
      const without = await seconds(() => file(`off${round}x`, ROWS));
      await watching('shadow');
      // The worker stands still: this is what writing down what moved costs the importer.
      worker.kill('SIGSTOP');
      const withLog = await seconds(() => file(`log${round}xy`, ROWS));
      worker.kill('SIGCONT');
      await lookedAt(20);
      const cpuBefore = await cpuOf(worker);
      const began = performance.now();
      const withLook = await seconds(() => file(`on${round}xx`, ROWS));
      await lookedAt(20);
      const all = (performance.now() - began) / 1_000;
      if (round < 0) continue;
      cpu_ms += (await cpuOf(worker)) - cpuBefore;
      off.push(ROWS / without);
      log.push(ROWS / withLog);
      on.push(ROWS / withLook);
      through.push(ROWS / all);
      process.stderr.write(`round ${round + 1} of ${ROUNDS} done\n`);
    }
    for (let single = 0; single < SINGLES; single++) {
      await file(`single${single}-`, 1);
      const answered = performance.now();
      await lookedAt(2);
      after_ms.push(performance.now() - answered);
      await sleep(50);
    }
  } finally {
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    await dataSource.destroy();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  const rate = (values: readonly number[]) => Math.round(median(values)).toLocaleString('en').padStart(9);
  const ratio = (values: readonly number[]) => median(values.map((each, round) => each / off[round]!)).toFixed(2);
  const sorted = after_ms.toSorted((a, b) => a - b);
  process.stdout.write(
    `observe: ${ROWS.toLocaleString('en')} rows a round, ${ACCOUNTS.toLocaleString('en')} accounts, ${ROUNDS} rounds, ${cpus().length} cores; medians\n` +
      `  deviations off             ${rate(off)} records/s\n` +
      `  deviations on, not looked at${rate(log).slice(1)} records/s   ${ratio(log)} of off\n` +
      `  deviations on, looked at   ${rate(on)} records/s   ${ratio(on)} of off\n` +
      `  until all is looked at     ${rate(through)} records/s\n` +
      `  CPU of the worker process  ${((cpu_ms * 1_000) / (ROUNDS * ROWS)).toFixed(1)} µs a record\n` +
      `  from the durable answer until one record is looked at: p50 ${sorted[SINGLES >> 1]!.toFixed(0)} ms, max ${sorted.at(-1)!.toFixed(0)} ms\n`,
  );
}

/** Milliseconds of CPU that a process has used, by Linux's own account (in hundredths of a second); 0 elsewhere. */
async function cpuOf({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return 10 * (Number(utime ?? 0) + Number(stime ?? 0));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!;
}
