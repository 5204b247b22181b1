import type { Language } from './language.ts';

export const en: Language = {
  locale: 'en-GB',
  traffic: {
    all: 'all usage',
    national: 'national calls',
    international: 'international calls',
    premium: 'premium-rate numbers',
    satellite: 'satellite calls',
    'high-risk': 'high-risk destinations',
    country: 'calls to {{place}}',
    prefix: 'numbers that begin with {{place}}',
  },
  withTexts: {
    national: 'national calls and texts',
    international: 'international calls and texts',
    satellite: 'satellite calls and texts',
    country: 'calls and texts to {{place}}',
  },
  used: { calls: ['call', 'calls'], texts: ['text', 'texts'], sessions: ['data session', 'data sessions'] },
  barred: {
    international: 'international calls',
    premium: 'calls to premium-rate numbers',
    outgoing: 'outgoing calls',
  },
  specialNetworks: 'Satellite and other special networks',
  noNumber: 'mobile data',
  at: 'at',
  and: 'and',
  chart: { limit: 'Limit', usual: 'Usual' },
  fragments: {
    headline: `{{#if (is kind "forecast")}}{{> likely}}{{else if limit}}{{> reached}}{{else}}{{> unusual}}{{/if}}`,
    share: `{{#unless full}}{{percent}} of {{/unless}}your limit`,
    reached: `You have reached {{> share}} for {{traffic}}`,
    unusual: `We see unusual usage of your line: {{traffic}}`,
    likely: `You will probably reach your limit for {{traffic}} around {{forecast.likely}}`,
    spent: `
      {{~#if (is period "day")}}On {{lastDay}}{{/if}}
      {{~#if (is period "week")}}In the week up to and including {{lastDay}}{{/if}}
      {{~#if (is period "month")}}In the month up to and including {{lastDay}}{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}In the hour up to{{else}}In the {{periodHours}} hours up to{{/if}} {{periodEnd}}{{/if}} you spent {{spend}} on this`,
    limit: `{{limit}} per {{#if (is period "day")}}day{{/if}}
      {{~#if (is period "week")}}week{{/if}}
      {{~#if (is period "month")}}month{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}hour{{else}}{{periodHours}} hours{{/if}}{{/if}}`,

    greeting: `Dear {{accountName}},`,
    figures: `{{> spent}}.{{#if limit}} Your limit is {{> limit}}.{{/if}}
      {{~#if forecast}} If this goes on, you will reach it between {{forecast.earliest}} and {{forecast.latest}}.{{/if}}`,
    usual: `In such a period you usually spend about {{usual}} on this.`,
    alsoHeading: `There is more:`,
    also: `{{> headline}}: {{spend}}{{#if limit}} of {{> limit}}{{/if}}`,
    countriesHeading: `Most of it went to:`,
    country: `{{name}}: {{amount}}{{#if used}} ({{used}}){{/if}}`,
    blocked: `To protect you from a higher bill, we have blocked {{suspended.barred}}{{#if suspended.until}} until {{suspended.until}}{{/if}}.`,
    blockedByHand: `The block stays in place until you ask us to lift it.`,
    worksHeading: `These keep working:`,
    worksEmergency: `emergency numbers`,
    worksIncoming: `incoming calls`,
    worksNational: `calls within your own country`,
    worksOthers: `calls to all other numbers, at home and abroad`,
    terms: `We do this under your contract: {{suspended.terms}}`,
    sooner: `Would you like the block to be lifted sooner? Please contact us{{#if phone}}: {{phone}}{{/if}}.`,
    nextHeading: `What happens next?`,
    next: `
      {{~#if next.barred}}At {{next.amount}} ({{next.percent}} of your limit) we will block {{next.barred}}{{#if next.warn}} and let you know{{/if}}. Emergency numbers always keep working.
      {{~else if next.warn}}At {{next.amount}} ({{next.percent}} of your limit) we will let you know again. For now nothing changes for you.
      {{~else}}For now nothing changes for you. What you use from here on will be on your bill.{{/if}}`,
    newPeriod: `On {{newPeriod}} a new period begins and we count from zero again.`,
    notYou: `Don't recognise this usage? Please contact us at once{{#if phone}} ({{phone}}){{/if}}: someone else may be using your line at your expense.`,
    answer: `See what is going on and tell us whether this was you, without logging in:`,
    answerButton: `See and answer`,
    tax: `All amounts exclude tax.`,
    regards: `Kind regards,`,
    provider: `{{#if providerName}}{{providerName}}{{else}}your telephone provider{{/if}}`,
    chartText: `Chart of what you spent in this period{{#if limit}}, beside your limit of {{limit}}{{/if}}`,

    subject: `
      {{~#if suspended}}{{#if limit}}You have reached {{> share}}{{else}}Unusual usage{{/if}}: {{suspended.barred}} are blocked
      {{~else}}{{> headline}}{{/if}}`,
    sms: `{{#if shortName}}{{shortName}}: {{/if}}
      {{~#if suspended}}{{#if limit}}you have reached {{> share}}: {{spend}} of {{> limit}}{{else}}unusual usage: {{spend}}{{/if}}. Blocked
      {{~#if suspended.until}} until {{suspended.until}}{{/if}}: {{suspended.barred}}.{{#if details}} Emergency numbers and incoming calls keep working.{{/if}}
      {{~else if forecast}}you will probably reach your limit for {{traffic}} around {{forecast.likely}}: {{spend}} of {{> limit}} so far.
      {{~else if limit}}you have reached {{> share}} for {{traffic}}: {{spend}} of {{> limit}}.
      {{~#if next.barred}} At {{next.amount}} we will block {{next.barred}}.{{/if}}
      {{~else}}unusual usage of your line, {{traffic}}: {{spend}}.{{/if}}
      {{~#if details}}{{#each also}} Also {{#if limit}}{{> share}} for {{traffic}}{{else}}unusual usage, {{traffic}}{{/if}}: {{spend}}.{{/each}}{{/if}}
      {{~#if link}} Not you? {{link}}
      {{~else if suspended}} Questions, or not you? Please contact us.
      {{~else}} Not you? Please contact us.{{/if}}`,
  },
};
