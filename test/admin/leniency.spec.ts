import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCOUNT, CAP, startAdmin, type AdminApp } from './admin-app.ts';

let admin: AdminApp;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
});
afterAll(() => admin.close());

describe('what was read can be sent back', () => {
  it('of an account, and changes nothing', async () => {
    const shown = await admin.call('GET', '/v1/accounts/1001');
    const headers = { 'if-match': String(shown.headers.etag) };
    const back = await admin.call('PUT', '/v1/accounts/1001', { body: shown.json(), headers });
    expect([back.statusCode, back.json()]).toEqual([200, shown.json()]);
    const unknown = { ...shown.json(), surname: 'x' };
    expect((await admin.call('PUT', '/v1/accounts/1001', { body: unknown })).json()).toMatchObject({
      status: 422,
      errors: [{ field: 'surname' }],
    });
  });

  it('but no address that is masked', async () => {
    const email = 'a***@example.net';
    const answer = await admin.call('PUT', '/v1/accounts/1001', { body: { ...ACCOUNT, email } });
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field: 'email', detail: /masked/ }] });
  });

  it('of a cap, with a change to it', async () => {
    const made = await admin.call('POST', '/v1/caps', { body: CAP });
    const { id } = made.json<{ id: string }>();
    const shown = (await admin.call('GET', `/v1/caps/${id}`)).json();
    const headers = { 'if-match': String(made.headers.etag) };
    const changed = await admin.call('PUT', `/v1/caps/${id}`, { body: { ...shown, limit: '90.00' }, headers });
    expect(changed.json()).toEqual({ ...shown, limit: '90.00', version: 2, updated_at: expect.any(String) });
    const versions = (await admin.call('GET', `/v1/caps/${id}/versions?limit=1`)).json();
    expect(Object.keys(versions.items[0].definition).toSorted()).toEqual(
      Object.keys({ ...CAP, mode: '', reinstate: '' }).toSorted(),
    );
    const next = { 'if-match': String(changed.headers.etag) };
    const elsewhere = { ...shown, id: '00000000-0000-4000-8000-000000000000' };
    expect((await admin.call('PUT', `/v1/caps/${id}`, { body: elsewhere, headers: next })).json()).toMatchObject({
      status: 422,
      code: 'other_cap',
      errors: [{ field: 'id' }],
    });
    await admin.call('DELETE', `/v1/caps/${id}`);
    const again = (await admin.call('POST', '/v1/caps', { body: shown })).json();
    expect(again).toMatchObject({ ...CAP, version: 1 });
    expect(again.id).not.toBe(id);
    await admin.call('DELETE', `/v1/caps/${again.id}`);
  });
});

