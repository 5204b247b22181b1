import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCOUNT, startAdmin, type AdminApp } from './admin-app.ts';

let admin: AdminApp;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

const put = async (id: string, parent_id: string) =>
  (await admin.call('PUT', `/v1/accounts/${id}`, { body: { ...ACCOUNT, parent_id } })).json<Record<string, unknown>>();
const importing = async (...rows: string[]) =>
  (
    await admin.call('POST', '/v1/accounts/import', {
      body: ['account_id,parent_id,currency,time_zone,home_country', ...rows, ''].join('\n'),
      headers: { 'content-type': 'text/csv' },
    })
  ).json<Record<string, unknown>>();
const row = (id: string, parent: string) => `${id},${parent},EUR,Europe/Amsterdam,NL`;

describe('the parent of an account', () => {
  it('may be a group that is no account, or an account', async () => {
    expect(await put('p1', 'a group')).toMatchObject({ parent_id: 'a group' });
    expect(await put('p2', 'p1')).toMatchObject({ parent_id: 'p1' });
    expect(await put('p3', 'p2')).toMatchObject({ parent_id: 'p2' });
  });

  it('is not itself, and none that stands below it', async () => {
    const refused = { status: 422, code: 'parent_cycle', errors: [{ field: 'parent_id' }] };
    expect(await put('p0', 'p0')).toMatchObject({
      ...refused,
      detail: "account p0 can't stand above itself by its parent",
    });
    expect(await put('p1', 'p3')).toMatchObject(refused);
    expect((await admin.call('GET', '/v1/accounts/p0')).statusCode).toBe(404);
    expect((await admin.call('GET', '/v1/accounts/p1')).json()).toMatchObject({ parent_id: 'a group', version: 1 });
  });

  it('nor in a file, which may turn all of it round', async () => {
    expect(await importing(row('q1', 'q1'))).toMatchObject({ status: 422, code: 'parent_cycle' });
    expect(await importing(row('q1', 'q2'), row('q2', 'q1'))).toMatchObject({ status: 422, code: 'parent_cycle' });
    expect((await admin.call('GET', '/v1/accounts/q1')).statusCode).toBe(404);
    expect(await importing(row('q1', 'q2'), row('q2', ''))).toMatchObject({ created: 2 });
    expect(await importing(row('q1', ''), row('q2', 'q1'))).toMatchObject({ changed: 2 });
  });
});
