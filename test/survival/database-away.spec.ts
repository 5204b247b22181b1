/** The database goes away in the middle of things and comes back: what is answered is honest, and every sum is right. */
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { PlafondProcess, sleep, until } from '../harness/process.ts';
import { makeTestFolder, startPostgres } from '../harness/server.ts';

const ROWS = 120_000;
/** `AWAY_S`: how long (`npm run test:survival`: 30 s). */
const AWAY_MS = Number(process.env.AWAY_S ?? 10) * 1_000;
const startedAt = formatInstant(new SystemClock().now() - 600_000);
const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';

let dataDir: string;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let plafond: PlafondProcess;

beforeAll(async () => {
  dataDir = makeTestFolder();
  postgres = await startPostgres(dataDir);
  plafond = await PlafondProcess.start({ DATABASE_URL: postgres.url, DATA_DIR: join(dataDir, 'plafond') });
  await plafond.json('PUT', '/v1/accounts/1001', {
    currency: 'EUR',
    time_zone: 'Europe/Amsterdam',
    home_country: 'NL',
  });
});

const row = (id: string) => `${id},1001,${startedAt},60,voice,+252612345678,0.01,EUR,provisional`;
const post = (id: string) => plafond.ask('POST', '/v1/usage?feed=live', `${HEADER}\n${row(id)}`, 'text/csv');

async function ledger(): Promise<{ rows: string; spend: string }> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT count(*) AS rows, sum(amount_micros) AS spend FROM usage');
    return rows[0] as { rows: string; spend: string };
  } finally {
    await client.end();
  }
}

it('answers 503 while it is away, goes on with the nightly file when it is back, and counts each record once', async () => {
  expect((await post('live-1')).status).toBe(200);
  const folder = join(dataDir, 'plafond', 'nightly', 'rating');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'night.csv');
  await writeFile(file, [HEADER, ...Array.from({ length: ROWS }, (_, i) => row(`night-${i}`))].join('\n'));
  const old = new Date(new SystemClock().now() - 60_000);
  await utimes(file, old, old);
  await until('some of the file is in', async () => Number((await ledger()).rows) > 8_000);

  await postgres.stop();
  // Deliveries that come at once share transactions; each hears for itself.
  for (const refused of await Promise.all(Array.from({ length: 10 }, () => post('live-2')))) {
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
  }
  await sleep(AWAY_MS);
  expect((await post('live-2')).status).toBe(503);
  // On the port of last time, so that Plafond finds it again.
  postgres = await startPostgres(dataDir);

  await until('usage is taken again', async () => (await post('live-2')).status === 200);
  await until('the import is done', async () => {
    const { items } = await plafond.json<{ items: { state: string; source: string }[] }>('GET', '/v1/imports');
    return items.some(({ state, source }) => source === 'drop-folder' && state === 'done');
  });
  expect(await ledger()).toEqual({ rows: String(ROWS + 2), spend: String((ROWS + 2) * 10_000) });
});