describe('what GET shows can be sent back by PUT', () => {
  process.env.PLAFOND_SECRET_LENIENT = 'secret';
  afterAll(() => {
    delete process.env.PLAFOND_SECRET_LENIENT;
  });

  const MAPPING = { currency: 'EUR', only: null, columns: { record_id: 'OriginID' } };
  const SFTP = { host: 'cdr.example.org', user: 'plafond', host_key: `SHA256:${'A'.repeat(43)}` };
  it.each<[string, string, object, object]>([
    [
      'a feed',
      '/v1/feeds/lenient',
      { format: 'cgrates-csv', mapping: MAPPING, tolerance_amount: '5.00' },
      { name: 'other' },
    ],
    [
      'a feed that is pulled',
      '/v1/feeds/pulled',
      { sftp: { ...SFTP, password_env: 'PLAFOND_SECRET_LENIENT' }, expect_every_s: 86_400, sequence: '(\\d+)' },
      { name: 'other' },
    ],
    ['a receiver', '/v1/receivers/lenient', { kind: 'email', address: 'noc@example.net' }, { name: 'other' }],
    ['the guard', '/v1/guard', { per_hour: 20, percent: 2.5, at_least: 3 }, { per_hour: -1 }],
    ['the rule of two people', '/v1/second-person', { above: '500.00' }, { above: '-1' }],
    ['the rule of two people, where it is off', '/v1/second-person', { above: null }, { above: '-1' }],
  ])('of %s', async (_, url, body, wrong) => {
    const first = await admin.call('GET', url);
    const headers: Record<string, string> = first.statusCode === 200 ? { 'if-match': String(first.headers.etag) } : {};
    expect([200, 201]).toContain((await admin.call('PUT', url, { body, headers })).statusCode);
    const shown = await admin.call('GET', url);
    const match = { 'if-match': String(shown.headers.etag) };
    const other = await admin.call('PUT', url, { body: { ...shown.json<object>(), ...wrong }, headers: match });
    expect(other.json()).toMatchObject({ status: 422, errors: [{ field: Object.keys(wrong)[0] }] });
    const back = await admin.call('PUT', url, { body: shown.json(), headers: match });
    const set = Object.entries(shown.json<object>()).filter(([name]) => name === 'version' || name === 'updated_at');
    const any = Object.fromEntries(set.map(([name]) => [name, expect.anything()]));
    expect([back.statusCode, back.json()]).toEqual([200, { ...shown.json<object>(), ...any }]);
  });

  it.each<[string, string, object]>([
    ['everyone', '/v1/deviation-policies/everyone', {}],
    ['a segment', '/v1/deviation-policies/segments/smb', { segment: 'smb' }],
    ['an account', '/v1/deviation-policies/accounts/1001', { account: '1001' }],
  ])('of the policy for %s', async (_, url, scope) => {
    const body = { mode: 'shadow', false_actions_per_1000_customers_a_month: 2 };
    await admin.call('PUT', url, { body });
    const all = (await admin.call('GET', '/v1/deviation-policies')).json<{ scope: object }[]>();
    const shown = all.find((each) => JSON.stringify(each.scope) === JSON.stringify(scope))!;
    const back = await admin.call('PUT', url, { body: shown });
    expect([back.statusCode, back.json()]).toEqual([200, { ...shown, version: expect.any(Number) }]);
    const other = await admin.call('PUT', url, { body: { ...shown, scope: { segment: 'other' } } });
    expect(other.json()).toMatchObject({ status: 422, code: 'other_policy', errors: [{ field: 'scope' }] });
  });

  it('of up to which amount customers may consent', async () => {
    const body = { scope: { segment: 'smb' }, currency: 'EUR', maximum: '250.00' };
    await admin.call('PUT', '/v1/consent-policies', { body });
    const [shown] = (await admin.call('GET', '/v1/consent-policies')).json();
    const back = await admin.call('PUT', '/v1/consent-policies', { body: shown });
    expect([back.statusCode, back.json()]).toEqual([200, { ...shown, updated_at: expect.any(String) }]);
  });

  it('of the numbers that may be called whatever is barred', async () => {
    const url = '/v1/accounts/1001/allowed-numbers';
    await admin.call('PUT', url, { body: { numbers: ['+31207940000'] } });
    const shown = (await admin.call('GET', url)).json();
    expect((await admin.call('PUT', url, { body: shown })).json()).toEqual(shown);
  });

  it('as the definition of a feed that is tried', async () => {
    const definition = (await admin.call('GET', '/v1/feeds/lenient')).json();
    const tried = await admin.call('POST', '/v1/feeds/try', { body: { definition, sample: 'a,b\n' } });
    expect([tried.statusCode, tried.json().refused.code]).toEqual([200, 'bad_header']);
  });
});

describe('what is not given', () => {
  it('may be null, in an account and in a cap', async () => {
    const nobody = { parent_id: null, email: null, msisdn: null, segment: null };
    const account = await admin.call('PUT', '/v1/accounts/1002', { body: { ...ACCOUNT, ...nobody } });
    expect(account.json()).toMatchObject({ parent_id: '', email: '', msisdn: '', segment: '' });
    const cap = await admin.call('POST', '/v1/caps', { body: { ...CAP, forecast: null, reinstate: null } });
    expect(cap.json()).toMatchObject({ reinstate: 'period-end' });
    expect(cap.json()).not.toHaveProperty('forecast');
    const without = await admin.call('PUT', '/v1/accounts/1002', { body: { ...ACCOUNT, currency: null } });
    expect(without.json()).toMatchObject({ status: 422, errors: [{ field: 'currency' }] });
  });

  it.each([
    ['/v1/decisions?account=&since='],
    ['/v1/warnings?account='],
    ['/v1/suspensions?account='],
    ['/v1/accounts/1001/spend?traffic=&period='],
    ['/v1/accounts/1001/spend?from=&to='],
    ['/v1/imports?limit=&cursor='],
  ])('may be an empty parameter of what is read: %s', async (url) => {
    const plain = await admin.call('GET', url.split('?')[0]!);
    const answer = await admin.call('GET', url);
    expect([answer.statusCode, answer.body]).toEqual([200, plain.body]);
  });

  it('may not be an empty name of the feed that usage comes from', async () => {
    const answer = await admin.call('POST', '/v1/usage?feed=', { body: '', headers: { 'content-type': 'text/csv' } });
    expect(answer.json()).toMatchObject({ status: 422, errors: [{ field: 'feed' }] });
  });
});

