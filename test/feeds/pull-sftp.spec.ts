/** Files are pulled from a server whose key is pinned, each once, when they are complete. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { readConfig } from '../../src/config.ts';
import { feedDefinition } from '../../src/feeds/feed.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { ChangeFeeds } from '../../src/pipeline/usage/change-feeds.ts';
import { FeedBook } from '../../src/pipeline/usage/feed-book.ts';
import { SftpFolder } from '../../src/feeds/sources/sftp.ts';
import { PullSftp } from '../../src/pipeline/usage/pull-sftp.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { TestSftpServer } from './sftp-server.ts';

const PASSWORD = 'made-up-for-the-tests';

describe('a feed that is pulled', () => {
  let database: TestDatabase;
  let server: TestSftpServer;
  let feeds: ChangeFeeds;
  let pull: PullSftp;
  let inbox: string;
  beforeAll(async () => {
    process.env.PLAFOND_SECRET_PEER = PASSWORD;
    process.env.PLAFOND_SECRET_WRONG = 'another';
    database = await createTestDatabase();
    feeds = new ChangeFeeds(database.dataSource, new SystemClock(), new FeedBook(database.dataSource));
  });
  afterAll(async () => {
    delete process.env.PLAFOND_SECRET_PEER;
    delete process.env.PLAFOND_SECRET_WRONG;
    await database.drop();
  });
  beforeEach(async () => {
    server = await TestSftpServer.start(PASSWORD);
    inbox = await mkdtemp(join(tmpdir(), 'plafond-sftp-'));
    pull = new PullSftp(database.dataSource, readConfig({ INBOX_DIR: inbox }));
    await database.dataSource.query('DELETE FROM feeds');
  });
  afterEach(async () => {
    await server.stop();
    await rm(inbox, { recursive: true });
  });

  const configure = async (sftp: object = {}) => {
    const source = { host: '127.0.0.1', port: server.port, user: 'plafond', path: '/out', host_key: server.hostKey };
    const definition = feedDefinition.parse({ sftp: { ...source, password_env: 'PLAFOND_SECRET_PEER', ...sftp } });
    await feeds.put('peer', definition, 'any', 'the tests');
  };
  /** Two looks, far enough apart that what did not change is complete. */
  const lookTwice = async () => {
    await pull.pull('peer');
    await database.dataSource.query(`UPDATE pulled_files SET seen_at = seen_at - interval '1 minute'`);
    return pull.pull('peer');
  };
  const alarms = () =>
    database.dataSource.query<{ text: string; cleared_text: string | null }[]>(
      `SELECT text, cleared_text FROM alarms WHERE kind = 'pull-fails' ORDER BY alarm_id`,
    );
  const taken = async () => (await readdir(join(inbox, 'peer')).catch(() => [])).toSorted();

  it('gives its files once they looked the same twice, and keeps them there', async () => {
    await configure();
    const large = randomBytes(700_000);
    server.put('b.csv', large);
    server.put('a.csv', '');
    await pull.pull('peer');
    await pull.pull('peer');
    expect(await taken()).toEqual([]);
    await lookTwice();
    expect(await taken()).toEqual(['a.csv', 'b.csv']);
    expect(await readFile(join(inbox, 'peer', 'b.csv'))).toEqual(large);
    expect([...server.files.keys()]).toEqual(['/out/b.csv', '/out/a.csv']);
    // Imported meanwhile: it is not taken again, unless it changes.
    await rm(join(inbox, 'peer', 'b.csv'));
    await lookTwice();
    expect(await taken()).toEqual(['a.csv']);
    server.put('b.csv', 'corrected', 1_268_700_000);
    await lookTwice();
    expect(await readFile(join(inbox, 'peer', 'b.csv'), 'utf8')).toBe('corrected');
  });

  it('waits for a file that still grows', async () => {
    await configure();
    server.put('a.csv', 'half');
    await pull.pull('peer');
    server.put('a.csv', 'half and half');
    await pull.pull('peer');
    expect(await taken()).toEqual([]);
  });

  it('takes nothing of a file that changes while it is read', async () => {
    await configure();
    server.put('a.csv', 'first');
    server.onRead = () => server.put('a.csv', 'other', 1_268_600_001);
    await lookTwice();
    expect(await taken()).toEqual([]);
  });

  it('gives only what was asked for, under names that stay in their folder', async () => {
    await configure({ files: 'cdr_*.csv' });
    for (const name of ['cdr_1.csv', 'other.csv', 'cdr_2.csv.part', 'feed.json', 'cdr_..\\..\\x.csv'])
      server.put(name, name);
    await lookTwice();
    expect(await taken()).toEqual(['cdr_1.csv']);
    await configure({ files: '*' });
    await lookTwice();
    expect(await taken()).toEqual(['cdr_1.csv', 'other.csv']);
  });

  it('takes names as long as can be kept, and says which are not', async () => {
    await configure();
    const longest = `${'n'.repeat(226)}.csv`;
    const unfit = [
      `n${longest}`,
      `${'é'.repeat(200)}.csv`,
      'a\\b.csv',
      'done',
      'failed',
      'line\n.csv',
      'Z\ufffdrich.csv',
    ];
    for (const name of [longest, ...unfit]) server.put(name, 'x');
    const wrong = await lookTwice();
    expect(await taken()).toEqual([longest]);
    const initials = wrong.map((text) => /the name "(.).*: it is not taken$/.exec(text)?.[1]);
    expect(initials).toEqual(['Z', 'a', 'd', 'f', 'l', 'n', 'é']);
  });

  it('does not take more than it may', async () => {
    await configure({ bytes_max: 10 });
    server.put('a.csv', 'eleven byte');
    await lookTwice();
    expect([await taken(), server.reads]).toEqual([[], 0]);
  });

  it.each([
    ['delete', []],
    ['move:done', ['/out/done/a.csv']],
  ])('does there what it is told: %s', async (after, left) => {
    await configure({ after });
    server.put('a.csv', 'x');
    await lookTwice();
    expect([await taken(), [...server.files.keys()]]).toEqual([['a.csv'], left]);
  });

  it('puts a file whose name lies in done/ already beside it, and takes those behind it', async () => {
    await configure({ after: 'move:done' });
    server.put('usage.csv', 'first day');
    await lookTwice();
    await rm(join(inbox, 'peer', 'usage.csv'));
    server.put('usage.csv', 'second day', 1_268_700_000);
    server.put('zones.csv', 'x');
    await lookTwice();
    expect(await taken()).toEqual(['usage.csv', 'zones.csv']);
    expect([...server.files.keys()].toSorted()).toEqual([
      '/out/done/usage.csv',
      expect.stringMatching(/^\/out\/done\/usage\.csv\.\d{8}T\d{6}\.\d{3}Z$/),
      '/out/done/zones.csv',
    ]);
    expect(String(server.files.get('/out/done/usage.csv')!.bytes)).toBe('first day');
  });

  it('takes the others where one can not be moved, and says so', async () => {
    await configure({ after: 'move:done' });
    server.put('a.csv', 'x');
    server.put('b.csv', 'x');
    server.refused.add('/out/a.csv');
    expect(await lookTwice()).toEqual([expect.stringMatching(/^a\.csv: .*Failure/)]);
    expect(await taken()).toEqual(['a.csv', 'b.csv']);
    expect([...server.files.keys()]).toEqual(['/out/a.csv', '/out/done/b.csv']);
  });

  it('shows no password to a server with another key', async () => {
    const other = await TestSftpServer.start(PASSWORD);
    await configure({ port: other.port });
    await expect(pull.pull('peer')).rejects.toThrow(`shows the host key ${other.hostKey}, not ${server.hostKey}`);
    expect(other.passwords).toEqual([]);
    await other.stop();
  });

  it('says what is wrong with its secret', async () => {
    await configure({ password_env: 'PLAFOND_SECRET_NONE' });
    await expect(pull.pull('peer')).rejects.toThrow('PLAFOND_SECRET_NONE is not set');
    await configure({ password_env: 'PLAFOND_SECRET_WRONG' });
    await expect(pull.pull('peer')).rejects.toThrow('authentication methods failed');
  });

  it('tries again where the server breaks off', async () => {
    await configure();
    server.put('a.csv', randomBytes(300_000));
    await pull.pull('peer');
    await sleep(2_100);
    server.onRead = () => void server.stop();
    expect(await pull.pull('peer')).toEqual([expect.stringMatching(/^a\.csv: /)]);
    expect(await taken()).toEqual([]);
  });

  it.each([
    ['its list', () => server.mute.add('READDIR')],
    ['a file', () => server.mute.add('READ')],
  ])('gives up a server that is there and says nothing of %s', async (_, mute) => {
    await configure();
    server.put('a.csv', 'x');
    await pull.pull('peer');
    mute();
    const source = feedDefinition.parse({
      sftp: {
        host: '127.0.0.1',
        port: server.port,
        user: 'plafond',
        path: '/out',
        host_key: server.hostKey,
        password_env: 'PLAFOND_SECRET_PEER',
      },
    }).sftp!;
    const fetched = SftpFolder.at(
      source,
      { password: PASSWORD },
      async (folder) => {
        const [file] = await folder.list();
        return folder.fetch(file!, join(inbox, 'a.csv'));
      },
      200,
    );
    await expect(fetched).rejects.toThrow('127.0.0.1 has said nothing for 0.2 s');
  });

  it('is in one alarm while something of it can not be pulled, which is over when it can, or when it is pulled no more', async () => {
    const said = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const errors = jest.spyOn(Logger.prototype, 'error');
    await configure({ bytes_max: 10 });
    server.put('a.csv', 'eleven byte');
    await lookTwice();
    for (let looks = 0; looks < 3; looks++) await pull.run('peer');
    await configure({ bytes_max: 11 });
    await pull.run('peer');
    await configure({ password_env: 'PLAFOND_SECRET_WRONG' });
    for (let looks = 0; looks < 3; looks++) await pull.run('peer');
    await feeds.put('peer', feedDefinition.parse({}), 'any', 'the tests');
    await pull.feeds();
    expect(await alarms()).toEqual([
      {
        text: 'not all is pulled of the feed peer: a.csv has 11 bytes, more than the 10 that are taken (bytes_max). It is tried again every minute',
        cleared_text: 'the feed peer is pulled again',
      },
      {
        text: expect.stringContaining('authentication methods failed'),
        cleared_text: 'peer: it is not pulled any more',
      },
    ]);
    expect([said.mock.calls.length, errors.mock.calls.length]).toEqual([4, 0]);
    said.mockRestore();
    errors.mockRestore();
  });

  it('is listed for pulling, and no other is', async () => {
    await configure();
    await feeds.put('pushed', feedDefinition.parse({}), undefined, 'the tests');
    expect(await pull.feeds()).toEqual(['peer']);
  });
});
