/** Guard, uplifts, a second person and allowed numbers as the billing team meets them, over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCOUNT, ADMIN_KEY, CAP, startAdmin, type AdminApp } from './admin-app.ts';

let admin: AdminApp;
let anna: string;
let bert: string;
beforeAll(async () => {
  admin = await startAdmin();
  anna = await admin.keyOf('billing');
  bert = await admin.keyOf('billing');
  for (const id of ['1001', '1002', '1003'])
    await admin.call('PUT', `/v1/accounts/${id}`, { body: { ...ACCOUNT, account_id: id } });
  await admin.call('POST', '/v1/caps', { body: CAP });
});
afterAll(() => admin.close());

/** What the answers of these routes may hold, as far as it is looked at. */
interface Answer {
  id?: string;
  items?: Answer[];
  errors?: { field: string; detail?: string }[];
  question?: string;
  made?: number;
  approval?: string;
  uplift?: string;
}
type Options = { key?: string; body?: object; headers?: Record<string, string> };
const ask = async (method: 'GET' | 'POST' | 'PUT', url: string, options: Options = {}) => {
  const answer = await admin.call(method, url, options);
  return { status: answer.statusCode, location: answer.headers.location, ...answer.json<Answer>() };
};
let calls = 0;
const spend = (account: string, amount: string) =>
  admin.call('POST', '/v1/usage?feed=rating', {
    body: [
      {
        record_id: `c${++calls}`,
        account_id: account,
        started_at: '2010-03-10T10:00:00+01:00',
        duration_s: 60,
        kind: 'voice',
        b_number: '+252612345678',
        amount,
        currency: 'EUR',
        state: 'final',
      },
    ],
  });
const suspensionsOf = async (account: string) => (await ask('GET', `/v1/suspensions?account=${account}`)).items ?? [];

describe('the guard', () => {
  it('is shown, changed by an administrator alone, and bounded', async () => {
    expect(await ask('GET', '/v1/guard')).toMatchObject({ per_hour: 100, version: 1, made: 0, question: null });
    const form = { per_hour: 1, percent: 50, at_least: 1 };
    expect((await ask('PUT', '/v1/guard', { key: anna, body: form })).status).toBe(403);
    const wrong = await ask('PUT', '/v1/guard', { body: { per_hour: -1, percent: 101, at_least: 1.5 } });
    expect(wrong.errors!.map(({ field }) => field).toSorted()).toEqual(['at_least', 'per_hour', 'percent']);
    expect(await ask('PUT', '/v1/guard', { body: form })).toMatchObject({ per_hour: 1, version: 2, allowed: 1 });
    expect((await ask('GET', '/v1/changes?subject=guard&id=suspensions')).items).toHaveLength(1);
  });

  it('asks about what is one too many, and takes an answer once', async () => {
    await spend('1001', '120.00');
    await spend('1002', '130.00');
    const { question, made } = await ask('GET', '/v1/guard');
    expect(made).toBe(1);
    expect(await ask('GET', `/v1/guard/questions/${question}`)).toMatchObject({ state: 'open', held: 1, waiting: 1 });
    const [held] = (await ask('GET', `/v1/guard/questions/${question}/suspensions`)).items!;
    const unknown = `/v1/guard/questions/${crypto.randomUUID()}/suspensions`;
    expect(await ask('GET', unknown)).toMatchObject({ status: 404 });
    expect(held).toMatchObject({ account: '1002', class: 'international', spend: '130.00', limit: '100.00' });
    const [waiting] = await suspensionsOf('1002');
    expect(waiting).toMatchObject({ state: 'awaiting-approval', kind: 'suspension', guard_question: question });
    const url = `/v1/guard/questions/${question}/answer`;
    const answer = (body: object) => ask('POST', url, { key: anna, body });
    expect(await answer({ answer: 'some', reason: 'seen' })).toMatchObject({ status: 422 });
    expect(await answer({ answer: 'all', accounts: ['1002'], reason: 'seen' })).toMatchObject({ status: 422 });
    expect(await answer({ answer: 'some', accounts: ['1003'], reason: 'seen' })).toMatchObject({
      status: 422,
      code: 'not_in_question',
    });
    expect(await answer({ answer: 'all', reason: 'seen', held: 0 })).toMatchObject({ code: 'changed_meanwhile' });
    expect(await answer({ answer: 'some', accounts: ['1002'], reason: 'seen', held: 1 })).toMatchObject({
      state: 'answered',
      approved: 1,
    });
    expect(await answer({ answer: 'none', reason: 'seen' })).toMatchObject({ status: 409, code: 'already_closed' });
    expect((await suspensionsOf('1002'))[0]).toMatchObject({ state: 'wanted', approved_by: expect.any(String) });
    await ask('PUT', '/v1/guard', { body: { per_hour: 100, percent: 100, at_least: 100 } });
  });
});

