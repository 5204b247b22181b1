import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from '../../src/command-line/program.ts';
import { readConfig } from '../../src/config.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { appendEvidence } from '../../src/evidence/append.ts';
import { removeOldEvidence } from '../../src/evidence/remove.ts';
import { DrivenClock, parseInstant } from '../../src/kernel/clock.ts';
import { startPlafond, type Plafond } from '../../src/start.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const KEY = 'the-administrator-of-the-tests';
const ACCOUNTS =
  'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id\n' +
  '1001,A,smb,EUR,Europe/Amsterdam,1,nl-NL,,,NL,GTC 7.3,\n1002,B,smb,EUR,Europe/Amsterdam,1,nl-NL,,,NL,GTC 7.3,\n';
const CAP = {
  name: 'International',
  scope: { segment: 'smb' },
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 100, actions: ['warn', 'suspend:international'] },
  ],
};
const HEADER = 'record_id,account_id,started_at,duration_s,kind,a_number,b_number,amount,currency,state\n';
const row = (id: string, amount: string, account = '1001') =>
  `${id},${account},2010-03-09T02:00:00+01:00,60,voice,+31201234567,+252612345678,${amount},EUR,final\n`;

describe('the command line on a running server', () => {
  let database: TestDatabase;
  let plafond: Plafond;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plafond-cli-'));
    database = await createTestDatabase();
    const env = { DATABASE_URL: database.url, DATA_DIR: folder, PORT: '0', ROLE: 'api', PLAFOND_ADMIN_KEY: KEY };
    const clock = new DrivenClock(parseInstant('2010-03-10T12:00:00+01:00')!);
    plafond = await startPlafond(readConfig({ ...env, LOG_LEVEL: 'silent' }), { clock });
  });
  afterAll(async () => {
    await plafond.close();
    await database.drop();
    await rm(folder, { recursive: true });
  });

  /** The file, in the folder of the test. */
  const write = async (name: string, content: string | Buffer): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, content);
    return file;
  };
  const run = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const out: string[] = [];
    const err: string[] = [];
    const code = await runCommand(args, { out: (line) => out.push(line), err: (line) => err.push(line) });
    return { code, out: out.join('\n'), err: err.join('\n') };
  };
  const onServer = (...args: string[]) => run(...args, '--url', plafond.url!, '--key', KEY);

  it('imports accounts', async () => {
    const file = await write('accounts.csv', ACCOUNTS);
    expect(await onServer('accounts', 'import', file)).toMatchObject({
      code: 0,
      out: `${file}: 2 created, 0 changed, 0 unchanged`,
    });
    const wrong = await write('wrong.csv', ACCOUNTS.replaceAll('Amsterdam', 'Atlantis'));
    const refused = await onServer('accounts', 'import', wrong);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('line 2: time_zone must be an IANA zone');
    expect(refused.err).toContain('line 3: time_zone');
  });

  it('imports usage, gzipped or not, and exits with 2 where rows were rejected', async () => {
    const good = await write('good.csv.gz', gzipSync(HEADER + row('r1', '60.00') + row('r2', '10.00', '1002')));
    const bad = await write(
      'bad.csv',
      HEADER + Array.from({ length: 25 }, (_, at) => row(`x${at}`, '1.00', 'nobody')).join('') + row('r1', '60.00'),
    );
    const all = await onServer('import', good, '--feed', 'nightly');
    expect(all).toEqual({ code: 0, out: expect.stringContaining('2 received, 2 counted, 0 duplicate'), err: '' });

    const some = await onServer('import', good, bad, '--feed', 'nightly');
    expect(some.code).toBe(2);
    expect(some.out).toContain('26 received, 0 counted, 1 duplicate, 0 stale, 0 superseded, 25 rejected');
    expect(some.out).toMatch(/ {2}line 2 {3}account_id {2}unknown_account {2}\S/);
    expect(some.out).toContain('  line 21  account_id');
    expect(some.out).not.toContain('line 22');
    expect(some.out).toContain('and 5 more; --all shows them');
    expect((await onServer('import', bad, '--feed', 'nightly', '--all')).out).toContain('  line 26  account_id');
  });

  it('foretells, creates, leaves alone and changes caps', async () => {
    const file = await write('cap.json', JSON.stringify(CAP));
    const apply = async (...options: string[]) => (await onServer('caps', 'apply', file, ...options)).out;
    const story = 'International: segment smb, international, 100.00 EUR a month';
    expect(await apply('--dry-run')).toBe(
      `would create  ${story}\n  now warns 1 account and suspends 0:\n  1001  60.00 of 100.00 EUR  60 %  warn`,
    );
    expect(await apply()).toBe(`created    ${story}`);
    expect(await apply()).toBe(`unchanged  ${story}`);
    const lower = await write(
      'caps.json',
      JSON.stringify([
        { ...CAP, limit: '50' },
        { ...CAP, period: 'day' },
      ]),
    );
    expect((await onServer('caps', 'apply', lower, '--dry-run')).out).toMatch(
      /^would change {2}.*\n {2}now warns 1 account and suspends 1:\n {2}1001 {2}60.00 of 50.00 EUR {2}120 % {2}warn, suspend:international\nwould create {2}/,
    );
    expect((await onServer('caps', 'apply', lower)).out).toMatch(/^changed {4}.*\ncreated {4}/);
  });

  it('verifies evidence, and names what was altered or is missing', async () => {
    const whole = await onServer('evidence', 'verify');
    expect(whole).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^1 account, \d+ entries checked: all as written$/),
    });
    expect((await onServer('evidence', 'verify', '--account', '1001')).code).toBe(0);
    expect((await onServer('evidence', 'verify', '--account', '1002')).err).toContain('account 1002 has no evidence');

    // Plafond itself can't do this: the tables refuse it.
    await asIntruder(`UPDATE evidence SET body = '{"n":1}' WHERE account_id = '1001' AND seq = 1`);
    const altered = await onServer('evidence', 'verify');
    expect(altered.code).toBe(1);
    expect(altered.out).toContain('account 1001, entry 1: altered: its content does not give its hash');
    expect(altered.out).toContain('1 account NOT as written');
    await asIntruder(`DELETE FROM evidence WHERE account_id = '1001'`);
    expect((await onServer('evidence', 'verify')).out).toContain('account 1001, entry 1: missing-last');
    await asIntruder(
      `INSERT INTO evidence (account_id, seq, at, kind, body, prev_hash, hash) VALUES ('1002', 1, now(), 'x', '{}', '', '')`,
    );
    expect((await onServer('evidence', 'verify', '--account', '1002')).out).toContain('account 1002, entry 1: altered');
  });

  it('takes entries past the head for new ones only where the head has come to know of them', async () => {
    const { dataSource } = database;
    const append = (kind: string) =>
      inTransaction(dataSource, ({ client }) =>
        appendEvidence(client, [{ accountId: '1003', at: parseInstant('2010-03-10T12:00:00Z')!, kind, body: {} }]),
      );
    await append('first');
    const [head] = await dataSource.query(`SELECT seq, hash FROM evidence_heads WHERE account_id = '1003'`);
    await append('second');
    const verify = () => onServer('evidence', 'verify', '--account', '1003');
    expect(await verify()).toMatchObject({ code: 0, out: '1 account, 2 entries checked: all as written' });
    await dataSource.query(`UPDATE evidence_heads SET seq = $1, hash = $2 WHERE account_id = '1003'`, [
      head.seq,
      head.hash,
    ]);
    expect((await verify()).out).toContain('account 1003, entry 2: beyond-head');
  });

  it('proves what remains of a chain whose beginning was removed, and tells how much that is', async () => {
    const { dataSource } = database;
    const day = (n: number) => parseInstant(`2010-03-${n}T12:00:00Z`)!;
    await inTransaction(dataSource, ({ client }) =>
      appendEvidence(
        client,
        [10, 11, 12, 13].map((n) => ({ accountId: '1004', at: day(n), kind: 'note', body: {} })),
      ),
    );
    await inTransaction(dataSource, ({ client }) => removeOldEvidence(client, '1004', day(12), 2_922, day(14)));
    const verify = () => onServer('evidence', 'verify', '--account', '1004');
    expect(await verify()).toMatchObject({
      code: 0,
      out: '1 account, 3 entries checked: all as written; 2 older entries removed, as their chains say',
    });
    await asIntruder(`DELETE FROM evidence WHERE account_id = '1004' AND seq = 3`);
    expect((await verify()).out).toContain('account 1004, entry 3: missing: entry 3 is gone');
  });

  it.each([
    ['a file that is not there', ['import', 'nowhere.csv', '--feed', 'x'], 'nowhere.csv: there is no such file'],
    ['a file of an unknown kind', ['import', 'usage.txt', '--feed', 'x'], 'its name must end in .csv'],
    ['a name of a feed that is none', ['import', 'package.json', '--feed', 'a b'], 'feed must be 1 to 64 letters'],
  ])('says in a line what is wrong with %s', async (_, args, story) => {
    const ended = await onServer(...args);
    expect(ended.code).toBe(1);
    expect(ended.err).toContain(story);
    expect(ended.err).not.toContain('    at ');
  });

  it('says so where a file names no caps', async () => {
    const file = await write('none.json', '[]');
    expect(await onServer('caps', 'apply', file)).toEqual({ code: 0, out: `${file}: no caps`, err: '' });
  });

  it('finds the server by the address of its API, as it is shown at the start', async () => {
    const ended = await run('spend', 'rebuild', '--check', '--url', `${plafond.url!}/v1/`, '--key', KEY);
    expect(ended).toMatchObject({ code: 0, err: '' });
  });

  it('says so where a folder is named', async () => {
    await mkdir(join(folder, 'folder.csv'));
    const ended = await onServer('accounts', 'import', join(folder, 'folder.csv'));
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining('folder.csv: it is a folder') });
  });

  it('says so where the key is wrong, and never shows it', async () => {
    const ended = await run('evidence', 'verify', '--url', plafond.url!, '--key', 'a-wrong-secret');
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining('this key is not known') });
    expect(ended.err).not.toContain('a-wrong-secret');
  });

  it('says so where no server answers', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const url = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    await new Promise((resolve) => closed.close(resolve));
    const ended = await run('evidence', 'verify', '--url', url, '--key', KEY);
    expect(ended).toEqual({ code: 1, out: '', err: `plafond: no Plafond answers at ${url}; start it with npm start` });
  });

  async function asIntruder(sql: string): Promise<void> {
    await database.dataSource.transaction(async (manager) => {
      await manager.query('SET LOCAL session_replication_role = replica');
      await manager.query(sql);
    });
  }

  it('imports what a peer writes, and tells how many rows were passed over, and which file was refused', async () => {
    const definition = { format: 'cgrates-csv', mapping: { currency: 'EUR' } };
    const made = await fetch(`${plafond.url}/v1/feeds/peer`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(definition),
    });
    expect(made.status).toBe(201);
    const cdr = (run: string) => `c1,${run},*voice,1001,+252612345678,2010-03-09T01:00:00Z,1m,1.00\n`;
    const header = 'CGRID,RunID,ToR,Account,Destination,AnswerTime,Usage,Cost\n';
    const good = await write('peer.cdr', header + cdr('*default') + cdr('supplier'));
    const bad = await write('other.csv', 'a,b\n1,2\n');
    const { code, out, err } = await onServer('import', good, bad, '--feed', 'peer');
    expect(code).toBe(1);
    expect(out).toContain('2 received, 1 counted, 0 duplicate, 0 stale, 0 superseded, 0 rejected, 1 passed over');
    expect(err).toContain(`${bad}: Unprocessable Entity: the header is not what the feed expects`);
  });
});

