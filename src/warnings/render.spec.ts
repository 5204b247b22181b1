import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../kernel/clock.ts';
import { isGsm7, smsParts } from './channels/gsm7.ts';
import { readBrand, type Brand } from './brand.ts';
import type { WarningFacts } from './facts.ts';
import * as rendering from './render.ts';

const NO_BRAND = readBrand('/nowhere/brand.json', 'Plafond <plafond@localhost>');
const LINK = `https://plafond.example.net/a/${'x'.repeat(49)}`;

interface Around {
  brand?: Partial<Brand>;
  link?: string;
  also?: WarningFacts[];
}

const messageOf = (facts: WarningFacts, { brand, link, also = [] }: Around) => ({
  told: [facts, ...also] as const,
  brand: { ...NO_BRAND, ...brand },
  link,
});

function renderEmail(facts: WarningFacts, around: Around = {}) {
  return rendering.renderEmail(messageOf(facts, around), rendering.BUILT_IN_TEMPLATES, false);
}

function renderSms(facts: WarningFacts, around: Around = {}) {
  return rendering.renderSms(messageOf(facts, around), rendering.BUILT_IN_TEMPLATES);
}

const FIRST_OF_APRIL = parseInstant('2010-04-01T00:00:00+02:00')!;

const WARNING: WarningFacts = {
  accountName: 'Bakkerij De Korenaar',
  locale: 'nl-NL',
  timeZone: 'Europe/Amsterdam',
  kind: 'warn',
  traffic: 'international',
  spend: 82_100_000n,
  limit: 100_000_000n,
  currency: 'EUR',
  percent: 80,
  period: 'month',
  periodEnd: FIRST_OF_APRIL,
  next: { percent: 100, amount: 100_000_000n, warn: true, suspend: 'international' },
  mostSpentOn: [
    { country: 'SO', amount: 60_000_000n, calls: 12 },
    { country: '001', amount: 22_100_000n, calls: 1 },
  ],
};

const SUSPENSION: WarningFacts = {
  ...WARNING,
  kind: 'suspend',
  spend: 101_254_999n,
  percent: 100,
  next: undefined,
  suspended: { class: 'international', until: FIRST_OF_APRIL, terms: 'Algemene voorwaarden 2009, artikel 8.2' },
};

describe('the mail as the customer reads it', () => {
  it('warns in Dutch', () => {
    expect(renderEmail(WARNING)).toMatchObject({
      subject: 'U heeft 80% van uw limiet voor internationaal bellen bereikt',
      text: `Beste Bakkerij De Korenaar,

U heeft 80% van uw limiet voor internationaal bellen bereikt.
In de maand tot en met 31 maart 2010 heeft u hieraan € 82,10 uitgegeven. Uw limiet is € 100,00 per maand.

Het meeste ging naar:
- Somalië: € 60,00 (12 gesprekken)
- Satelliet- en andere speciale netwerken: € 22,10 (1 gesprek)

Wat gebeurt er nu?
Bij € 100,00 (100% van uw limiet) blokkeren wij internationaal bellen en krijgt u daarvan bericht. Alarmnummers blijven altijd werken.
Op 1 april 2010 begint een nieuwe periode en tellen wij weer vanaf nul.

Herkent u dit gebruik niet? Neem dan meteen contact met ons op: misschien gebruikt iemand anders uw aansluiting op uw kosten.

Alle bedragen zijn exclusief btw.

Met vriendelijke groet,
uw telefonieaanbieder
`,
    });
  });

  it('tells of a suspension in English', () => {
    expect(renderEmail({ ...SUSPENSION, locale: 'en-GB', timeZone: 'Europe/London' })).toMatchObject({
      subject: 'You have reached your limit: international calls are blocked',
      text: `Dear Bakkerij De Korenaar,

You have reached your limit for international calls.
In the month up to and including 31 March 2010 you spent €101.25 on this. Your limit is €100.00 per month.

Most of it went to:
- Somalia: €60.00 (12 calls)
- Satellite and other special networks: €22.10 (1 call)

To protect you from a higher bill, we have blocked international calls until 31 March 2010 at 23:00 BST.

These keep working:
- emergency numbers
- incoming calls
- calls within your own country

We do this under your contract: Algemene voorwaarden 2009, artikel 8.2

Would you like the block to be lifted sooner? Please contact us.

Don't recognise this usage? Please contact us at once: someone else may be using your line at your expense.

All amounts exclude tax.

Kind regards,
your telephone provider
`,
    });
  });
});

