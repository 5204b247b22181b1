/**
 * What it costs to look at all that is counted: ingest with deviations on, and a worker process of its own looking at it
 * meanwhile, as a ratio to ingest with deviations off, interleaved in one run; what the worker needs of CPU a record; and
 * how long after the durable answer a single record has been looked at. Made-up usage, from a seed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inTransaction } from '../../src/database/transaction.ts';
import { unreadShards } from '../../src/deviations/movement-log.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ChangePolicies } from '../../src/pipeline/deviations/change-policies.ts';
import { BenchServer, ONE_CAP } from './bench-database.ts';
import { ACCOUNTS, usageLines } from './made-up-usage.ts';
import { Importer, NODE_FLAGS, writeUsage } from './processes.ts';

const ROUNDS = 3;
const SINGLES = 60;
const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export async function observe(): Promise<void> {
  const server = await BenchServer.start();
  const { url, dataSource } = await server.database('observed', ONE_CAP);
  const policies = new ChangePolicies(dataSource, new SystemClock());
  const importer = await Importer.start(url);
  const worker = spawn(process.execPath, [...NODE_FLAGS, MAIN], {
    env: { PATH: process.env.PATH, DATABASE_URL: url, DATA_DIR: server.dataDir, ROLE: 'worker', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  /** Seconds until a file of so many made-up rows has been imported. */
  const file = async (name: string, rows: number): Promise<number> => {
    const path = join(server.dataDir, `${name}.csv`);
    await writeUsage(path, usageLines(name, rows));
    const began = performance.now();
    await importer.count(path, { counted: rows });
    const took = (performance.now() - began) / 1_000;
    await rm(path);
    return took;
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
      const without = await file(`off${round}x`, ROWS);
      await watching('shadow');
      // The worker stands still: this is what writing down what moved costs the importer.
      worker.kill('SIGSTOP');
      const withLog = await file(`log${round}xy`, ROWS);
      worker.kill('SIGCONT');
      await lookedAt(20);
      const cpuBefore = await cpuOf(worker);
      const withLook = await file(`on${round}xx`, ROWS);
      const imported = performance.now();
      await lookedAt(20);
      const all = withLook + (performance.now() - imported) / 1_000;
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
    await importer.stop();
    await server.stop();
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!;
}
