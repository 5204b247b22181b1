/**
 * Records a second through ledger, counters and crossings, from a file and over HTTP, as ratios to raw COPY of the same
 * rows into the same table (same columns, partitions and indexes, in a database beside), interleaved in one run; the time
 * that near-real-time deliveries take; and the memory of the process that imports. Default durability. Importers, the
 * server and the sender are processes of their own.
 */
import { mkdir, readFile, rename } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { admit, isAdmitted } from '../../src/ledger/admit.ts';
import { COPY_USAGE, writeVersion } from '../../src/ledger/usage-store.ts';
import { LineWriter } from '../../src/database/line-writer.ts';
import { readCsvLine, readHeader } from '../../src/feeds/formats/rows.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { KEY, PlafondProcess, until } from '../harness/process.ts';
import { BenchServer, ONE_CAP, thousandCaps, type BenchDatabase } from './bench-database.ts';
import { ACCOUNTS, HEADER, madeUpAccount, nightlyLines, usageLines } from './made-up-usage.ts';
import { Importer, NODE_FLAGS, program, said, writeUsage } from './processes.ts';

/** Even, so that each comes as often before as after what it is held against. */
const ROUNDS = 6;
const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);
const MEMORY_ROWS = Number(process.env.BENCH_MEMORY_ROWS ?? 1_000_000);
const BATCH = 20_000;

/** What is measured, and what each is held against. */
const BASES: Record<string, string> = {
  'raw COPY': 'raw COPY',
  'one importer': 'raw COPY',
  'half superseded': 'raw COPY',
  'the same file again': 'one importer',
  'over HTTP': 'raw COPY',
  'raw COPY, two connections': 'raw COPY, two connections',
  'two importers': 'raw COPY, two connections',
  'with 1,000 caps': 'one importer',
};

export async function ingest(): Promise<void> {
  const server = await BenchServer.start();
  try {
    const one = await server.database('one', ONE_CAP);
    const raw = await server.database('raw', []);
    const many = await server.database('many', thousandCaps());
    // First: what the database has to tidy up behind the loads is no part of it.
    await latencies(server, one);
    report(BASES, await throughput(server, one, raw, many));
    await memory(server);
  } finally {
    await server.stop();
  }
}

/** One importer at ten million rows on the days that it brings, against an empty table. */
export async function ingestLarge(): Promise<void> {
  const server = await BenchServer.start();
  try {
    const empty = await server.database('empty', ONE_CAP);
    const large = await server.database('large', ONE_CAP);
    process.stderr.write('laying ten million rows\n');
    await large.dataSource.query(TEN_MILLION_ROWS);
    await large.dataSource.query('VACUUM ANALYZE usage');
    const bases = { 'empty table': 'empty table', 'at 10 million rows': 'empty table' };
    const figures = figuresOf(bases);
    const importers = [await Importer.start(empty.url), await Importer.start(large.url)] as const;
    for (let round = -1; round < ROUNDS; round++) {
      const path = join(server.dataDir, 'fresh.csv');
      await writeUsage(path, usageLines(`round${round}`, ROWS));
      const took: number[] = [];
      const runs = importers.map((importer, index) => async () => {
        took[index] = await seconds(() => importer.count(path, { counted: ROWS }));
      });
      for (const run of round % 2 === 0 ? runs : runs.toReversed()) await run();
      // What is held against an empty table has to stay one.
      await empty.dataSource.query('TRUNCATE usage');
      if (round < 0) continue;
      figures['empty table']!.push(ROWS / took[0]!);
      figures['at 10 million rows']!.push(ROWS / took[1]!);
      process.stderr.write(`round ${round + 1} of ${ROUNDS} done\n`);
    }
    for (const importer of importers) await importer.stop();
    report(bases, figures);
  } finally {
    await server.stop();
  }
}

const TEN_MILLION_ROWS = `
  INSERT INTO usage (day, record_id, origin, account_id, service_id, started_at, duration_s, kind, a_number, b_number,
                     amount_micros, state, revision, country, traffic, origin_country, import_id, arrived)
  SELECT (timestamptz '2026-03-01Z' + i * interval '17 ms')::date, md5(i::text), 'default', 'a' || (i * 7919 % ${ACCOUNTS}), '',
         timestamptz '2026-03-01Z' + i * interval '17 ms', 60, 'voice', '+31431234567', '+31201234567', 10000, 1, 0, 'NL', 1, 'NL', 0, 0
    FROM generate_series(1::bigint, 10000000) AS i`;

