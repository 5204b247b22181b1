import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { KeyRing } from '../../src/admin/keys/key-ring.ts';
import { KnownRoutes } from '../../src/admin/http/known-routes.ts';
import { RecordUsage } from '../../src/pipeline/usage/record-usage.ts';
import { ADMIN_KEY, CAP, later, startAdmin, type AdminApp } from './admin-app.ts';

const ID = '11111111-1111-4111-8111-111111111111';
const pathOf = (url: string) =>
  url
    .replace(/:import_id|:case_no/, '1')
    .replace(/:\w+/, ID)
    .replace('*', 'x');

/** What only an administrator may do, beside what concerns keys. */
const ADMINS_ONLY = [
  'DELETE /v1/feeds/:name',
  'DELETE /v1/receivers/:name',
  'DELETE /v1/switches/:name',
  'POST /v1/deviations/rebuild',
  'POST /v1/spend/rebuild',
  'PUT /v1/feeds/:name',
  'PUT /v1/guard',
  'PUT /v1/receivers/:name',
  'PUT /v1/second-person',
  'PUT /v1/switches/:name',
];

@Controller('v1/forgotten')
class ForgottenController {
  @Get()
  show(): string {
    return 'what nobody said who may see it';
  }
}

afterEach(() => void jest.restoreAllMocks());

