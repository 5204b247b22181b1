import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { PlafondProcess, sleep, until } from '../harness/process.ts';

const COLUMNS = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const HEADER =
  'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id';
const ACCOUNTS = 60;
const HOUR_MS = 3_600_000;

let database: TestDatabase;
let dataDir: string;
let running: PlafondProcess | undefined;

beforeEach(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'plafond-observe-'));
});
afterEach(async () => {
  await running?.stop();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const start = async () => (running = await PlafondProcess.start({ DATABASE_URL: database.url, DATA_DIR: dataDir }));
const rows = <T>(sql: string) => database.dataSource.query(sql) as Promise<T[]>;

describe('a worker that is killed while it looks at usage', () => {
  it('has, started again, looked at each movement once, in its order, and decided each thing once', async () => {
    const now = new SystemClock().now();
    let plafond = await start();
    const accounts = Array.from(
      { length: ACCOUNTS },
      (_, i) => `k${i},,smb,EUR,UTC,1,en,k${i}@example.net,,NL,GTC 7.3,`,
    );
    await plafond.json('POST', '/v1/accounts/import', [HEADER, ...accounts].join('\n'), 'text/csv');
    const policy = { mode: 'approve', false_actions_per_1000_customers_a_month: 10 };
    await plafond.json('PUT', '/v1/deviation-policies/everyone', policy);
    for (let hour = 0; hour < 12; hour++) {
      const calls = Array.from({ length: ACCOUNTS * 8 }, (_, i) => {
        const at = formatInstant(now - (14 - hour) * HOUR_MS + (i % 8) * 300_000);
        return `c${hour}-${i},k${Math.floor(i / 8)},${at},240,voice,+2526${1_000_000 + (i % 300) * 1_000},2.72,EUR,provisional`;
      });
      await plafond.json('POST', '/v1/usage?feed=rating', [COLUMNS, ...calls].join('\n'), 'text/csv');
      if (hour % 4 !== 2) continue;
      await sleep(60 + hour * 7);
      await plafond.kill9();
      plafond = await start();
    }
    await until('all is looked at', async () => {
      const checked = await plafond.json<{ waiting: number; count: number }>(
        'POST',
        '/v1/deviations/rebuild?check=true',
      );
      return checked.waiting === 0 && checked;
    });
    expect(await plafond.json('POST', '/v1/deviations/rebuild?check=true')).toMatchObject({
      accounts: ACCOUNTS,
      count: 0,
      waiting: 0,
    });
    const [decided] = await rows<{ holds: string; accounts: string }>(
      `SELECT count(*) AS holds, count(DISTINCT account_id) AS accounts FROM decisions WHERE score IS NOT NULL AND action = 'hold'`,
    );
    expect(Number(decided!.accounts)).toBeGreaterThan(0);
    expect(decided!.holds).toBe(decided!.accounts);
    expect(
      await rows("SELECT account_id FROM cases GROUP BY account_id, kind HAVING count(*) > 1 AND account_id <> ''"),
    ).toEqual([]);
  });
});