describe('an uplift', () => {
  it('lifts at once, is listed, and is ended by hand', async () => {
    const body = { traffic: 'international', amount: '100.00', until: '2010-03-12T00:00:00+01:00', reason: 'prepaid' };
    const granted = await ask('POST', '/v1/accounts/1001/uplifts', { key: anna, body });
    expect(granted).toMatchObject({ status: 201, amount: '100.00', currency: 'EUR', ended_at: null });
    expect((await suspensionsOf('1001'))[0]).toMatchObject({ state: 'lifting', lift_trigger: 'manual' });
    const list = await ask('GET', '/v1/accounts/1001/uplifts?in_force=true');
    expect(list.items).toMatchObject([{ id: granted.id }]);
    admin.clock.advanceTo(admin.clock.now() + 1_000);
    const ended = await ask('POST', `/v1/accounts/1001/uplifts/${granted.id}/end`, { body: { reason: 'spent' } });
    expect(ended).toMatchObject({ status: 200, ended_reason: 'spent' });
    expect((await suspensionsOf('1001'))[0]).toMatchObject({ state: 'wanted' });
  });

  it.each([
    ['neither a cap nor a traffic', { traffic: undefined }, ['cap']],
    ['both', { cap: '11111111-1111-4111-8111-111111111111' }, ['cap']],
    ['an amount of nothing', { amount: '0' }, ['amount']],
    ['an end without a zone', { until: '2010-03-12' }, ['until']],
    ['no reason', { reason: '' }, ['reason']],
    ['a field that nobody knows', { forever: true }, ['forever']],
  ])('of %s is refused, and says which field', async (_, change, fields) => {
    const body = { traffic: 'all', amount: '1.00', until: '2010-03-12T00:00:00+01:00', reason: 'x', ...change };
    const { status, errors } = await ask('POST', '/v1/accounts/1001/uplifts', { body });
    expect([status, errors!.map(({ field }) => field)]).toEqual([422, fields]);
  });
});

