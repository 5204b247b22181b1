/** What a customer sees and does by the link of a warning, and what is left of it in the database and in evidence. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LINK_DAYS, readToken } from '../../src/warnings/link.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { LinkKey } from '../../src/pipeline/telling/link-key.ts';
import { CUSTOMER } from '../../src/pipeline/telling/answer-warning.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { later, startAdmin, type AdminApp } from '../admin/admin-app.ts';
import { ACCOUNT_ID, formOn, look, spend, submit, tokenOf, warned } from './customer.ts';

let admin: AdminApp;
beforeEach(async () => {
  admin = await startAdmin();
});
afterEach(() => admin.close());

const query = <T>(sql: string, parameters: unknown[] = []) => admin.database.dataSource.query<T[]>(sql, parameters);
const TABLES = ['answers', 'suspensions', 'decisions', 'evidence', 'outbox', 'warnings', 'uplifts', 'operator_events'];
/** Every row that an answer could touch. */
const state = async () =>
  Object.fromEntries(
    await Promise.all(
      TABLES.map(async (table) => [
        table,
        (await query<{ row: string }>(`SELECT t::text AS row FROM ${table} t`)).map(({ row }) => row).toSorted(),
      ]),
    ),
  ) as Record<string, string[]>;
const evidence = async (kind: string) =>
  (
    await query<{ body: Record<string, unknown> }>('SELECT body FROM evidence WHERE kind = $1 ORDER BY seq', [kind])
  ).map(({ body }) => body);
const answers = () => query<Record<string, unknown>>('SELECT * FROM answers ORDER BY answer_no');
const bars = () =>
  query<{ class: string; state: string; requested_by: string; ends_at: Date | null }>(
    'SELECT class, state, requested_by, ends_at FROM suspensions ORDER BY suspension_no',
  );

