/** The drop folder as a rating system uses it: files that come slowly, come twice, can't be read, or break off. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { ChangeFeeds } from '../../src/pipeline/usage/change-feeds.ts';
import { FeedBook } from '../../src/pipeline/usage/feed-book.ts';
import { ImportDroppedFile } from '../../src/pipeline/usage/import-dropped-file.ts';
import { BATCH_ROWS } from '../../src/pipeline/usage/record-usage.ts';
import { TestPlafond } from '../harness/plafond.ts';

const now = new SystemClock().now();
const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const row = (id: string) => `${id},1001,2026-03-10T10:00:00+01:00,60,voice,+252612345678,1.00,EUR,final`;

let plafond: TestPlafond;
let inbox: string;
let folder: string;
let dropped: ImportDroppedFile;
let feeds = 0;
let feed: string;

beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addAccount({ accountId: '1001' });
  inbox = await mkdtemp(join(tmpdir(), 'plafond-inbox-'));
  const { dataSource } = plafond.database;
  const config = { ...readConfig({ DATA_DIR: inbox }), inboxDir: inbox };
  const book = new FeedBook(dataSource);
  dropped = new ImportDroppedFile(
    dataSource,
    plafond.clock,
    config,
    plafond.usage,
    new ChangeFeeds(dataSource, plafond.clock, book),
    book,
  );
});
afterAll(async () => {
  await plafond.close();
  await rm(inbox, { recursive: true, force: true });
});
beforeEach(async () => {
  feed = `night-${++feeds}`;
  folder = join(inbox, feed);
  await mkdir(folder);
});

async function drop(name: string, content: string | Buffer, age_ms = 60_000): Promise<void> {
  await writeFile(join(folder, name), content);
  const written = new Date(now - age_ms);
  await utimes(join(folder, name), written, written);
}

/** What lies complete after two looks at the folder, by name. */
async function complete(): Promise<string[]> {
  await dropped.scan();
  return (await dropped.scan()).filter((file) => file.feed === feed).map(({ path }) => path.slice(folder.length + 1));
}

async function importAll(): Promise<void> {
  for (const name of await complete()) await dropped.import({ feed, path: join(folder, name) });
}

const imports = () =>
  plafond.query<{ state: string; counted: string; error: string | null }>(
    'SELECT state, counted, error FROM imports WHERE feed = $1 ORDER BY import_id',
    [feed],
  );

describe('a file in the drop folder', () => {
  it('is taken when its name is final and it has stood still, not before', async () => {
    await drop('a.csv.part', HEADER);
    await drop('.hidden.csv', HEADER);
    await drop('fresh.csv', HEADER, -60_000);
    await drop('b.csv', [HEADER, row('still')].join('\n'));
    expect(await complete()).toEqual(['b.csv']);
  });

  it('that still grows between two looks waits', async () => {
    await drop('grows.csv', HEADER);
    await dropped.scan();
    await drop('grows.csv', [HEADER, row('grown')].join('\n'));
    expect((await dropped.scan()).filter((file) => file.feed === feed)).toEqual([]);
  });

  it('counts, packed or not, and is put into done/', async () => {
    await drop('a.csv', [HEADER, row('plain')].join('\n'));
    await drop('b.csv.gz', gzipSync([HEADER, row('packed')].join('\n')));
    await importAll();
    expect(await imports()).toMatchObject([
      { state: 'done', counted: '1' },
      { state: 'done', counted: '1' },
    ]);
    expect((await readdir(join(folder, 'done'))).toSorted()).toEqual(['a.csv', 'b.csv.gz']);
    expect(await stat(join(folder, 'a.csv')).catch(() => 'gone')).toBe('gone');
  });

  it('that comes again under another name does nothing, and says so', async () => {
    const content = [HEADER, row('again')].join('\n');
    await drop('first.csv', content);
    await importAll();
    await drop('second.csv', content);
    await importAll();
    expect(await imports()).toMatchObject([
      { state: 'done', counted: '1' },
      { state: 'same-file', counted: '0' },
    ]);
    expect(await readFile(join(folder, 'done', 'second.csv.why.txt'), 'utf8')).toContain('nothing was done');
  });

  it('without the columns of usage is put into failed/ with the reason', async () => {
    await drop('notes.csv', 'hello\nworld');
    await importAll();
    expect(await imports()).toMatchObject([{ state: 'failed', counted: '0' }]);
    expect(await readFile(join(folder, 'failed', 'notes.csv.why.txt'), 'utf8')).toContain(
      'no header of canonical usage',
    );
  });

  it('that breaks off counts whole batches or nothing, and once when it comes complete', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => row(`broken-${i}`));
    const packed = gzipSync([HEADER, ...rows].join('\n'));
    await drop('cut.csv.gz', packed.subarray(0, packed.length - 2_000));
    await importAll();
    const [cut] = await imports();
    expect(cut).toMatchObject({ state: 'failed' });
    expect(Number(cut!.counted) % BATCH_ROWS).toBe(0);
    await drop('whole.csv.gz', packed);
    await importAll();
    expect(
      await plafond.query(
        `SELECT count(*) AS rows, sum(amount_micros) AS spend FROM usage WHERE record_id LIKE 'broken-%'`,
      ),
    ).toEqual([{ rows: '20000', spend: '20000000000' }]);
  });
});
