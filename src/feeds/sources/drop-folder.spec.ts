import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { completeFiles, openFile } from './drop-folder.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plafond-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

it.each<[name: string, content: Buffer, format: string, text: string]>([
  ['plain.csv', Buffer.from('a,b\n'), 'csv', 'a,b\n'],
  ['named.csv.gz', gzipSync('a,b\n'), 'csv', 'a,b\n'],
  ['not-named.csv', gzipSync('a,b\n'), 'csv', 'a,b\n'],
  ['not-named.ndjson', gzipSync('{}\n'), 'ndjson', '{}\n'],
  ['of-two-members.csv.gz', Buffer.concat([gzipSync('a,b\n'), gzipSync('1,2\n')]), 'csv', 'a,b\n1,2\n'],
  ['filled-up.csv.gz', Buffer.concat([gzipSync('a,b\n'), Buffer.alloc(600_000)]), 'csv', 'a,b\n'],
  ['of-one-byte.csv', Buffer.from('a'), 'csv', 'a'],
  ['empty.csv', Buffer.alloc(0), 'csv', ''],
])(
  'a file is unpacked where it is gzipped, whether its name says so or not: %s',
  async (name, content, format, text) => {
    const path = join(folder, name);
    await writeFile(path, content);
    const file = openFile(path);
    const chunks: Buffer[] = [];
    for await (const chunk of file.bytes) chunks.push(chunk);
    expect([file.format, Buffer.concat(chunks).toString()]).toEqual([format, text]);
  },
);

it.each([
  ['at once', 10],
  ['after more zeros than are read at a time', 600_000],
])('what stands behind the zeros that fill up a gzipped file is not passed over: %s', async (_, zeros) => {
  const path = join(folder, `${zeros}.csv.gz`);
  await writeFile(path, Buffer.concat([gzipSync('a,b\n'), Buffer.alloc(zeros), gzipSync('1,2\n')]));
  const reading = (async () => {
    for await (const _ of openFile(path).bytes);
  })();
  await expect(reading).rejects.toMatchObject({
    code: 'bad_gzip',
    message: expect.stringContaining('damaged: have it sent again'),
  });
});

it('a link in place of a file is not read, and is named as what waits', async () => {
  const inbox = join(folder, 'inbox');
  await mkdir(join(inbox, 'nightly', 'done'), { recursive: true });
  await writeFile(join(folder, 'elsewhere.csv'), 'a,b\n');
  await symlink(join(folder, 'elsewhere.csv'), join(inbox, 'nightly', 'link.csv'));
  const { complete, closed } = await completeFiles(inbox, new Map(), 0);
  expect([complete, [...closed]]).toEqual([
    [],
    [[join(inbox, 'nightly', 'link.csv'), expect.stringContaining('put the file itself in its place')]],
  ]);
});
