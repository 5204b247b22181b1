/** The disk of the ledger fills up: what is answered is honest, nothing is half-counted, and it goes on when there is room. */
import { spawnSync } from 'node:child_process';
import { chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { closedAtLast } from '../harness/closing.ts';
import { PlafondProcess } from '../harness/process.ts';
import { makeTestFolder, startPostgres } from '../harness/server.ts';

const ROWS = 5_000;
const startedAt = formatInstant(new SystemClock().now() - 600_000);
const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const mount = (...args: string[]) => spawnSync('mount', args).status === 0;

let dataDir: string;
let small: string;
let mounted = false;
let url: string;
let plafond: PlafondProcess | undefined;

beforeAll(async () => {
  dataDir = makeTestFolder();
  small = await mkdtemp(join(tmpdir(), 'plafond-small-'));
  closedAtLast(small, () => {
    if (mounted) spawnSync('umount', [small]);
    return rm(small, { recursive: true, force: true });
  });
  mounted = process.getuid?.() === 0 && mount('-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', small);
  if (!mounted) {
    process.stderr.write('disk full: skipped, for only root can mount a small disk, and not everywhere\n');
    return;
  }
  ({ url } = await startPostgres(dataDir));
  const { uid, gid } = await stat(join(dataDir, 'postgres', 'cluster'));
  await chown(small, uid, gid);
  await query(`CREATE TABLESPACE small LOCATION '${small}'`);
  // The ledger lies on the small disk; the rest of the server has room.
  await query(`ALTER ROLE CURRENT_USER SET default_tablespace = 'small'`);
  plafond = await PlafondProcess.start({ DATABASE_URL: url, DATA_DIR: join(dataDir, 'plafond') });
  await plafond.json('PUT', '/v1/accounts/1001', { currency: 'EUR', time_zone: 'UTC', home_country: 'NL' });
});

async function query<T>(sql: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

const delivery = (n: number) =>
  [
    HEADER,
    ...Array.from({ length: ROWS }, (_, i) => `d${n}-${i},1001,${startedAt},60,voice,+252612345678,0.01,EUR,final`),
  ].join('\n');
const post = (n: number) => plafond!.ask('POST', '/v1/usage?feed=live', delivery(n), 'text/csv');

it('answers 503 while there is no room, and counts each record once when there is', async () => {
  if (!mounted) return;
  let sent = 0;
  let refused: Response | undefined;
  while (!refused && sent < 60) {
    const answer = await post(sent);
    if (answer.ok) sent++;
    else refused = answer;
  }
  expect(refused?.status).toBe(503);
  expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refused?.json()).toMatchObject({ code: 'no_room', detail: expect.stringContaining('no room') });
  expect((await post(sent)).status).toBe(503);

  expect(mount('-o', 'remount,size=200m', small)).toBe(true);
  expect((await post(sent)).status).toBe(200);
  expect((await post(sent + 1)).status).toBe(200);
  const rows = (sent + 2) * ROWS;
  const spend = String(rows * 10_000);
  expect(await query('SELECT count(*)::int AS rows, sum(amount_micros) AS spend FROM usage')).toEqual([
    { rows, spend },
  ]);
  const checked = await plafond!.json<{ differences: unknown[] }>('POST', '/v1/spend/rebuild?check=true');
  expect(checked.differences).toEqual([]);
});