describe('the page of a warning', () => {
  it('tells what is going on, in the language of the account, and shows no number in full', async () => {
    const token = await warned(admin);
    const { status, html, headers } = await look(admin, `/a/${token}`);
    expect(status).toBe(200);
    for (const words of [
      '<html lang="nl">',
      'Geblokkeerd: internationaal bellen',
      '€ 101,25',
      '€ 100,00',
      '+2526***5678',
      'Somalië',
      '1 maart 2010 – 31 maart 2010',
      'alt="Grafiek: tot nu toe € 101,25 uitgegeven',
      'Dit waren wij niet: nu blokkeren',
      'op +316***78',
    ]) {
      expect(html).toContain(words);
    }
    expect(html).not.toContain('252612345678');
    expect(html).not.toContain('31612345678');
    expect(html).not.toContain('jansen@example.nl');
    expect(html).not.toContain('Dit waren wij: doorgaan');
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex, nofollow',
      'content-language': 'nl',
    });
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; img-src data:; form-action 'self'/);
    expect(html).not.toMatch(/<script|onclick|https?:|style="/);
  });

  it('names texts beside calls, and the dearest number first', async () => {
    const token = await warned(admin, { amount: '70.00' });
    const texts = Array.from({ length: 3 }, (_, at) => ({
      record_id: `t${at}`,
      account_id: '1001',
      started_at: '2010-03-10T11:00:00+01:00',
      duration_s: 0,
      kind: 'sms',
      b_number: '+4930111111',
      amount: '5.00',
      currency: 'EUR',
      state: 'provisional',
    }));
    await admin.call('POST', '/v1/usage?feed=rating', { body: texts });
    const { html } = await look(admin, `/a/${token}`);
    expect(html).toContain('internationaal bellen en sms&#x27;en');
    expect(html).toMatch(/\+2526\*\*\*5678.*>1<.*€ 70,00[^]*\+49\*\*\*11.*>3<.*€ 15,00/);
  });

  it.each([
    ['en-GB', 'Blocked: international calls', "This wasn&#x27;t us|This wasn't us: block now"],
    ['de-AT', 'Gesperrt: Auslandsgespräche', 'Das waren wir nicht: jetzt sperren'],
    ['fr-BE', 'Bloqué : ', 'Ce n’était pas nous : bloquer maintenant'],
    ['nl-BE', 'Geblokkeerd: internationaal bellen', 'Dit waren wij niet: nu blokkeren'],
    ['pt-PT', 'Blocked: international calls', "This wasn&#x27;t us|This wasn't us: block now"],
  ])('speaks to a reader of %s', async (locale, title, button) => {
    const token = await warned(admin, { account: { locale } });
    const { html } = await look(admin, `/a/${token}`);
    expect(html).toContain(title);
    expect(html).toMatch(new RegExp(button));
    expect(html).not.toMatch(/\{\{|undefined|\[object/);
  });

  it('changes nothing when it is looked at, by GET or by HEAD, however often', async () => {
    const token = await warned(admin, { policy: '500.00' });
    const before = await state();
    for (const method of ['GET', 'HEAD'] as const) {
      for (const path of ['', '/us?amount=200', '/us', '/not-us', '/call-me']) {
        await admin.call(method, `/a/${token}${path}`, { key: null });
      }
    }
    expect(await state()).toEqual(before);
  });

  it('escapes what an account is called', async () => {
    const token = await warned(admin, { account: { name: '<b>"Zn" & co</b>' }, policy: '500.00' });
    const { html } = await look(admin, `/a/${token}/us?amount=200`);
    expect(html).not.toContain('<b>');
    expect(html).toContain('&lt;b&gt;');
  });
});

describe('"this wasn\'t us"', () => {
  it('bars at once, is told to operators, and is evidence with what was read', async () => {
    const token = await warned(admin, { cap: { thresholds: [{ percent: 50, actions: ['warn'] }] }, amount: '60.00' });
    const { html } = await look(admin, `/a/${token}`);
    const path = `/a/${token}/not-us`;
    const done = await submit(admin, path, formOn(html, path));
    expect([done.status, done.headers['location']]).toEqual([303, `/a/${token}`]);
    expect(await bars()).toEqual([
      {
        class: 'international',
        state: 'wanted',
        requested_by: 'the customer, by the link of a warning',
        ends_at: null,
      },
    ]);
    const jobs = await query<{ job: string }>('SELECT job FROM outbox');
    expect(jobs.map(({ job }) => job)).toContain('reconcile-suspensions');
    const [event] = await query<{ text: string }>(`SELECT text FROM operator_events WHERE kind = 'notify-operator'`);
    expect(event!.text).toContain('Account 1001 answered a warning: it was not them.');
    const [body] = await evidence('answer-not-us');
    expect(body).toMatchObject({
      shown: expect.stringMatching(/^Dit waren wij niet: nu blokkeren: Wij blokkeren meteen: internationaal bellen/),
      address: '127.0.0.1',
      user_agent: 'Browser of the tests',
      language: 'nl',
      notice: [
        { channel: 'email', state: 'queued' },
        { channel: 'sms', state: 'queued' },
      ],
    });
    const after = await look(admin, `/a/${token}`);
    expect(after.html).toContain('role="status"');
    expect(after.html).toContain('u was het niet');
    expect(after.html).toContain('Geblokkeerd: internationaal bellen');
  });

  it('needs no clause of a contract: it is the wish of the customer', async () => {
    const token = await warned(admin, { account: { suspension_terms: '' } });
    expect(await bars()).toEqual([]);
    const path = `/a/${token}/not-us`;
    await submit(admin, path, formOn((await look(admin, `/a/${token}`)).html, path));
    expect(await bars()).toMatchObject([{ class: 'international', state: 'wanted' }]);
  });

  it.each([
    ['premium', ['premium']],
    ['all', ['international', 'premium']],
  ])('bars the routes that the usage went by: %s', async (traffic, barred) => {
    const token = await warned(admin, { cap: { traffic: 'all', thresholds: [{ percent: 50, actions: ['warn'] }] } });
    if (traffic === 'premium') await query(`UPDATE decisions SET traffic = 'premium'`);
    const path = `/a/${token}/not-us`;
    await submit(admin, path, formOn((await look(admin, `/a/${token}`)).html, path));
    expect((await bars()).map((bar) => bar.class)).toEqual(barred);
  });

  it('counts once: a form that is sent twice, or by two at once, says so and changes nothing more', async () => {
    const token = await warned(admin);
    const path = `/a/${token}/not-us`;
    const form = formOn((await look(admin, `/a/${token}`)).html, path);
    const both = await Promise.all([submit(admin, path, form), submit(admin, path, form)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([303, 409]);
    const before = await state();
    const third = await submit(admin, path, form);
    expect(third.status).toBe(409);
    expect(third.html).toContain('Wij hebben dit antwoord al');
    expect(await state()).toEqual(before);
    expect(await answers()).toHaveLength(1);
  });
});

describe('"this was us"', () => {
  const agree = async (token: string, amount: string) => {
    const { html, status } = await look(admin, `/a/${token}/us?amount=${encodeURIComponent(amount)}`);
    const path = `/a/${token}/us`;
    return status === 200 ? submit(admin, path, formOn(html, path)) : { status, html, headers: {} };
  };

  it('is not offered, and not taken, unless the billing team allows it', async () => {
    const token = await warned(admin);
    const refused = await agree(token, '200');
    expect([refused.status, refused.html.includes('Dat kan hier niet')]).toEqual([403, true]);
    const forced = await submit(admin, `/a/${token}/us`, { form: 'x', amount: '200', agreed: 'yes' });
    expect(forced.status).toBe(404);
    expect(await answers()).toEqual([]);
  });

  it('raises the limit to what was typed and agreed to, lifts the bar, and is confirmed to the letter', async () => {
    const token = await warned(admin, { policy: '500.00' });
    expect(await bars()).toMatchObject([{ class: 'international', state: 'wanted', requested_by: 'plafond' }]);
    const page = await look(admin, `/a/${token}/us?amount=250%2C50`);
    expect(page.html).toContain('in de periode 1 maart 2010 – 31 maart 2010 € 101,25 is uitgegeven');
    expect(page.html).toContain('Wij willen in deze periode doorgaan tot € 250,50');
    const done = await agree(token, '250,50');
    expect(done.status).toBe(303);
    expect(await bars()).toMatchObject([{ state: 'lifting' }]);
    expect(await query('SELECT amount_micros, ended_at FROM uplifts')).toEqual([
      { amount_micros: '150500000', ended_at: null },
    ]);
    const [answer] = await answers();
    expect(answer).toMatchObject({ answer: 'us', amount_micros: '250500000', address: '127.0.0.1' });
    const [mail] = await query<{ channel: string; subject: string; text: string }>(
      `SELECT channel, subject, text FROM warnings WHERE text <> '' ORDER BY warning_no DESC`,
    );
    expect(mail).toMatchObject({ channel: 'email', subject: 'Bevestigd: u gaat door tot € 250,50' });
    expect(mail!.text).toContain(String(answer!['shown']));
    const [body] = await evidence('answer-us');
    expect(body).toMatchObject({
      amount: '250.50',
      limit: '100.00',
      confirmation: { channel: 'email', text: mail!.text },
    });
    const after = await look(admin, `/a/${token}`);
    expect(after.html).toContain('u wilt doorgaan tot € 250,50');
    expect(after.html).toContain('<dd>€ 250,50</dd>');

    await spend(admin, 'r2', '160.00');
    expect((await bars()).map((bar) => bar.state)).toEqual(['lifting', 'wanted']);
    const checked = await verifyAccount(
      { query: async (sql: string, parameters: unknown[]) => ({ rows: await query(sql, parameters) }) } as never,
      ACCOUNT_ID,
    );
    expect(checked.ok).toBe(true);
  });

  it('lets the limit fall back at the end of the period', async () => {
    const token = await warned(admin, { policy: '500.00' });
    await agree(token, '250');
    admin.clock.advanceTo(parseInstant('2010-04-01T00:00:00+02:00')!);
    expect(await admin.app.get(GrantUplift, { strict: false }).endDue()).toBe(1);
  });

  it.each([
    ['much more than is allowed', '5000', 422, 'Het bedrag is te hoog'],
    ['no more than the limit', '100', 422, 'Het bedrag is te laag'],
    ['less than what was spent', '101', 422, 'Het bedrag is te laag'],
    ['words', 'veel', 422, 'Het bedrag was niet te lezen'],
    ['a number that could be mistaken', '1.000', 422, 'Het bedrag was niet te lezen'],
    ['nothing', '', 422, 'Het bedrag was niet te lezen'],
  ])('is not taken for %s', async (_, amount, status, words) => {
    const token = await warned(admin, { policy: '500.00' });
    const refused = await agree(token, amount);
    expect([refused.status, refused.html.includes(words)]).toEqual([status, true]);
    expect(await answers()).toEqual([]);
  });

  it('is bound to the text and the amount that were shown', async () => {
    const token = await warned(admin, { policy: '500.00' });
    const path = `/a/${token}/us`;
    const form = formOn((await look(admin, `${path}?amount=200`)).html, path);
    const agreed = form['agreed']!.replace('200', '400');
    for (const changed of [
      { ...form, amount: '400' },
      { ...form, agreed },
      { ...form, agreed: '' },
    ]) {
      expect((await submit(admin, path, changed)).status).toBe(404);
    }
    expect(await answers()).toEqual([]);
  });

  it('is asked anew as it is sent: what was spent meanwhile, or is no longer allowed, counts', async () => {
    const token = await warned(admin, { policy: '500.00' });
    const path = `/a/${token}/us`;
    const form = formOn((await look(admin, `${path}?amount=200`)).html, path);
    await spend(admin, 'r2', '150.00');
    expect((await submit(admin, path, form)).html).toContain('Het bedrag is te laag');
    await admin.call('PUT', '/v1/consent-policies', { body: { currency: 'EUR', maximum: '0.00' } });
    expect((await submit(admin, path, form)).status).toBe(403);
    expect(await answers()).toEqual([]);
  });

  /** A hold of a deviation that told the customer of it, where no limit warned. */
  async function held(state: string): Promise<string> {
    await warned(admin, { policy: '500.00', cap: { thresholds: [{ percent: 50, actions: ['warn'] }] } });
    const decision = '22222222-2222-8222-a222-222222222222';
    await query(
      `INSERT INTO decisions (decision_id, at, account_id, type, trigger, action, period, traffic, currency, record_id, service_id, mode, explanation)
       VALUES ($1, $2, $3, 'hold', 'deviation', '', '', 'international', 'EUR', 'r1', '', 'enforce', 'never called before')`,
      [decision, new Date(admin.clock.now()), ACCOUNT_ID],
    );
    await query(
      `INSERT INTO suspensions (suspension_id, account_id, class, state, decision_id, reason, terms, requested_by, requested_at)
       VALUES (gen_random_uuid(), $2, 'country:SO', $3, $1, 'never called before', 'clause 7.2', 'plafond', now())`,
      [decision, ACCOUNT_ID, state],
    );
    return tokenOf(admin, decision);
  }

  /** What was decided on bars by the answer. */
  const settled = () =>
    query(`SELECT type, explanation FROM decisions WHERE trigger = 'manual' AND explanation NOT LIKE 'Account %'`);

  it('opens the destinations again that a deviation had held, where no limit warned', async () => {
    const token = await held('applied');
    const { html } = await look(admin, `/a/${token}`);
    expect(html).toContain('Geblokkeerd: bellen naar Somalië');
    expect(html).not.toContain('name="amount"');
    const path = `/a/${token}/us`;
    const page = await look(admin, path);
    expect(page.html).toContain('Wij willen dat deze bestemmingen weer open zijn');
    expect((await submit(admin, path, formOn(page.html, path))).status).toBe(303);
    expect(await bars()).toMatchObject([{ class: 'country:SO', state: 'lifting' }]);
    const lifted = `Lifted by hand by ${CUSTOMER}: the customer says that this usage was theirs`;
    expect(await settled()).toEqual([{ type: 'restore', explanation: lifted }]);
    expect(await query('SELECT FROM uplifts')).toEqual([]);
    expect(await evidence('answer-us')).toMatchObject([{ said: 'us', confirmation: { channel: 'email' } }]);
  });

  it('declines a hold that still waited for a person: nothing was barred, and nothing is restored', async () => {
    const path = `/a/${await held('awaiting-approval')}/us`;
    expect((await submit(admin, path, formOn((await look(admin, path)).html, path))).status).toBe(303);
    expect(await bars()).toMatchObject([{ class: 'country:SO', state: 'declined' }]);
    const declined = `Declined by ${CUSTOMER}, nothing was barred: the customer says that this usage was theirs`;
    expect(await settled()).toEqual([{ type: 'notify-operator', explanation: declined }]);
  });

  it('goes by SMS to who has no mail', async () => {
    const token = await warned(admin, { policy: '500.00', account: { email: '' } });
    await agree(token, '200');
    expect(await query(`SELECT channel, text FROM warnings WHERE text <> ''`)).toEqual([
      { channel: 'sms', text: 'Bevestigd: u gaat door tot € 200,00' },
    ]);
  });
});

describe('"call me"', () => {
  const call = async (token: string, fields: Record<string, string>) => {
    const path = `/a/${token}/call-me`;
    return submit(admin, path, { ...formOn((await look(admin, `/a/${token}`)).html, path), ...fields });
  };

  it('tells operators the number on file', async () => {
    const token = await warned(admin);
    expect((await call(token, { at: 'file' })).status).toBe(303);
    const [event] = await query<{ text: string }>(`SELECT text FROM operator_events WHERE kind = 'notify-operator'`);
    expect(event!.text).toContain('they ask to be called at +31612345678');
    expect((await look(admin, `/a/${token}`)).html).toContain('wij bellen u op +316***78');
  });

  it('tells operators a number that was typed as it is dialled', async () => {
    const token = await warned(admin, { account: { msisdn: '' } });
    expect((await call(token, { phone: '020 794 60 00' })).status).toBe(303);
    expect(await answers()).toMatchObject([{ answer: 'call-me', phone: '+31207946000' }]);
  });

  it.each(['', 'call me maybe', '112', '+1', '0'.repeat(40)])('does not take "%s" for a number', async (phone) => {
    const token = await warned(admin);
    const refused = await call(token, { at: 'other', phone });
    expect([refused.status, refused.html.includes('Het nummer was niet te lezen')]).toEqual([422, true]);
    expect(await answers()).toEqual([]);
  });
});

describe('a link that opens nothing', () => {
  it.each([
    ['is altered', (token: string) => `${token.slice(0, 20)}A${token.slice(21)}`, 'nl', 404, 'Deze link werkt niet'],
    ['is cut off', (token: string) => token.slice(0, 30), 'de-CH,de;q=0.9', 404, 'Dieser Link geht nicht'],
    ['is none', () => 'hello', 'xx, fr;q=0.5', 404, 'Ce lien ne fonctionne pas'],
    ['lacks its signature', (token: string) => token.slice(0, 27) + '*'.repeat(22), '', 404, 'This link does not work'],
  ])('says so in plain words where it %s', async (_, change, language, status, words) => {
    const token = change(await warned(admin));
    const before = await state();
    for (const path of ['', '/us?amount=200']) {
      const seen = await look(admin, `/a/${encodeURIComponent(token)}${path}`, { 'accept-language': language });
      expect([seen.status, seen.html.includes(words)]).toEqual([status, true]);
      expect(seen.html).not.toContain('Bakkerij');
    }
    const sent = await submit(admin, `/a/${encodeURIComponent(token)}/not-us`, { form: 'x' });
    expect(sent.status).toBe(404);
    expect(await state()).toEqual(before);
  });

  it('says so where it has expired', async () => {
    const token = await warned(admin);
    const form = formOn((await look(admin, `/a/${token}`)).html, `/a/${token}/not-us`);
    admin.clock.advanceTo(admin.clock.now() + LINK_DAYS * 86_400_000);
    const seen = await look(admin, `/a/${token}`, { 'accept-language': 'nl' });
    expect([seen.status, seen.html.includes('Deze link is verlopen')]).toEqual([410, true]);
    expect((await submit(admin, `/a/${token}/not-us`, form)).status).toBe(410);
    expect(await answers()).toEqual([]);
  });

  it('says so where its decision is none', async () => {
    await warned(admin);
    const token = await tokenOf(admin, '11111111-1111-8111-a111-111111111111');
    expect(readToken(token, await admin.app.get(LinkKey, { strict: false }).get(), admin.clock.now())).toBeInstanceOf(
      Object,
    );
    expect((await look(admin, `/a/${token}`)).status).toBe(410);
  });

  it('says so where a page lay open for too long, or a form is of another link', async () => {
    const token = await warned(admin);
    const path = `/a/${token}/not-us`;
    const form = formOn((await look(admin, `/a/${token}`)).html, path);
    expect((await submit(admin, `/a/${token}/call-me`, form)).status).toBe(404);
    admin.clock.advanceTo(admin.clock.now() + 3_600_000);
    const late = await submit(admin, path, form);
    expect([late.status, late.html.includes('Deze pagina stond te lang open')]).toEqual([409, true]);
    expect(await answers()).toEqual([]);
  });
});

describe('whoever tries again and again', () => {
  it('waits a minute: answers by link and address, tokens that are none by address', async () => {
    const token = await warned(admin);
    const path = `/a/${token}/not-us`;
    const statuses = [];
    for (let i = 0; i < 11; i++) statuses.push((await submit(admin, path, { form: 'x' })).status);
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 404), 429]);
    expect((await look(admin, `/a/${token}`)).status).toBe(200);
    const guesses = [];
    for (let i = 0; i < 21; i++) guesses.push((await look(admin, `/a/guess-${i}`)).status);
    expect(guesses.at(-1)).toBe(429);
    const slowed = await look(admin, '/a/guess-99', { 'accept-language': 'de' });
    expect(slowed.headers['retry-after']).toBeDefined();
    expect(slowed.html).toContain('Zu viele Versuche');
    expect((await look(admin, `/a/${token}`)).status).toBe(200);
  });

  it('is counted once, however many processes serve the pages, and starts anew after a minute', async () => {
    const token = await warned(admin);
    const other = await startAdmin(undefined, [], admin.database);
    try {
      const answer = (n: number) => submit(n % 2 ? admin : other, `/a/${token}/not-us`, { form: 'x' });
      const statuses = await Promise.all(Array.from({ length: 14 }, async (_, n) => (await answer(n)).status));
      expect(statuses.toSorted()).toEqual([...Array(10).fill(404), ...Array(4).fill(429)]);
      const guesses = await Promise.all(
        Array.from({ length: 22 }, async (_, n) => (await look(n % 2 ? admin : other, `/a/guess-${n}`)).status),
      );
      expect(guesses.filter((status) => status === 429)).toHaveLength(2);
      later(60_000);
      await query(`UPDATE attempts SET since = since - interval '1 minute'`);
      expect((await answer(0)).status).toBe(404);
      // What is over is forgotten when another one begins; no address and no token is ever written.
      expect(await query('SELECT attempts FROM attempts')).toEqual([{ attempts: 1 }]);
    } finally {
      jest.restoreAllMocks();
      await other.close();
    }
  });
});

