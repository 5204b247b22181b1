/**
 * What a rolling cap costs beside one by the month, in one run and in turn, while the window of one account fills: one record
 * over HTTP, and a delivery of 1,000; far below its thresholds, and above the only one. Made-up usage of now, in the order of
 * its starts.
 */
import { cpus } from 'node:os';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { PlafondProcess } from '../harness/process.ts';
import { BenchServer } from './bench-database.ts';
import { HEADER } from './made-up-usage.ts';
import { NODE_FLAGS } from './processes.ts';

const IN_WINDOW = [1_000, 10_000, 50_000];
const LAID_AT_ONCE = 5_000;
/** Rows a delivery, and how many of such are timed. */
const TIMED = [
  { rows: 1, times: 41 },
  { rows: 1_000, times: 5 },
];
const STEP_MS = 1_200;
const DAY_MS = 86_400_000;

/** Far from what is sent. */
const CAP = {
  name: 'International',
  traffic: 'international',
  limit: '100000.00',
  currency: 'EUR',
  thresholds: [{ percent: 80, actions: ['warn'] }],
};
/** Reached before anything is timed. */
const LIMIT_REACHED = '5.00';

/** Sends the next rows, and answers in how many milliseconds they were durable. */
type Send = (rows: number) => Promise<number>;

export async function rolling(): Promise<void> {
  const server = await BenchServer.start();
  const servers: PlafondProcess[] = [];
  const serve = async (name: string, cap: { period: string; limit?: string }): Promise<Send> => {
    const { url, dataSource } = await server.database(name, [{ ...CAP, ...cap }], 100);
    const clock = new SystemClock();
    const began = clock.now() - DAY_MS + 3_600_000;
    const today = Math.floor(clock.now() / DAY_MS);
    await new UsagePartitions(dataSource, clock).prepareDays([today - 1, today]);
    const env = { DATABASE_URL: url, DATA_DIR: server.dataDir, ROLE: 'api', LOG_LEVEL: 'error' };
    const plafond = await PlafondProcess.start(env, NODE_FLAGS);
    servers.push(plafond);
    let sent = 0;
    return async (rows) => {
      const lines = Array.from({ length: rows }, () => lineOf(sent, began + sent++ * STEP_MS));
      const body = [HEADER, ...lines, ''].join('\n');
      const asked = performance.now();
      const { counted } = await plafond.json<{ counted: number }>('POST', '/v1/usage?feed=bench', body, 'text/csv');
      if (counted !== rows) throw new Error(`of ${rows} rows ${counted} were counted`);
      return performance.now() - asked;
    };
  };
  try {
    const all = [
      await serve('month', { period: 'month' }),
      await serve('rolling', { period: 'rolling:24h' }),
      await serve('reached', { period: 'rolling:24h', limit: LIMIT_REACHED }),
    ];
    process.stdout.write(`rolling: one account, ${cpus().length} cores; medians\n`);
    let laid = 0;
    for (const inWindow of IN_WINDOW) {
      while (laid < inWindow) {
        const rows = Math.min(LAID_AT_ONCE, inWindow - laid);
        for (const send of all) await send(rows);
        laid += rows;
      }
      for (const { rows, times } of TIMED) {
        const took = all.map((): number[] => []);
        for (let time = 0; time < times; time++) {
          for (const [index, send] of all.entries()) took[index]!.push(await send(rows));
        }
        laid += rows * times;
        report(inWindow, rows, took.map(median));
      }
    }
  } finally {
    for (const plafond of servers) await plafond.stop();
    await server.stop();
  }
}

function lineOf(index: number, startedAt: number): string {
  return `r${index},a1,,${formatInstant(startedAt)},60,voice,,+31431234567,+252612345678,0.0100,EUR,provisional,0,,NL,`;
}

function report(inWindow: number, rows: number, took: readonly number[]): void {
  const what = `${inWindow.toLocaleString('en').padStart(6)} in its window, ${rows.toLocaleString('en').padStart(5)} sent`;
  const [byMonth, ...rolling] = took as [number, ...number[]];
  const times = rolling.map((each) => `${each.toFixed(1)} ms (${(each / byMonth).toFixed(2)})`);
  process.stdout.write(
    `  ${what}   by the month ${byMonth.toFixed(1)} ms, rolling ${times[0]}, above its threshold ${times[1]}\n`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!;
}
