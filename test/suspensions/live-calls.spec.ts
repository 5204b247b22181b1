import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAdmin, type AdminApp } from '../admin/admin-app.ts';
import { FollowCalls } from '../../src/pipeline/limits/follow-calls.ts';
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

it('leaves out a call that got stuck on the switch, and follows the others', async () => {
  const stuck = { ...call('stuck'), started_at: '2010-03-09T11:00:00+01:00' };
  const answer = await tell([call('b', '00447400123456'), stuck]);
  expect([answer.statusCode, JSON.parse(answer.body)]).toEqual([200, { running: 1 }]);
  expect((await shown()).map((each) => each.call_id)).toEqual(['b']);
});

it('takes them from a feed, not from a viewer, and names what is wrong in them', async () => {
  expect((await tell([], 'viewer')).statusCode).toBe(403);
  const bad = await tell([{ ...call('a'), started_at: 'yesterday' }]);
  expect(bad.statusCode).toBe(422);
  expect(bad.body).toContain('started_at');
});

describe('events of calls', () => {
  const at = '2010-03-10T11:59:30+01:00';
  const answered = (call_id: string, change = {}) => ({
    event: 'answered',
    call_id,
    account: '1001',
    number: '+252612345678',
    at,
    ...change,
  });
  const ended = (call_id: string) => ({ event: 'ended', call_id, at });
  const hear = async (events: object[], query = 'switch=edge', role: 'feed' | 'viewer' = 'feed') =>
    admin.call('POST', `/v1/live-calls/events?${query}`, { key: await admin.keyOf(role), body: { events } });
  const ids = async () =>
    (await shown())
      .filter((each) => each.switch === 'switch:edge')
      .map((each) => each.call_id)
      .toSorted();

  it('begin and end a call each; others go on, and what is told twice is told once', async () => {
    const answer = await hear([answered('a'), answered('b'), answered('c', { account: 'nobody' }), answered('a')]);
    expect([answer.statusCode, JSON.parse(answer.body)]).toEqual([200, { answered: 2 }]);
    expect(await ids()).toEqual(['a', 'b']);
    const first = [answered('d'), ended('d'), ended('a'), ended('never heard of')];
    await hear(first);
    await hear(first);
    expect(await ids()).toEqual(['b']);
  });

  it('say of a call that nobody ever paid for such a one, so that it counts nothing', async () => {
    const answer = await admin.call('GET', '/v1/accounts/1001/exposure');
    const { exposure, unpriced, calls } = JSON.parse(answer.body);
    expect([exposure, unpriced]).toEqual(['0.00', calls.length]);
    expect(calls.find((each: { call_id: string }) => each.call_id === 'd').price).toEqual({
      amount: '0.00',
      seconds: 0,
      from: 'unknown',
    });
  });

  it('are no whole: a list that was asked for before they came does not speak of them', async () => {
    const calls = admin.app.get(FollowCalls, { strict: false });
    const asked = admin.clock.now() - 1;
    await hear([answered('e'), ended('b')]);
    const listed = { callId: 'b', accountId: '1001', number: '+252612345678', startedAt: asked, answered: true };
    await calls.keep('edge', [listed], asked);
    expect(await ids()).toEqual(['e']);
    await calls.keep('edge', [listed], admin.clock.now());
    expect(await ids()).toEqual(['b']);
  });

  it('are of a node that Plafond asks too, or of a source of their own; of no other', async () => {
    const answer = await hear([answered('f')], 'switch=edge&node=10.0.0.9:5080');
    expect([answer.statusCode, JSON.parse(answer.body).code]).toEqual([422, 'unknown_node']);
    expect(answer.body).toContain('there is no switch edge');
  });

  it('are taken from a feed, not from a viewer, and what is wrong in them is named', async () => {
    expect((await hear([], 'switch=edge', 'viewer')).statusCode).toBe(403);
    for (const [bad, named] of [
      [{ ...ended('a'), event: 'paused' }, 'event'],
      [answered('a', { at: 'now' }), 'at'],
      [answered('', {}), 'call_id'],
      [answered('a', { number: '1'.repeat(65) }), 'number'],
    ] as const) {
      const answer = await hear([bad]);
      expect([answer.statusCode, answer.body]).toEqual([422, expect.stringContaining(named)]);
    }
  });

  it('are refused whole where a time in them can not be, with the field, the reason, and nothing kept', async () => {
    const before = await ids();
    for (const [bad, detail] of [
      [answered('g', { at: '2010-03-09T11:59:00+01:00' }), 'is more than 24 hours ago'],
      [answered('g', { at: '2010-03-10T12:06:00+01:00' }), 'is in the future'],
      [{ ...ended('e'), at: '2010-03-10T11:54:00+01:00' }, 'is before the call began, at 2010-03-10T10:59:30Z'],
    ] as const) {
      const answer = await hear([answered('h'), bad]);
      const told = JSON.parse(answer.body);
      expect([answer.statusCode, told.code]).toEqual([422, 'bad_times']);
      expect(told.errors).toEqual([{ field: 'events.1.at', detail: expect.stringContaining(detail) }]);
    }
    expect(await ids()).toEqual(before);
    expect((await hear([answered('h', { at: '2010-03-09T12:01:00+01:00' })])).statusCode).toBe(200);
  });
});
