/** Bad input to a running server, over HTTP and by the drop folder: each is read rightly or has a named reason, and memory stays. */
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { differencesIn } from '../harness/differences.ts';
import { KEY, PlafondProcess, until } from '../harness/process.ts';

const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const ROW = '1001,2026-03-10T10:00:00+01:00,60,voice,+252612345678,1.00,EUR,final';
const MB = 1024 * 1024;
/** What Node itself takes, the number plan, and the 64 MB that a whole may have. */
const MEMORY_MB_MAX = 450;

const text = (rows: string[], { header = HEADER, end = '\n' } = {}) => [header, ...rows, ''].join(end);
const good = (id: string) => `${id},${ROW}`;
const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64)]);
const cgrates =
  'CGRID,RunID,ToR,Account,Destination,AnswerTime,Usage,Cost\nx,*default,*voice,1001,31,2026-03-10,1m,1\n';

/** `counts` rows, sets rows aside for these reasons, or is refused as a whole. */
type Outcome = { counts: number; rejects: string[] } | { refused: string };

const INPUTS: [name: string, content: (id: string) => string | Buffer, outcome: Outcome][] = [
  ['a binary file', () => png, { refused: 'no text' }],
  ['text in UTF-16', (id) => Buffer.from(`\uFEFF${text([good(id)])}`, 'utf16le'), { refused: 'UTF-16' }],
  ['a file of another format', () => cgrates, { refused: 'no header of canonical usage' }],
  [
    'a column missing',
    (id) =>
      text([`${id},1001,2026-03-10T10:00:00+01:00,60,voice,+252612345678,EUR,final`], {
        header: HEADER.replace('amount,', ''),
      }),
    { refused: 'no header of canonical usage' },
  ],
  [
    'lines that end in carriage returns alone',
    (id) => text([`${good(id)},x`], { header: `${HEADER},note`, end: '\r' }),
    { refused: 'end them in line feeds' },
  ],
  [
    'bytes of all kinds',
    () =>
      Buffer.alloc(
        25_600,
        Uint8Array.from({ length: 256 }, (_, byte) => byte),
      ),
    { refused: 'NUL' },
  ],
  [
    'text in UTF-16 without a byte-order mark',
    (id) => Buffer.from(text([good(id)]), 'utf16le'),
    { refused: 'text in UTF-8' },
  ],
  ['an empty file', () => '', { refused: 'empty' }],
  [
    'a line of 10 MB',
    (id) => text([good(`${id}-1`), `${id}-2,${'x'.repeat(10 * MB)}`, good(`${id}-3`)]),
    { counts: 2, rejects: ['unreadable_row'] },
  ],
  ['a byte-order mark', (id) => `\uFEFF${text([good(id)])}`, { counts: 1, rejects: [] }],
  ['CRLF', (id) => text([good(`${id}-1`), good(`${id}-2`)], { end: '\r\n' }), { counts: 2, rejects: [] }],
  [
    'Latin-1',
    (id) => Buffer.from(text([good(`${id}-1`), good(`${id}-\u00fc`)]), 'latin1'),
    { counts: 1, rejects: ['unreadable_row'] },
  ],
  [
    'a decimal comma',
    (id) => text([good(`${id}-1`), good(`${id}-2`).replace('1.00', '"1,50"')]),
    { counts: 1, rejects: ['bad_amount'] },
  ],
  [
    'a decimal comma that is not quoted',
    (id) => text([good(`${id}-1`), good(`${id}-2`).replace('1.00', '1,50')]),
    { counts: 1, rejects: ['unreadable_row'] },
  ],
  [
    'a future date',
    (id) => text([good(id).replace('2026-03', '2099-03')]),
    { counts: 0, rejects: ['start_in_future'] },
  ],
  ['a time without a zone', (id) => text([good(id).replace('+01:00', '')]), { counts: 0, rejects: ['bad_started_at'] }],
  [
    'an amount with 9 decimals',
    (id) => text([good(id).replace('1.00', '1.123456789')]),
    { counts: 0, rejects: ['bad_amount'] },
  ],
  [
    'amounts whose sum no counter holds',
    (id) =>
      text([
        good(`${id}-1`),
        ...Array.from({ length: 10 }, (_, n) => good(`${id}-m${n}`).replace('1.00', '999999999999.99')),
      ]),
    { counts: 1, rejects: Array.from({ length: 10 }, () => 'bad_amount') },
  ],
  ['an amount as a float', (id) => text([good(id).replace('1.00', '1e3')]), { counts: 0, rejects: ['bad_amount'] }],
  [
    'a quote that never ends',
    (id) => text([good(`${id}-1`), `"${good(`${id}-2`)}`]),
    { counts: 1, rejects: ['unreadable_row'] },
  ],
];

