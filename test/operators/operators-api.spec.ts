/** Receivers, silences, policies and the daily summary as the billing team meets them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { settleAlarm } from '../../src/feeds/alarms.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { SummarizeDay } from '../../src/pipeline/telling/summarize-day.ts';
import { TellOperators } from '../../src/pipeline/telling/tell-operators.ts';
import { ACCOUNT, startAdmin, type AdminApp } from '../admin/admin-app.ts';

let admin: AdminApp;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

const problem = async (
  method: 'PUT' | 'POST' | 'DELETE',
  url: string,
  body?: object,
  headers?: Record<string, string>,
) => {
  const answer = await admin.call(method, url, { ...(body ? { body } : {}), ...(headers ? { headers } : {}) });
  const { code, errors = [] } = answer.json<{ code: string; errors?: { field: string }[] }>();
  return [answer.statusCode, code, ...errors.map(({ field }) => field)];
};

describe('receivers', () => {
  const mail = { kind: 'email', address: 'billing@example.net', events: ['alarm'] };

  it('are made, changed by who has read them, and removed; each change is on record', async () => {
    const made = await admin.call('PUT', '/v1/receivers/team', { body: mail });
    expect([made.statusCode, made.json()]).toMatchObject([201, { name: 'team', version: 1, waiting: 0, secret: null }]);
    expect(await problem('PUT', '/v1/receivers/team', mail)).toEqual([428, 'if_match_needed']);
    const headers = { 'if-match': '"9"' };
    expect(await problem('PUT', '/v1/receivers/team', mail, headers)).toEqual([412, 'changed_meanwhile']);
    const changed = await admin.call('PUT', '/v1/receivers/team', {
      body: { ...mail, events: ['alarm', 'daily-summary'] },
      headers: { 'if-match': made.headers['etag'] as string },
    });
    expect(changed.json()).toMatchObject({ version: 2, events: ['alarm', 'daily-summary'] });
    expect((await admin.call('DELETE', '/v1/receivers/team')).statusCode).toBe(204);
    expect(await problem('DELETE', '/v1/receivers/team')).toEqual([404, 'unknown_receiver']);
    const changes = (await admin.call('GET', '/v1/changes?subject=receiver&id=team')).json();
    expect(changes.items.map((item: { change: string }) => item.change)).toEqual(['removed', 'changed', 'created']);
  });

  it.each<[string, string, object, unknown[]]>([
    ['a name that is none', 'a%20b', mail, [422, 'bad_receiver_name', 'name']],
    ['an address that is none', 'x', { ...mail, address: 'nobody' }, [422, 'invalid', 'address']],
    ['a webhook without its key', 'x', { kind: 'webhook', address: 'https://a.example/' }, [422, 'invalid', 'secret']],
    ['a secret told, not named', 'x', { kind: 'slack', secret: 'xoxb-1' }, [422, 'invalid', 'secret']],
    ['a field that is not known', 'x', { ...mail, colour: 'red' }, [422, 'invalid', 'colour']],
  ])('refuse %s', async (_, name, body, refused) => {
    expect(await problem('PUT', `/v1/receivers/${name}`, body)).toEqual(refused);
  });

  it('show what they were sent, and what failed', async () => {
    await admin.call('PUT', '/v1/receivers/hook', {
      body: { kind: 'webhook', address: 'http://127.0.0.1:9/', secret: 'PLAFOND_SECRET_NOT_SET', events: ['alarm'] },
    });
    const { dataSource } = admin.database;
    const trouble = { text: 'the feed rating is silent', facts: {} };
    await inTransaction(dataSource, ({ client }) =>
      settleAlarm(client, 'feed-behind', 'rating', trouble, 'it is fresh', admin.clock.now()),
    );
    await dataSource.query(`UPDATE operator_events SET created_at = created_at - interval '1 minute'`);
    const operators = admin.app.get(TellOperators, { strict: false });
    await operators.group();
    await operators.send('hook');
    expect((await admin.call('GET', '/v1/receivers/hook')).json()).toMatchObject({
      waiting: 1,
      last_sent_at: null,
      last_failure: 'PLAFOND_SECRET_NOT_SET is not set in this process',
    });
    const { items } = (await admin.call('GET', '/v1/receivers/hook/messages')).json();
    expect(items).toMatchObject([
      { kind: 'alarm', subject: 'Plafond: 1 alarm', state: 'queued', attempts: [{ attempt: 1, outcome: 'retry' }] },
    ]);
    await admin.call('DELETE', '/v1/receivers/hook');
    expect((await admin.call('GET', '/v1/receivers/hook/messages')).json().items).toMatchObject([{ state: 'failed' }]);
    expect((await admin.call('GET', '/v1/receivers/nobody/messages')).statusCode).toBe(404);
  });
});

describe('silences', () => {
  const body = { subject: 'rating', reason: 'the rating system is being moved', ends_at: '2010-03-11T12:00:00+01:00' };

  it('have an author, a reason and an end, and can be ended before', async () => {
    const made = await admin.call('POST', '/v1/silences', { body });
    expect([made.statusCode, made.json()]).toMatchObject([
      201,
      { author: 'administrator (PLAFOND_ADMIN_KEY)', reason: body.reason, withheld: 0, ended_by: null },
    ]);
    const { id } = made.json<{ id: string }>();
    const listed = async (query: string) =>
      (await admin.call('GET', `/v1/silences${query}`))
        .json<{ items: { id: string }[] }>()
        .items.map((each) => each.id);
    expect(await listed('?in_force=true')).toEqual([id]);
    expect((await admin.call('DELETE', `/v1/silences/${id}`)).json()).toMatchObject({
      ended_by: 'administrator (PLAFOND_ADMIN_KEY)',
    });
    expect(await listed('?in_force=true')).toEqual([]);
    expect(await listed('?in_force=false')).toEqual([id]);
  });

  it.each<[string, object, unknown[]]>([
    ['without a reason', { ...body, reason: '' }, [422, 'invalid', 'reason']],
    ['without an end', { subject: 'rating', reason: 'x' }, [422, 'invalid', 'ends_at']],
    ['of everything', { reason: 'x', ends_at: body.ends_at }, [422, 'invalid', 'kind']],
    ['that is over already', { ...body, ends_at: '2010-03-10T11:00:00+01:00' }, [422, 'invalid', 'ends_at']],
    ['that would be forgotten', { ...body, ends_at: '2011-03-10T11:00:00+01:00' }, [422, 'invalid', 'ends_at']],
  ])('are refused %s', async (_, form, refused) => {
    expect(await problem('POST', '/v1/silences', form)).toEqual(refused);
  });
});

describe('consent policies', () => {
  it('are put, listed and removed, each change on record', async () => {
    expect((await admin.call('GET', '/v1/consent-policies')).json()).toEqual([]);
    const body = { scope: { segment: 'smb' }, currency: 'EUR', maximum: '250.00' };
    expect((await admin.call('PUT', '/v1/consent-policies', { body })).json()).toMatchObject(body);
    await admin.call('PUT', '/v1/consent-policies', { body: { ...body, maximum: '300.00' } });
    await admin.call('PUT', '/v1/consent-policies', { body: { currency: 'EUR', maximum: '0.00' } });
    expect((await admin.call('GET', '/v1/consent-policies')).json()).toMatchObject([
      { scope: {}, maximum: '0.00' },
      { scope: { segment: 'smb' }, maximum: '300.00' },
    ]);
    const removed = await admin.call('DELETE', '/v1/consent-policies?segment=smb&currency=EUR');
    expect(removed.statusCode).toBe(204);
    const changes = (await admin.call('GET', '/v1/changes?subject=consent-policy&id=segment%20smb%20EUR')).json();
    expect(changes.items.map((item: { change: string }) => item.change)).toEqual(['removed', 'changed', 'created']);
  });

  it.each<[string, object, unknown[]]>([
    [
      'of two scopes',
      { scope: { segment: 'a', account: 'b' }, currency: 'EUR', maximum: '1' },
      [422, 'invalid', 'scope'],
    ],
    ['below nothing', { currency: 'EUR', maximum: '-1' }, [422, 'invalid', 'maximum']],
    ['as a number', { currency: 'EUR', maximum: 250 }, [422, 'invalid', 'maximum']],
    ['without a currency', { maximum: '1.00' }, [422, 'invalid', 'currency']],
  ])('are refused %s', async (_, body, refused) => {
    expect(await problem('PUT', '/v1/consent-policies', body)).toEqual(refused);
  });
});

describe('the daily summary', () => {
  it('comes once a day, at eight in the zone of most accounts, and tells of the day before', async () => {
    await admin.call('PUT', '/v1/receivers/team', { body: { kind: 'email', address: 'billing@example.net' } });
    await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
    const record = {
      record_id: 'r1',
      account_id: '1001',
      started_at: '2010-03-10T10:00:00+01:00',
      duration_s: 60,
      kind: 'voice',
      b_number: '+252612345678',
      amount: '12.50',
      currency: 'EUR',
      state: 'final',
    };
    await admin.call('POST', '/v1/usage?feed=rating', { body: [record] });
    const summaries = admin.app.get(SummarizeDay, { strict: false });
    expect(await summaries.run()).toBe('2010-03-09');
    admin.clock.advanceTo(parseInstant('2010-03-11T07:59:59+01:00')!);
    expect(await summaries.run()).toBeUndefined();
    admin.clock.advanceTo(parseInstant('2010-03-11T08:00:00+01:00')!);
    expect(await Promise.all([summaries.run(), summaries.run()])).toContain('2010-03-10');
    expect(await summaries.run()).toBeUndefined();
    const { items } = (await admin.call('GET', '/v1/daily-summaries')).json();
    expect(items.map((item: { day: string }) => item.day)).toEqual(['2010-03-10', '2010-03-09']);
    expect(items[0].figures).toMatchObject({
      time_zone: 'Europe/Amsterdam',
      open: { alarms: 1 },
      spend: [{ currency: 'EUR', amount: '12.50', records: 1 }],
    });
    const sent = (await admin.call('GET', '/v1/receivers/team/messages')).json().items;
    expect(sent.filter((item: { kind: string }) => item.kind === 'daily-summary')).toHaveLength(2);
    expect(sent[0].text).toContain('EUR: 12.50 in 1 records');
    const [{ html }] = await admin.database.dataSource.query(
      `SELECT html FROM operator_messages WHERE html <> '' LIMIT 1`,
    );
    expect(html).toContain('<h2');
  });

  it('comes at eight by the clock on the wall on the day on which clocks go forward', async () => {
    const summaries = admin.app.get(SummarizeDay, { strict: false });
    admin.clock.advanceTo(parseInstant('2010-03-28T07:59:59+02:00')!);
    expect(await summaries.run()).toBeUndefined();
    admin.clock.advanceTo(parseInstant('2010-03-28T08:00:00+02:00')!);
    expect(await summaries.run()).toBe('2010-03-27');
  });
});