describe('plafond replay', () => {
  it('writes decisions, and says on standard error how it went', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plafond-cli-'));
    const files: Record<string, string> = {
      accounts: ACCOUNTS,
      caps: JSON.stringify(CAP),
      usage: HEADER + row('r1', '60.00') + row('r2', '1.00', 'nobody'),
    };
    const args = ['replay', '--budget', 'off', '--out', join(folder, 'decisions.ndjson')];
    for (const [name, content] of Object.entries(files)) {
      const file = join(folder, name === 'caps' ? 'caps.json' : `${name}.csv`);
      await writeFile(file, content);
      args.push(`--${name}`, file);
    }
    const err: string[] = [];
    const terminal = { out: (line: string) => expect(line).toBe(''), err: (line: string) => err.push(line) };
    expect(await runCommand(args, terminal)).toBe(0);
    expect(err.join('\n')).toMatch(/records in .*: 1 counted, .*1 rejected; 2 decisions\n {2}line 3 {2}account_id/);

    for (const [option, value, story] of [
      ['--usage', 'nowhere.csv', /nowhere\.csv/],
      ['--caps', 'package.json', /^plafond: .*traffic/],
      ['--warm-until', 'yesterday', /RFC 3339/],
      ['--mode', 'loud', /shadow, enforce/],
      ['--budget', 'much', /or off/],
      ['--budget', '0', /above 0/],
      ['--budget', '0.00', /above 0/],
    ] as const) {
      err.length = 0;
      expect(await runCommand([...args, option, value], terminal)).toBe(1);
      expect(err.join('\n')).toMatch(story);
      expect(err.join('\n')).not.toContain('    at ');
    }
    // Beyond what may be promised live: where the limits of the rules are is found by trying.
    for (const budget of ['0.001', '999999']) expect(await runCommand([...args, '--budget', budget], terminal)).toBe(0);
    await rm(folder, { recursive: true });
  });
});