describe('an uplift whose answer was lost', () => {
  const url = '/v1/accounts/1004/uplifts';
  beforeAll(async () => {
    for (const id of ['1004', '1005'])
      await admin.call('PUT', `/v1/accounts/${id}`, { body: { ...ACCOUNT, account_id: id } });
  });
  const body = { traffic: 'international', amount: '5.00', until: '2010-03-12T00:00:00+01:00', reason: 'prepaid' };
  const raise = (name: string, change: object = {}, key = anna, account = '1004') =>
    ask('POST', `/v1/accounts/${account}/uplifts`, {
      key,
      body: { ...body, ...change },
      headers: { 'idempotency-key': name },
    });

  it('is granted once by its name, sent again or twice at once, and answered as it is now', async () => {
    const [granted, twin] = await Promise.all([raise('ticket-7'), raise('ticket-7')]);
    expect([granted.status, twin.status]).toEqual([201, 201]);
    expect(twin.id).toBe(granted.id);
    await ask('POST', `${url}/${granted.id}/end`, { body: { reason: 'spent' } });
    const again = await raise('ticket-7', { amount: '5', until: '2010-03-11T23:00:00Z' }, bert);
    expect(again).toMatchObject({ status: 201, id: granted.id, ended_reason: 'spent', location: granted.location });
    expect((await ask('GET', url)).items).toHaveLength(1);
  });

  it('is another one by another name, for another account, or without a name', async () => {
    const ids = [
      await raise('ticket-8'),
      await raise('ticket-9'),
      await raise('ticket-8', {}, anna, '1005'),
      await ask('POST', url, { key: anna, body }),
      await ask('POST', url, { key: anna, body }),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
  });

  it.each([
    ['amount', { amount: '6.00' }],
    ['until', { until: '2010-03-13T00:00:00+01:00' }],
    ['traffic', { traffic: 'all' }],
    ['reason', { reason: 'asked by telephone' }],
  ])('is refused where its name asked for another %s before', async (_, change) => {
    await raise('ticket-10');
    expect(await raise('ticket-10', change)).toMatchObject({ status: 409, code: 'another_request' });
  });

  it('is refused by a name that is none', async () => {
    expect(await raise('')).toMatchObject({ status: 400, code: 'bad_idempotency_key' });
    expect(await raise('x'.repeat(201))).toMatchObject({ status: 400, code: 'bad_idempotency_key' });
  });

  it('is asked of a second person once, whatever comes of that', async () => {
    await ask('PUT', '/v1/second-person', { body: { above: '1.00' } });
    const { status, approval } = await raise('ticket-11');
    expect(status).toBe(202);
    expect(await raise('ticket-11')).toMatchObject({ status: 202, approval });
    expect(await raise('ticket-11', { amount: '6.00' })).toMatchObject({ status: 409, code: 'another_request' });
    const { uplift } = await ask('POST', `/v1/approvals/${approval}/approve`, { key: bert });
    expect(await raise('ticket-11')).toMatchObject({ status: 201, id: uplift });
    const { approval: declined } = await raise('ticket-12');
    await ask('POST', `/v1/approvals/${declined}/decline`, { key: bert, body: { reason: 'no' } });
    expect(await raise('ticket-12')).toMatchObject({ status: 202, approval: declined });
    await ask('PUT', '/v1/second-person', { body: { above: null } });
  });

  it('finds its name documented', async () => {
    const { paths } = (await admin.call('GET', '/docs-json')).json();
    expect(paths['/v1/accounts/{account_id}/uplifts'].post.parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: false }),
    );
  });
});

const END = '9999-12-31T00:00:00Z';
it.each([
  ['an uplift', '/v1/accounts/1001/uplifts', { traffic: 'all', amount: '1.00', until: END }, 'until'],
  ['a bar', '/v1/suspensions', { account: '1001', class: 'premium', until: END }, 'until'],
  ['a silence', '/v1/silences', { kind: 'alarm', ends_at: END }, 'ends_at'],
])('an end of %s in 9999 is refused by its field, with the years there are', async (_, url, form, field) => {
  const { status, errors } = await ask('POST', url, { body: { ...form, reason: 'x' } });
  expect([status, errors]).toEqual([
    422,
    [{ field, detail: expect.stringMatching(/from the year 1000 to before 9999/) }],
  ]);
});

