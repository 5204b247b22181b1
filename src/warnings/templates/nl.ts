import type { Language } from './language.ts';

export const nl: Language = {
  locale: 'nl-NL',
  traffic: {
    all: 'al uw gebruik',
    national: 'nationaal bellen',
    international: 'internationaal bellen',
    premium: 'betaalde servicenummers',
    satellite: 'satelliettelefonie',
    'high-risk': 'bestemmingen met een hoog risico',
    country: 'bellen naar {{place}}',
    prefix: 'nummers die beginnen met {{place}}',
  },
  withTexts: {
    national: "nationaal bellen en sms'en",
    international: "internationaal bellen en sms'en",
    satellite: "bellen en sms'en via satelliet",
    country: "bellen en sms'en naar {{place}}",
  },
  used: { calls: ['gesprek', 'gesprekken'], texts: ['sms', "sms'en"], sessions: ['datasessie', 'datasessies'] },
  barred: {
    international: 'internationaal bellen',
    premium: 'bellen naar betaalde servicenummers',
    outgoing: 'uitgaand bellen',
  },
  specialNetworks: 'Satelliet- en andere speciale netwerken',
  noNumber: 'mobiele data',
  at: 'om',
  and: 'en',
  chart: { limit: 'Limiet', usual: 'Normaal' },
  fragments: {
    headline: `{{#if (is kind "forecast")}}{{> likely}}{{else if limit}}{{> reached}}{{else}}{{> unusual}}{{/if}}`,
    share: `{{#unless full}}{{percent}} van {{/unless}}uw limiet`,
    reached: `U heeft {{> share}} voor {{traffic}} bereikt`,
    unusual: `Wij zien ongewoon gebruik van uw aansluiting: {{traffic}}`,
    likely: `U bereikt uw limiet voor {{traffic}} waarschijnlijk rond {{forecast.likely}}`,
    spent: `
      {{~#if (is period "day")}}Op {{lastDay}}{{/if}}
      {{~#if (is period "week")}}In de week tot en met {{lastDay}}{{/if}}
      {{~#if (is period "month")}}In de maand tot en met {{lastDay}}{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}In het uur tot{{else}}In de {{periodHours}} uur tot{{/if}} {{periodEnd}}{{/if}} heeft u hieraan {{spend}} uitgegeven`,
    limit: `{{limit}} per {{#if (is period "day")}}dag{{/if}}
      {{~#if (is period "week")}}week{{/if}}
      {{~#if (is period "month")}}maand{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}uur{{else}}{{periodHours}} uur{{/if}}{{/if}}`,

    greeting: `Beste {{accountName}},`,
    figures: `{{> spent}}.{{#if limit}} Uw limiet is {{> limit}}.{{/if}}
      {{~#if forecast}} Gaat het zo door, dan bereikt u die tussen {{forecast.earliest}} en {{forecast.latest}}.{{/if}}`,
    usual: `Gewoonlijk geeft u hieraan in zo'n periode ongeveer {{usual}} uit.`,
    alsoHeading: `Dit speelt ook:`,
    also: `{{> headline}}: {{spend}}{{#if limit}} van {{> limit}}{{/if}}`,
    countriesHeading: `Het meeste ging naar:`,
    country: `{{name}}: {{amount}}{{#if used}} ({{used}}){{/if}}`,
    blocked: `Om u voor een hogere rekening te behoeden, hebben wij {{suspended.barred}} geblokkeerd{{#if suspended.until}} tot {{suspended.until}}{{/if}}.`,
    blockedByHand: `De blokkade blijft staan tot u ons vraagt haar op te heffen.`,
    worksHeading: `Dit blijft werken:`,
    worksEmergency: `alarmnummers, zoals 112`,
    worksIncoming: `gebeld worden`,
    worksNational: `bellen binnen uw eigen land`,
    worksOthers: `bellen naar alle andere nummers, in binnen- en buitenland`,
    terms: `Wij doen dit op grond van uw contract: {{suspended.terms}}`,
    sooner: `Wilt u de blokkade eerder laten opheffen? Neem dan contact met ons op{{#if phone}}: {{phone}}{{/if}}.`,
    nextHeading: `Wat gebeurt er nu?`,
    next: `
      {{~#if next.barred}}Bij {{next.amount}} ({{next.percent}} van uw limiet) blokkeren wij {{next.barred}}{{#if next.warn}} en krijgt u daarvan bericht{{/if}}. Alarmnummers blijven altijd werken.
      {{~else if next.warn}}Bij {{next.amount}} ({{next.percent}} van uw limiet) krijgt u opnieuw bericht. Voorlopig verandert er voor u niets.
      {{~else}}Voorlopig verandert er voor u niets. Wat u verder gebruikt, komt op uw rekening.{{/if}}`,
    newPeriod: `Op {{newPeriod}} begint een nieuwe periode en tellen wij weer vanaf nul.`,
    notYou: `Herkent u dit gebruik niet? Neem dan meteen contact met ons op{{#if phone}} ({{phone}}){{/if}}: misschien gebruikt iemand anders uw aansluiting op uw kosten.`,
    answer: `Bekijk wat er gebeurt en laat ons weten of u dit was, zonder in te loggen:`,
    answerButton: `Bekijken en antwoorden`,
    tax: `Alle bedragen zijn exclusief btw.`,
    regards: `Met vriendelijke groet,`,
    provider: `{{#if providerName}}{{providerName}}{{else}}uw telefonieaanbieder{{/if}}`,
    chartText: `Grafiek van wat u in deze periode uitgaf{{#if limit}}, naast uw limiet van {{limit}}{{/if}}`,

    subject: `
      {{~#if suspended}}{{#if limit}}U heeft {{> share}} bereikt{{else}}Ongewoon gebruik{{/if}}: {{suspended.barred}} {{#if suspended.several}}zijn{{else}}is{{/if}} geblokkeerd
      {{~else}}{{> headline}}{{/if}}`,
    sms: `{{#if shortName}}{{shortName}}: {{/if}}
      {{~#if suspended}}{{#if limit}}u heeft {{> share}} bereikt: {{spend}} van {{> limit}}{{else}}ongewoon gebruik: {{spend}}{{/if}}. Geblokkeerd
      {{~#if suspended.until}} tot {{suspended.until}}{{/if}}: {{suspended.barred}}.{{#if details}} Alarmnummers bellen en gebeld worden blijft mogelijk.{{/if}}
      {{~else if forecast}}u bereikt uw limiet voor {{traffic}} waarschijnlijk rond {{forecast.likely}}: nu {{spend}} van {{> limit}}.
      {{~else if limit}}u heeft {{> share}} voor {{traffic}} bereikt: {{spend}} van {{> limit}}.
      {{~#if next.barred}} Bij {{next.amount}} blokkeren wij {{next.barred}}.{{/if}}
      {{~else}}ongewoon gebruik van uw aansluiting, {{traffic}}: {{spend}}.{{/if}}
      {{~#if details}}{{#each also}} Ook {{#if limit}}{{> share}} voor {{traffic}}{{else}}ongewoon gebruik, {{traffic}}{{/if}}: {{spend}}.{{/each}}{{/if}}
      {{~#if link}} Niet herkend? {{link}}
      {{~else if suspended}} Vragen of niet herkend? Neem contact met ons op.
      {{~else}} Niet herkend? Neem contact met ons op.{{/if}}`,
  },
};