describe('plafond replay, of what is no file', () => {
  let folder: string;
  let args: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plafond-cli-'));
    await writeFile(join(folder, 'accounts.csv'), ACCOUNTS);
    await writeFile(join(folder, 'caps.json'), JSON.stringify(CAP));
    await writeFile(join(folder, 'usage.csv'), HEADER + row('r1', '60.00') + row('r2', '1.00'));
    args = ['replay', '--accounts', join(folder, 'accounts.csv'), '--caps', join(folder, 'caps.json')];
  });
  afterAll(() => rm(folder, { recursive: true }));

  const replay = async (...more: string[]) => {
    const err: string[] = [];
    const code = await runCommand([...args, ...more], { out: () => undefined, err: (line) => err.push(line) });
    return { code, err: err.join('\n') };
  };
  /** A pipe that gives its text once. */
  const pipe = async (text: string): Promise<string> => {
    const path = join(folder, `pipe-${text.length}`);
    execFileSync('mkfifo', [path]);
    void writeFile(path, text);
    return path;
  };

  it('reads usage from a pipe once, though what is usual is learnt from it first', async () => {
    const usage = await readFile(join(folder, 'usage.csv'), 'utf8');
    const outs = [join(folder, 'of-file'), join(folder, 'of-pipe')];
    for (const [at, source] of [join(folder, 'usage.csv'), await pipe(usage)].entries()) {
      const until = ['--warm-until', '2010-03-01T00:00:00Z'];
      const ended = await replay('--usage', source, '--out', outs[at]!, ...until);
      expect(ended).toEqual({ code: 0, err: expect.stringMatching(/^2 records in .*: 2 counted/) });
    }
    expect(await readFile(outs[1]!, 'utf8')).toBe(await readFile(outs[0]!, 'utf8'));
  });

  it('writes into a pipe, and puts no file in its place', async () => {
    const out = join(folder, 'out');
    execFileSync('mkfifo', [out]);
    const reading = readFile(out, 'utf8');
    expect(await replay('--usage', join(folder, 'usage.csv'), '--out', out)).toMatchObject({ code: 0 });
    expect(await reading).toContain('"record_id":"r1"');
    expect((await stat(out)).isFIFO()).toBe(true);
  });

  it.each([
    ['--usage', 'nowhere.csv', 'plafond: nowhere.csv: there is no such file'],
    ['--accounts', 'nowhere.csv', 'plafond: nowhere.csv: there is no such file'],
    ['--caps', 'nowhere.json', 'plafond: nowhere.json: there is no such file'],
    ['--out', 'nowhere/decisions.ndjson', 'plafond: nowhere/decisions.ndjson: there is no such folder'],
  ])('says what is not there: %s %s', async (option, value, story) => {
    const whole = ['--usage', join(folder, 'usage.csv'), '--out', join(folder, 'decisions')];
    expect(await replay(...whole, option, value)).toEqual({ code: 1, err: story });
  });
});

