import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startAdmin, type AdminApp } from '../admin/admin-app.ts';
import { SAMPLE_FORM } from '../interop/samples.ts';

let admin: AdminApp;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.call('PUT', '/v1/accounts/1001', { body: SAMPLE_FORM });
});
afterAll(() => admin.close());

const call = (call_id: string, number = '+252612345678', account = '1001') => ({
  call_id,
  account,
  number,
  started_at: '2010-03-10T11:59:00+01:00',
});
const tell = async (calls: object[], role: 'feed' | 'viewer' = 'feed') =>
  admin.call('POST', '/v1/live-calls?switch=pbx', { key: await admin.keyOf(role), body: { calls } });
const shown = async () => {
  const answer = await admin.call('GET', '/v1/accounts/1001/live-calls');
  return (JSON.parse(answer.body) as { items: { call_id: string; country: string; switch: string }[] }).items;
};

it('keeps the calls that a switch tells of, and forgets those that it tells of no more', async () => {
  const answer = await tell([
    call('a'),
    call('b', '00447400123456'),
    call('c', '112'),
    call('d', '+252612345678', 'nobody'),
  ]);
  expect([answer.statusCode, JSON.parse(answer.body)]).toEqual([200, { running: 2 }]);
  expect((await shown()).map((each) => [each.call_id, each.country, each.switch]).toSorted()).toEqual([
    ['a', 'SO', 'switch:pbx'],
    ['b', 'GB', 'switch:pbx'],
  ]);
  await tell([call('b', '00447400123456')]);
  expect((await shown()).map((each) => each.call_id)).toEqual(['b']);
});

it('takes them from a feed, not from a viewer, and names what is wrong in them', async () => {
  expect((await tell([], 'viewer')).statusCode).toBe(403);
  const bad = await tell([{ ...call('a'), started_at: 'yesterday' }]);
  expect(bad.statusCode).toBe(422);
  expect(bad.body).toContain('started_at');
});