async function throughput(
  server: BenchServer,
  one: BenchDatabase,
  raw: BenchDatabase,
  many: BenchDatabase,
): Promise<Figures> {
  const figures = figuresOf(BASES);
  const [first, second] = [await Importer.start(one.url), await Importer.start(one.url)];
  const capped = await Importer.start(many.url);
  const plafond = await serve(server, one);
  const copy = async (lines: readonly string[]) => {
    const runner = raw.dataSource.createQueryRunner();
    const client = (await runner.connect()) as PoolClient;
    for (let at = 0; at < lines.length; at += BATCH) {
      await pipeline(inChunks(lines.slice(at, at + BATCH)), client.query(copyFrom(COPY_USAGE)));
    }
    await runner.release();
  };
  const post = async (body: Buffer) => {
    const { counted } = await plafond.json<{ counted: number }>(
      'POST',
      '/v1/usage?feed=bench',
      body.toString(),
      'text/csv',
    );
    if (counted !== ROWS) throw new Error(`over HTTP only ${counted} rows were counted`);
  };
  for (let round = -1; round < ROUNDS; round++) {
    const name = round < 0 ? 'warm' : `round${round}`;
    const file = async (kind: string, lines = usageLines(`${name}${kind}`, ROWS)) => {
      const path = join(server.dataDir, `${kind}.csv`);
      await writeUsage(path, lines);
      return path;
    };
    const [fresh, nightly] = [await file('f'), await file('n', nightlyLines(`${name}f`, ROWS))];
    const [left, right, posted] = [await file('l'), await file('r'), await readFile(await file('h'))];
    const lines = ['c', 'd', 'e'].map((kind) => [...usageLines(`${name}${kind}`, ROWS)].map(copied));
    const counted = { counted: ROWS };
    const took: Record<string, number> = {};
    const time = async (what: string, work: () => Promise<unknown>, times = 1) => {
      took[what] = (await seconds(work)) / times;
    };
    const runs = [
      () => time('raw COPY', () => copy(lines[0]!)),
      async () => {
        await time('one importer', () => first.count(fresh, counted));
        await time('half superseded', () => first.count(nightly, { counted: ROWS / 2, superseded: ROWS / 2 }));
        await time('the same file again', () => first.count(nightly, { duplicate: ROWS }));
      },
      () => time('with 1,000 caps', () => capped.count(fresh, counted)),
      () => time('over HTTP', () => post(posted)),
      () => time('raw COPY, two connections', () => Promise.all([copy(lines[1]!), copy(lines[2]!)]), 2),
      () => time('two importers', () => Promise.all([first.count(left, counted), second.count(right, counted)]), 2),
    ];
    // What a run leaves to be written in the background is paid for by the next.
    for (const run of round % 2 === 0 ? runs : runs.toReversed()) await run();
    if (round < 0) continue;
    for (const [what, time] of Object.entries(took)) figures[what]!.push(ROWS / time);
    process.stderr.write(`round ${round + 1} of ${ROUNDS} done\n`);
  }
  await plafond.stop();
  for (const importer of [first, second, capped]) await importer.stop();
  return figures;
}

const clock = new SystemClock();
const columns = readHeader(HEADER);

function* inChunks(lines: readonly string[]): Generator<Buffer> {
  for (let at = 0; at < lines.length; at += 500) yield Buffer.from(`${lines.slice(at, at + 500).join('\n')}\n`);
}

/** A line of usage as the ledger's COPY takes it. */
function copied(text: string): string {
  const row = readCsvLine(text, 1, columns);
  if (!('record' in row)) throw new Error(`a row of the bench is unusable: ${text}`);
  const account = madeUpAccount(Number(row.record.accountId.slice(1)));
  const version = admit(row.record, account, 'default', clock.now(), { importId: '1', arrived: 64_000 });
  if (!isAdmitted(version)) throw new Error(`a row of the bench is not admitted: ${version.detail}`);
  const line = new LineWriter();
  writeVersion(line, version);
  return line.take().toString().slice(0, -1);
}

const serve = (server: BenchServer, { url }: BenchDatabase, env: Record<string, string> = {}) =>
  PlafondProcess.start(
    { DATABASE_URL: url, DATA_DIR: server.dataDir, ROLE: 'api', LOG_LEVEL: 'error', ...env },
    NODE_FLAGS,
  );