let database: TestDatabase;
let dataDir: string;
let plafond: PlafondProcess;
let folder: string;
let counted = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'plafond-bad-'));
  plafond = await PlafondProcess.start({ DATABASE_URL: database.url, DATA_DIR: dataDir });
  await plafond.json('PUT', '/v1/accounts/1001', {
    currency: 'EUR',
    time_zone: 'Europe/Amsterdam',
    home_country: 'NL',
  });
  folder = join(dataDir, 'nightly', 'night');
  await mkdir(folder, { recursive: true });
});
afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

interface Import {
  import_id: string;
  file_name: string;
  state: string;
  error: string | null;
  received: number;
  counted: number;
  rejected: number;
}

async function rejectsOf(importId: string): Promise<string[]> {
  const { items } = await plafond.json<{ items: { reason: string }[] }>('GET', `/v1/imports/${importId}/rejects`);
  return items.map(({ reason }) => reason);
}

async function drop(name: string, content: string | Buffer): Promise<void> {
  await writeFile(join(folder, `${name}.part`), content);
  await finish(name);
}

/** The name becomes final, and the file looks as if it had stood still for a while. */
async function finish(name: string): Promise<void> {
  const old = new Date((await stat(join(folder, `${name}.part`))).mtimeMs - 60_000);
  await utimes(join(folder, `${name}.part`), old, old);
  await rename(join(folder, `${name}.part`), join(folder, name));
}