describe('a slash at the end of a path', () => {
  it.each(['/health/live/', '/docs/', '/v1/caps/', '/v1/accounts/1001/', '/v1/accounts/1001/spend/?period=month'])(
    'says nothing: %s',
    async (url) => expect((await admin.call('GET', url)).statusCode).toBe(200),
  );

  it('hides no wrong method, and no wrong path', async () => {
    const wrong = await admin.call('PATCH', '/v1/caps/');
    expect([wrong.statusCode, wrong.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
    expect((await admin.call('DELETE', '/v1/accounts/')).statusCode).toBe(405);
    expect((await admin.call('GET', '/v1/nothing/')).statusCode).toBe(404);
    expect((await admin.call('GET', '/v1/caps/', { key: null })).statusCode).toBe(401);
  });
});

it.each(['application/ndjson', 'application/jsonl'])('NDJSON may be called %s', async (type) => {
  const row = {
    record_id: type,
    account_id: '1001',
    started_at: '2010-03-09T02:00:00+01:00',
    duration_s: 60,
    kind: 'voice',
    b_number: '+252612345678',
    amount: '1.00',
    currency: 'EUR',
    state: 'final',
  };
  const answer = await admin.call('POST', '/v1/usage', {
    body: `${JSON.stringify(row)}\n`,
    headers: { 'content-type': type },
  });
  expect(answer.json()).toMatchObject({ received: 1, counted: 1 });
});

it.each([
  ['usage', '/v1/usage', 'record_id,account_id,started_at,kind,amount,currency,state\n', { received: 0 }],
  ['accounts', '/v1/accounts/import', 'account_id,currency,time_zone,home_country\n', { created: 0 }],
])('%s may come gzipped without a word of it', async (_, url, text, result) => {
  const headers = { 'content-type': 'text/csv' };
  const answer = await admin.call('POST', url, { body: gzipSync(text), headers });
  expect([answer.statusCode, answer.json()]).toEqual([200, expect.objectContaining(result)]);
  const broken = await admin.call('POST', url, { body: gzipSync(text).subarray(0, 20), headers });
  expect(broken.json()).toMatchObject({ status: 400, code: 'bad_gzip' });
  const behindZeros = Buffer.concat([gzipSync(text), Buffer.alloc(512), gzipSync('more')]);
  const cut = await admin.call('POST', url, { body: behindZeros, headers });
  expect(cut.json()).toMatchObject({ status: 400, code: 'bad_gzip' });
});

describe('a refusal', () => {
  it.each([
    ['a field that is missing', {}, 'traffic', 'is missing'],
    ['a field of another type', { traffic: 5 }, 'traffic', 'must be text, not a number'],
    ['text that is empty', { name: '' }, 'name', 'must not be empty'],
    ['a list that is none', { thresholds: {} }, 'thresholds', 'must be a list, not an object'],
    [
      'text for a number',
      { thresholds: [{ percent: '5', actions: ['warn'] }] },
      'thresholds.0.percent',
      'must be a number, not text',
    ],
    [
      'a window beyond a year',
      { period: 'rolling:9000h' },
      'period',
      'must be day, week, month or rolling:24h (1 to 8784 whole hours)',
    ],
  ])('says of %s what it should be', async (_, body, field, detail) => {
    const { errors } = (await admin.call('POST', '/v1/caps', { body })).json<{ errors: object[] }>();
    expect(errors).toContainEqual({ field, detail });
  });

  it('says so of a body that is none, and of a list in place of an object', async () => {
    const json = { 'content-type': 'application/json' };
    const none = await admin.call('POST', '/v1/caps', { body: '', headers: json });
    expect(none.json()).toMatchObject({ status: 422, errors: [{ field: '', detail: 'is missing' }] });
    const list = await admin.call('POST', '/v1/caps', { body: [CAP] });
    expect(list.json()).toMatchObject({
      status: 422,
      errors: [{ field: '', detail: 'must be an object, not a list' }],
    });
  });

  it.each([
    ['/v1/caps?limit=0', 'limit', 'must be at least 1'],
    ['/v1/caps?limit=1001', 'limit', 'must be at most 1000'],
    ['/v1/caps?limit=many', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/caps?limit=1e3', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/caps?limit=0x10', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/caps?limit=%205', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/caps?limit=+5', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/caps?limit=5.0', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/caps?limit=5&limit=6', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/decisions?limit=1e3', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/deviations?limit=1e3', 'limit', 'must be a whole number, in digits alone'],
    ['/v1/decisions?account=1&account=2', 'account', 'must be text, not a list'],
  ])('says of a parameter what it should be: %s', async (url, field, detail) => {
    expect((await admin.call('GET', url)).json()).toMatchObject({ status: 422, errors: [{ field, detail }] });
  });

  it.each([
    ['/v1/caps/x', 'there is nothing with the id x: ids here are UUIDs'],
    ['/v1/imports/x', 'there is nothing with the id x: ids here are whole numbers'],
  ])('says what an id looks like: %s', async (url, detail) => {
    expect((await admin.call('GET', url)).json()).toMatchObject({ status: 404, detail });
  });
});