describe('plafond', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    for (const flag of ['--version', '-V']) {
      const out: string[] = [];
      const terminal = { out: (line: string) => out.push(line), err: (line: string) => expect(line).toBe('') };
      expect([await runCommand([flag], terminal), out]).toEqual([0, [version]]);
    }
  });
});

describe('plafond simulate', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plafond-cli-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const simulate = async (...args: string[]) => {
    const err: string[] = [];
    const small = ['--accounts', '1', '--warm-days', '1', '--test-days', '1', '--attacks', '0'];
    const code = await runCommand(['simulate', '--out', join(folder, 'made'), ...small, ...args], {
      out: (line) => expect(line).toBe(''),
      err: (line) => err.push(line),
    });
    return { code, err: err.join('\n') };
  };

  it('says so where there are fewer attacks than were asked for', async () => {
    expect(await simulate()).toEqual({
      code: 0,
      err: expect.stringMatching(/^\S+ records?, 1 account, 0 attacks; replay/),
    });
    expect((await simulate('--attacks', '20')).err).toMatch(/^only \d attacks? of 160: .*\n/);
  });

  it.each([
    ['a folder that is a file', ['--out', 'package.json'], /^plafond: EEXIST: .*package\.json/],
    ['a provider without customers', ['--accounts', '0'], /at least 1/],
    ['a seed with too many digits', ['--seed', '4294967295'], /at most nine digits/],
    ['prices that are nothing', ['--misrated', '0'], /at least 1/],
  ])('refuses %s in a line', async (_, args, story) => {
    const { code, err } = await simulate(...args);
    expect(code).toBe(1);
    expect(err).toMatch(story);
    expect(err).not.toContain('    at ');
  });
});
