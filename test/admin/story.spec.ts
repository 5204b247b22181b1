import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCOUNT, CAP, startAdmin, type AdminApp } from './admin-app.ts';

const HEADER = 'record_id,account_id,started_at,duration_s,kind,a_number,b_number,amount,currency,state\n';
const row = (id: string, amount: string, account = '1001', at = '2010-03-09T02:00:00+01:00') =>
  `${id},${account},${at},60,voice,+31201234567,+252612345678,${amount},EUR,final\n`;
const csv = { 'content-type': 'text/csv' };

describe('the billing team at work', () => {
  let admin: AdminApp;
  let viewer: string;
  let capId: string;
  beforeAll(async () => {
    admin = await startAdmin();
    viewer = await admin.keyOf('viewer');
  });
  afterAll(() => admin.close());

  it('creates an account, changes it under its version, and reads it back', async () => {
    const created = await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
    expect([created.statusCode, created.headers.etag]).toEqual([201, '"1"']);
    expect(created.json()).toMatchObject({
      ...ACCOUNT,
      account_id: '1001',
      version: 1,
      created_at: '2010-03-10T12:00:00+01:00',
    });
    const renamed = { ...ACCOUNT, name: 'Bakkerij Jansen B.V.' };
    const change = (match: string) =>
      admin.call('PUT', '/v1/accounts/1001', { body: renamed, headers: { 'if-match': match } });
    expect((await change('"7"')).json()).toMatchObject({ status: 412, code: 'changed_meanwhile' });
    const changed = await change('"1"');
    expect([changed.statusCode, changed.headers.etag]).toEqual([200, '"2"']);
    expect((await admin.call('GET', '/v1/accounts/1001')).json()).toMatchObject(renamed);
    expect((await admin.call('GET', '/v1/accounts/nobody')).statusCode).toBe(404);
  });

  it('takes an id of 64 characters, whatever they take up', async () => {
    const url = `/v1/accounts/${encodeURIComponent('📞'.repeat(64))}`;
    expect((await admin.call('PUT', url, { body: ACCOUNT })).statusCode).toBe(201);
    expect((await admin.call('PUT', `${url}x`, { body: ACCOUNT })).statusCode).toBe(422);
    expect((await admin.call('DELETE', url)).statusCode).toBe(204);
  });

  it('shows a viewer neither address nor number in full', async () => {
    const seen = (await admin.call('GET', '/v1/accounts/1001', { key: viewer })).json();
    expect([seen.email, seen.msisdn]).toEqual(['j***@example.nl', '+316***78']);
  });

  it('refuses an account with each wrong field', async () => {
    const wrong = {
      ...ACCOUNT,
      time_zone: 'Mars/Olympus',
      cycle_day: 31,
      currency: 'EURO',
      locale: 'x',
      email: 'a',
      msisdn: '06',
      home_country: 'Q',
    };
    const answer = await admin.call('PUT', '/v1/accounts/1002', { body: { ...wrong, surname: 'x' } });
    expect(answer.statusCode).toBe(422);
    const fields = answer.json().errors.map((each: { field: string }) => each.field);
    expect(fields.toSorted()).toEqual([
      'currency',
      'cycle_day',
      'email',
      'home_country',
      'locale',
      'msisdn',
      'surname',
      'time_zone',
    ]);
    const other = await admin.call('PUT', '/v1/accounts/1002', { body: { ...ACCOUNT, account_id: '1003' } });
    expect(other.json()).toMatchObject({ status: 422, errors: [{ field: 'account_id' }] });
  });

  it('imports accounts as a whole or not at all', async () => {
    const header =
      'account_id,name,segment,currency,time_zone,cycle_day,locale,email,msisdn,home_country,suspension_terms,parent_id\n';
    const good =
      '2001,"Jansen, P.",smb,EUR,Europe/Amsterdam,5,nl-NL,,,NL,,\n2002,B,,EUR,Europe/Brussels,1,nl-BE,,,BE,,2001\n';
    const send = (text: string | Buffer, headers = {}) =>
      admin.call('POST', '/v1/accounts/import', { body: text, headers: { ...csv, ...headers } });
    const wrong = await send(
      `${header}${good}2003,C,,XXXX,Mars/Olympus,1,nl,,,NL,,\n2001,D,,EUR,Europe/Paris,1,fr,,,FR,,\n`,
    );
    expect(wrong.json()).toMatchObject({
      status: 422,
      errors: [
        { line: 4, field: 'currency' },
        { line: 4, field: 'time_zone' },
        { line: 5, field: 'account_id', detail: 'is on line 2 already' },
      ],
    });
    expect((await admin.call('GET', '/v1/accounts/2001')).statusCode).toBe(404);
    expect((await send(header + good)).json()).toEqual({ created: 2, changed: 0, unchanged: 0 });
    expect((await send(gzipSync(header + good), { 'content-encoding': 'gzip' })).json()).toEqual({
      created: 0,
      changed: 0,
      unchanged: 2,
    });
    expect((await send('id,name\n1,x\n')).json()).toMatchObject({ status: 422, code: 'bad_header' });
    expect((await send('')).json()).toMatchObject({ status: 422, code: 'bad_header' });
    expect((await send(`${header}1,2\n`)).json()).toMatchObject({ status: 400, code: 'bad_csv' });
  });

  it('lists in pages', async () => {
    const first = (await admin.call('GET', '/v1/accounts?limit=2')).json();
    expect(first.items.map((item: { account_id: string }) => item.account_id)).toEqual(['1001', '2001']);
    const second = (await admin.call('GET', `/v1/accounts?limit=2&cursor=${first.next}`)).json();
    expect([second.items[0].account_id, second.next]).toEqual(['2002', null]);
    expect((await admin.call('GET', '/v1/accounts?segment=smb')).json().items).toHaveLength(2);
    expect((await admin.call('GET', '/v1/accounts?limit=0')).statusCode).toBe(422);
  });

  it('makes a cap, and refuses its twin and one in another currency than its account', async () => {
    const made = await admin.call('POST', '/v1/caps', { body: CAP });
    expect([made.statusCode, made.headers.etag]).toEqual([201, '"1"']);
    capId = made.json().id;
    expect(made.headers.location).toBe(`/v1/caps/${capId}`);
    expect(made.json()).toMatchObject({ ...CAP, mode: 'enforce', reinstate: 'period-end', version: 1 });
    expect((await admin.call('POST', '/v1/caps', { body: CAP })).json()).toMatchObject({
      status: 409,
      code: 'cap_exists',
    });
    const own = { ...CAP, scope: { account: '1001' }, currency: 'USD' };
    expect((await admin.call('POST', '/v1/caps', { body: own })).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'currency' }],
    });
    const nobodys = { ...CAP, scope: { account: '9' } };
    expect((await admin.call('POST', '/v1/caps', { body: nobodys })).statusCode).toBe(422);
  });

  it('changes a cap only as it was read, and remembers each definition and who made it', async () => {
    const body = { ...CAP, limit: '90.00' };
    const put = (match?: string) =>
      admin.call('PUT', `/v1/caps/${capId}`, { body, headers: match ? { 'if-match': match } : {} });
    expect((await put()).statusCode).toBe(428);
    expect((await put('"9"')).statusCode).toBe(412);
    expect((await put('"1"')).json()).toMatchObject({ limit: '90.00', version: 2 });
    const versions = (await admin.call('GET', `/v1/caps/${capId}/versions`)).json();
    expect(versions.items).toMatchObject([
      { version: 2, definition: { limit: '90.00' } },
      { version: 1, definition: { limit: '100.00' }, changed_by: 'administrator (PLAFOND_ADMIN_KEY)' },
    ]);
    const changes = (await admin.call('GET', `/v1/changes?subject=cap&id=${capId}`)).json();
    expect(changes.items[0]).toMatchObject({
      change: 'changed',
      before: { limit: '100.00' },
      after: { limit: '90.00' },
    });
    expect((await admin.call('GET', '/v1/caps')).json().items).toHaveLength(1);
  });

  it('takes usage as CSV, NDJSON, JSON, gzipped or not, each record once', async () => {
    const first = await admin.call('POST', '/v1/usage?feed=nightly', {
      body: HEADER + row('a', '30.00'),
      headers: csv,
    });
    expect([first.statusCode, first.json()]).toEqual([
      200,
      { import_id: expect.any(String), received: 1, counted: 1, duplicate: 0, stale: 0, superseded: 0, rejected: 0 },
    ]);
    const names = HEADER.trim().split(',');
    const asJson = (text: string) => {
      const cells = text.trim().split(',');
      return Object.fromEntries(names.map((name, at) => [name, name === 'duration_s' ? Number(cells[at]) : cells[at]]));
    };
    const send = async (type: string, body: string | Buffer, headers = {}) =>
      (await admin.call('POST', '/v1/usage', { body, headers: { 'content-type': type, ...headers } })).json();
    const lines = `${JSON.stringify(asJson(row('a', '30.00')))}\n${JSON.stringify(asJson(row('b', '1.00')))}\n`;
    expect(await send('application/x-ndjson', lines)).toMatchObject({ received: 2, counted: 1, duplicate: 1 });
    const array = JSON.stringify([asJson(row('b', '1.00')), asJson(row('c', '2.50'))]);
    expect(await send('application/json; charset=utf-8', array)).toMatchObject({
      received: 2,
      counted: 1,
      duplicate: 1,
    });
    const packed = gzipSync(HEADER + row('d', '0.50') + row('e', '9.00', '7777'));
    expect(await send('text/csv', packed, { 'content-encoding': 'gzip' })).toMatchObject({ counted: 1, rejected: 1 });
    expect(await send('text/csv', packed.subarray(0, 60), { 'content-encoding': 'gzip' })).toMatchObject({
      status: 400,
    });
    expect(await send('text/csv', 'not gzip', { 'content-encoding': 'gzip' })).toMatchObject({
      status: 400,
      code: 'bad_gzip',
    });
    expect(await send('text/csv', 'x', { 'content-encoding': 'br' })).toMatchObject({ status: 415 });
    expect(await send('text/csv', 'nothing of ours\n')).toMatchObject({ status: 422, code: 'bad_header' });
    expect(await send('application/json', '{')).toMatchObject({ status: 400 });
    expect((await admin.call('POST', '/v1/usage?feed=a/b', { body: HEADER, headers: csv })).statusCode).toBe(422);
  });

  it('refuses more than it takes, sent or unpacked', async () => {
    const send = (body: Buffer, headers = {}) =>
      admin.call('POST', '/v1/usage', { body, headers: { ...csv, ...headers } });
    expect((await send(Buffer.alloc(65 * 1024 ** 2, 'x\n'))).statusCode).toBe(413);
    const bomb = gzipSync(Buffer.alloc(600 * 1024 ** 2, 10), { level: 1 });
    const answer = await send(bomb, { 'content-encoding': 'gzip' });
    expect([answer.statusCode, answer.json().code]).toEqual([413, 'too_large']);
    // Sixteen megabytes in fifteen kilobytes: read as a document, they would hold up everything else for seconds.
    const deep = gzipSync(Buffer.alloc(16 * 1024 ** 2, '['));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const document = await admin.call('POST', '/v1/usage', { body: deep, headers });
    expect(document.json()).toMatchObject({ status: 413, detail: expect.stringContaining('that is no usage') });
  });

  it('shows imports and rejects, masked for a viewer, and takes rejects again when they can be used', async () => {
    const imports = (await admin.call('GET', '/v1/imports?feed=default')).json().items;
    const { import_id: id } = imports.find((each: { rejected: number }) => each.rejected === 1);
    expect((await admin.call('GET', `/v1/imports/${id}`)).json()).toMatchObject({
      state: 'done',
      source: 'http',
      received: 2,
    });
    const rejects = (await admin.call('GET', `/v1/imports/${id}/rejects`)).json();
    expect(rejects.items).toMatchObject([{ line: 3, field: 'account_id', reason: 'unknown_account', resent_in: null }]);
    expect(rejects.items[0].text).toContain('+252612345678');
    const masked = (await admin.call('GET', `/v1/imports/${id}/rejects`, { key: viewer })).body;
    expect(masked).not.toContain('+252612345678');
    const feed = await admin.keyOf('feed');
    expect((await admin.call('GET', `/v1/imports/${id}`, { key: feed })).statusCode).toBe(404);

    await admin.call('PUT', '/v1/accounts/7777', { body: { ...ACCOUNT, segment: '' } });
    const resent = (await admin.call('POST', `/v1/imports/${id}/rejects/resend`)).json();
    expect(resent).toMatchObject({ received: 1, counted: 1, rejected: 0 });
    const after = (await admin.call('GET', `/v1/imports/${id}/rejects`)).json();
    expect(after.items[0].resent_in).toBe(resent.import_id);
  });

  it('tells what was spent, in periods of the account', async () => {
    const months = (await admin.call('GET', '/v1/accounts/1001/spend')).json();
    expect(months).toEqual([
      {
        traffic: 'all',
        period: '2010-03',
        from: '2010-03-01T00:00:00+01:00',
        to: '2010-04-01T00:00:00+02:00',
        spend: '34.00',
        currency: 'EUR',
      },
    ]);
    const weeks = '/v1/accounts/1001/spend?traffic=international&period=week';
    expect((await admin.call('GET', weeks)).json()).toMatchObject([{ period: '2010-W10', spend: '34.00' }]);
    expect((await admin.call('GET', `${weeks}&from=2010-04-01T00:00:00+02:00`)).json()).toEqual([]);
    const prefix = '/v1/accounts/1001/spend?traffic=prefix:+252&period=week';
    expect((await admin.call('GET', prefix)).json()).toMatchObject([{ traffic: 'prefix:+252', spend: '34.00' }]);
    expect(
      (await admin.call('GET', '/v1/accounts/1001/spend?traffic=mars&period=year&from=x')).json().errors,
    ).toHaveLength(3);
  });

  it('previews a cap without making it', async () => {
    const body = { ...CAP, limit: '30.00', replaces: capId };
    const preview = (await admin.call('POST', '/v1/caps/preview', { body })).json();
    expect(preview).toMatchObject({
      warned: 1,
      suspended: 1,
      truncated: false,
      accounts: [
        { account: '1001', spend: '34.00', limit: '30.00', currency: 'EUR', warn: true, suspend: ['international'] },
      ],
    });
    expect((await admin.call('GET', `/v1/caps/${capId}`)).json().limit).toBe('90.00');
  });

  it('decides when a cap is crossed, and tells it as NDJSON, or as a page to who asks for JSON', async () => {
    await admin.call('POST', '/v1/usage', { body: HEADER + row('f', '60.00'), headers: csv });
    const answer = await admin.call('GET', '/v1/decisions?account=1001');
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    const decisions = answer.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(decisions[0]).toMatchObject({
      account: '1001',
      type: 'warn',
      trigger: 'cap',
      cap: capId,
      period: '2010-03',
      threshold: 50,
      spend: '94.00',
      limit: '90.00',
      currency: 'EUR',
      record_id: 'f',
      mode: 'enforce',
    });
    expect(decisions.map((each) => each.type)).toContain('suspend');
    const paged = await admin.call('GET', '/v1/decisions?account=1001&limit=1', {
      headers: { accept: 'application/json' },
    });
    expect(paged.json()).toEqual({ items: [decisions[0]], next: expect.any(String) });
    const link = (await admin.call('GET', '/v1/decisions?account=1001&limit=1')).headers['link'] as string;
    const next = await admin.call('GET', /<(.*)>/.exec(link)![1]!);
    expect(JSON.parse(next.body.split('\n')[0]!)).toEqual(decisions[1]);
    const later = await admin.call('GET', '/v1/decisions?since=2011-01-01T00:00:00Z');
    expect([later.statusCode, later.body]).toEqual([200, '']);
  });

  it('lists warnings and suspensions with their states, and lifts one by hand', async () => {
    const warnings = (await admin.call('GET', '/v1/warnings?account=1001', { key: viewer })).json().items;
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings[0]).toMatchObject({ account: '1001', state: 'queued', attempts: [] });
    expect(JSON.stringify(warnings)).not.toContain('jansen@');
    const [suspension] = (await admin.call('GET', '/v1/suspensions?account=1001')).json().items;
    expect(suspension).toMatchObject({
      class: 'international',
      state: 'wanted',
      cap: capId,
      ends_at: '2010-04-01T00:00:00+02:00',
    });
    const lifted = await admin.call('POST', `/v1/suspensions/${suspension.id}/lift`, {
      body: { reason: 'they called' },
    });
    expect([lifted.statusCode, lifted.json().lift_reason]).toEqual([200, 'they called']);
    expect((await admin.call('POST', `/v1/suspensions/${suspension.id}/approve`)).statusCode).toBe(409);
  });

  it('suspends by hand, with a reason and an end', async () => {
    const body = { account: '2001', class: 'premium', reason: 'stolen phone', until: '2010-03-20T00:00:00+01:00' };
    const made = await admin.call('POST', '/v1/suspensions', { body });
    expect([made.statusCode, made.headers.location]).toEqual([201, `/v1/suspensions/${made.json().id}`]);
    expect(made.json()).toMatchObject({ account: '2001', class: 'premium', reason: 'stolen phone', state: 'wanted' });
    const wrong = await admin.call('POST', '/v1/suspensions', { body: { account: '2001', class: 'all', reason: '' } });
    expect(wrong.json().errors.map((each: { field: string }) => each.field)).toEqual(['class', 'reason']);
  });

  it('shows the evidence, each entry with the hash before it', async () => {
    const { items } = (await admin.call('GET', '/v1/accounts/1001/evidence')).json();
    expect(items.length).toBeGreaterThan(1);
    for (const [at, entry] of items.slice(1).entries()) expect(entry.prev_hash).toBe(items[at].hash);
    const { items: heads } = (await admin.call('GET', '/v1/evidence/heads')).json();
    const head = heads.find((each: { account: string }) => each.account === '1001');
    expect(head).toEqual({ account: '1001', seq: items.at(-1).seq, hash: items.at(-1).hash });
  });

  it('deletes what has no usage', async () => {
    expect((await admin.call('DELETE', '/v1/accounts/1001')).json()).toMatchObject({ status: 409 });
    expect((await admin.call('DELETE', '/v1/accounts/2002')).statusCode).toBe(204);
    expect((await admin.call('DELETE', `/v1/caps/${capId}`)).statusCode).toBe(204);
    expect((await admin.call('GET', `/v1/caps/${capId}`)).statusCode).toBe(404);
    expect((await admin.call('GET', `/v1/caps/${capId}/versions`)).json().items).toHaveLength(2);
  });
});