describe('a second person', () => {
  beforeAll(async () => {
    await ask('PUT', '/v1/second-person', { body: { above: '125.00' } });
  });

  it('is not needed below the amount, nor for an administrator', async () => {
    const [suspension] = await suspensionsOf('1001');
    expect(await ask('POST', `/v1/suspensions/${suspension!.id}/lift`, { key: anna })).toMatchObject({
      status: 200,
      state: 'lifting',
    });
    const body = { traffic: 'international', amount: '500', until: '2010-03-12T00:00:00+01:00', reason: 'x' };
    expect((await ask('POST', '/v1/accounts/1003/uplifts', { body })).status).toBe(201);
  });

  it('agrees to a lifting beyond it, and never to their own', async () => {
    const [suspension] = await suspensionsOf('1002');
    const url = `/v1/suspensions/${suspension!.id}/lift`;
    const asked = await ask('POST', url, { key: anna, body: { reason: 'they called' } });
    expect(asked).toMatchObject({ status: 202, state: 'wanted', location: expect.stringContaining('/v1/approvals/') });
    expect(await ask('POST', url, { key: anna })).toMatchObject({ status: 409, code: 'already_asked' });
    const approval = String(asked.location);
    expect(await ask('GET', approval)).toMatchObject({ state: 'pending', amount: '130.00', asked: { do: 'lift' } });
    expect(await ask('POST', `${approval}/approve`, { key: anna })).toMatchObject({ status: 409, code: 'own_request' });
    expect(await ask('POST', `${approval}/approve`, { key: bert })).toMatchObject({ status: 200, state: 'approved' });
    expect(await ask('POST', `${approval}/approve`, { key: bert })).toMatchObject({ code: 'already_settled' });
    const [lifted] = await suspensionsOf('1002');
    expect(lifted).toMatchObject({
      state: 'lifting',
      lift_by: expect.stringMatching(/billing .* approved by billing/),
    });
  });

  it('agrees to an uplift beyond it, or declines one', async () => {
    const body = { traffic: 'international', amount: '130.00', until: '2010-03-12T00:00:00+01:00', reason: 'x' };
    const raise = () => ask('POST', '/v1/accounts/1002/uplifts', { key: anna, body });
    const { status, approval } = await raise();
    expect(status).toBe(202);
    expect(await ask('POST', `/v1/approvals/${approval}/decline`, { key: bert })).toMatchObject({ state: 'declined' });
    expect((await ask('GET', '/v1/accounts/1002/uplifts')).items).toEqual([]);
    const { approval: next } = await raise();
    const approved = await ask('POST', `/v1/approvals/${next}/approve`, { key: bert });
    expect(approved).toMatchObject({ state: 'approved', uplift: expect.any(String) });
    expect((await ask('GET', '/v1/accounts/1002/uplifts')).items).toMatchObject([{ id: approved.uplift }]);
    expect((await ask('GET', '/v1/approvals?state=pending')).items).toEqual([]);
  });
});