describe('what was spent on texts and data', () => {
  const MIXED: WarningFacts = {
    ...WARNING,
    mostSpentOn: [
      { country: 'SO', amount: 60_000_000n, calls: 12, texts: 1_200, sessions: 0 },
      { country: 'DE', amount: 20_000_000n, calls: 0, texts: 1, sessions: 3 },
      { country: '', amount: 2_100_000n, calls: 0, texts: 0, sessions: 40 },
    ],
  };
  it.each([
    [
      'nl-NL',
      "voor internationaal bellen en sms'en bereikt",
      "€ 60,00 (12 gesprekken en 1.200 sms'en)",
      '(1 sms en 3 datasessies)',
      'mobiele data: € 2,10\n',
    ],
    [
      'en-GB',
      'for international calls and texts',
      '€60.00 (12 calls and 1,200 texts)',
      '(1 text and 3 data sessions)',
      'mobile data: €2.10\n',
    ],
    [
      'de-DE',
      'für Auslandsgespräche und -SMS',
      '60,00 € (12 Gespräche und 1.200 SMS)',
      '(1 SMS und 3 Datenverbindungen)',
      'mobile Daten: 2,10 €\n',
    ],
    [
      'fr-FR',
      'pour les appels et SMS internationaux',
      '60,00 € (12 appels et 1 200 SMS)',
      '(1 SMS et 3 connexions de données)',
      'données mobiles : 2,10 €\n',
    ],
  ])('is counted as such, and is no call: %s', (locale, subject, both, other, data) => {
    const mail = renderEmail({ ...MIXED, locale });
    expect(mail.subject).toContain(subject);
    for (const words of [both, other, data]) expect(mail.text).toContain(words);
    expect(renderSms({ ...MIXED, locale })).not.toMatch(/undefined/);
  });

  it('is named with what is limited, not with what is blocked: a bar is of calls', () => {
    const held = { scopes: ['country:SO'], until: undefined, terms: 'GTC 7.3' };
    const hold: WarningFacts = {
      ...MIXED,
      locale: 'en-GB',
      kind: 'hold',
      traffic: 'country:SO',
      limit: undefined,
      percent: undefined,
      held,
    };
    expect(renderEmail(hold).text).toContain('unusual usage of your line: calls and texts to Somalia');
    expect(renderEmail(hold).text).toContain('we have blocked calls to Somalia.');
  });
});

describe('what comes along with a mail', () => {
  it('is the link, in the text and as a button, and the phone number of the provider', () => {
    const { text, html } = renderEmail(WARNING, { link: LINK, brand: { phone: '0800 1234', name: 'Voorbeeld & Co' } });
    expect(text).toContain(`zonder in te loggen:\n${LINK}\n`);
    expect(html).toContain(`<a href="${LINK}"`);
    expect(text).toContain('meteen contact met ons op (0800 1234): misschien');
    expect(text).toMatch(/Met vriendelijke groet,\nVoorbeeld & Co\n$/);
    expect(html).toContain('Voorbeeld &amp; Co</p>');
  });

  it('is HTML in which nothing of the facts is markup', () => {
    const { html } = renderEmail({ ...SUSPENSION, accountName: '<script>alert(1)</script>' });
    expect(html).not.toContain('<script>');
    expect(html).toContain('Beste &lt;script&gt;');
  });

  it('is whatever else happened within minutes', () => {
    const other: WarningFacts = { ...WARNING, traffic: 'premium', percent: 50, spend: 12_000_000n, limit: 20_000_000n };
    const { text } = renderEmail(SUSPENSION, { also: [other] });
    expect(text).toContain(
      'Dit speelt ook:\n- U heeft 50% van uw limiet voor betaalde servicenummers bereikt: € 12,00 van € 20,00 per maand\n',
    );
  });

  it('is what the account usually spends, where it has a history', () => {
    const series = { from: 0, to: 1, until: 1, spent: [], limit: WARNING.limit, usual: 12_500_000n };
    expect(renderEmail({ ...WARNING, series }).text).toContain(
      "Gewoonlijk geeft u hieraan in zo'n periode ongeveer € 12,50 uit.",
    );
  });

  it.each([
    [
      'hold',
      'de-DE',
      'Wir sehen eine ungewöhnliche Nutzung',
      'haben wir Gespräche nach Somalia und Rufnummern, die mit +25261 beginnen bis',
    ],
    [
      'hold',
      'fr-FR',
      'Nous constatons une utilisation inhabituelle',
      'nous avons bloqué les appels vers Somalie et les numéros',
    ],
    ['unusual', 'en-GB', 'We see unusual usage of your line: calls to Somalia', 'For now nothing changes for you'],
    [
      'forecast',
      'nl-NL',
      'U bereikt uw limiet voor bellen naar Somalië waarschijnlijk rond 1 april 2010',
      'tussen 31 maart 2010 en 2 april 2010',
    ],
  ] as const)('is told of a kind of its own: %s in %s', (kind, locale, ...expected) => {
    const DAY_MS = 86_400_000;
    const facts: WarningFacts = {
      ...WARNING,
      kind,
      locale,
      traffic: 'country:SO',
      ...(kind === 'forecast' ? {} : { limit: undefined, percent: undefined, next: undefined }),
      held: { scopes: ['country:SO', 'prefix:+25261'], until: FIRST_OF_APRIL, terms: 'GTC 7.3' },
      forecast: { likely: FIRST_OF_APRIL, earliest: FIRST_OF_APRIL - DAY_MS, latest: FIRST_OF_APRIL + DAY_MS },
    };
    const { text } = renderEmail(facts);
    for (const words of expected) expect(text).toContain(words);
  });

  it.each([
    ['fy-NL', 'Beste'],
    ['lb-LU', 'Guten Tag'],
    ['br-FR', 'Bonjour'],
    ['ja-JP', 'Dear'],
  ])('in the nearest language there is: %s', (locale, greeting) => {
    expect(renderEmail({ ...WARNING, locale }).text).toMatch(new RegExp(`^${greeting} `));
  });
});

