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
  barred: {
    international: 'international calls',
    premium: 'calls to premium-rate numbers',
    outgoing: 'outgoing calls',
  },
  specialNetworks: 'Satellite and other special networks',
  at: 'at',

  share: `{{#unless full}}{{percent}} of {{/unless}}your limit`,

  reached: `You have reached {{> share}} for {{traffic}}`,

  spent: `
    {{~#if (is period "day")}}On {{lastDay}}{{/if}}
    {{~#if (is period "week")}}In the week up to and including {{lastDay}}{{/if}}
    {{~#if (is period "month")}}In the month up to and including {{lastDay}}{{/if}}
    {{~#if (is period "rolling")}}In the {{periodHours}} hours up to {{periodEnd}}{{/if}} you spent {{spend}} on this`,

  limit: `{{limit}} per {{#if (is period "day")}}day{{/if}}
    {{~#if (is period "week")}}week{{/if}}
    {{~#if (is period "month")}}month{{/if}}
    {{~#if (is period "rolling")}}{{periodHours}} hours{{/if}}`,

  subject: `
    {{~#if suspended}}You have reached {{> share}}: {{suspended.barred}} are blocked
    {{~else}}{{> reached}}{{/if}}`,

  email: `Dear {{accountName}},

{{> reached}}.
{{> spent}}. Your limit is {{> limit}}.
{{#if countries}}

Most of it went to:
{{#each countries}}
- {{name}}: {{amount}} ({{calls}} {{#if single}}call{{else}}calls{{/if}})
{{/each}}
{{/if}}
{{#if suspended}}

To protect you from a higher bill, we have blocked {{suspended.barred}}{{#if suspended.until}} until {{suspended.until}}{{/if}}.
{{#unless suspended.until}}
The block stays in place until you ask us to lift it.
{{/unless}}

These keep working:
- emergency numbers
- incoming calls
{{#if (is suspended.class "international")}}
- calls within your own country
{{/if}}
{{#if (is suspended.class "premium")}}
- calls to all other numbers, at home and abroad
{{/if}}

We do this under your contract: {{suspended.terms}}

Would you like the block to be lifted sooner? Please contact us.
{{else}}

What happens next?
{{#if next.barred}}
At {{next.amount}} ({{next.percent}} of your limit) we will block {{next.barred}}{{#if next.warn}} and let you know{{/if}}. Emergency numbers always keep working.
{{else if next.warn}}
At {{next.amount}} ({{next.percent}} of your limit) we will let you know again. For now you can go on calling as usual.
{{else}}
For now you can go on calling as usual. What you use from here on will be on your bill.
{{/if}}
{{#if newPeriod}}
On {{newPeriod}} a new period begins and we count from zero again.
{{/if}}
{{/if}}

Don't recognise this usage? Please contact us at once: someone else may be calling at your expense.

All amounts exclude tax.

Kind regards,
your telephone provider
`,

  sms: `{{#if shortName}}{{shortName}}: {{/if}}
    {{~#if suspended}}you have reached {{> share}}: {{spend}} of {{> limit}}. Blocked
    {{~#if suspended.until}} until {{suspended.until}}{{/if}}: {{suspended.barred}}. Emergency numbers and incoming calls keep working. Questions, or not you? Please contact us.
    {{~else}}you have reached {{> share}} for {{traffic}}: {{spend}} of {{> limit}}.
    {{~#if next.barred}} At {{next.amount}} we will block {{next.barred}}.{{/if}} Not you? Please contact us.{{/if}}`,
};
