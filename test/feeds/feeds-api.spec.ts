/** A feed is configured, tried and used by the API, and by a file beside what it brings. */
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ImportDroppedFile } from '../../src/pipeline/usage/import-dropped-file.ts';
import { ACCOUNT, ADMIN_KEY, startAdmin, type AdminApp } from '../admin/admin-app.ts';

const sample = (name: string) => readFileSync(new URL(`../samples/feeds/${name}`, import.meta.url));
const CGRATES = { format: 'cgrates-csv', mapping: { currency: 'EUR' } };
const SIPWISE = { format: 'sipwise', mapping: { currency: 'EUR', time_zone: 'Europe/Amsterdam' } };
const csv = { 'content-type': 'text/csv' };

describe('a feed', () => {
  let admin: AdminApp;
  let inbox: string;
  beforeAll(async () => {
    inbox = await mkdtemp(join(tmpdir(), 'plafond-feeds-'));
    admin = await startAdmin({ PLAFOND_ADMIN_KEY: ADMIN_KEY, INBOX_DIR: inbox });
    admin.clock.advanceTo(Date.UTC(2010, 2, 20));
    await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
  });
  afterAll(async () => {
    await admin.close();
    await rm(inbox, { recursive: true });
  });

  it('is made, read, changed under its version, and every change is on record', async () => {
    const made = await admin.call('PUT', '/v1/feeds/rating', { body: CGRATES });
    expect([made.statusCode, made.headers.etag]).toEqual([201, '"1"']);
    expect(made.json()).toMatchObject({
      name: 'rating',
      version: 1,
      origin: 'default',
      ...CGRATES,
      last_import_at: null,
    });
    const again = await admin.call('PUT', '/v1/feeds/rating', { body: CGRATES });
    expect(again.json()).toMatchObject({ status: 428, code: 'if_match_needed' });
    const change = (match: string) =>
      admin.call('PUT', '/v1/feeds/rating', {
        body: { name: 'rating', ...CGRATES, expect_every_s: 3600, tolerance_percent: 0.5, tolerance_amount: '10' },
        headers: { 'if-match': match },
      });
    expect((await change('"7"')).json()).toMatchObject({ status: 412, code: 'changed_meanwhile' });
    expect((await change('"1"')).json()).toMatchObject({
      version: 2,
      expect_every_s: 3600,
      tolerance_percent: 0.5,
      tolerance_amount: '10.00',
    });
    expect((await admin.call('GET', '/v1/feeds')).json()).toMatchObject({ items: [{ name: 'rating' }], next: null });
    const changes = (await admin.call('GET', '/v1/changes?subject=feed&id=rating')).json();
    expect(changes.items.map((each: { change: string }) => each.change)).toEqual(['changed', 'created']);
  });

  it.each<[string, object, string[]]>([
    ['names no currency where the rows have none', { format: 'cgrates-csv' }, ['mapping.currency']],
    [
      'names no zone where the times have none',
      { format: 'sipwise', mapping: { currency: 'EUR' } },
      ['mapping.time_zone'],
    ],
    [
      'maps nothing',
      { format: 'mapped-csv', mapping: { currency: 'EUR', kind: 'voice' } },
      [
        'mapping.columns.record_id',
        'mapping.columns.account_id',
        'mapping.columns.started_at',
        'mapping.columns.amount',
      ],
    ],
    ['names no price for Asterisk', { ...SIPWISE, format: 'asterisk-csv' }, ['mapping.columns.amount']],
    ['maps canonical usage', { mapping: { currency: 'EUR' } }, ['mapping.currency']],
    ['has a field of its own', { ...CGRATES, color: 'red' }, ['color']],
    ['has a pattern that may never end', { ...CGRATES, sequence: '((a+)+)$' }, ['sequence']],
    ['has no number in its pattern', { ...CGRATES, sequence: 'x' }, ['sequence']],
    [
      'says its password',
      { ...CGRATES, sftp: { host: 'h', user: 'u', host_key: `SHA256:${'a'.repeat(43)}`, password: 'x' } },
      ['sftp.password'],
    ],
    [
      'names another variable of the environment',
      {
        ...CGRATES,
        sftp: { host: 'h', user: 'u', host_key: `SHA256:${'a'.repeat(43)}`, password_env: 'DATABASE_URL' },
      },
      ['sftp.password_env'],
    ],
    [
      'pins no host key',
      { ...CGRATES, sftp: { host: 'h', user: 'u', password_env: 'PLAFOND_SECRET_X' } },
      ['sftp.host_key'],
    ],
  ])('is refused where it %s', async (_, body, fields) => {
    const answer = await admin.call('PUT', '/v1/feeds/other', { body });
    expect(answer.statusCode).toBe(422);
    const faults = answer.json().errors.map((each: { field: string }) => each.field);
    expect(faults).toEqual(expect.arrayContaining(fields));
  });

  it('is for administrators to change, and no name of another', async () => {
    const key = await admin.keyOf('billing');
    expect((await admin.call('PUT', '/v1/feeds/x', { key, body: CGRATES })).statusCode).toBe(403);
    expect((await admin.call('PUT', '/v1/feeds/x', { body: { ...CGRATES, name: 'y' } })).json().code).toBe(
      'other_feed',
    );
    expect((await admin.call('PUT', '/v1/feeds/..x', { body: CGRATES })).json().code).toBe('bad_feed_name');
  });

  it('shows what it would count of a sample, and keeps nothing', async () => {
    const tried = (
      await admin.call('POST', '/v1/feeds/rating/try', { body: sample('cgrates.csv'), headers: csv })
    ).json();
    expect(tried).toMatchObject({
      refused: null,
      received: 6,
      counts: 4,
      rejected: 1,
      skipped: 1,
      totals: [{ currency: 'EUR', rows: 4, amount: '2.3564' }],
      hints: [],
      rows: [
        {
          line: 2,
          outcome: 'counts',
          record: { amount: '2.0164', account_id: '1001' },
          country: 'SO',
          traffic: expect.arrayContaining(['international']),
        },
        { line: 3, outcome: 'skipped', reason: 'other_run' },
        { line: 4, outcome: 'rejected', field: 'amount', reason: 'not_rated' },
        { line: 5, outcome: 'counts' },
        { line: 6, outcome: 'counts' },
        { line: 7, outcome: 'counts' },
      ],
    });
    expect(tried.columns.used).toEqual(expect.arrayContaining(['CGRID', 'Account', 'Cost']));
    expect((await admin.call('GET', '/v1/imports')).json().items).toEqual([]);
  });

  it.each<[string, object, string, string]>([
    [
      'amounts are in cents',
      { mapping: { currency: 'EUR' } },
      'a,1001,60,2010-03-14T02:40:00Z,+31612345678,250',
      'no amount has decimals: they look like cents; see amount_unit',
    ],
    [
      'times have no zone',
      { mapping: { currency: 'EUR' } },
      'a,1001,60,2010-03-14 02:40:00,+31612345678,2.50',
      'times have no zone; see time_zone',
    ],
    [
      'times count seconds',
      { mapping: { currency: 'EUR' } },
      'a,1001,60,1268530800,+31612345678,2.50',
      'times look like seconds since 1970; see time_format epoch-s',
    ],
    [
      'times are German',
      { mapping: { currency: 'EUR' } },
      'a,1001,60,14.03.2010 02:40:00,+31612345678,2.50',
      'times have a form of their own; see time_format, such as dd.MM.yyyy HH:mm:ss',
    ],
    [
      'times are digits alone',
      { mapping: { currency: 'EUR' } },
      'a,1001,60,20100314024000,+31612345678,2.50',
      'times have a form of their own; see time_format, such as dd.MM.yyyy HH:mm:ss',
    ],
    [
      'times have no seconds',
      { mapping: { currency: 'EUR', time_zone: 'Europe/Amsterdam' } },
      'a,1001,60,2010-03-14 02:40,+31612345678,2.50',
      'times have a form of their own; see time_format, such as dd.MM.yyyy HH:mm:ss',
    ],
    [
      'amounts have commas',
      { mapping: { currency: 'EUR' } },
      'a,1001,60,2010-03-14T02:40:00Z,+31612345678,"2,50"',
      'amounts have a decimal comma; see decimal',
    ],
    [
      'durations are in milliseconds',
      { mapping: { currency: 'EUR' } },
      'a,1001,600000,2010-03-14T02:40:00Z,+31612345678,2.50',
      'most calls last longer than a day: durations look like milliseconds or nanoseconds; see duration_unit',
    ],
    [
      'no account is known',
      { mapping: { currency: 'EUR' } },
      'a,Jansen,60,2010-03-14T02:40:00Z,+31612345678,2.50',
      'no account is known: does account_id come from the right column?',
    ],
  ])('says what looks wrong: %s', async (_, { mapping }: { mapping?: object }, row, hint) => {
    const columns = {
      record_id: 'id',
      account_id: 'who',
      duration_s: 'took',
      started_at: 'at',
      b_number: 'to',
      amount: 'price',
    };
    const definition = { format: 'mapped-csv', mapping: { ...mapping, columns, kind: 'voice' } };
    const text = `id,who,took,at,to,price\n${[1, 2, 3].map((n) => row.replace(/^a/, `a${n}`)).join('\n')}\n`;
    const answer = await admin.call('POST', '/v1/feeds/try', { body: { definition, sample: text } });
    expect(answer.json().hints).toEqual([hint]);
    const semicolons = { definition, sample: text.replaceAll(',', ';') };
    const other = (await admin.call('POST', '/v1/feeds/try', { body: semicolons })).json();
    expect(other).toMatchObject({
      refused: { code: 'bad_header' },
      columns: { found: ['id', 'who', 'took', 'at', 'to', 'price'], missing: [] },
      hints: ['the header fits with the separator ";"; see separator'],
    });
  });

  it('counts what it showed, and its rejects can be mended and sent again', async () => {
    const sent = await admin.call('POST', '/v1/usage?feed=rating', { body: sample('cgrates.csv'), headers: csv });
    expect(sent.json()).toMatchObject({ received: 6, counted: 4, rejected: 1, skipped: 1 });
    const id = sent.json().import_id;
    expect((await admin.call('GET', `/v1/imports/${id}`)).json()).toMatchObject({ received: 6, skipped: 1 });
    const [reject] = (await admin.call('GET', `/v1/imports/${id}/rejects`)).json().items;
    expect(reject).toMatchObject({ line: 4, reason: 'not_rated', detail: 'is -1: CGRateS could not rate it' });
    const body = { rows: [{ line: 4, text: reject.text.replace(/-1$/, '1.50') }] };
    const mended = await admin.call('POST', `/v1/imports/${id}/rejects/resend`, { body });
    expect(mended.json()).toMatchObject({ received: 1, counted: 1, rejected: 0 });
    const again = await admin.call('POST', '/v1/usage?feed=rating', { body: sample('cgrates.csv'), headers: csv });
    expect(again.json()).toMatchObject({ received: 6, counted: 0, duplicate: 4, skipped: 1, rejected: 1 });
  });

  it('takes the rejects back as the file that was downloaded, mended in place', async () => {
    const [header, ...rows] = sample('cgrates.csv').toString().split('\n');
    const unrated = [7, 8, 9].map((n) => rows[2]!.replace(/^[^,]+/, `mended"${n}`));
    const text = [header, ...unrated, ''].join('\n');
    const peer = (await admin.call('POST', '/v1/usage?feed=rating', { body: text, headers: csv })).json();
    expect(peer).toMatchObject({ received: 3, rejected: 3 });
    const address = `/v1/imports/${peer.import_id}/rejects.csv`;
    const [head, seven, eight, nine] = (await admin.call('GET', address)).body.split('\n');
    const send = async (...lines: (string | undefined)[]) =>
      (await admin.call('POST', address, { body: lines.join('\r\n'), headers: csv })).json();
    expect(await send(head, seven!.replace(/-1"$/, '1.50"'), eight, '')).toMatchObject({
      received: 2,
      counted: 1,
      rejected: 1,
    });
    expect((await admin.call('GET', address)).body.split('\n').slice(1)).toEqual([eight, nine, '']);
    expect(await send(head, seven)).toMatchObject({ code: 'unknown_reject' });
    expect(await send(head, nine, nine)).toMatchObject({
      code: 'bad_rejects',
      detail: expect.stringMatching(/^line 3 /),
    });
    expect(await send(head, nine!.replace(/"$/, ''))).toMatchObject({ code: 'bad_rejects' });
    expect(await send(head, 'x')).toMatchObject({ code: 'bad_rejects' });
    expect(await send(head)).toMatchObject({ code: 'bad_rejects' });
    expect(await send(header, nine)).toMatchObject({ code: 'bad_header' });
    expect(await send('')).toMatchObject({ code: 'bad_header' });

    const canonical = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
    const row = (id: string) => `${id},1001,2010-03-10T10:00:00+01:00,60,voice,+252612345678,"1,00",EUR,final`;
    const body = [canonical, row('m1'), row('"m2')].join('\n');
    const own = (await admin.call('POST', '/v1/usage?feed=own', { body, headers: csv })).json();
    expect(own).toMatchObject({ rejected: 2 });
    const at = `/v1/imports/${own.import_id}/rejects.csv`;
    const mended = (await admin.call('GET', at)).body.replaceAll('"1,00",EUR', '1.00,EUR').replace(',"m2,', ',m2,');
    expect((await admin.call('POST', at, { body: mended, headers: csv })).json()).toMatchObject({ counted: 2 });
    expect((await admin.call('GET', at)).body.split('\n')).toHaveLength(2);
  });

  it('sends no line again in two ways', async () => {
    const rows = ['1.50', '2.50'].map((text) => ({ line: 4, text }));
    const answer = await admin.call('POST', '/v1/imports/1/rejects/resend', { body: { rows } });
    expect(answer.json()).toMatchObject({
      status: 422,
      errors: [{ field: 'rows', detail: 'must name each line once' }],
    });
  });

  it('shows of the answer of an API what it would count of it', async () => {
    const definition = { format: 'cgrates-json', mapping: { currency: 'EUR' } };
    await admin.call('PUT', '/v1/feeds/rpc', { body: definition });
    const [cdr] = sample('cgrates.ndjson').toString().split('\n');
    const body = `{"method":"CDRsV1.GetCDRs","result":[${cdr}],"error":null,"id":1}`;
    for (const headers of [{ 'content-type': 'application/json' }, { 'content-type': 'text/plain' }]) {
      const tried = await admin.call('POST', '/v1/feeds/rpc/try', { body, headers });
      expect(tried.json()).toMatchObject({ received: 1, counts: 1 });
    }
    const sent = { definition, sample: body };
    expect((await admin.call('POST', '/v1/feeds/try', { body: sent })).json()).toMatchObject({
      received: 1,
      counts: 1,
    });
  });

  it('counts a delivery of which every row is passed over', async () => {
    const lines = sample('cgrates.csv').toString().split('\n');
    const sent = await admin.call('POST', '/v1/usage?feed=rating', {
      body: `${lines[0]}\n${lines[2]}\n`,
      headers: csv,
    });
    expect(sent.json()).toMatchObject({ received: 1, counted: 0, rejected: 0, skipped: 1 });
  });

  it('keeps the origin by which its records are known', async () => {
    const body = { ...CGRATES, origin: 'elsewhere' };
    const answer = await admin.call('PUT', '/v1/feeds/rating', { body, headers: { 'if-match': '*' } });
    expect(answer.json()).toMatchObject({ status: 409, code: 'origin_in_use' });
  });

  it('reads rejects no longer that came in another format', async () => {
    const imports: { import_id: string; source: string; rejected: number }[] = (
      await admin.call('GET', '/v1/imports?feed=rating')
    ).json().items;
    const { import_id: id } = imports.find(({ source, rejected }) => source === 'http' && rejected > 0)!;
    await admin.call('PUT', '/v1/feeds/rating', { body: SIPWISE, headers: { 'if-match': '*' } });
    const answer = await admin.call('POST', `/v1/imports/${id}/rejects/resend`);
    expect(answer.json()).toMatchObject({ status: 409, code: 'format_changed' });
  });

  it('checks the seal of what is pushed before anything counts', async () => {
    const broken = sample('sipwise.cdr').toString().replace('201.64', '101.64');
    const refused = await admin.call('POST', '/v1/usage?feed=rating', { body: broken, headers: csv });
    expect(refused.json()).toMatchObject({ status: 422, code: 'bad_checksum' });
    const sent = await admin.call('POST', '/v1/usage?feed=rating', { body: sample('sipwise.cdr'), headers: csv });
    expect(sent.json()).toMatchObject({ received: 4, counted: 2, rejected: 1, skipped: 1 });
  });

  it('is removed: where usage came by it, to canonical usage of its origin', async () => {
    expect((await admin.call('DELETE', '/v1/feeds/rating', { headers: { 'if-match': '"1"' } })).statusCode).toBe(412);
    expect((await admin.call('DELETE', '/v1/feeds/rating')).statusCode).toBe(204);
    expect((await admin.call('GET', '/v1/feeds/rating')).json()).toMatchObject({ format: 'canonical', mapping: {} });
    await admin.call('PUT', '/v1/feeds/unused', { body: CGRATES });
    expect((await admin.call('DELETE', '/v1/feeds/unused')).statusCode).toBe(204);
    expect((await admin.call('GET', '/v1/feeds/unused')).statusCode).toBe(404);
  });

  describe('in the drop folder', () => {
    let dropped: ImportDroppedFile;
    const scan = async () => {
      await dropped.scan();
      return (await dropped.scan()).map(({ feed, path }) => `${feed}: ${path.split('/').at(-1)}`);
    };
    const drop = async (feed: string, name: string, bytes: string | Buffer) => {
      await mkdir(join(inbox, feed), { recursive: true });
      const path = join(inbox, feed, name);
      await writeFile(path, bytes);
      await utimes(path, 1_000_000_000, 1_000_000_000);
      return path;
    };
    beforeAll(() => {
      dropped = admin.app.get(ImportDroppedFile);
    });

    it('waits while its definition can not be read', async () => {
      await drop('nightly', 'feed.json', '{ "format": "sipwise",');
      await drop('nightly', 'ngcp_007_1.cdr', sample('sipwise.cdr'));
      expect(await scan()).toEqual([]);
      await drop('nightly', 'feed.json', JSON.stringify({ format: 'sipwise' }));
      expect(await scan()).toEqual([]);
    });

    it('is as its file says, once', async () => {
      await drop('nightly', 'feed.json', `\ufeff${JSON.stringify({ ...SIPWISE, origin: 'ngcp' })}`);
      expect(await scan()).toEqual(['nightly: ngcp_007_1.cdr']);
      const feed = (await admin.call('GET', '/v1/feeds/nightly')).json();
      expect(feed).toMatchObject({ version: 1, origin: 'ngcp', format: 'sipwise' });
      const body = { ...SIPWISE, origin: 'ngcp', expect_every_s: 86_400 };
      await admin.call('PUT', '/v1/feeds/nightly', { body, headers: { 'if-match': '"1"' } });
      await scan();
      expect((await admin.call('GET', '/v1/feeds/nightly')).json()).toMatchObject({
        version: 2,
        expect_every_s: 86_400,
      });
    });

    it('tells operators, once, that it waits for a definition of another origin, and that it goes on', async () => {
      const alarms = async () =>
        (await admin.call('GET', '/v1/alarms?kind=feed-definition&subject=apart')).json().items;
      await drop('apart', 'feed.json', JSON.stringify({ ...SIPWISE, origin: 'ngcp-2' }));
      await scan();
      await dropped.import({ feed: 'apart', path: await drop('apart', 'ngcp_007_1.cdr', sample('sipwise.cdr')) });
      expect(await alarms()).toEqual([]);

      await drop('apart', 'feed.json', JSON.stringify({ ...SIPWISE, origin: 'ngcp-3' }));
      await drop('apart', 'ngcp_007_2.cdr', sample('sipwise.cdr'));
      expect(await scan()).not.toContain('apart: ngcp_007_2.cdr');
      expect(await alarms()).toEqual([
        expect.objectContaining({
          cleared_at: null,
          text: expect.stringMatching(
            /^the files of the feed apart wait, .* known by the origin "ngcp-2".* Mend that file, or take it away/,
          ),
          facts: expect.objectContaining({ code: 'origin_in_use' }),
        }),
      ]);

      await drop('apart', 'feed.json', JSON.stringify({ ...SIPWISE, origin: 'ngcp-2' }));
      expect(await scan()).toContain('apart: ngcp_007_2.cdr');
      expect(await alarms()).toMatchObject([{ cleared_text: 'apart: its files are read again' }]);
      await rm(join(inbox, 'apart'), { recursive: true });
    });

    it('counts a sealed file, and nothing of one whose seal is broken', async () => {
      await dropped.import({ feed: 'nightly', path: join(inbox, 'nightly', 'ngcp_007_1.cdr') });
      const broken = sample('sipwise.cdr').toString().replace('201.64', '101.64');
      await dropped.import({ feed: 'nightly', path: await drop('nightly', 'ngcp_007_2.cdr', broken) });
      const [second, first] = (await admin.call('GET', '/v1/imports?feed=nightly')).json().items;
      expect(first).toMatchObject({ state: 'done', received: 4, counted: 2, rejected: 1, skipped: 1 });
      expect(second).toMatchObject({ state: 'failed', received: 0, error: expect.stringMatching(/checksum/) });
      expect(await readdir(join(inbox, 'nightly', 'done'))).toEqual(['ngcp_007_1.cdr']);
    });

    it('puts away a sealed file that is no text', async () => {
      const bytes = Buffer.alloc(
        1_024,
        Uint8Array.from({ length: 256 }, (_, byte) => byte),
      );
      await dropped.import({ feed: 'nightly', path: await drop('nightly', 'ngcp_007_3.cdr', bytes) });
      const [{ state, error }] = (await admin.call('GET', '/v1/imports?feed=nightly')).json().items;
      expect([state, error]).toEqual([
        'failed',
        expect.stringContaining('the first line is no "version,lines": "\ufffd\u0001'),
      ]);
      expect(await readdir(join(inbox, 'nightly', 'failed'))).toContain('ngcp_007_3.cdr');
    });

    it('takes a file again that was passed over as a whole, once its mapping is mended, and then not any more', async () => {
      const only = (value: string) => {
        const mapping = { ...CGRATES.mapping, only: { column: 'RunID', values: [value] } };
        return drop('misread', 'feed.json', JSON.stringify({ ...CGRATES, origin: 'misread', mapping }));
      };
      const lines = sample('cgrates.csv').toString().split('\n');
      const dropAgain = async () => {
        await scan();
        const path = await drop('misread', 'a.csv', `${lines[0]}\n${lines[1]}\n`);
        await dropped.import({ feed: 'misread', path });
      };
      await only('*Default');
      await dropAgain();
      await dropAgain();
      admin.clock.advanceTo(admin.clock.now() + 1_000);
      await only('*default');
      await dropAgain();
      await dropAgain();
      const { items } = (await admin.call('GET', '/v1/imports?feed=misread')).json();
      expect(
        items.map(({ state, counted }: { state: string; counted: number }) => `${state} ${counted}`).toReversed(),
      ).toEqual(['done 0', 'same-file 0', 'done 1', 'same-file 0']);
    });
  });
});