describe('what the billing team sees of answers', () => {
  it('is a list, in which a viewer sees no number and no address', async () => {
    const token = await warned(admin);
    const path = `/a/${token}/call-me`;
    await submit(admin, path, { ...formOn((await look(admin, `/a/${token}`)).html, path), at: 'file' });
    const list = async (key?: string) =>
      (await admin.call('GET', `/v1/answers?account=${ACCOUNT_ID}`, key === undefined ? {} : { key })).json().items;
    expect(await list()).toMatchObject([{ answer: 'call-me', phone: '+31612345678', address: '127.0.0.1' }]);
    expect(await list(await admin.keyOf('viewer'))).toMatchObject([{ phone: '+316***78', address: '…' }]);
  });

  it('is a decision as well, in which a viewer sees no number either', async () => {
    const token = await warned(admin);
    const path = `/a/${token}/call-me`;
    await submit(admin, path, { ...formOn((await look(admin, `/a/${token}`)).html, path), at: 'file' });
    await query(`INSERT INTO case_decisions SELECT decision_id, 1 FROM decisions WHERE trigger = 'manual'
                 ON CONFLICT (decision_id) DO NOTHING`);
    const asSeen = async (key?: string) => {
      const seen = key === undefined ? {} : { key };
      const decisions = (await admin.call('GET', `/v1/decisions?account=${ACCOUNT_ID}`, seen)).body;
      return decisions + (await admin.call('GET', '/v1/cases/1', seen)).body;
    };
    expect((await asSeen()).match(/called at \+31612345678/g)).toHaveLength(2);
    const toViewer = await asSeen(await admin.keyOf('viewer'));
    expect(toViewer.match(/called at \+316\*\*\*78/g)).toHaveLength(2);
    expect(toViewer).not.toContain('612345678');
  });
});