describe('the admin API is guarded', () => {
  let admin: AdminApp;
  beforeAll(async () => {
    admin = await startAdmin();
  });
  afterAll(() => admin.close());

  it('answers nobody without a key, on every route but health and what is signed', async () => {
    const routes = admin.app.get(KnownRoutes).all;
    expect(routes.length).toBeGreaterThan(40);
    const open = new Set<string>();
    for (const { method, url } of routes) {
      const answer = await admin.call(method as 'GET', pathOf(url), { key: null });
      if (answer.statusCode !== 401) open.add(url);
      else expect(answer.headers['www-authenticate']).toBeDefined();
    }
    const customers = ['/a/:token', '/a/:token/call-me', '/a/:token/not-us', '/a/:token/us'];
    expect([...open].toSorted()).toEqual([...customers, '/health/live', '/health/ready', '/v1/receipts/:token']);
  });

  it('lets every role through to what it may do, and to nothing else', async () => {
    const allowed: Record<string, string[]> = {};
    for (const role of ['viewer', 'billing', 'admin', 'feed', 'bounces'] as const) {
      const key = await admin.keyOf(role);
      allowed[role] = [];
      for (const { method, url } of admin.app.get(KnownRoutes).all) {
        if (url === '/v1/receipts/:token' || url.startsWith('/a/')) continue;
        if (method === 'HEAD' || url.startsWith('/docs') || url.startsWith('/health')) continue;
        const answer = await admin.call(method as 'GET', pathOf(url), { key });
        if (answer.statusCode !== 403) allowed[role].push(`${method} ${url}`);
      }
    }
    const imports = ['', '/:import_id', '/:import_id/rejects', '/:import_id/rejects.csv'].map(
      (path) => `GET /v1/imports${path}`,
    );
    const told = ['POST /v1/live-calls', 'POST /v1/live-calls/events', 'POST /v1/usage'];
    expect(allowed['feed']!.toSorted()).toEqual([...imports, ...told]);
    expect(allowed['bounces']).toEqual(['POST /v1/bounces']);
    expect(allowed['viewer']!.filter((route) => !route.startsWith('GET '))).toEqual([]);
    expect(allowed['viewer']).not.toContain('GET /v1/accounts/:account_id/evidence');
    expect(allowed['billing']!.filter((route) => route.includes('/v1/keys'))).toEqual([]);
    const adminsOnly = allowed['admin']!.filter((route) => !allowed['billing']!.includes(route));
    expect(adminsOnly.filter((route) => !/ \/v1\/keys/.test(route)).toSorted()).toEqual(ADMINS_ONLY);
  });

  it('closes a route that declares no role to everybody', async () => {
    const other = await startAdmin(undefined, [ForgottenController]);
    try {
      const answer = await other.call('GET', '/v1/forgotten');
      expect([answer.statusCode, answer.json().detail]).toEqual([403, 'nobody may call this']);
    } finally {
      await other.close();
    }
  });

  it('tells who may not call a route so, whatever they sent to it', async () => {
    const key = await admin.keyOf('viewer');
    for (const { method, url } of admin.app.get(KnownRoutes).all) {
      if (!['POST', 'PUT'].includes(method) || url === '/v1/receipts/:token' || url.startsWith('/a/')) continue;
      const path = pathOf(url);
      const sent: [string, string][] = [
        ['application/x-none', 'x'],
        ['application/json', '{'],
        ['application/json', 'x'.repeat(1_100_000)],
      ];
      for (const [type, body] of sent) {
        const answer = await admin.call(method as 'POST', path, { key, body, headers: { 'content-type': type } });
        expect([url, type, answer.statusCode]).toEqual([url, type, 403]);
      }
    }
  });

  it('reads no body of a caller without a key', async () => {
    const answer = await admin.call('POST', '/v1/caps', { key: 'wrong', body: 'x'.repeat(5_000_000) });
    expect(answer.statusCode).toBe(401);
  });

  it('takes Basic on the documentation alone', async () => {
    const basic = { authorization: `Basic ${Buffer.from(`anybody:${ADMIN_KEY}`).toString('base64')}` };
    expect((await admin.call('GET', '/docs', { key: null, headers: basic })).statusCode).toBe(200);
    expect((await admin.call('GET', '/v1/caps', { key: null, headers: basic })).statusCode).toBe(401);
    const asked = await admin.call('GET', '/docs', { key: null });
    expect(asked.headers['www-authenticate']).toEqual([
      expect.stringMatching('^Bearer'),
      expect.stringMatching('^Basic'),
    ]);
  });

  it('stores keys hashed, shows them once, and revokes them at once', async () => {
    const made = await admin.call('POST', '/v1/keys', { body: { name: 'the rating system', role: 'feed' } });
    expect(made.statusCode).toBe(201);
    const { id, key } = made.json<{ id: string; key: string }>();
    expect(key).toMatch(new RegExp(`^plf_${id}_`));
    const [row] = await admin.database.dataSource.query('SELECT * FROM api_keys WHERE key_id = $1', [id]);
    expect(JSON.stringify(row)).not.toContain(key.slice(17));
    expect((await admin.call('GET', '/v1/imports', { key })).statusCode).toBe(200);
    expect((await admin.call('GET', '/v1/keys')).body).not.toContain(key);
    expect((await admin.call('DELETE', `/v1/keys/${id}`)).statusCode).toBe(204);
    expect((await admin.call('GET', '/v1/imports', { key })).statusCode).toBe(401);
    const changes = (await admin.call('GET', `/v1/changes?subject=key&id=${id}`)).json();
    expect(changes.items.map((item: { change: string }) => item.change)).toEqual(['revoked', 'created']);
  });

  it('slows down who tries keys, and nobody who has one', async () => {
    const other = await startAdmin();
    try {
      const statuses = [];
      for (let i = 0; i < 22; i++) statuses.push((await other.call('GET', '/v1/caps', { key: 'guess' })).statusCode);
      expect(statuses.slice(0, 20).every((status) => status === 401)).toBe(true);
      expect(statuses.slice(20)).toEqual([429, 429]);
      expect((await other.call('GET', '/v1/caps')).statusCode).toBe(200);
    } finally {
      await other.close();
    }
  });

  it('counts wrong keys once, however many processes they are shown to, and writes nothing for a right one', async () => {
    const one = await startAdmin();
    const other = await startAdmin(undefined, [], one.database);
    const counted = () => one.database.dataSource.query<object[]>('SELECT attempts FROM attempts');
    const guess = async (n: number) =>
      (await (n % 2 ? one : other).call('GET', '/v1/caps', { key: 'guess' })).statusCode;
    try {
      for (const each of [one, other]) expect((await each.call('GET', '/v1/caps')).statusCode).toBe(200);
      expect(await counted()).toEqual([]);
      const statuses = await Promise.all(Array.from({ length: 24 }, (_, n) => guess(n)));
      expect(statuses.toSorted()).toEqual([...Array(20).fill(401), ...Array(4).fill(429)]);
      for (const n of [0, 1]) expect(await guess(n)).toBe(429);
      // Each process has heard by now that this address has to wait: nothing more is counted.
      const known = await counted();
      for (const n of [0, 1, 2, 3]) expect(await guess(n)).toBe(429);
      expect(await counted()).toEqual(known);
      for (const each of [one, other]) expect((await each.call('GET', '/v1/caps')).statusCode).toBe(200);
      await one.database.dataSource.query(`UPDATE attempts SET since = since - interval '1 minute'`);
      later(60_000);
      expect([await guess(0), await guess(1)]).toEqual([401, 401]);
      expect(await counted()).toEqual([{ attempts: 2 }]);
    } finally {
      await other.close();
      await one.close();
    }
  });

  it('hears within seconds of keys that others revoked, whatever becomes of the clock', async () => {
    const one = await startAdmin();
    const other = await startAdmin(undefined, [], one.database);
    try {
      const { id, key } = (await one.call('POST', '/v1/keys', { body: { name: 'gone', role: 'feed' } })).json();
      expect((await other.call('GET', '/v1/imports', { key })).statusCode).toBe(200);
      expect((await one.call('DELETE', `/v1/keys/${id}`)).statusCode).toBe(204);
      // Its clock stands still, as after it was put back.
      later(2_000);
      expect((await other.call('GET', '/v1/imports', { key })).statusCode).toBe(401);
    } finally {
      await other.close();
      await one.close();
    }
  });

  it('makes one first administrator, who can not be locked out', async () => {
    const written: string[] = [];
    const write = process.stdout.write;
    process.stdout.write = ((text: string) => written.push(text) > 0) as never;
    const other = await startAdmin({}).finally(() => (process.stdout.write = write));
    try {
      const key = /plf_[0-9a-f]{12}_\S{43}/.exec(written.join(''))?.[0];
      expect(key).toBeDefined();
      expect(await other.app.get(KeyRing).makeFirstAdministrator()).toBeUndefined();
      const id = key!.slice(4, 16);
      const refused = await other.call('DELETE', `/v1/keys/${id}`, { key });
      expect([refused.statusCode, refused.json().code]).toEqual([409, 'last_administrator']);
      await other.call('POST', '/v1/keys', { key, body: { name: 'second', role: 'admin' } });
      expect((await other.call('DELETE', `/v1/keys/${id}`, { key })).statusCode).toBe(204);
    } finally {
      await other.close();
    }
  });

  describe('errors are problem+json', () => {
    const json = { 'content-type': 'application/json' };
    it.each([
      ['a body that is not JSON', 'POST', '/v1/caps', { body: '{', headers: json }, 400, 'bad_json'],
      ['a path that is none', 'GET', '/v1/nothing', {}, 404, 'not_found'],
      ['a wrong method', 'PATCH', '/v1/caps', {}, 405, 'method_not_allowed'],
      ['a cap that is none', 'GET', `/v1/caps/${ID}`, {}, 404, 'not_found'],
      ['an id that can be none', 'GET', '/v1/caps/x', {}, 404, 'not_found'],
      ['JSON beyond a megabyte', 'POST', '/v1/caps', { body: { name: 'x'.repeat(1_100_000) } }, 413, 'too_large'],
      [
        'a type that is not taken',
        'POST',
        '/v1/caps',
        { body: 'x', headers: { 'content-type': 'text/csv' } },
        415,
        'unsupported_media_type',
      ],
      [
        'XML usage',
        'POST',
        '/v1/usage',
        { body: '<x/>', headers: { 'content-type': 'text/xml' } },
        415,
        'unsupported_media_type',
      ],
      ['a path that does not decode', 'GET', '/v1/accounts/%E0%A4%A', {}, 400, 'unreadable'],
      ['a cursor of somebody else', 'GET', '/v1/imports?cursor=abc', {}, 422, 'bad_cursor'],
      ['a NUL in a query', 'GET', '/v1/cases?account=%00', {}, 400, 'nul_character'],
      ['a NUL in a path', 'GET', '/v1/accounts/%00/normal', {}, 400, 'nul_character'],
      ['a NUL in a name', 'PUT', '/v1/deviation-policies/segments/%00', { body: {} }, 400, 'nul_character'],
      [
        'a NUL in a body',
        'POST',
        '/v1/cases/1/verdict',
        { body: { verdict: 'closed', reason: 'a\0' } },
        400,
        'nul_character',
      ],
      ['a NUL that is written out', 'POST', '/v1/caps', { body: { name: '\\u0000' } }, 422, 'invalid'],
      ['an instant next to none', 'GET', '/v1/deviation-report?to=9999-12-31T23:59:59Z', {}, 422, 'invalid'],
      ['an instant before any', 'GET', '/v1/deviation-report?to=0001-01-01T00:00:00Z', {}, 422, 'invalid'],
      [
        'a stretch that ends before it begins',
        'GET',
        '/v1/deviation-report?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z',
        {},
        422,
        'invalid',
      ],
      [
        'a segment that is blank',
        'PUT',
        '/v1/deviation-policies/segments/%20',
        { body: { mode: 'shadow', false_actions_per_1000_customers_a_month: 1 } },
        422,
        'invalid',
      ],
      ['a change without If-Match', 'PUT', `/v1/caps/${ID}`, { body: CAP }, 428, 'if_match_needed'],
    ] as const)('%s', async (_, method, url, options, status, code) => {
      const answer = await admin.call(method, url, options);
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
      expect(answer.json()).toMatchObject({
        type: `urn:plafond:problem:${code}`,
        status,
        code,
        title: expect.any(String),
      });
      const { 'x-request-id': id } = answer.headers;
      if (id !== undefined) expect(answer.json().instance).toBe(`urn:uuid:${id}`);
    });

    it('names every wrong field', async () => {
      const cap = { ...CAP, limit: '-1', traffic: 'mars', thresholds: [{ percent: 0, actions: ['sing'] }], extra: 1 };
      const answer = await admin.call('POST', '/v1/caps', { body: cap });
      expect(answer.statusCode).toBe(422);
      expect(
        answer
          .json()
          .errors.map((each: { field: string }) => each.field)
          .toSorted(),
      ).toEqual(['extra', 'limit', 'thresholds.0.actions.0', 'thresholds.0.percent', 'traffic']);
    });

    it('keeps to itself what went wrong inside, and says when to come again', async () => {
      const record = admin.app.get(RecordUsage, { strict: false });
      const real = record.record.bind(record);
      const send = () => admin.call('POST', '/v1/usage', { body: 'a', headers: { 'content-type': 'text/csv' } });
      try {
        record.record = () => Promise.reject(new Error('the secret of the house'));
        expect((await send()).statusCode).toBe(500);
        expect((await send()).body).not.toContain('secret');
        record.record = () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
        const away = await send();
        expect([away.statusCode, away.headers['retry-after']]).toEqual([503, '5']);
      } finally {
        record.record = real;
      }
    });
  });

  it('describes itself: every route with its summary, and the forms as components', async () => {
    const page = await admin.call('GET', '/docs');
    expect(page.body).toContain('swagger-ui');
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    const document = (await admin.call('GET', '/docs-json')).json();
    const operations = Object.values<Record<string, { summary?: string }>>(document.paths).flatMap(Object.values);
    expect(operations.length).toBeGreaterThan(30);
    expect(operations.filter((operation) => !operation.summary)).toEqual([]);
    expect(document.components.schemas).toMatchObject({ Problem: expect.anything() });
    expect((await admin.call('GET', '/docs/swagger-ui-bundle.js')).statusCode).toBe(200);
  });

  it('tells machines how it is', async () => {
    expect((await admin.call('GET', '/health/live', { key: null })).json()).toEqual({ status: 'ok' });
    expect((await admin.call('GET', '/health/ready', { key: null })).json()).toEqual({ status: 'ok' });
    const metrics = await admin.call('GET', '/metrics');
    expect(metrics.body).toContain(
      'plafond_http_request_duration_seconds_count{method="GET",route="/health/live",status="200"}',
    );
    expect(metrics.body).toContain('plafond_warnings');
  });
});
