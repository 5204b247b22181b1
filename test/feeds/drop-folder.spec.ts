/** The drop folder as a rating system uses it: files that come slowly, come twice, can't be read, or break off. */
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { beginImport } from '../../src/feeds/imports.ts';
import { hashOfFile, openFile } from '../../src/feeds/sources/drop-folder.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { ChangeFeeds } from '../../src/pipeline/usage/change-feeds.ts';
import { FeedBook } from '../../src/pipeline/usage/feed-book.ts';
import { ImportDroppedFile } from '../../src/pipeline/usage/import-dropped-file.ts';
import { NOTHING_SETTLED } from '../../src/pipeline/usage/lanes.ts';
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
  dropped = importer();
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

function importer(): ImportDroppedFile {
  const { dataSource } = plafond.database;
  const config = { ...readConfig({ DATA_DIR: inbox }), inboxDir: inbox };
  const book = new FeedBook(dataSource);
  const definitions = new ChangeFeeds(dataSource, plafond.clock, book);
  return new ImportDroppedFile(dataSource, plafond.clock, config, plafond.usage, definitions, book);
}

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
  plafond.query<{ state: string; counted: string; rejected: string; error: string | null }>(
    'SELECT state, counted, rejected, error FROM imports WHERE feed = $1 ORDER BY import_id',
    [feed],
  );

const alarms = () =>
  plafond.query<{ subject: string; open: boolean }>(
    `SELECT subject, cleared_at IS NULL AS open FROM alarms WHERE kind = 'file-waits' AND starts_with(subject, $1)`,
    [folder],
  );

