/** A body that can't be read to its end: what of it counted before that is said in the answer. */
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ACCOUNT, startAdmin, type AdminApp } from '../admin/admin-app.ts';

let admin: AdminApp;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
});
afterAll(() => admin.close());

const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state,note\n';
const OTHER_HEADER = HEADER.replace('record_id,account_id', 'account_id,record_id');
const row = (id: string, note = '') =>
  `${id},1001,2010-03-09T10:00:00Z,60,voice,+252612345678,0.01,EUR,final,${note}\n`;
/** More than a batch, of the same few records. */
const rows = (name: string, count = 8_000, note = '') =>
  Array.from({ length: count }, (_, index) => row(`${name}-${index % 10}`, note));

async function* inChunks(lines: readonly string[]): AsyncGenerator<Buffer> {
  for (let at = 0; at < lines.length; at += 500) yield Buffer.from(lines.slice(at, at + 500).join(''));
}

/** 64 MB are passed behind the first 6,000 rows. */
const tooLarge = [HEADER, ...rows('large', 8_600, 'x'.repeat(8_000))];

it.each<[string, () => Buffer | Readable, number, string]>([
  ['it is too large without saying so', () => Readable.from(inChunks(tooLarge)), 413, 'too_large'],
  ['it is gzipped, and cut off', () => gzipSync([HEADER, ...rows('cut')].join('')).subarray(0, -9), 400, 'bad_gzip'],
  ['it was joined of two files', () => Buffer.from([HEADER, ...rows('two'), OTHER_HEADER].join('')), 422, 'bad_header'],
])('%s', async (_, body, status, code) => {
  const answer = await admin.call('POST', '/v1/usage', { body: body(), headers: { 'content-type': 'text/csv' } });
  const told = answer.json<{ detail: string; import: Record<string, unknown> }>();
  const counts = { received: 6_000, counted: 10, duplicate: 5_990, stale: 0, superseded: 0, rejected: 0 };
  expect(told).toMatchObject({ status, code, import: counts });
  expect(told.detail).toMatch(new RegExp(`the 6000 rows before that are settled, as import ${told.import.import_id} `));
  const shown = (await admin.call('GET', `/v1/imports/${told.import.import_id}`)).json();
  expect(shown).toMatchObject({ state: 'failed', ...counts });
});

it('says nothing of an import where nothing counted', async () => {
  const body = [HEADER, ...rows('small', 20), OTHER_HEADER].join('');
  const answer = await admin.call('POST', '/v1/usage', { body, headers: { 'content-type': 'text/csv' } });
  expect(answer.json()).toMatchObject({ status: 422, code: 'bad_header' });
  expect(answer.json()).not.toHaveProperty('import');
});
