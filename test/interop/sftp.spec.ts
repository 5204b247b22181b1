/** Files pulled from OpenSSH's server: keys of all types, names and rights, and connections that break in the middle. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { feedDefinition } from '../../src/feeds/feed.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { ChangeFeeds } from '../../src/pipeline/usage/change-feeds.ts';
import { FeedBook } from '../../src/pipeline/usage/feed-book.ts';
import { PullSftp } from '../../src/pipeline/usage/pull-sftp.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { until } from '../harness/process.ts';
import { describeWith } from './programs.ts';
import { HOST_KEYS, Sshd } from './sshd.ts';

/** Long enough to be broken off. */
const LARGE_BYTES = 20 * 1024 * 1024;

describeWith(['sshd', 'ssh-keygen'], "files pulled from OpenSSH's sshd", () => {
  let database: TestDatabase;
  let sshd: Sshd;
  let feeds: ChangeFeeds;
  let pull: PullSftp;
  let inbox: string;
  let out: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    feeds = new ChangeFeeds(database.dataSource, new SystemClock(), new FeedBook(database.dataSource));
    sshd = await Sshd.start();
    out = join(sshd.files, 'out');
    process.env.PLAFOND_SECRET_KEY = sshd.userKey('ed25519');
  });
  afterAll(async () => {
    for (const name of ['KEY', 'OTHER', 'PHRASE']) delete process.env[`PLAFOND_SECRET_${name}`];
    await sshd.remove();
    await database.drop();
  });
  beforeEach(async () => {
    inbox = mkdtempSync(join(tmpdir(), 'plafond-sftp-'));
    pull = new PullSftp(database.dataSource, readConfig({ INBOX_DIR: inbox }));
    await database.dataSource.query('DELETE FROM feeds');
    sshd.emptyFolder();
  });
  afterEach(() => rm(inbox, { recursive: true }));

  const configure = async (sftp: object = {}) => {
    const { port, user } = sshd;
    const server = { host: '127.0.0.1', port, user, path: out, host_key: sshd.fingerprint('ed25519') };
    const definition = feedDefinition.parse({ sftp: { ...server, private_key_env: 'PLAFOND_SECRET_KEY', ...sftp } });
    await feeds.put('peer', definition, 'any', 'the tests');
  };
  /** Two looks, far enough apart that what did not change is complete. */
  const lookTwice = async () => {
    await pull.pull('peer');
    await database.dataSource.query(`UPDATE pulled_files SET seen_at = seen_at - interval '1 minute'`);
    return pull.pull('peer');
  };
  const taken = () => (existsSync(join(inbox, 'peer')) ? readdirSync(join(inbox, 'peer')).toSorted() : []);
  /** Bytes of a file have begun to come. */
  const untilItComes = () => until('the file comes', async () => taken().some((name) => name.endsWith('.part')));

  it.each(HOST_KEYS)('come where the server has the pinned key among others: %s', async (type) => {
    await configure({ host_key: sshd.fingerprint(type) });
    sshd.put('a.csv', 'x');
    await lookTwice();
    expect(taken()).toEqual(['a.csv']);
    // Which of its keys that is has to be found out once: some servers shut out who breaks off again and again.
    const connections = sshd.connections();
    await pull.pull('peer');
    expect(sshd.connections()).toBe(connections + 1);
  });

  it('do not come where the key has changed, and the server learns no name of a user', async () => {
    await configure();
    sshd.newHostKey('ed25519');
    await sshd.stop();
    sshd.forgetLog();
    await sshd.start();
    const shown = HOST_KEYS.map((type) => sshd.fingerprint(type)).join(' and ');
    await expect(pull.pull('peer')).rejects.toThrow(`shows the host keys ${shown}, not SHA256:`);
    expect(sshd.connections()).toBeGreaterThan(HOST_KEYS.length);
    expect(sshd.log()).not.toContain(sshd.user);
  });

  it.each([
    ['ed25519', []],
    ['ecdsa', []],
    ['rsa', []],
    ['rsa', ['-m', 'PEM']],
  ] as const)('come with a private key as ssh-keygen writes it, with a passphrase: %s %j', async (type, form) => {
    process.env.PLAFOND_SECRET_OTHER = sshd.userKey(type, { passphrase: 'made up', form });
    process.env.PLAFOND_SECRET_PHRASE = 'made up';
    await configure({ private_key_env: 'PLAFOND_SECRET_OTHER' });
    await expect(pull.pull('peer')).rejects.toThrow('no passphrase given): where it has a passphrase, passphrase_env');
    await configure({ private_key_env: 'PLAFOND_SECRET_OTHER', passphrase_env: 'PLAFOND_SECRET_PHRASE' });
    expect(await pull.pull('peer')).toEqual([]);
  });

  it('come with a private key in one line, as files of environments have it, and not with one in a form that is not read', async () => {
    process.env.PLAFOND_SECRET_OTHER = sshd.userKey('ed25519').replaceAll('\n', '\\n');
    await configure({ private_key_env: 'PLAFOND_SECRET_OTHER' });
    expect(await pull.pull('peer')).toEqual([]);
    process.env.PLAFOND_SECRET_OTHER = sshd.userKey('rsa', { form: ['-m', 'PKCS8'] });
    await expect(pull.pull('peer')).rejects.toThrow('`ssh-keygen -p -f FILE` writes one of another form anew');
  });

  it('come under the names they have there, and what can not be taken is said, not passed over', async () => {
    await configure();
    const fine = ['-dash.csv', '%41.csv', 'Zürich.csv', 'a*b?.csv', `q"u'o.csv`, 'with space.csv', '日本.csv.gz'];
    for (const name of [...fine, 'done', 'failed', 'new\nline.csv']) sshd.put(name, name);
    sshd.put(Buffer.from('Z\xfcrich.csv', 'latin1'), 'x');
    sshd.put('secret.csv', 'x');
    chmodSync(join(out, 'secret.csv'), 0o000);
    mkdirSync(join(out, 'folder'));
    symlinkSync('with space.csv', join(out, 'link.csv'));
    const wrong = await lookTwice();
    expect(taken()).toEqual(fine.toSorted());
    const unfit = ['Z\ufffdrich.csv', 'done', 'failed', 'new\\nline.csv'];
    expect(wrong).toEqual([
      ...unfit.map((name) => `no file can be kept under the name "${name}": it is not taken`),
      expect.stringMatching(/^secret\.csv: .*Permission denied/),
    ]);
  });

  it.each(['move:done', 'delete'])('are settled there once that is allowed: %s', async (after) => {
    await configure({ after });
    sshd.put('a.csv', 'x');
    chmodSync(out, 0o555);
    expect(await lookTwice()).toEqual([expect.stringMatching(/^a\.csv: .*Permission denied/)]);
    expect([taken(), sshd.list()]).toEqual([['a.csv'], ['a.csv']]);
    chmodSync(out, 0o755);
    rmSync(join(inbox, 'peer', 'a.csv'));
    expect(await pull.pull('peer')).toEqual([]);
    expect([taken(), sshd.list()]).toEqual([[], after === 'delete' ? [] : ['done']]);
  });

  it('say what keeps them from being moved, where done is a file', async () => {
    await configure({ after: 'move:done', files: '*.csv' });
    for (const name of ['a.csv', 'done']) sshd.put(name, 'x');
    expect(await lookTwice()).toEqual(['a.csv: it can not be moved to done/: done is a file there']);
  });

  it('come whole after their session was killed in the middle, and not while they still grow', async () => {
    await configure();
    const large = randomBytes(LARGE_BYTES);
    sshd.put('large.csv', large);
    sshd.put('small.csv', 'x');
    await pull.pull('peer');
    await database.dataSource.query(`UPDATE pulled_files SET seen_at = seen_at - interval '1 minute'`);
    const broken = pull.pull('peer');
    await untilItComes();
    expect(sshd.killSessions()).toBeGreaterThan(0);
    expect(await broken).toEqual([expect.stringMatching(/^large\.csv: /), expect.stringMatching(/^small\.csv: /)]);
    expect(taken()).toEqual([]);
    const growing = pull.pull('peer');
    await untilItComes();
    sshd.put('large.csv', Buffer.concat([large, Buffer.from('more')]));
    await growing;
    expect(taken()).toEqual(['small.csv']);
    await lookTwice();
    expect(readFileSync(join(inbox, 'peer', 'large.csv')).equals(Buffer.concat([large, Buffer.from('more')]))).toBe(
      true,
    );
  });

  it('come again by themselves when the server is back, and that it was away is in one alarm', async () => {
    await configure();
    sshd.put('a.csv', 'x');
    await pull.run('peer');
    await sshd.stop();
    for (let looks = 0; looks < 2; looks++) await pull.run('peer');
    await database.dataSource.query(`UPDATE pulled_files SET seen_at = seen_at - interval '1 minute'`);
    await sshd.start();
    await pull.run('peer');
    expect(taken()).toEqual(['a.csv']);
    expect(await database.dataSource.query(`SELECT text, cleared_text FROM alarms WHERE kind = 'pull-fails'`)).toEqual([
      { text: expect.stringContaining('ECONNREFUSED'), cleared_text: 'the feed peer is pulled again' },
    ]);
  });
});