describe('a second person can not be done without', () => {
  const until = '2010-03-12T00:00:00+01:00';
  const raise = (account: string, amount: string, traffic = 'international') =>
    ask('POST', `/v1/accounts/${account}/uplifts`, { key: anna, body: { traffic, amount, until, reason: 'x' } });

  it('by many uplifts, one after the other or at once; what was agreed to does not count', async () => {
    // 1002 has 130.00 by now, to which bert agreed.
    expect((await raise('1002', '65.00')).status).toBe(201);
    const both = await Promise.all([raise('1002', '39.00'), raise('1002', '40.00')]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([201, 202]);
    expect((await raise('1002', '20.00')).status).toBe(201);
    expect((await raise('1002', '1.01')).status).toBe(202);
  });

  it('by the limit of a cap of one account, at once or little by little', async () => {
    const own = { ...CAP, scope: { account: '1001' }, traffic: 'premium' };
    const made = await admin.call('POST', '/v1/caps', { body: own });
    const put = (limit: string, key?: string) =>
      admin.call('PUT', `/v1/caps/${made.json().id}`, {
        body: { ...own, limit },
        headers: { 'if-match': '*' },
        ...(key !== undefined && { key }),
      });
    expect((await put('225.01', anna)).json()).toMatchObject({ status: 409, code: 'second_person_needed' });
    expect((await put('225.00', anna)).statusCode).toBe(200);
    expect((await put('225.01', anna)).json()).toMatchObject({ status: 409, code: 'second_person_needed' });
    expect((await put('50.00', anna)).statusCode).toBe(200);
    expect((await put('500.00')).statusCode).toBe(200);
    expect((await put('400.00', anna)).statusCode).toBe(200);
    const elsewhere = {
      body: { ...own, scope: { segment: 'nobody' }, limit: '9999.00' },
      headers: { 'if-match': '*' },
    };
    const moved = await admin.call('PUT', `/v1/caps/${made.json().id}`, { ...elsewhere, key: anna });
    expect(moved.json()).toMatchObject({ status: 409, code: 'second_person_needed' });
  });
});

describe('a second person can not be done without by whoever weakens the protection of many', () => {
  const SEGMENT = { ...CAP, scope: { segment: 'many' }, traffic: 'premium', limit: '100.00' };
  const needed = { status: 409, code: 'second_person_needed' };
  let cap: string;
  const put = async (change: object, key = anna) =>
    (
      await admin.call('PUT', `/v1/caps/${cap}`, {
        body: { ...SEGMENT, ...change },
        headers: { 'if-match': '*' },
        key,
      })
    ).json();
  const make = async (definition: object, key = anna) =>
    (await admin.call('POST', '/v1/caps', { body: definition, key })).json();
  const percent = (at: number, actions = ['suspend:premium']) => ({ thresholds: [{ percent: at, actions }] });

  beforeAll(async () => {
    cap = (await admin.call('POST', '/v1/caps', { body: { ...SEGMENT, ...percent(100) } })).json().id;
  });

  it.each([
    ['raises the limit of a segment', { ...percent(100), limit: '225.01' }],
    ['has it bar later', percent(226)],
    ['has it bar nobody', percent(100, ['warn'])],
    ['has it only record', { ...percent(100), mode: 'shadow' }],
    ['puts it elsewhere', { ...percent(100), scope: { segment: 'nobody' } }],
  ])('who %s', async (_, change) => {
    expect(await put(change)).toMatchObject(needed);
  });

  it('by less, by what is stricter, or as an administrator, they go on as ever', async () => {
    expect(await put({ ...percent(200), limit: '100.00' })).toMatchObject({ version: 2 });
    expect(await put({ ...percent(100), limit: '225.00' })).toMatchObject({ version: 3 });
    expect(await put({ ...percent(100), limit: '225.01' })).toMatchObject(needed);
    expect(await put({ ...percent(50), limit: '100.00', mode: 'approve' })).toMatchObject({ version: 4 });
    expect(await put({ ...percent(100), limit: '1000.00' }, ADMIN_KEY)).toMatchObject({ version: 5 });
    expect(await put({ ...percent(100), limit: '100.00' })).toMatchObject({ version: 6 });
  });

  it('who puts a service’s cap over a stricter one of a segment, or takes it away where that is weaker', async () => {
    const WEEK = { ...SEGMENT, ...percent(100), period: 'week' };
    const service = { ...WEEK, scope: { service: 'trunk' } };
    const remove = async (id: string, key = anna) => (await admin.call('DELETE', `/v1/caps/${id}`, { key })).statusCode;
    const segment = await make({ ...WEEK, limit: '100.00' });
    expect(await make({ ...service, limit: '225.01' })).toMatchObject(needed);
    const own = await make({ ...service, limit: '225.00' });
    expect(own).toMatchObject({ version: 1 });
    const everyone = await make({ ...WEEK, scope: {}, limit: '225.00' });
    const weak = await make({ ...WEEK, scope: { segment: 'few' }, limit: '500.00' }, ADMIN_KEY);
    expect(await remove(own.id)).toBe(409);
    expect(await remove(weak.id)).toBe(204);
    expect(await remove(own.id)).toBe(204);
    expect(await remove(segment.id, ADMIN_KEY)).toBe(204);
    expect(await remove(everyone.id, ADMIN_KEY)).toBe(204);
  });

  it('who removes a cap, unless one that is as strict takes over', async () => {
    const remove = async (id: string, key = anna) => (await admin.call('DELETE', `/v1/caps/${id}`, { key })).statusCode;
    expect(await remove(cap)).toBe(409);
    const own = await make({ ...SEGMENT, ...percent(100), scope: { segment: 'few' }, limit: '120.00' });
    expect(await remove(own.id)).toBe(409);
    const everyone = await make({ ...SEGMENT, ...percent(100), scope: {}, limit: '200.00' });
    expect(everyone).toMatchObject({ version: 1 });
    expect(await remove(own.id)).toBe(204);
    expect(await make({ ...SEGMENT, ...percent(100), scope: { segment: 'few' }, limit: '326.00' })).toMatchObject(
      needed,
    );
    expect(await remove(everyone.id)).toBe(409);
    expect(await remove(everyone.id, ADMIN_KEY)).toBe(204);
  });

  it('who puts accounts into a segment with weaker caps, or none', async () => {
    const account = (id: string, segment: string) => ({ ...ACCOUNT, account_id: id, segment });
    const move = (segment: string, key = anna) =>
      admin.call('PUT', '/v1/accounts/1003', { body: account('1003', segment), key });
    expect((await move('many')).json()).toMatchObject(needed);
    expect((await move('many', ADMIN_KEY)).statusCode).toBe(200);
    const refused = (await move('free')).json();
    expect(refused).toMatchObject(needed);
    expect(refused.detail).toContain('account 1003 in the segment "free"');
    const csv = ['account_id,name,segment,currency,time_zone,home_country', '1003,x,free,EUR,Europe/Amsterdam,NL'].join(
      '\n',
    );
    const imported = await admin.call('POST', '/v1/accounts/import', {
      body: csv,
      headers: { 'content-type': 'text/csv' },
      key: anna,
    });
    expect(imported.json()).toMatchObject(needed);
    expect((await move('many')).statusCode).toBe(200);
    expect((await move('free', ADMIN_KEY)).statusCode).toBe(200);
    expect((await move('many')).statusCode).toBe(200);
  });

  it('but not where nobody has set the rule', async () => {
    await ask('PUT', '/v1/second-person', { body: { above: null } });
    expect(await put({ ...percent(1000), limit: '90000.00', mode: 'shadow' })).toMatchObject({ mode: 'shadow' });
    expect((await admin.call('DELETE', `/v1/caps/${cap}`, { key: anna })).statusCode).toBe(204);
    await ask('PUT', '/v1/second-person', { body: { above: '125.00' } });
  });
});

describe('allowed numbers', () => {
  const url = '/v1/accounts/1003/allowed-numbers';
  it('are put as a whole, audited, and told to the switch', async () => {
    expect(await ask('PUT', url, { key: anna, body: { numbers: ['+31207940000', '+4930111111'] } })).toMatchObject({
      status: 200,
      numbers: ['+31207940000', '+4930111111'],
    });
    expect(await ask('PUT', url, { key: anna, body: { numbers: ['+4930111111'] } })).toMatchObject({
      numbers: ['+4930111111'],
    });
    expect(await ask('GET', url)).toMatchObject({ numbers: ['+4930111111'] });
    expect((await ask('GET', '/v1/changes?subject=allowed-numbers&id=1003')).items).toHaveLength(2);
  });

  it.each([
    ['a national form', ['0207940000']],
    ['a number of no country', ['+999123456']],
    ['more than a hundred', Array.from({ length: 101 }, (_, i) => `+3120794${String(i).padStart(4, '0')}`)],
    ['a command', ['+31\r\nDELETE']],
  ])('with %s are refused', async (_, numbers) => {
    expect(await ask('PUT', url, { body: { numbers } })).toMatchObject({ status: 422 });
  });

  it('of an account that is none are refused', async () => {
    const other = '/v1/accounts/nobody/allowed-numbers';
    expect(await ask('PUT', other, { body: { numbers: [] } })).toMatchObject({ status: 404 });
    expect(await ask('GET', other)).toMatchObject({ status: 404 });
  });
});

describe('a hold over HTTP', () => {
  it('is taken for a country or a prefix, shown as a hold, and refused for what is neither', async () => {
    const form = { account: '1003', reason: 'calls at night' };
    const held = await ask('POST', '/v1/suspensions', { body: { ...form, class: 'country:SO' } });
    expect(held).toMatchObject({ status: 201, kind: 'hold', class: 'country:SO', state: 'wanted' });
    expect((await ask('POST', '/v1/suspensions', { body: { ...form, class: 'prefix:+25261' } })).status).toBe(201);
    for (const word of ['country:XX', 'prefix:25261', 'satellite', 'international:1003'])
      expect((await ask('POST', '/v1/suspensions', { body: { ...form, class: word } })).status).toBe(422);
  });
});
