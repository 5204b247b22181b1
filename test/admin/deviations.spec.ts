import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ObserveUsage } from '../../src/pipeline/deviations/observe-usage.ts';
import { SHARDS } from '../../src/ledger/usage-store.ts';
import { ACCOUNT, startAdmin, type AdminApp } from './admin-app.ts';

const COLUMNS = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
const JSON_BODY = { 'content-type': 'application/json' };

describe('deviations over HTTP', () => {
  let admin: AdminApp;
  let billing: string;
  let viewer: string;

  beforeAll(async () => {
    admin = await startAdmin();
    billing = await admin.keyOf('billing');
    viewer = await admin.keyOf('viewer');
    await put('/v1/accounts/1001', ACCOUNT);
  });
  afterAll(() => admin.close());

  const put = (url: string, body: object, key?: string) =>
    admin.call('PUT', url, { body, headers: JSON_BODY, ...(key && { key }) });
  const get = async (url: string) => (await admin.call('GET', url, { key: viewer })).json();
  const policy = { mode: 'enforce', false_actions_per_1000_customers_a_month: 0.5 };

  it('only record, until the billing team says more, in its own words', async () => {
    expect(await get('/v1/deviation-policies')).toMatchObject([
      { scope: {}, version: 0, mode: 'shadow', false_actions_per_1000_customers_a_month: 1 },
    ]);
    const answer = await put('/v1/deviation-policies/segments/smb', policy, billing);
    expect(answer.json()).toMatchObject({
      scope: { segment: 'smb' },
      version: 1,
      ...policy,
      realised: { false_actions: 0 },
      history: {
        state: 'none',
        customer_months: 0,
        calibrated_at: null,
        words: expect.stringMatching(/^Not backed by your own history yet/),
      },
    });
    expect(answer.json().acts_at_score.hold).toBeGreaterThan(1_000);
    expect((await get('/v1/deviation-policies')).map(({ scope }: { scope: object }) => scope)).toEqual([
      {},
      { segment: 'smb' },
    ]);
    expect((await put('/v1/deviation-policies/everyone', policy, viewer)).statusCode).toBe(403);
    const wrong = await put('/v1/deviation-policies/everyone', { ...policy, mode: 'loud' }, billing);
    expect([wrong.statusCode, wrong.json().errors[0].field]).toEqual([422, 'mode']);
    expect((await put('/v1/deviation-policies/accounts/nobody', policy)).statusCode).toBe(404);
    expect((await admin.call('DELETE', '/v1/deviation-policies/accounts/1001')).statusCode).toBe(404);
  });

  it('are held against what is usual, gathered in cases, and settled by a verdict', async () => {
    const office = Array.from({ length: 20 }, (_, day) =>
      [9, 11, 14, 16].map(
        (hour) =>
          `o${day}-${hour},1001,2010-02-${String(day + 5).padStart(2, '0')}T${String(hour).padStart(2, '0')}:00:00+01:00,120,voice,+31201234567,0.06,EUR,final`,
      ),
    ).flat();
    const two = (value: number) => String(value).padStart(2, '0');
    const night = Array.from(
      { length: 12 },
      (_, i) =>
        `n${i},1001,2010-03-10T${two(1 + Math.floor(i / 4))}:${two((i % 4) * 15)}:00+01:00,900,voice,+2526123451${10 + i},10.20,EUR,provisional`,
    );
    const observe = admin.app.get(ObserveUsage);
    for (const rows of [office, night]) {
      const sent = await admin.call('POST', '/v1/usage?feed=rating', {
        body: [COLUMNS, ...rows].join('\n'),
        headers: { 'content-type': 'text/csv' },
      });
      expect(sent.json()).toMatchObject({ counted: rows.length, rejected: 0 });
      await observe.observe(Array.from({ length: SHARDS }, (_, shard) => shard));
    }
    const { items } = await get('/v1/deviations?account=1001');
    expect(items[0]).toMatchObject({
      account: '1001',
      trigger: 'deviation',
      mode: 'enforce',
      case: '1',
      case_state: 'open',
    });
    expect(items[0].score).toBeGreaterThanOrEqual(items[0].threshold);
    expect(items[0].evidence.explanations.nl).toContain('Somalië');
    const normal = await get('/v1/accounts/1001/normal');
    expect(normal).toMatchObject({ account: '1001', mode: 'enforce', currency: 'EUR' });
    expect(normal.words).toContain('weekday daytime');
    expect((await get('/v1/cases')).items).toMatchObject([
      { id: '1', account: '1001', state: 'open', countries: ['SO'] },
    ]);

    const verdict = (key: string, body: object) =>
      admin.call('POST', '/v1/cases/1/verdict', { key, body, headers: JSON_BODY });
    expect((await verdict(viewer, { verdict: 'legitimate', reason: 'x' })).statusCode).toBe(403);
    expect((await verdict(billing, { verdict: 'legitimate' })).statusCode).toBe(422);
    const settled = await verdict(billing, { verdict: 'confirmed-fraud', reason: 'the PBX was open' });
    expect(settled.json()).toMatchObject({
      state: 'confirmed-fraud',
      reason: 'the PBX was open',
      events: [{ what: 'confirmed-fraud' }],
    });
    expect((await verdict(billing, { verdict: 'confirmed-fraud', reason: 'again' })).statusCode).toBe(409);
    expect((await get('/v1/hot-numbers')).map(({ range }: { range: string }) => range)).toContain('+252612345');
    await admin.database.dataSource.query(
      "INSERT INTO hot_numbers SELECT '+24400' || n, NULL, now(), 'anna', '2200-01-01', '', 0 FROM generate_series(1, 3) n",
    );
    const ranges = await get('/v1/hot-numbers');
    const paged: unknown[] = [];
    for (let path: string | undefined = '/v1/hot-numbers?limit=1'; path !== undefined;) {
      const { headers, json } = await admin.call('GET', path, { key: viewer });
      expect(json()).toHaveLength(1);
      paged.push(...json());
      path = /^<(.+)>; rel="next"$/.exec(String(headers.link ?? ''))?.[1];
    }
    expect(ranges).toHaveLength(4);
    expect(paged).toEqual(ranges);
    const report = await admin.call('GET', '/v1/deviation-report', { key: billing });
    expect(report.json()).toMatchObject({
      totals: { accounts: 1, right: 1 },
      accounts: [{ account: '1001', rightness: 'right' }],
    });
    const checked = await admin.call('POST', '/v1/deviations/rebuild?check=true');
    expect(checked.json()).toMatchObject({ rebuilt: false, accounts: 1, waiting: 0 });
    expect((await admin.call('GET', '/v1/cases/77')).statusCode).toBe(404);
  });

  /** A billing key's verdict on case 1, as one who has read this version of it. */
  const judge = (key: string, verdict: string, match?: string) =>
    admin.call('POST', '/v1/cases/1/verdict', {
      key,
      body: { verdict, reason: `looked into by ${key.slice(0, 8)}` },
      headers: { ...JSON_BODY, ...(match !== undefined && { 'if-match': match }) },
    });

  it('are judged by one of two people who read the same: the second is told what the first has said', async () => {
    const carl = await admin.keyOf('billing');
    const read = await admin.call('GET', '/v1/cases/1', { key: billing });
    expect([read.headers.etag, read.json().version]).toEqual(['"1"', 1]);
    expect((await judge(carl, 'closed', '"1"')).statusCode).toBe(409);
    const both = await Promise.all([billing, carl].map((key) => judge(key, 'rating-error', '"1"')));
    expect(both.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 412]);
    const late = await judge(carl, 'legitimate', '"1"');
    expect(late.json()).toMatchObject({ status: 412, code: 'changed_meanwhile' });
    expect(late.json().detail).toMatch(
      /^case 1 is at version 2, not 1: it is rating-error since .* said so .*; read it again$/,
    );
    const again = await judge(carl, 'confirmed-fraud', '"2"');
    expect([again.statusCode, again.headers.etag]).toEqual([200, '"3"']);
    // Without it a wrong verdict is put right by whoever says so last.
    expect((await judge(billing, 'rating-error')).statusCode).toBe(200);
    expect((await judge(billing, 'confirmed-fraud')).statusCode).toBe(200);
  });

  it('are judged by two people, where the verdict lifts bars of more than one may', async () => {
    const carl = await admin.keyOf('billing');
    const live = async () =>
      (await get('/v1/suspensions?account=1001')).items
        .map(({ state }: { state: string }) => state)
        .filter((state: string) => ['awaiting-approval', 'wanted', 'applied'].includes(state)).length;
    const before = await live();
    expect(before).toBeGreaterThan(0);
    await put('/v1/second-person', { above: '5.00' });
    const asked = await judge(billing, 'legitimate');
    expect([asked.statusCode, asked.json().state, await live()]).toEqual([202, 'confirmed-fraud', before]);
    expect((await judge(billing, 'legitimate')).json()).toMatchObject({ status: 409, code: 'already_asked' });
    const url = String(asked.headers.location);
    const approval = (await admin.call('GET', url)).json();
    expect(approval).toMatchObject({
      state: 'pending',
      account: '1001',
      asked: { do: 'verdict', case: '1', verdict: 'legitimate' },
    });
    expect(Number(approval.amount)).toBeGreaterThan(5);
    expect((await admin.call('POST', `${url}/approve`, { key: billing })).json()).toMatchObject({
      code: 'own_request',
    });
    expect((await admin.call('POST', `${url}/approve`, { key: carl })).json()).toMatchObject({ state: 'approved' });
    const settled = await get('/v1/cases/1');
    expect(settled).toMatchObject({ state: 'legitimate', settled_by: expect.stringMatching(/, approved by /) });
    expect(await live()).toBe(0);
    // What lifts nothing, or more strictly judges, needs nobody else; nor does an administrator.
    expect((await judge(carl, 'confirmed-fraud')).statusCode).toBe(200);
    const alone = await admin.call('POST', '/v1/cases/1/verdict', {
      body: { verdict: 'legitimate', reason: 'x' },
      headers: JSON_BODY,
    });
    expect([alone.statusCode, await live()]).toEqual([200, 0]);
    await put('/v1/second-person', { above: null });
  });

  it('are waited for no longer where something was said of the case since, and settle it where its account is gone', async () => {
    const carl = await admin.keyOf('billing');
    await put('/v1/second-person', { above: '5.00' });
    const alone = (verdict: string) =>
      admin.call('POST', '/v1/cases/1/verdict', { body: { verdict, reason: 'x' }, headers: JSON_BODY });
    const agree = async (asked: Awaited<ReturnType<typeof judge>>) =>
      (await admin.call('POST', `${asked.headers.location as string}/approve`, { key: carl })).json();
    await alone('confirmed-fraud');
    const first = await judge(billing, 'legitimate');
    expect(first.statusCode).toBe(202);
    await alone('rating-error');
    await alone('confirmed-fraud');
    expect(await agree(first)).toMatchObject({ status: 412, code: 'changed_meanwhile' });
    const second = await judge(billing, 'legitimate');
    expect(second.statusCode).toBe(202);
    await admin.database.dataSource.query(`DELETE FROM usage`);
    await admin.database.dataSource.query(`UPDATE suspensions SET state = 'lifted'`);
    const removed = await admin.call('DELETE', '/v1/accounts/1001', { headers: { 'if-match': '*' } });
    expect([removed.statusCode, removed.body]).toEqual([204, '']);
    expect(await agree(second)).toMatchObject({ state: 'approved' });
    expect(await get('/v1/cases/1')).toMatchObject({ state: 'legitimate' });
  });
});
