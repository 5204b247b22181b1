/** An import in lanes: what it began with it keeps, and of two processes that carry on the same one only one counts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { RunningImport } from '../../src/feeds/imports.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { BATCH_ROWS, RecordUsage, type ImportResult } from '../../src/pipeline/usage/record-usage.ts';
import { TestPlafond } from '../harness/plafond.ts';

const ROWS = 9_000;
const ACCOUNTS = 40;
const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';

let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(parseInstant('2026-04-10T12:00:00+02:00')!);
  await plafond.addCap({ limit: '1000.00' });
  for (let account = 0; account < ACCOUNTS; account++) await plafond.addAccount({ accountId: `a${account}` });
});
afterAll(() => plafond.close());

/** The import of a made-up file as if it had broken off when `settledLines` were settled. */
async function brokenOff(name: string, settledLines: readonly number[]) {
  const rows = Array.from(
    { length: ROWS },
    (_, i) => `${name}-${i},a${i % ACCOUNTS},2026-04-10T11:00:00+02:00,60,voice,+252612345678,0.01,EUR,provisional`,
  );
  const { importId } = await plafond.sendText(HEADER, 'csv', name);
  await plafond.query(`UPDATE imports SET state = 'running', settled_lines = $2 WHERE import_id = $1`, [
    importId,
    settledLines,
  ]);
  const running: RunningImport = { importId, feed: name, origin: 'default', settledLines };
  const carryOn = (): Promise<ImportResult> => {
    const bytes = (async function* () {
      yield Buffer.from([HEADER, ...rows].join('\n'));
    })();
    return plafond.usage.goOn(
      { feed: name, source: 'drop-folder', format: 'csv', bytes, requestedBy: 'test' },
      running,
    );
  };
  return { importId, carryOn };
}

it('is carried on in as many lanes as it began with', async () => {
  const { carryOn } = await brokenOff('two-lanes', [0, 0]);
  expect(await carryOn()).toMatchObject({ received: ROWS, counted: ROWS });
  expect(await plafond.query(`SELECT settled_lines FROM imports WHERE feed = 'two-lanes'`)).toEqual([
    { settled_lines: [String(ROWS + 1), String(ROWS + 1)] },
  ]);
  expect(await plafond.differences()).toEqual([]);
});

it.each([
  ['in its lanes', [0, 0, 0, 0]],
  ['with its last batch', [7_000, 7_000, 7_000, 7_000]],
])('is refused to whoever comes second, %s', async (where, settledLines) => {
  const { importId, carryOn } = await brokenOff(where.replaceAll(' ', '-'), settledLines);
  const first = await carryOn();
  await expect(carryOn()).rejects.toMatchObject({ code: 'import_in_other_hands' });
  expect(await plafond.query('SELECT counted FROM imports WHERE import_id = $1', [importId])).toEqual([
    { counted: String(first.counted) },
  ]);
  expect(await plafond.query('SELECT count(*) AS rows FROM usage WHERE import_id = $1', [importId])).toEqual([
    { rows: String(first.counted) },
  ]);
  expect(await plafond.differences()).toEqual([]);
});

it('ends with the process that reads it, where whoever sent it hears of that; sent again it counts once', async () => {
  const rows = Array.from(
    { length: 4 * BATCH_ROWS },
    (_, i) => `cut-${i},a${i % ACCOUNTS},2026-04-10T11:00:00+02:00,60,voice,+252612345678,0.01,EUR,provisional`,
  );
  const { dataSource } = plafond.database;
  const ending = new RecordUsage(dataSource, plafond.clock, new UsagePartitions(dataSource, plafond.clock));
  const delivery = { feed: 'cut', source: 'http', format: 'csv', requestedBy: 'test' } as const;
  const imports = () =>
    plafond.query<{ state: string; error: string; counted: string }>(
      `SELECT state, error, counted FROM imports WHERE feed = 'cut' ORDER BY import_id`,
    );
  const bytes = async function* () {
    yield Buffer.from([HEADER, ...rows.slice(0, 2 * BATCH_ROWS), ''].join('\n'));
    while (!(await imports()).some(({ counted }) => Number(counted) > 0)) await sleep(10);
    ending.onModuleDestroy();
    yield Buffer.from(rows.slice(2 * BATCH_ROWS).join('\n'));
  };
  await expect(ending.record({ ...delivery, bytes: bytes() })).rejects.toMatchObject({ kind: 'unavailable' });
  const [cut] = await imports();
  expect([cut!.state, cut!.error]).toEqual(['failed', expect.stringContaining('this process ends')]);
  const before = Number(cut!.counted);
  expect(before).toBeLessThan(rows.length);

  const again = (async function* () {
    yield Buffer.from([HEADER, ...rows].join('\n'));
  })();
  const { counted, duplicate } = await plafond.usage.record({ ...delivery, bytes: again });
  expect([counted, duplicate]).toEqual([rows.length - before, before]);
  expect(await plafond.differences()).toEqual([]);
});
