/**
 * A customer reads the mail that Plafond sent, opens its link in a real Chromium that runs no script, on a phone and on a
 * desk, by finger and by keyboard alone; what each button does is looked up in the API.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import PostalMime from 'postal-mime';
import { Webhook } from 'standardwebhooks';
import { contrast } from '../../src/answers/colour.ts';
import { formatInstant, SystemClock } from '../../src/kernel/clock.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { CAP } from '../harness/plafond.ts';
import { PlafondProcess, until } from '../harness/process.ts';
import { HttpReceiver } from '../operators/http-receiver.ts';
import { MID_CYCLE } from '../samples/account.ts';
import { Browser } from './chromium.ts';
import { describeWith } from './programs.ts';

const PHONE = { width: 360, height: 740, scripts: false };
const DESK = { width: 1280, height: 900, scripts: false };
const clock = new SystemClock();
const HOOK_KEY = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describeWith(['chromium'], 'the pages behind a warning', () => {
  let database: TestDatabase;
  let dataDir: string;
  let plafond: PlafondProcess;
  let browser: Browser | undefined;
  const hook = new HttpReceiver();
  let account = 0;
  let id = '';

  beforeAll(async () => {
    database = await createTestDatabase();
    dataDir = await mkdtemp(join(tmpdir(), 'plafond-answers-'));
    await hook.start();
    plafond = await PlafondProcess.start({
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      PLAFOND_SECRET_HOOK: HOOK_KEY,
    });
    const receiver = { kind: 'webhook', address: hook.url, secret: 'PLAFOND_SECRET_HOOK', events: ['notify-operator'] };
    await plafond.json('PUT', '/v1/receivers/hook', receiver);
    await plafond.json('POST', '/v1/caps', CAP);
    await plafond.json('PUT', '/v1/consent-policies', { scope: {}, currency: 'EUR', maximum: '500.00' });
  });
  afterAll(async () => {
    await plafond?.stop();
    await hook.stop();
    await database?.drop();
    if (dataDir) await rm(dataDir, { recursive: true, force: true });
  });
  beforeEach(() => {
    id = String(1001 + account++);
  });
  afterEach(async () => {
    await browser?.close();
    browser = undefined;
  });

  /** A customer who is over the limit; answers the link in the mail that they got. */
  const warned = async (locale = 'nl-NL', amounts = ['61.20', '24.05', '16.00']): Promise<string> => {
    await plafond.json('PUT', `/v1/accounts/${id}`, {
      name: 'Account ' + id,
      segment: 'smb',
      currency: 'EUR',
      time_zone: 'Europe/Amsterdam',
      cycle_day: MID_CYCLE,
      locale,
      email: `a${id}@example.net`,
      msisdn: '+31685570221',
      home_country: 'NL',
      suspension_terms: 'GTC 7.3',
    });
    const calls = amounts.map((amount, at) => ({
      record_id: `${id}-${at}`,
      account_id: id,
      started_at: formatInstant(clock.now() - (at + 1) * 600_000),
      duration_s: 300,
      kind: 'voice',
      b_number: ['+252612345678', '+263771234567', '+252618765432'][at % 3],
      amount,
      currency: 'EUR',
      state: 'provisional',
    }));
    await plafond.json('POST', '/v1/usage?feed=rating', calls);
    return until('the mail is in the inbox', async () => {
      const [mail] = await mails();
      return /http:\/\/127\.0\.0\.1:\d+\/a\/[\w-]{49}/.exec(mail?.text ?? '')?.[0];
    });
  };
  const mails = async () => {
    const folder = join(dataDir, 'inbox', 'email');
    const names = (await readdir(folder).catch(() => [])).filter((each) => each.includes(`_${id}_`));
    const whole = names.filter((each) => each.endsWith('.eml')).toSorted();
    return Promise.all(whole.map(async (name) => PostalMime.parse(await readFile(join(folder, name)))));
  };
  const open = async (link: string, window = PHONE) => {
    browser = await Browser.open(window);
    await browser.page.goto(link);
    return browser.page;
  };
  const answers = async () =>
    (
      await plafond.json<{ items: { answer: string; amount: string | null; phone: string }[] }>(
        'GET',
        `/v1/answers?account=${id}`,
      )
    ).items;
  const suspensions = async () =>
    (
      await plafond.json<{ items: { class: string; state: string; requested_by: string }[] }>(
        'GET',
        `/v1/suspensions?account=${id}`,
      )
    ).items;

  it.each([
    ['nl-NL', 'internationaal bellen geblokkeerd', '€ 101,25'],
    ['en-GB', 'we have blocked international calls', '€101.25'],
    ['de-DE', 'gesperrt', '101,25 €'],
    ['fr-FR', 'bloqué', '101,25 €'],
  ])('the mail in %s fits a phone too, with its chart', async (locale, words, amount) => {
    const link = await warned(locale);
    const [mail] = await mails();
    const [chart] = mail!.attachments;
    const png = Buffer.from(chart!.content as ArrayBuffer).toString('base64');
    browser = await Browser.open(PHONE);
    const { page } = browser;
    await page.setContent(mail!.html!.replace('cid:chart@plafond', `data:image/png;base64,${png}`));
    await browser.picture(`mail-${locale}`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(PHONE.width);
    expect(await page.evaluate('document.images[0].naturalWidth')).toBeGreaterThan(0);
    const text = (await page.locator('body').innerText()).replaceAll(/[\u00a0\u202f]/g, ' ');
    for (const shown of [words, amount]) {
      expect(text).toContain(shown);
      expect(mail!.text!.replaceAll(/[\u00a0\u202f]/g, ' ')).toContain(shown);
    }
    expect(await page.locator(`a[href="${link}"]`).count()).toBe(1);
    await expectReadable(page);
  });

  it('fits a phone, asks nobody else for anything, and can be read', async () => {
    const page = await open(await warned());
    await browser!.picture('phone-nl');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(PHONE.width);
    expect(browser!.requested.filter((url) => !url.startsWith(plafond.url) && !url.startsWith('data:'))).toEqual([]);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('Geblokkeerd: internationaal bellen');
    expect(await page.getByRole('img').getAttribute('alt')).toContain('€ 101,25');
    expect(await page.evaluate('document.images[0].naturalWidth')).toBeGreaterThan(0);
    await expectReadable(page);
    const small = await page
      .locator('button, .choice, input[type=text], input[type=tel]')
      .evaluateAll((elements) => elements.filter((element) => element.getBoundingClientRect().height < 44).length);
    expect(small).toBe(0);
  });

  it.each([
    ['en-GB', 'Blocked: international calls'],
    ['de-DE', 'Gesperrt: Auslandsgespräche'],
    ['fr-FR', 'Bloqué : '],
  ])('reads well at a desk in %s', async (locale, title) => {
    const page = await open(await warned(locale), DESK);
    await browser!.picture(`desk-${locale}`);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain(title);
    await expectReadable(page);
  });

  it('lets a scanner of mail look at it, and nothing changes', async () => {
    const link = await warned();
    await until('the bar is on the switch', async () => (await suspensions())[0]?.state === 'applied');
    const before = [await answers(), await suspensions()];
    for (const method of ['HEAD', 'GET']) {
      for (const path of ['', '/us?amount=200', '/us', '/not-us', '/call-me']) await fetch(link + path, { method });
    }
    expect([await answers(), await suspensions()]).toEqual(before);
  });

  it('bars at a press of a key, with the keyboard alone', async () => {
    const page = await open(await warned('nl-NL', ['60.00']));
    expect(await suspensions()).toEqual([]);
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate<string>('document.activeElement.textContent.trim()');
    expect(await focused()).toBe('Naar de inhoud');
    for (let presses = 0; presses < 20 && (await focused()) !== 'Dit waren wij niet: nu blokkeren'; presses++) {
      await page.keyboard.press('Tab');
      const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
      expect(outline).not.toBe('none');
    }
    expect(await focused()).toBe('Dit waren wij niet: nu blokkeren');
    await browser!.picture('phone-focus');
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
    expect(await page.getByRole('status').textContent()).toContain('u was het niet');
    await browser!.picture('phone-not-us');
    expect(await answers()).toMatchObject([{ answer: 'not-us' }]);
    await until('the bar is on the switch', async () => (await suspensions())[0]?.state === 'applied');
    expect(await suspensions()).toMatchObject([
      { class: 'international', requested_by: 'the customer, by the link of a warning' },
    ]);
  });

  it('lets the customer go on, by an amount that is typed, shown and agreed to', async () => {
    const page = await open(await warned('en-GB'));
    await until('the bar is on the switch', async () => (await suspensions())[0]?.state === 'applied');
    await page.getByLabel('Keep going up to').fill('five hundred');
    await page.getByRole('button', { name: 'This was us: keep going' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('in digits');
    await browser!.picture('phone-unreadable');
    await page.getByRole('link', { name: 'Look at it again' }).click();
    await page.getByLabel('Keep going up to').fill('250');
    await page.getByRole('button', { name: 'This was us: keep going' }).click();
    expect(await page.locator('blockquote').textContent()).toContain('We want to keep going up to €250.00');
    await browser!.picture('phone-confirm');
    await expectReadable(page);
    expect(await answers()).toEqual([]);
    await page.getByRole('button', { name: 'We agree' }).click();
    expect(await page.getByRole('status').textContent()).toContain('you want to keep going up to €250.00');
    await browser!.picture('phone-us');
    expect(await answers()).toMatchObject([{ answer: 'us', amount: '250.00' }]);
    await until('the bar is off the switch', async () => (await suspensions())[0]?.state === 'lifted');
    await until('the confirmation is in the inbox', async () => {
      return (await mails()).some(({ subject }) => subject === 'Confirmed: you keep going up to €250.00');
    });
    // The way back leads to what could be agreed to now: this amount is the limit already.
    await page.goBack();
    expect(await page.getByRole('alert').textContent()).toContain('must be more than your limit');
    expect(await answers()).toHaveLength(1);
  });

  it('has the customer called at a number that they type', async () => {
    const page = await open(await warned('de-DE'), DESK);
    await page.getByLabel('unter einer anderen Nummer').check();
    await page.getByLabel('Die andere Nummer').fill('+49 30 123456');
    await page.getByRole('button', { name: 'Rufen Sie mich an' }).click();
    expect(await page.getByRole('status').textContent()).toContain('Wir rufen Sie unter +49***56 an');
    await browser!.picture('desk-call-me');
    expect(await answers()).toMatchObject([{ answer: 'call-me', phone: '+4930123456' }]);
    const told = await until('operators are told', async () =>
      hook.received.find(({ body }) => body.includes(`Account ${id} answered a warning: they ask to be called`)),
    );
    expect(() => new Webhook(HOOK_KEY).verify(told.body, told.headers as Record<string, string>)).not.toThrow();
  });

  it('says in plain words what is wrong with a link', async () => {
    const link = await warned();
    const page = await open(`${link.slice(0, -4)}AAAA`);
    expect(await page.getByRole('alert').textContent()).toMatch(/not complete|niet volledig/);
    await browser!.picture('phone-altered');
    await expectReadable(page);
  });
});

/** Every text stands out from what it stands on (WCAG 2.2, 1.4.3), and every field has a name. */
async function expectReadable(page: Browser['page']): Promise<void> {
  const texts = await page.evaluate<{ text: string; ink: string; ground: string }[]>(`(() => {
    const seen = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent.trim();
      let element = walker.currentNode.parentElement;
      if (text === '' || element.getClientRects().length === 0) continue;
      const ink = getComputedStyle(element).color;
      let ground = 'rgba(0, 0, 0, 0)';
      while (element && ground === 'rgba(0, 0, 0, 0)') {
        ground = getComputedStyle(element).backgroundColor;
        element = element.parentElement;
      }
      seen.push({ text, ink, ground: ground === 'rgba(0, 0, 0, 0)' ? 'rgb(255, 255, 255)' : ground });
    }
    return seen;
  })()`);
  expect(texts.length).toBeGreaterThan(2);
  expect(texts.filter(({ ink, ground }) => contrast(hex(ink), hex(ground)) < 4.5)).toEqual([]);
  const unnamed = await page
    .locator('input:not([type=hidden])')
    .evaluateAll(
      (inputs) => inputs.filter((input) => (input as unknown as { labels: object[] }).labels.length !== 1).length,
    );
  expect(unnamed).toBe(0);
}

function hex(rgb: string): string {
  const [r, g, b] = rgb.match(/\d+/g)!.map(Number);
  return `#${[r, g, b].map((part) => part!.toString(16).padStart(2, '0')).join('')}`;
}
