/**
 * `kill -9` of an importer, a worker or PostgreSQL at random moments, while nightly files that overlap come in: no euro is lost
 * or doubled, and each threshold is crossed once. `KILLS` says how often (`npm run test:survival`: 50), `SEED` repeats a run.
 */
import { mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { CAP } from '../harness/plafond.ts';
import { PlafondProcess, sleep, until } from '../harness/process.ts';
import { makeTestFolder, postmasterOf, startPostgres } from '../harness/server.ts';
import { MID_CYCLE } from '../samples/account.ts';

const now = new SystemClock().now();
const KILLS = Number(process.env.KILLS ?? 3);
const SEED = Number(process.env.SEED ?? now % 1_000_000);
const ROWS_OF_FILE = 12_000;
const RECORDS = 40_000;
const ACCOUNTS = 50;
const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const startedAt = formatInstant(now - 600_000);

let state = SEED;
const random = (below: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;

let dataDir: string;
let inbox: string;
let url: string;
const processes: (PlafondProcess | undefined)[] = [undefined, undefined];

beforeAll(async () => {
  process.stderr.write(`random kills: SEED=${SEED} KILLS=${KILLS}\n`);
  dataDir = makeTestFolder();
  inbox = join(dataDir, 'nightly');
  await mkdir(join(inbox, 'rating'), { recursive: true });
  ({ url } = await startPostgres(dataDir));
});

/** The first one takes requests and schedules too; both import. */
async function start(which: number): Promise<void> {
  const env = { DATABASE_URL: url, DATA_DIR: join(dataDir, `plafond-${which}`), INBOX_DIR: inbox };
  processes[which] = await until('Plafond starts', () =>
    PlafondProcess.start(which === 0 ? env : { ...env, ROLE: 'worker' }).catch(() => undefined),
  );
}

async function query<T>(sql: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

/** What each record is in the end: 1 provisional, 2 final. Both are always the same, and the final one is dearer. */
const highest = new Map<number, number>();
const cents = (record: number, rank: number) => 1 + (record % 7) + (rank === 2 ? 3 : 0);

async function drop(name: string): Promise<void> {
  const rows = Array.from({ length: ROWS_OF_FILE }, () => {
    const record = random(RECORDS);
    const rank = 1 + random(2);
    highest.set(record, Math.max(rank, highest.get(record) ?? 0));
    const amount = `0.${String(cents(record, rank)).padStart(2, '0')}`;
    return `c${record},k${record % ACCOUNTS},${startedAt},60,voice,+252612345678,${amount},EUR,${rank === 2 ? 'final' : 'provisional'}`;
  });
  const path = join(inbox, 'rating', name);
  await writeFile(`${path}.part`, [HEADER, ...rows, ''].join('\n'));
  await utimes(`${path}.part`, new Date(now - 60_000), new Date(now - 60_000));
  await rename(`${path}.part`, path);
}

async function killSomething(): Promise<void> {
  const victim = random(3);
  if (victim === 2) {
    // It comes back by itself; the processes find it again.
    process.kill(postmasterOf(join(dataDir, 'postgres', 'cluster'))!, 'SIGKILL');
    await until('PostgreSQL is back', () => query('SELECT 1 AS is').catch(() => undefined));
    return;
  }
  await processes[victim]!.kill9();
  await start(victim);
}

it('counts each record once and crosses each threshold once, whatever is killed and when', async () => {
  await start(0);
  await start(1);
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => `k${i},EUR,Europe/Amsterdam,${MID_CYCLE},NL`);
  const header = 'account_id,currency,time_zone,cycle_day,home_country';
  await processes[0]!.json('POST', '/v1/accounts/import', [header, ...accounts].join('\n'), 'text/csv');
  const thresholds = [5, 10, 20].map((percent) => ({ percent, actions: ['notify-operator' as const] }));
  await processes[0]!.json('POST', '/v1/caps', { ...CAP, limit: '100.00', thresholds });

  for (let i = 0; i < KILLS; i++) {
    await drop(`night-${i}.csv`);
    await sleep(random(4_000));
    await killSomething();
  }
  await until(
    'all files are put away',
    async () => {
      const [done, left] = await Promise.all([
        readdir(join(inbox, 'rating', 'done')).catch(() => []),
        readdir(join(inbox, 'rating')),
      ]);
      return (
        done.filter((name) => name.endsWith('.csv')).length === KILLS && left.every((name) => !name.endsWith('.csv'))
      );
    },
    240_000,
  );

  const spend = new Map<string, number>();
  for (const [record, rank] of highest) {
    const account = `k${record % ACCOUNTS}`;
    spend.set(account, (spend.get(account) ?? 0) + cents(record, rank));
  }
  const all = [...spend.values()].reduce((sum, each) => sum + each, 0);
  expect(await query('SELECT count(*)::int AS rows, sum(amount_micros) AS spend FROM usage')).toEqual([
    { rows: highest.size, spend: String(all * 10_000) },
  ]);
  const counters = await query<{ account_id: string; spend: number }>(
    'SELECT account_id, (spend_micros / 10000)::int AS spend FROM counters',
  );
  expect(new Map(counters.map((row) => [row.account_id, row.spend]))).toEqual(spend);
  const crossed = [...spend].flatMap(([account, sum]) =>
    [5, 10, 20].filter((percent) => sum >= percent * 100).map((percent) => `${account} ${percent}`),
  );
  const decisions = await query<{ account_id: string; threshold: string }>(
    'SELECT account_id, threshold FROM decisions',
  );
  expect(decisions.map((row) => `${row.account_id} ${Number(row.threshold)}`).toSorted()).toEqual(crossed.toSorted());
  const imports = await query<{ outcomes: string; received: string }>(
    `SELECT counted + duplicate + stale + superseded + rejected + skipped AS outcomes, received FROM imports WHERE state = 'done'`,
  );
  expect(imports.every(({ outcomes, received }) => outcomes === received)).toBe(true);
}, 900_000);