/** Rows a delivery, deliveries a second, and the goals in ms. */
const LIVE = [
  { rows: 1, rate: 200, goals: '2 / 10' },
  { rows: 100, rate: 50, goals: '10 / 40' },
  { rows: 1_000, rate: 10, goals: '50 / 100' },
];
const LIVE_SECONDS = 10;

async function latencies(server: BenchServer, database: BenchDatabase): Promise<void> {
  const plafond = await serve(server, database);
  for (const { rows, rate, goals } of LIVE) {
    const sender = program('./near-real-time.js', [plafond.url, KEY, ...[rows, rate, LIVE_SECONDS].map(String)]);
    const { latencies_ms } = await said<{ latencies_ms: number[] }>(sender);
    const [half, most] = [quantile(latencies_ms, 0.5), quantile(latencies_ms, 0.99)].map((ms) => ms.toFixed(1));
    print(`${rows} records a delivery, ${rate} a second`, `p50 ${half} / p99 ${most} ms`, `goal ${goals}`);
  }
  await plafond.stop();
}

/**
 * The highest resident memory of an importer alone, and of a worker that takes the same large file out of its drop folder,
 * looks at what is unusual in it, and carries out what follows; with a crossing in each account.
 */
async function memory(server: BenchServer): Promise<void> {
  const limit = { ...ONE_CAP[0]!, limit: '10.00' };
  const folder = join(server.dataDir, 'inbox', 'bench');
  await mkdir(folder, { recursive: true });
  await writeUsage(join(folder, 'night.part'), usageLines('night', MEMORY_ROWS, 6));
  const alone = await server.database('alone', [limit]);
  const importer = await Importer.start(alone.url);
  await importer.count(join(folder, 'night.part'), { counted: MEMORY_ROWS });
  printPeak('an importer', await crossingsIn(alone), await peakOf(importer.child.pid!));
  await importer.stop();
  const database = await server.database('memory', [limit]);
  const worker = await serve(server, database, { ROLE: 'worker,scheduler', INBOX_DIR: join(server.dataDir, 'inbox') });
  await rename(join(folder, 'night.part'), join(folder, 'night.csv'));
  const done = async () => {
    const [row] = await database.dataSource.query<{ counted: string }[]>(
      `SELECT counted FROM imports WHERE state = 'done'`,
    );
    return row;
  };
  const { counted } = await until('the large file is in', done, 900_000);
  if (Number(counted) !== MEMORY_ROWS) throw new Error(`of ${MEMORY_ROWS} rows ${counted} were counted`);
  printPeak('a worker', await crossingsIn(database), await peakOf(worker.child.pid!));
  await worker.stop();
}

async function crossingsIn({ dataSource }: BenchDatabase): Promise<number> {
  const [{ crossed }] = await dataSource.query<[{ crossed: string }]>('SELECT count(*) AS crossed FROM crossings');
  return Number(crossed);
}

/** In MB; undefined where the system has no /proc. */
async function peakOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /VmHWM:\s*(\d+) kB/.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024);
}

function printPeak(who: string, crossings: number, peak: number | undefined): void {
  const what = `${who}, ${MEMORY_ROWS.toLocaleString('en')} rows, ${crossings.toLocaleString('en')} crossings`;
  print(what, peak === undefined ? 'no /proc here' : `peak ${peak} MB`, 'goal < 300 MB');
}

type Figures = Record<string, number[]>;

function figuresOf(bases: Record<string, string>): Figures {
  return Object.fromEntries(Object.keys(bases).map((what) => [what, []]));
}

function report(bases: Record<string, string>, figures: Figures): void {
  process.stdout.write(
    `ingest: ${ROWS.toLocaleString('en')} rows a round, ${ACCOUNTS.toLocaleString('en')} accounts, ${ROUNDS} rounds, ` +
      `${cpus().length} cores; medians\n`,
  );
  for (const [what, rates] of Object.entries(figures)) {
    const base = bases[what]!;
    const ratio = median(rates.map((rate, round) => rate / figures[base]![round]!));
    const span = `(${rounded(Math.min(...rates))} to ${rounded(Math.max(...rates))})`;
    print(what, `${rounded(median(rates))} records/s`, what === base ? '' : `${ratio.toFixed(2)} of ${base}`, span);
  }
}

function rounded(rate: number): string {
  return Math.round(rate).toLocaleString('en');
}

function print(what: string, ...cells: string[]): void {
  process.stdout.write(`  ${what.padEnd(46)}${cells.map((cell) => cell.padEnd(26)).join('')}`.trimEnd() + '\n');
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  // What the round before left to be written would be paid for by this one.
  await sleep(200);
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
