/**
 * Records a second through ledger, counters and crossings, from a file and over HTTP, as a ratio to raw COPY of the same
 * rows into the same table (same columns, partitions and indexes, in a database beside), interleaved in one run.
 * Default durability. Accounts, numbers and amounts are made up, from a seed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { readConfig } from '../../src/config.ts';
import { createDataSource } from '../../src/database/data-source.ts';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { migrate } from '../../src/database/migrate.ts';
import { copyRows, inTransaction } from '../../src/database/transaction.ts';
import { readRows } from '../../src/feeds/formats/rows.ts';
import { SystemClock, formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { admit, isAdmitted } from '../../src/ledger/admit.ts';
import { copyLine, COPY_USAGE } from '../../src/ledger/usage-store.ts';
import { RecordUsage, type ImportResult } from '../../src/pipeline/record-usage.ts';
import { ChangeCaps } from '../../src/pipeline/change-caps.ts';
import { capDefinition } from '../../src/caps/cap.ts';
import { PlafondLogger } from '../../src/logging.ts';
import { startPlafond } from '../../src/start.ts';
import type { Account } from '../../src/accounts/account.ts';
import { putAccounts } from '../../src/accounts/store.ts';

const ROUNDS = 5;
const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);
const ACCOUNTS = 100_000;
const BATCH = 20_000;
const KEY = 'bench-key-for-loopback';

const silent = {
  info: () => undefined,
  warn: () => undefined,
  error: (text: string) => process.stderr.write(`${text}\n`),
};

/** A small linear congruential generator: the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

const NUMBERS = ['+31201234567', '+31612345678', '+4915112345678', '+447400123456', '+252612345678', '+12125551234'];

function csvOf(round: string, rows: number): Buffer {
  const random = seeded(round.length * 7 + (round.codePointAt(round.length - 1) ?? 0));
  const start = parseInstant('2026-03-01T00:00:00Z')!;
  const lines = [
    'record_id,account_id,service_id,started_at,duration_s,kind,units,a_number,b_number,amount,currency,state,revision,cost,origin_country,received_at',
  ];
  for (let i = 0; i < rows; i++) {
    const account = Math.floor(random() * ACCOUNTS);
    const at = formatInstantFast(start + Math.floor((i / rows) * 172_800_000));
    const number = NUMBERS[Math.floor(random() * NUMBERS.length)]!;
    lines.push(
      `${round}-${i.toString(36)}-${Math.floor(random() * 1e9).toString(36)},a${account},a${account}-t1,${at},${Math.floor(random() * 600)},voice,,+31431234567,${number},${(random() * 2).toFixed(4)},EUR,provisional,0,,NL,`,
    );
  }
  return Buffer.from(lines.join('\n') + '\n');
}

function formatInstantFast(instant: number): string {
  return formatInstant(Math.floor(instant / 1000) * 1000);
}

async function* inChunks(buffer: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < buffer.length; at += 262_144) yield buffer.subarray(at, at + 262_144);
}

const account = (index: number): Account => ({
  accountId: `a${index}`,
  name: `Account a${index}`,
  segment: index % 3 === 0 ? 'smb' : 'consumer',
  currency: 'EUR',
  timeZone: 'Europe/Amsterdam',
  cycleDay: 1,
  locale: 'nl-NL',
  email: '',
  msisdn: '',
  homeCountry: 'NL',
  suspensionTerms: '',
  parentId: '',
});

export async function ingest(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plafond-bench-'));
  const postgres = new EmbeddedPostgres({ dataDir, log: silent });
  const { url } = await postgres.start();
  const rawUrl = new URL(url);
  rawUrl.pathname = '/raw';
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query('CREATE DATABASE raw');
  await admin.end();
  const clock = new SystemClock();
  const [full, raw] = [url, rawUrl.href].map((each) =>
    createDataSource(each, { poolSize: 8, applicationName: 'bench' }),
  );
  await migrate(url, silent);
  await migrate(rawUrl.href, silent);
  await full!.initialize();
  await raw!.initialize();
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => account(index));
  const byId = new Map(accounts.map((each) => [each.accountId, each]));
  await inTransaction(full!, async ({ client }) => void (await putAccounts(client, accounts, new Date())));
  const days = [20_512, 20_513, 20_514];
  await new UsagePartitions(raw!, clock).prepareDays(days);
  const partitions = new UsagePartitions(full!, clock);
  const caps = new ChangeCaps(full!, clock);
  await caps.create(
    capDefinition.parse({
      name: 'International',
      traffic: 'international',
      period: 'month',
      limit: '100.00',
      currency: 'EUR',
      thresholds: [{ percent: 80, actions: ['warn'] }],
    }),
    'bench',
  );
  const usage = new RecordUsage(full!, clock, partitions);
  const config = readConfig({
    DATA_DIR: dataDir,
    PORT: '0',
    DATABASE_URL: url,
    PLAFOND_ADMIN_KEY: KEY,
    ROLE: 'api',
    LOG_LEVEL: 'error',
  });
  const plafond = await startPlafond(config, { log: new PlafondLogger(config) });

  const rawLines = async (csv: Buffer): Promise<string[]> => {
    const lines: string[] = [];
    for await (const batch of readRows(inChunks(csv), 'csv', BATCH)) {
      for (const row of batch) {
        if (!('record' in row)) throw new Error('a row of the bench is unusable');
        const version = admit(row.record, byId.get(row.record.accountId), 'default', clock.now(), '1');
        if (isAdmitted(version)) lines.push(copyLine(version));
      }
    }
    return lines;
  };
  const copy = async (lines: readonly string[]) => {
    for (let at = 0; at < lines.length; at += BATCH) {
      await inTransaction(raw!, ({ client }) => copyRows(client, COPY_USAGE, lines.slice(at, at + BATCH)));
    }
  };
  const file = async (csv: Buffer, outcome: Partial<ImportResult>) => {
    const delivery = { feed: 'bench', source: 'drop-folder', format: 'csv', requestedBy: 'bench' } as const;
    const result = await usage.record({ ...delivery, bytes: inChunks(csv) });
    for (const [name, rows] of Object.entries(outcome)) {
      if (result[name as keyof ImportResult] !== rows)
        throw new Error(`${JSON.stringify(result)}: not ${rows} ${name}`);
    }
  };
  const post = async (csv: Buffer) => {
    const answer = await fetch(`${plafond.url}/v1/usage?feed=bench`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'text/csv' },
      body: new Uint8Array(csv),
    });
    const result = (await answer.json()) as { counted?: number };
    if (result.counted !== ROWS) throw new Error(`over HTTP: ${JSON.stringify(result)}`);
  };

  const figures: Figures = Object.fromEntries(Object.keys(BASES).map((what) => [what, []]));
  try {
    for (let round = -1; round < ROUNDS; round++) {
      const name = round < 0 ? 'warm' : `round${round}`;
      const csv = (kind: string) => csvOf(`${name}${kind}`, ROWS);
      const [one, two, three] = [await rawLines(csv('c')), await rawLines(csv('d')), await rawLines(csv('e'))];
      const [fresh, posted, left, right] = [csv('f'), csv('h'), csv('l'), csv('r')];
      // Every second row is the final version of one that is there, the others are of its round.
      const nightly = Buffer.from(
        fresh
          .toString()
          .split('\n')
          .map((line, index) => (index === 0 ? line : index % 2 === 0 ? line.replace(name, `${name}n`) : line))
          .map((line) => line.replace(',provisional,', ',final,'))
          .join('\n'),
      );
      const took: Record<string, number> = {};
      took['raw COPY'] = await seconds(() => copy(one));
      took['one importer'] = await seconds(() => file(fresh, { counted: ROWS }));
      took['over HTTP'] = await seconds(() => post(posted));
      took['half superseded'] = await seconds(() => file(nightly, { counted: ROWS / 2, superseded: ROWS / 2 }));
      took['the same file again'] = await seconds(() => file(nightly, { duplicate: ROWS }));
      took['raw COPY, two connections'] = (await seconds(() => Promise.all([copy(two), copy(three)]))) / 2;
      took['two importers'] =
        (await seconds(() => Promise.all([file(left, { counted: ROWS }), file(right, { counted: ROWS })]))) / 2;
      if (round < 0) continue;
      for (const [what, time] of Object.entries(took)) figures[what]!.push(ROWS / time);
      process.stderr.write(`round ${round + 1} of ${ROUNDS} done\n`);
    }
  } finally {
    await plafond.close();
    await full!.destroy();
    await raw!.destroy();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  report(figures);
}

type Figures = Record<string, number[]>;

/** What is measured, and what each is held against. */
const BASES: Record<string, string> = {
  'raw COPY': 'raw COPY',
  'one importer': 'raw COPY',
  'over HTTP': 'raw COPY',
  'half superseded': 'raw COPY',
  'the same file again': 'one importer',
  'raw COPY, two connections': 'raw COPY, two connections',
  'two importers': 'raw COPY, two connections',
};

function report(figures: Figures): void {
  process.stdout.write(
    `ingest: ${ROWS.toLocaleString('en')} rows a round, ${ACCOUNTS.toLocaleString('en')} accounts, one cap, ${ROUNDS} rounds, ` +
      `${cpus().length} cores; medians\n`,
  );
  for (const [what, rates] of Object.entries(figures)) {
    const base = BASES[what]!;
    const ratio = median(rates.map((rate, round) => rate / figures[base]![round]!));
    process.stdout.write(
      `  ${what.padEnd(27)}${Math.round(median(rates)).toLocaleString('en').padStart(9)} records/s` +
        (what === base ? '' : `   ${ratio.toFixed(2)} of ${base}`) +
        `   (${Math.round(Math.min(...rates)).toLocaleString('en')} to ${Math.round(Math.max(...rates)).toLocaleString('en')})\n`,
    );
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
