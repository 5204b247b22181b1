import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { CAP } from '../harness/plafond.ts';
import { PlafondProcess, sleep, until } from '../harness/process.ts';
import { differencesIn } from '../harness/differences.ts';
import { MID_CYCLE } from '../samples/account.ts';

const now = new SystemClock().now();
const COLUMNS =
  'record_id,account_id,service_id,started_at,duration_s,kind,units,a_number,b_number,amount,currency,state,revision';

let database: TestDatabase;
let dataDir: string;
let running: PlafondProcess | undefined;

beforeEach(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'plafond-kill-'));
});
afterEach(async () => {
  await running?.stop();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<PlafondProcess> {
  running = await PlafondProcess.start({ DATABASE_URL: database.url, DATA_DIR: dataDir });
  return running;
}

async function accounts(plafond: PlafondProcess, count: number): Promise<void> {
  const rows = Array.from(
    { length: count },
    (_, i) => `k${i},Account k${i},smb,EUR,Europe/Amsterdam,${MID_CYCLE},en,k${i}@example.net,,NL,GTC 7.3,`,
  );
  const header =
    'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id';
  await plafond.json('POST', '/v1/accounts/import', [header, ...rows].join('\n'), 'text/csv');
}

/** `count` calls of a cent each, spread over `spread` accounts, begun some minutes ago. */
function usage(count: number, spread: number, amount: string): string {
  const startedAt = formatInstant(now - 600_000);
  const rows = Array.from(
    { length: count },
    (_, i) => `c${i},k${i % spread},,${startedAt},60,voice,,,+252612345678,${amount},EUR,provisional,0`,
  );
  return [COLUMNS, ...rows].join('\n');
}

async function one<T>(sql: string): Promise<T> {
  return ((await database.dataSource.query(sql)) as T[])[0]!;
}

describe('a process that is killed', () => {
  it('in the middle of an import counts each record once, and crosses each threshold once', async () => {
    const ROWS = 240_000;
    let plafond = await start();
    await accounts(plafond, 100);
    await plafond.json('POST', '/v1/caps', { ...CAP, thresholds: [{ percent: 10, actions: ['notify-operator'] }] });
    const folder = join(dataDir, 'nightly', 'rating');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'night.csv.part'), usage(ROWS, 100, '0.01'));
    await rename(join(folder, 'night.csv.part'), join(folder, 'night.csv'));
    const old = new Date(now - 60_000);
    await utimes(join(folder, 'night.csv'), old, old);

    for (const after of [1, 3]) {
      await until('some batches are in', async () => {
        const { rows } = await one<{ rows: string }>('SELECT count(*) AS rows FROM usage');
        return Number(rows) >= after * 20_000;
      });
      await sleep(after * 37);
      await plafond.kill9();
      const { rows } = await one<{ rows: string }>('SELECT count(*) AS rows FROM usage');
      expect(Number(rows)).toBeLessThan(ROWS);
      plafond = await start();
    }
    const done = await until('the import is done', async () => {
      const imports = await plafond.json<{ items: { state: string; received: number; counted: number }[] }>(
        'GET',
        '/v1/imports',
      );
      return imports.items.find(({ state }) => state === 'done');
    });
    expect(done).toMatchObject({ received: ROWS, counted: ROWS });
    expect(await one('SELECT count(*) AS rows, sum(amount_micros) AS spend FROM usage')).toEqual({
      rows: String(ROWS),
      spend: String(ROWS * 10_000),
    });
    expect(await differencesIn(database.dataSource)).toEqual([]);
    expect(await one('SELECT count(*) AS made, count(DISTINCT account_id) AS accounts FROM decisions')).toEqual({
      made: '100',
      accounts: '100',
    });
    expect(
      await until('the file is put away', async () => (await readdir(join(folder, 'done'))).includes('night.csv')),
    ).toBe(true);
  });

  it('in the middle of deliveries and suspensions sends each warning once and bars each account', async () => {
    const ACCOUNTS = 400;
    let plafond = await start();
    await accounts(plafond, ACCOUNTS);
    // So many at once would be a question to the operators; here they are what has to survive.
    await plafond.json('PUT', '/v1/guard', { per_hour: ACCOUNTS, percent: 100, at_least: ACCOUNTS });
    await plafond.json('POST', '/v1/caps', { ...CAP, limit: '10.00', thresholds: [CAP.thresholds[2]] });
    await plafond.json('POST', '/v1/usage?feed=rating', usage(ACCOUNTS, ACCOUNTS, '12.00'), 'text/csv');
    const mails = join(dataDir, 'inbox', 'email');
    for (const atLeast of [5, 60]) {
      await until('some mails are out', async () => (await readdir(mails).catch(() => [])).length >= atLeast);
      await plafond.kill9();
      plafond = await start();
    }
    // What was being sent when the process was killed stays leased for a minute; the test lets that minute pass.
    await database.dataSource.query(`UPDATE warnings SET leased_until = now() WHERE state = 'sending'`);
    await until('all warnings are sent', async () => {
      const { open } = await one<{ open: string }>(`SELECT count(*) AS open FROM warnings WHERE state <> 'sent'`);
      return open === '0';
    });
    await until('all bars are read back', async () => {
      const { open } = await one<{ open: string }>(`SELECT count(*) AS open FROM suspensions WHERE state <> 'applied'`);
      return open === '0';
    });
    expect((await readdir(mails)).filter((name) => name.endsWith('.eml'))).toHaveLength(ACCOUNTS);
    expect(await one('SELECT count(*) AS warnings, count(DISTINCT account_id) AS accounts FROM warnings')).toEqual({
      warnings: String(ACCOUNTS),
      accounts: String(ACCOUNTS),
    });
    const barred = JSON.parse(await readFile(join(dataDir, 'switch', 'barred.json'), 'utf8')) as object;
    expect(Object.keys(barred)).toHaveLength(ACCOUNTS);
    expect(await one(`SELECT count(*) AS made FROM decisions`)).toEqual({ made: String(2 * ACCOUNTS) });
  });
});
