import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../kernel/clock.ts';
import { isGsm7, smsParts } from './channels/gsm7.ts';
import { renderEmail, renderSms, type WarningFacts } from './render.ts';

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
    expect(renderEmail(WARNING)).toEqual({
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

Herkent u dit gebruik niet? Neem dan meteen contact met ons op: misschien belt iemand anders op uw kosten.

Alle bedragen zijn exclusief btw.

Met vriendelijke groet,
uw telefonieaanbieder
`,
    });
  });

  it('tells of a suspension in English', () => {
    expect(renderEmail({ ...SUSPENSION, locale: 'en-GB', timeZone: 'Europe/London' })).toEqual({
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

Don't recognise this usage? Please contact us at once: someone else may be calling at your expense.

All amounts exclude tax.

Kind regards,
your telephone provider
`,
    });
  });
});

describe('the words of a mail', () => {
  const suspended = SUSPENSION.suspended!;
  it.each<[string, WarningFacts, string[]]>([
    [
      'a language we have no text in is answered in English, dates and amounts too',
      { ...WARNING, locale: 'fr-FR' },
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
      ['Voorlopig kunt u gewoon blijven bellen.'],
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

  it('takes at most two messages of the GSM alphabet, however long the names and amounts are', () => {
    const traffics = ['all', 'national', 'premium', 'high-risk', 'prefix:+2526112345', ...countries()];
    for (const locale of ['nl-NL', 'en-GB', 'en-US']) {
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

/** Every country that Intl has a name for. */
function countries(): string[] {
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  const codes = letters.flatMap((first) => letters.map((second) => first + second));
  return codes.filter((code) => names.of(code) !== undefined).map((code) => `country:${code}`);
}