describe('the words of a mail', () => {
  const suspended = SUSPENSION.suspended!;
  it.each<[string, WarningFacts, string[]]>([
    [
      'a language we have no text in is answered in English, dates and amounts too',
      { ...WARNING, locale: 'pl-PL' },
      ['You have reached 80% of your limit', 'up to and including 31 March 2010', '€82.10'],
    ],
    ['a locale that is none is answered in English', { ...WARNING, locale: '?' }, ['Dear Bakkerij De Korenaar']],
    ['Belgian readers get Dutch', { ...WARNING, locale: 'nl-BE' }, ['Beste Bakkerij De Korenaar']],
    ['American readers get American dates', { ...WARNING, locale: 'en-US' }, ['including March 31, 2010']],
    [
      'a day is named by its date',
      { ...WARNING, period: 'day' },
      ['Op 31 maart 2010 heeft u hieraan € 82,10', 'per dag'],
    ],
    ['a week is named by its last day', { ...WARNING, period: 'week' }, ['In de week tot en met 31 maart 2010']],
    [
      'a rolling window is named by the instant at which it ends',
      { ...WARNING, period: 'rolling', periodHours: 24 },
      ['In de 24 uur tot 1 april 2010 om 00:00 CEST heeft u', 'Uw limiet is € 100,00 per 24 uur'],
    ],
    ['traffic to one country names it', { ...WARNING, traffic: 'country:SO' }, ['limiet voor bellen naar Somalië']],
    ['traffic to a prefix names it', { ...WARNING, traffic: 'prefix:+25261' }, ['nummers die beginnen met +25261']],
    ['a limit above 100% says how far', { ...WARNING, percent: 120 }, ['U heeft 120% van uw limiet voor']],
    ['the limit itself is no percentage', { ...WARNING, percent: 100 }, ['U heeft uw limiet voor internationaal']],
    [
      'a next warning is announced',
      { ...WARNING, next: { percent: 90, amount: 90_000_000n, warn: true } },
      ['Bij € 90,00 (90% van uw limiet) krijgt u opnieuw bericht.'],
    ],
    [
      'after the last threshold it says that the bill goes on',
      { ...WARNING, next: undefined },
      ['Wat u verder gebruikt, komt op uw rekening.'],
    ],
    [
      'a suspension that waits for a person reads as a warning',
      { ...SUSPENSION, kind: 'approve' },
      ['Voorlopig verandert er voor u niets.'],
    ],
    [
      'a suspension without an end says who lifts it',
      { ...SUSPENSION, suspended: { ...suspended, until: undefined } },
      [
        'internationaal bellen geblokkeerd.\nDe blokkade blijft staan tot u ons vraagt haar op te heffen.\n\nDit blijft',
      ],
    ],
    [
      'a premium suspension leaves all other calls',
      { ...SUSPENSION, suspended: { ...suspended, class: 'premium' } },
      [
        'bellen naar betaalde servicenummers geblokkeerd',
        '- bellen naar alle andere nummers, in binnen- en buitenland',
      ],
    ],
    [
      'amounts beyond the reach of a float stay exact',
      { ...WARNING, spend: 999_999_999_999_990_000n },
      ['€ 999.999.999.999,99'],
    ],
    ['nothing in a name is escaped', { ...WARNING, accountName: 'Jansen & <Zn>' }, ['Beste Jansen & <Zn>,']],
    ['a template in a name stays text', { ...WARNING, accountName: '{{limit}}' }, ['Beste {{limit}},']],
    ['a name stays on its line', { ...WARNING, accountName: 'A\r\nB' }, ['Beste A B,']],
  ])('%s', (_sentence, facts, expected) => {
    const { text } = renderEmail(facts);
    for (const words of expected) expect(text).toContain(words);
    expect(text).not.toMatch(/\n\n\n| \n|undefined|\u00A0/);
  });

  it('does not promise national calls where all outgoing calls are blocked', () => {
    const { text } = renderEmail({ ...SUSPENSION, suspended: { ...suspended, class: 'outgoing' } });
    expect(text).toContain('- alarmnummers, zoals 112\n- gebeld worden\n\nWij doen dit');
  });
});