async function imports(): Promise<Map<string, Import>> {
  const { items } = await plafond.json<{ items: Import[] }>('GET', '/v1/imports?feed=night&limit=100');
  return new Map(items.map((each) => [each.file_name.replace(/^.*\//, ''), each]));
}

describe('bad input', () => {
  it.each(INPUTS)('over HTTP: %s', async (name, content, outcome) => {
    const answer = await fetch(`${plafond.url}/v1/usage?feed=live`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'text/csv' },
      body: new Uint8Array(Buffer.from(content(`http-${name.replaceAll(' ', '-')}`) as Buffer)),
    });
    const body = (await answer.json()) as Import & { detail: string };
    if ('refused' in outcome) {
      expect([answer.status, body.detail]).toEqual([422, expect.stringContaining(outcome.refused)]);
      return;
    }
    expect(body).toMatchObject({ counted: outcome.counts, rejected: outcome.rejects.length });
    expect(await rejectsOf(body.import_id)).toEqual(outcome.rejects);
    counted += outcome.counts;
  });

  it('over HTTP: what is refused at its first line, or for its size, leaves its connection to the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const post = async (body: string | Buffer, path = 'usage?feed=live', headers = {}): Promise<number> => {
      const sent = request(`${plafond.url}/v1/${path}`, {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'text/csv', ...headers },
      }).end(body);
      sent.on('socket', (socket) => sockets.add(socket));
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      await once(answer.resume(), 'end');
      return answer.statusCode!;
    };
    for (let i = 0; i < 3; i++)
      expect(await post(text(Array(20_000).fill('x'.repeat(100)), { header: 'none' }))).toBe(422);
    expect(await post('x'.repeat(5 * MB), 'caps', { 'content-type': 'application/json' })).toBe(413);
    const bomb = gzipSync(Buffer.alloc(512 * MB, 'a'), { level: 1 });
    for (const headers of [{}, { 'content-encoding': 'gzip' }]) {
      expect(await post(bomb, 'usage?feed=live', headers)).toBe(413);
    }
    expect(await post(text([good('after')]))).toBe(200);
    expect(sockets.size).toBe(1);
    counted++;
    agent.destroy();
  });

  it('over HTTP: what says that it is too large is refused before any of it counts', async () => {
    const answer = await fetch(`${plafond.url}/v1/usage?feed=huge`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'text/csv' },
      body: new Uint8Array(Buffer.alloc(65 * MB, text([good('huge'), '#'.repeat(4_000)]))),
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([413, 'too_large']);
    expect((await plafond.json<{ items: Import[] }>('GET', '/v1/imports?feed=huge')).items).toEqual([]);
  });

  it('by the drop folder: each of these, and a gzip bomb', async () => {
    const fileOf = (name: string) => `${name.replaceAll(' ', '-')}.csv`;
    for (const [name, content] of INPUTS) await drop(fileOf(name), content(`file-${name.replaceAll(' ', '-')}`));
    // Two gigabytes of line breaks in two megabytes.
    const lineBreaks = Buffer.alloc(MB, '\n');
    const bomb = (function* () {
      for (let i = 0; i < 2_048; i++) yield lineBreaks;
    })();
    await pipeline(bomb, createGzip({ level: 1 }), createWriteStream(join(folder, 'bomb.csv.gz.part')));
    await finish('bomb.csv.gz');

    await until('all files have been looked at', async () => {
      const found = await imports();
      return found.size === INPUTS.length + 1 && [...found.values()].every(({ state }) => state !== 'running');
    });
    const found = await imports();
    expect(found.get('bomb.csv.gz')).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('bytes unpack to'),
    });
    for (const [name, , outcome] of INPUTS) {
      const imported = found.get(fileOf(name))!;
      if ('refused' in outcome) {
        expect(imported).toMatchObject({
          state: 'failed',
          error: expect.stringContaining(outcome.refused),
          counted: 0,
        });
        const why = await readFile(join(folder, 'failed', `${fileOf(name)}.why.txt`), 'utf8');
        expect(why).toContain(outcome.refused);
        continue;
      }
      expect(imported).toMatchObject({ state: 'done', counted: outcome.counts, rejected: outcome.rejects.length });
      expect(await rejectsOf(imported.import_id)).toEqual(outcome.rejects);
      counted += outcome.counts;
    }
    const [sum] = await database.dataSource.query<{ rows: number; spend: string }[]>(
      'SELECT count(*)::int AS rows, sum(amount_micros) AS spend FROM usage',
    );
    expect(sum).toEqual({ rows: counted, spend: String(counted * 1_000_000) });
    expect(await differencesIn(database.dataSource)).toEqual([]);
  });

  (existsSync('/proc/self/status') ? it : it.skip)('never takes more memory than a server has', async () => {
    const [, peak_kb] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${plafond.child.pid}/status`, 'utf8'))!;
    expect(Number(peak_kb) / 1024).toBeLessThan(MEMORY_MB_MAX);
  });

  it('is downloaded with its reasons, mended in place, and sent again', async () => {
    const rows = [good('mend-1').replace('1.00', '"1,50"'), good('mend-2').replace('1001', 'nobody')];
    const sent = await plafond.json<Import>('POST', '/v1/usage?feed=live', text(rows), 'text/csv');
    expect(sent).toMatchObject({ counted: 0, rejected: 2 });
    const answer = await plafond.ask('GET', `/v1/imports/${sent.import_id}/rejects.csv`);
    expect(answer.headers.get('content-type')).toContain('text/csv');
    const csv = await answer.text();
    const lines = csv.trimEnd().split('\n');
    expect(lines[0]).toBe(`reject_line,reject_reason,reject_field,reject_detail,${HEADER}`);
    expect(lines[1]).toMatch(/^2,bad_amount,amount,"""1,50"" is no decimal number.*",mend-1,1001,.*,"1,50",EUR,final$/);
    expect(lines[2]).toMatch(/^3,unknown_account,account_id,.*,mend-2,nobody,/);
    const mended = csv.replace(',"1,50",', ',1.50,').replace(',nobody,', ',1001,');
    expect(await plafond.json('POST', '/v1/usage?feed=live', mended, 'text/csv')).toMatchObject({
      received: 2,
      counted: 2,
      rejected: 0,
    });
  });
});
