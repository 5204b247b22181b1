import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../kernel/clock.ts';
import { confirmationMail, confirmPage, consentText, overviewPage, troublePage, type Situation } from './pages.ts';
import { TROUBLES } from './words/words.ts';

const at = (text: string) => parseInstant(text)!;
const PERIOD = { from: at('2010-03-01T00:00:00+01:00'), to: at('2010-04-01T00:00:00+02:00') };
const NOW = at('2010-03-16T22:40:00+01:00');
const BRAND = { name: 'Voorbeeld Telecom', colour: '#ffd400', phone: '0800 1234' };

const SITUATION: Situation = {
  accountName: 'Bakkerij De Korenaar',
  locale: 'nl-NL',
  timeZone: 'Europe/Amsterdam',
  currency: 'EUR',
  traffic: 'international',
  period: PERIOD,
  warnedAt: at('2010-03-16T22:32:00+01:00'),
  asOf: NOW,
  spend: 101_250_000n,
  limit: 100_000_000n,
  series: {
    ...PERIOD,
    until: NOW,
    spent: [{ until: NOW, amount: 101_250_000n }],
    limit: 100_000_000n,
    usual: 30_000_000n,
  },
  numbers: [{ number: '+2526***5678', country: 'SO', uses: 12, texts: 0, amount: 101_250_000n }],
  bars: [{ scope: 'international', since: NOW, until: PERIOD.to }],
  toBar: ['international', 'premium'],
  consent: { maximum: 500_000_000n },
  phone: '+3161***5678',
  answers: [],
  expiresAt: PERIOD.to,
};
const LOCALES = ['nl-NL', 'en-GB', 'de-DE', 'fr-FR'];
const FORMS = { notUs: 'n', callMe: 'c' };
/** No word left out, no template left in, nothing spaced oddly. */
const whole = (text: string) => expect(text).not.toMatch(/\{\{|undefined|NaN|\[object|\s,(?!\d)| {2}\S|\(\)|&amp;amp;/);

describe('the pages', () => {
  it.each(LOCALES)('are whole in %s, whatever there is to tell', (locale) => {
    const held = { ...SITUATION, limit: undefined, bars: [{ scope: 'country:SO', since: NOW, until: undefined }] };
    const empty = { ...SITUATION, numbers: [], bars: [], phone: '', consent: undefined, answers: [] };
    const answered = (['not-us', 'us', 'call-me'] as const).map((answer) => ({
      answer,
      at: NOW,
      amount: 200_000_000n,
      phone: '+3120***00',
    }));
    for (const situation of [SITUATION, held, empty, { ...SITUATION, answers: answered }]) {
      const { html } = overviewPage({ ...situation, locale }, '/a/x', FORMS, BRAND);
      whole(html);
      expect(html).toContain('0800 1234');
    }
    for (const trouble of ['altered', 'expired', 'too-many', 'broken'] as const) {
      whole(troublePage(trouble, { tags: [locale] }, BRAND).html);
    }
    for (const trouble of TROUBLES) {
      whole(
        troublePage(trouble, { situation: { ...SITUATION, locale }, path: '/a/x' }, BRAND).html.replaceAll(
          /<style>[\s\S]*?<\/style>/g,
          '',
        ),
      );
    }
  });

  it.each(LOCALES)('say what is agreed to, on the page and in the mail, to the letter, in %s', (locale) => {
    for (const amount of [250_500_000n, undefined]) {
      const situation = { ...SITUATION, locale, ...(amount === undefined ? { limit: undefined } : {}) };
      const consent = consentText(situation, amount, BRAND);
      whole(consent);
      expect(consent).toContain('Bakkerij De Korenaar');
      expect(consent).toMatch(/2010.*2010/);
      const { html } = confirmPage(situation, '/a/x', { token: 't', consent, amount, typed: '250,50' }, BRAND);
      expect(html).toContain('name="agreed"');
      const mail = confirmationMail(situation, { consent, amount, at: NOW }, BRAND);
      expect(mail.text).toContain(consent);
      whole(mail.text);
    }
  });

  it('tells the chart in words for who does not see it', () => {
    const { html } = overviewPage(SITUATION, '/a/x', FORMS, BRAND);
    expect(html).toContain('alt="Grafiek: tot nu toe € 101,25 uitgegeven; uw limiet is € 100,00."');
  });

  it('names both routes where both are barred', () => {
    expect(overviewPage(SITUATION, '/a/x', FORMS, BRAND).html).toContain(
      'internationaal bellen en bellen naar betaalde servicenummers',
    );
  });
});