describe('the SMS', () => {
  it.each<[string, WarningFacts, string]>([
    [
      'warns in Dutch',
      WARNING,
      'Bakkerij De Korenaar: u heeft 80% van uw limiet voor internationaal bellen bereikt: € 82,10 van € 100,00 per maand. Bij € 100,00 blokkeren wij internationaal bellen. Niet herkend? Neem contact met ons op.',
    ],
    [
      'tells of a suspension in Dutch',
      SUSPENSION,
      'Bakkerij De Korenaar: u heeft uw limiet bereikt: € 101,25 van € 100,00 per maand. Geblokkeerd tot 1 april 2010 om 00:00 CEST: internationaal bellen. Alarmnummers bellen en gebeld worden blijft mogelijk. Vragen of niet herkend? Neem contact met ons op.',
    ],
    [
      'tells of a suspension without an end in English',
      { ...SUSPENSION, locale: 'en-IE', suspended: { ...SUSPENSION.suspended!, until: undefined } },
      'Bakkerij De Korenaar: you have reached your limit: €101.25 of €100.00 per month. Blocked: international calls. Emergency numbers and incoming calls keep working. Questions, or not you? Please contact us.',
    ],
    [
      'writes by its code a currency whose sign phones lack, and leaves out a name they can not show',
      { ...WARNING, locale: 'en-GB', accountName: 'Рога', currency: 'INR', next: undefined },
      'you have reached 80% of your limit for international calls: INR 82.10 of INR 100.00 per month. Not you? Please contact us.',
    ],
  ])('%s', (_sentence, facts, expected) => {
    expect(renderSms(facts)).toBe(expected);
  });

  it('keeps the link whole, and leaves out what can be read there', () => {
    const text = renderSms(SUSPENSION, { link: LINK, also: [{ ...WARNING, traffic: 'premium' }] });
    expect(text).toBe(
      `u heeft uw limiet bereikt: € 101,25 van € 100,00 per maand. Geblokkeerd tot 1 april 2010 om 00:00 CEST: internationaal bellen. Niet herkend? ${LINK}`,
    );
  });

  it('takes at most two messages of the GSM alphabet, however long the names and amounts are', () => {
    const traffics = ['all', 'national', 'premium', 'high-risk', 'prefix:+2526112345', ...countries()];
    for (const locale of ['nl-NL', 'en-GB', 'de-DE', 'fr-FR']) {
      for (const traffic of traffics) {
        for (const accountName of ['[€]'.repeat(40), 'Vereniging van Eigenaren '.repeat(8)]) {
          const long = { locale, traffic, accountName, limit: 999_999_999_990_000n, spend: 999_999_999_990_000n };
          const next = { percent: 100, amount: long.limit, warn: true, suspend: 'premium' as const };
          const suspended = { class: 'premium' as const, until: FIRST_OF_APRIL, terms: '' };
          const hours = { period: 'rolling' as const, periodHours: 720 };
          for (const facts of [
            { ...WARNING, ...long, ...hours, next },
            { ...SUSPENSION, ...long, ...hours, percent: 120, suspended },
          ]) {
            const text = renderSms(facts);
            expect(`${smsParts(text) <= 2} ${isGsm7(text)} ${text}`).toBe(`true true ${text}`);
          }
        }
      }
    }
  });
});

/** The countries with the longest names, in any of our languages. */
function countries(): string[] {
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const codes = letters.flatMap((first) => letters.map((second) => first + second));
  const longest = ['nl', 'en', 'de', 'fr'].flatMap((language) => {
    const names = new Intl.DisplayNames(language, { type: 'region', fallback: 'none' });
    const known = codes.flatMap((code) => ({ code, length: names.of(code)?.length ?? 0 }));
    return known.toSorted((a, b) => b.length - a.length).slice(0, 3);
  });
  return [...new Set(longest.map(({ code }) => `country:${code}`))];
}