/** Does `work` with the rights of nobody: of root, the disk refuses nothing. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const own = process.geteuid!();
  if (own === 0) process.seteuid!('nobody');
  try {
    return await work();
  } finally {
    process.seteuid!(own);
  }
}

describe('a file in the drop folder', () => {
  it('is taken when its name is final and it has stood still, not before', async () => {
    await drop('a.csv.part', HEADER);
    await drop('.hidden.csv', HEADER);
    await drop('fresh.csv', HEADER, -60_000);
    await drop('b.csv', [HEADER, row('still')].join('\n'));
    expect(await complete()).toEqual(['b.csv']);
  });

  it('that was written by a clock that is ahead does not wait until then', async () => {
    await drop('a.csv', HEADER, -3_600_000);
    expect(await complete()).toEqual(['a.csv']);
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

  it('is taken in a folder that is a link, but never where it is one itself', async () => {
    const disk = await mkdtemp(join(tmpdir(), 'plafond-disk-'));
    await rm(folder, { recursive: true });
    await symlink(disk, folder);
    await drop('a.csv', HEADER);
    await symlink(join(disk, 'a.csv'), join(folder, 'linked.csv'));
    expect(await complete()).toEqual(['a.csv']);
    await rm(disk, { recursive: true });
    expect(await complete()).toEqual([]);
    expect(await alarms()).toEqual([join(folder, 'linked.csv'), folder].map((subject) => ({ subject, open: true })));
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

  it.each([
    [
      'of whose name another comes while it is read',
      async (name: string) => {
        await drop(`${name}.part`, [HEADER, row(`${feed}-2`)].join('\n'));
        await rename(join(folder, `${name}.part`), join(folder, name));
      },
    ],
    ['that is written to while it is read', (name: string) => appendFile(join(folder, name), `\n${row(`${feed}-2`)}`)],
  ])('%s is imported as it is then', async (_, change) => {
    const content = [HEADER, row(`${feed}-1`)].join('\n');
    await drop('night.csv', content);
    const { goOn } = plafond.usage;
    const read = jest.spyOn(plafond.usage, 'goOn').mockImplementationOnce(async (...delivery) => {
      const result = await goOn.apply(plafond.usage, delivery);
      await change('night.csv');
      await utimes(join(folder, 'night.csv'), new Date(now - 30_000), new Date(now - 30_000));
      return result;
    });
    await importAll();
    expect(await readdir(folder)).toEqual(['night.csv']);
    await importAll();
    read.mockRestore();
    expect(await plafond.query('SELECT FROM usage WHERE record_id = $1', [`${feed}-2`])).toHaveLength(1);
    expect(await readdir(join(folder, 'done'))).toEqual(['night.csv']);
    // Nobody knows which content the first import has read, so it stands for none.
    await drop('again.csv', content);
    await importAll();
    expect((await imports()).map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  });

  it('that can not be put away is on record once, and in one alarm until it is gone', async () => {
    await drop('stuck.csv', [HEADER, row('stuck')].join('\n'));
    await writeFile(join(folder, 'done'), 'no folder');
    await importAll();
    const file = { feed, path: join(folder, 'stuck.csv') };
    await dropped.import(file);
    expect(await complete()).toEqual([]);
    expect(await imports()).toMatchObject([{ state: 'done', counted: '1' }]);
    expect(await alarms()).toEqual([{ subject: file.path, open: true }]);
    await rm(join(folder, 'done'));
    await dropped.import(file);
    await complete();
    expect(await readdir(join(folder, 'done'))).toEqual(['stuck.csv', 'stuck.csv.why.txt']);
    expect(await alarms()).toEqual([{ subject: file.path, open: false }]);
  });

  it.each([
    ['not be read', 0o000],
    ['be read for its names alone', 0o444],
  ])('in a folder that can %s is in an alarm, and holds up no other feed', async (_, rights) => {
    await drop('a.csv', HEADER);
    const shut = join(inbox, `${feed}-shut`);
    await mkdir(shut);
    for (const name of ['a.csv', 'feed.json']) await writeFile(join(shut, name), HEADER);
    const all = `SELECT kind, cleared_at IS NULL AS open FROM alarms WHERE subject IN ($1, $2) ORDER BY kind`;
    const told = () => plafond.query<{ kind: string; open: boolean }>(all, [shut, `${feed}-shut`]);
    await complete();
    await chmod(inbox, 0o777);
    await chmod(shut, rights);
    expect(await asNobody(complete)).toEqual(['a.csv']);
    expect((await told()).map(({ kind, open }) => open && kind)).toEqual(['feed-definition', 'file-waits']);
    await chmod(shut, 0o755);
    await rm(join(shut, 'feed.json'));
    await complete();
    expect((await told()).map(({ open }) => open)).toEqual([false, false]);
  });

  it('in a folder that no feed can be called by is told of once, unless nobody expects anything of it', async () => {
    const named = (name: string) => join(inbox, name);
    for (const name of ['My Feed', '.My Trash', 'lost+found']) await mkdir(named(name));
    await writeFile(join(named('My Feed'), 'a.csv'), HEADER);
    await complete();
    await complete();
    const ofNames = () =>
      plafond.query(
        `SELECT subject, text, cleared_at IS NULL AS open FROM alarms WHERE kind = 'file-waits' AND subject = ANY ($1)`,
        [['My Feed', '.My Trash', 'lost+found'].map(named)],
      );
    expect(await ofNames()).toEqual([
      { subject: named('My Feed'), text: expect.stringContaining('must be 1 to 64 letters'), open: true },
    ]);
    for (const name of ['My Feed', '.My Trash', 'lost+found']) await rm(named(name), { recursive: true });
    await complete();
    expect(await ofNames()).toMatchObject([{ open: false }]);
  });

  it('that fails is in an alarm, with what to do, until it is imported under its name or lies in failed/ no more', async () => {
    const told = async () => {
      const rows = await plafond.query<{ subject: string; text: string; open: boolean }>(
        `SELECT subject, text, cleared_at IS NULL AS open FROM alarms
          WHERE kind = 'file-failed' AND starts_with(subject, $1) ORDER BY alarm_id`,
        [folder],
      );
      for (const { text } of rows) expect(text).toMatch(/header.* drop it again/);
      return rows.map(({ subject, open }) => `${subject.slice(folder.length + 1)} ${open ? 'open' : 'over'}`);
    };
    await drop('a.csv', 'id,name\n1,x\n');
    await drop('b.csv', 'id,names\n1,x\n');
    await importAll();
    await drop('c.csv', [HEADER, row(`${feed}-c`)].join('\n'));
    await importAll();
    expect(await told()).toEqual(['a.csv open', 'b.csv open']);
    await drop('a.csv', 'id,name\n2,y\n');
    await importAll();
    await rm(join(folder, 'failed', 'a.csv'));
    await complete();
    expect(await told()).toEqual(['a.csv open', 'b.csv open']);
    await drop('a.csv', [HEADER, row(`${feed}-a`)].join('\n'));
    await importAll();
    expect(await told()).toEqual(['a.csv over', 'b.csv open']);
    await rm(join(folder, 'failed', 'b.csv'));
    await complete();
    expect(await told()).toEqual(['a.csv over', 'b.csv over']);
  });

  it('in no folder of a feed is in an alarm once it has lain there for a minute, until it is gone', async () => {
    const loose = join(inbox, 'loose.csv');
    const told = () =>
      plafond.query(`SELECT text, cleared_at IS NULL AS open FROM alarms WHERE kind = 'file-waits' AND subject = $1`, [
        loose,
      ]);
    await writeFile(loose, HEADER);
    for (const hidden of ['.loose.csv', 'loose.csv.part']) await writeFile(join(inbox, hidden), HEADER);
    await complete();
    expect(await told()).toEqual([]);
    const written = new Date(now - 61_000);
    await utimes(loose, written, written);
    await complete();
    await complete();
    expect(await told()).toEqual([{ text: expect.stringMatching(/loose\.csv .*folder.* of its feed/), open: true }]);
    for (const name of ['loose.csv', '.loose.csv', 'loose.csv.part']) await rm(join(inbox, name));
    await complete();
    expect(await told()).toMatchObject([{ open: false }]);
  });

  it('that can not be read waits and is in one alarm, and is imported when it can', async () => {
    await drop('closed.csv', [HEADER, row('closed')].join('\n'));
    const file = { feed, path: join(folder, 'closed.csv') };
    await chmod(file.path, 0o000);
    await asNobody(() => dropped.import(file));
    await asNobody(() => dropped.import(file));
    expect([await imports(), await alarms()]).toEqual([[], [{ subject: file.path, open: true }]]);
    await chmod(file.path, 0o600);
    await dropped.import(file);
    await complete();
    expect(await imports()).toMatchObject([{ state: 'done', counted: '1' }]);
    expect(await alarms()).toEqual([{ subject: file.path, open: false }]);
  });

  it('is asked for at the next look where thousands lie there', async () => {
    const names = Array.from({ length: 501 }, (_, i) => `${String(i).padStart(3, '0')}.csv`);
    for (const name of names) await drop(name, HEADER);
    expect(await complete()).toEqual(names.slice(0, 500));
    await rm(join(folder, names[0]!));
    expect(await complete()).toEqual(names.slice(1));
  });

  it('without the columns of usage is put into failed/ with the reason', async () => {
    await drop('notes.csv', 'hello\nworld');
    await importAll();
    expect(await imports()).toMatchObject([{ state: 'failed', counted: '0' }]);
    expect(await readFile(join(folder, 'failed', 'notes.csv.why.txt'), 'utf8')).toContain(
      'no header of canonical usage',
    );
  });

  it('with the longest name there is is put into failed/ with the reason', async () => {
    const name = `${'ü'.repeat(125)}n.csv`;
    await drop(name, 'hello');
    await drop(`x${name.slice(1)}`, 'hello');
    await importAll();
    expect(await imports()).toMatchObject([{ state: 'failed' }, { state: 'failed' }]);
    const failed = (await readdir(join(folder, 'failed'))).toSorted();
    const put = `${'ü'.repeat(121)}n.csv`;
    const second = `${'ü'.repeat(120)}n.csv.2`;
    expect(failed).toEqual([put, `${put}.why.txt`, second, `${second}.why.txt`].toSorted());
  });

  it('whose name is not UTF-8 counts under the name that it has in Latin-1', async () => {
    const content = [HEADER, row('latin')].join('\n');
    await drop('name.csv', content);
    await rename(
      join(folder, 'name.csv'),
      Buffer.concat([Buffer.from(`${folder}/`), Buffer.from('\u00fcber.csv', 'latin1')]),
    );
    expect(await complete()).toEqual([]);
    await importAll();
    expect(await imports()).toMatchObject([{ state: 'done', counted: '1' }]);
    expect(await readdir(join(folder, 'done'))).toEqual(['\u00fcber.csv']);
  });

  it('that breaks off counts whole batches or nothing, and once when it comes complete', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => row(`broken-${i}`));
    const packed = gzipSync([HEADER, ...rows].join('\n'));
    await drop('cut.csv.gz', packed.subarray(0, packed.length - 2_000));
    await importAll();
    const [cut] = await imports();
    expect(cut).toMatchObject({ state: 'failed' });
    expect(Number(cut!.counted) % BATCH_ROWS).toBe(0);
    expect(await readFile(join(folder, 'failed', 'cut.csv.gz.why.txt'), 'utf8')).toBe(`${cut!.error}\n`);
    await drop('whole.csv.gz', packed);
    await importAll();
    expect(
      await plafond.query(
        `SELECT count(*) AS rows, sum(amount_micros) AS spend FROM usage WHERE record_id LIKE 'broken-%'`,
      ),
    ).toEqual([{ rows: '20000', spend: '20000000000' }]);
  });

  it.each<[string, Buffer, RegExp]>([
    ['is not gzipped', Buffer.from(HEADER), /its name ends in \.gz, but it is not gzipped, or not all of it: gzip it/],
    ['breaks off', gzipSync(HEADER).subarray(0, 40), /breaks off before its gzipped content ends: have it sent again/],
    ['is damaged', gzipSync(HEADER).fill(0, 20, 60), /its gzipped content is damaged: have it sent again/],
    ['has more behind', Buffer.concat([gzipSync(HEADER), Buffer.from('more')]), /not gzipped, or not all of it/],
  ])('whose name ends in .gz and that %s is put into failed/ with what to do', async (_what, bytes, words) => {
    await drop('odd.csv.gz', bytes);
    await importAll();
    expect(await imports()).toMatchObject([{ state: 'failed', counted: '0', error: expect.stringMatching(words) }]);
    expect(await readFile(join(folder, 'failed', 'odd.csv.gz.why.txt'), 'utf8')).toMatch(words);
  });

  it('whose import something else than the file breaks off goes on as the same import when it is tried again', async () => {
    const rows = Array.from({ length: 2 * BATCH_ROWS + 7 }, (_, i) => row(`on-${i}`));
    rows[3] = row('on-3').replace('1.00', 'a lot');
    await drop('on.csv', [HEADER, ...rows].join('\n'));
    await complete();
    const file = { feed, path: join(folder, 'on.csv') };
    await plafond.query(`ALTER TABLE usage ADD CONSTRAINT no_poison CHECK (record_id <> 'on-${2 * BATCH_ROWS + 3}')`);
    await expect(dropped.import(file)).rejects.toMatchObject({ code: '23514' });
    expect(await imports()).toMatchObject([{ state: 'running', counted: String(2 * BATCH_ROWS - 1), rejected: '1' }]);
    await plafond.query('ALTER TABLE usage DROP CONSTRAINT no_poison');
    await dropped.import(file);
    expect(await imports()).toMatchObject([{ state: 'done', counted: String(rows.length - 1), rejected: '1' }]);
    expect(await readdir(join(folder, 'done'))).toEqual(['on.csv']);
  });

  it('of more rows than can be counted before the process ends goes on at the next start', async () => {
    const rows = Array.from({ length: 4 * BATCH_ROWS }, (_, i) => row(`end-${i}`));
    await drop('end.csv', [HEADER, ...rows].join('\n'));
    const file = { feed, path: join(folder, 'end.csv') };
    const ending = importer();
    const { goOn } = plafond.usage;
    const read = jest.spyOn(plafond.usage, 'goOn').mockImplementationOnce((delivery, broken) => {
      const bytes = (async function* () {
        for await (const chunk of delivery.bytes) {
          yield chunk;
          const [begun] = await imports();
          if (begun) ending.onModuleDestroy();
        }
      })();
      return goOn.call(plafond.usage, { ...delivery, bytes }, broken);
    });
    await expect(ending.import(file)).rejects.toThrow('this process ends');
    read.mockRestore();
    const [begun] = await imports();
    expect([begun!.state, Number(begun!.counted) < rows.length]).toEqual(['running', true]);
    await importer().import(file);
    expect(await imports()).toMatchObject([{ state: 'done', counted: String(rows.length) }]);
  });

  it('that two import at once is done when one of them has done it, whatever the other meets', async () => {
    const content = [HEADER, row('both-1'), row('both-2')].join('\n');
    await drop('both.csv', content);
    await complete();
    const path = join(folder, 'both.csv');
    const { dataSource } = plafond.database;
    const contentHash = await hashOfFile(path);
    const begun = { feed, source: 'drop-folder' as const, fileName: path, contentHash, format: 'csv' as const };
    const running = await inTransaction(dataSource, ({ client }) =>
      beginImport(client, { ...begun, requestedBy: 'the tests' }, NOTHING_SETTLED, now),
    );
    const other = async function* () {
      yield Buffer.from(content.slice(0, 5));
      await dropped.import({ feed, path });
      yield Buffer.from(content.slice(5));
    };
    const delivery = { ...begun, bytes: other(), requestedBy: 'the tests' };
    await expect(plafond.usage.goOn(delivery, running)).rejects.toMatchObject({ code: 'import_in_other_hands' });
    expect(await imports()).toMatchObject([{ state: 'done', counted: '2', error: null }]);
  });

  it('that holds what no counter can sum up is put away, and not tried for ever', async () => {
    await drop('sum.csv', [HEADER, row('sum')].join('\n'));
    await plafond.query(
      `ALTER TABLE usage ADD CONSTRAINT no_room CHECK (record_id <> 'sum' OR amount_micros * 9223372036854775807 > 0)`,
    );
    await importAll();
    await plafond.query('ALTER TABLE usage DROP CONSTRAINT no_room');
    expect(await imports()).toMatchObject([{ state: 'failed', counted: '0' }]);
    expect(await readFile(join(folder, 'failed', 'sum.csv.why.txt'), 'utf8')).toContain('out of range');
  });

  it.each(['gone.csv', 'gone.csv.gz'])(
    'that vanishes before it is read is an error where it is read: %s',
    async (name) => {
      await drop(name, gzipSync(HEADER));
      const { bytes } = openFile(join(folder, name));
      await rm(join(folder, name));
      await nextTurn();
      await expect(bytes[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );
});
