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
  barred: {
    international: 'internationaal bellen',
    premium: 'bellen naar betaalde servicenummers',
    outgoing: 'uitgaand bellen',
  },
  specialNetworks: 'Satelliet- en andere speciale netwerken',
  at: 'om',

  share: `{{#unless full}}{{percent}} van {{/unless}}uw limiet`,

  reached: `U heeft {{> share}} voor {{traffic}} bereikt`,

  spent: `
    {{~#if (is period "day")}}Op {{lastDay}}{{/if}}
    {{~#if (is period "week")}}In de week tot en met {{lastDay}}{{/if}}
    {{~#if (is period "month")}}In de maand tot en met {{lastDay}}{{/if}}
    {{~#if (is period "rolling")}}In de {{periodHours}} uur tot {{periodEnd}}{{/if}} heeft u hieraan {{spend}} uitgegeven`,

  limit: `{{limit}} per {{#if (is period "day")}}dag{{/if}}
    {{~#if (is period "week")}}week{{/if}}
    {{~#if (is period "month")}}maand{{/if}}
    {{~#if (is period "rolling")}}{{periodHours}} uur{{/if}}`,

  subject: `
    {{~#if suspended}}U heeft {{> share}} bereikt: {{suspended.barred}} is geblokkeerd
    {{~else}}{{> reached}}{{/if}}`,

  email: `Beste {{accountName}},

{{> reached}}.
{{> spent}}. Uw limiet is {{> limit}}.
{{#if countries}}

Het meeste ging naar:
{{#each countries}}
- {{name}}: {{amount}} ({{calls}} {{#if single}}gesprek{{else}}gesprekken{{/if}})
{{/each}}
{{/if}}
{{#if suspended}}

Om u voor een hogere rekening te behoeden, hebben wij {{suspended.barred}} geblokkeerd{{#if suspended.until}} tot {{suspended.until}}{{/if}}.
{{#unless suspended.until}}
De blokkade blijft staan tot u ons vraagt haar op te heffen.
{{/unless}}

Dit blijft werken:
- alarmnummers, zoals 112
- gebeld worden
{{#if (is suspended.class "international")}}
- bellen binnen uw eigen land
{{/if}}
{{#if (is suspended.class "premium")}}
- bellen naar alle andere nummers, in binnen- en buitenland
{{/if}}

Wij doen dit op grond van uw contract: {{suspended.terms}}

Wilt u de blokkade eerder laten opheffen? Neem dan contact met ons op.
{{else}}

Wat gebeurt er nu?
{{#if next.barred}}
Bij {{next.amount}} ({{next.percent}} van uw limiet) blokkeren wij {{next.barred}}{{#if next.warn}} en krijgt u daarvan bericht{{/if}}. Alarmnummers blijven altijd werken.
{{else if next.warn}}
Bij {{next.amount}} ({{next.percent}} van uw limiet) krijgt u opnieuw bericht. Voorlopig kunt u gewoon blijven bellen.
{{else}}
Voorlopig kunt u gewoon blijven bellen. Wat u verder gebruikt, komt op uw rekening.
{{/if}}
{{#if newPeriod}}
Op {{newPeriod}} begint een nieuwe periode en tellen wij weer vanaf nul.
{{/if}}
{{/if}}

Herkent u dit gebruik niet? Neem dan meteen contact met ons op: misschien belt iemand anders op uw kosten.

Alle bedragen zijn exclusief btw.

Met vriendelijke groet,
uw telefonieaanbieder
`,

  sms: `{{#if shortName}}{{shortName}}: {{/if}}
    {{~#if suspended}}u heeft {{> share}} bereikt: {{spend}} van {{> limit}}. Geblokkeerd
    {{~#if suspended.until}} tot {{suspended.until}}{{/if}}: {{suspended.barred}}. Alarmnummers bellen en gebeld worden blijft mogelijk. Vragen of niet herkend? Neem contact met ons op.
    {{~else}}u heeft {{> share}} voor {{traffic}} bereikt: {{spend}} van {{> limit}}.
    {{~#if next.barred}} Bij {{next.amount}} blokkeren wij {{next.barred}}.{{/if}} Niet herkend? Neem contact met ons op.{{/if}}`,
};
