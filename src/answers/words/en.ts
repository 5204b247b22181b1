import type { Words } from './words.ts';

export const en: Words = {
  skip: 'Skip to the content',
  titleBlocked: 'Blocked: {{barredNames}}',
  titleSpending: 'Your spending: {{what}}',
  lead: 'We wrote to you on {{warnedAt}} about this usage. This is how it stands now.',
  spent: 'Spent',
  limit: 'Your limit',
  on: 'On',
  period: 'Period',
  known: 'As known at',
  tax: 'All amounts exclude tax.',
  chart: 'Chart: {{spend}} spent so far{{#if limit}}; your limit is {{limit}}{{/if}}.',
  chartTable: 'The chart as a table',
  day: 'Day',
  amount: 'Amount',
  destinations: 'Where most of it went',
  number: 'Number',
  country: 'Country',
  times: 'Times',
  noUsage: 'No usage of this kind is known in this period any more.',
  blocked: 'What is blocked',
  blockedItem: '{{name}}, since {{since}}, {{#if until}}until {{until}}{{else}}until it is lifted{{/if}}',
  keepsWorking: 'Emergency numbers always keep working, and you can still be called.',
  nothingBlocked: 'Nothing is blocked at the moment.',
  howLifted:
    'To have a block lifted sooner, {{#if ours}}tell us below that it was you, or {{/if}}ask us to call you{{#if brand.phone}}, or call us on {{brand.phone}}{{/if}}.',
  question: 'Do you recognise this usage?',
  blockButton: "This wasn't us: block now",
  blockText:
    'We block at once: {{blockNames}}. The block stays until you ask us to lift it. Emergency numbers keep working.',
  oursButton: 'This was us: keep going',
  oursText:
    'You choose up to which amount you want to go on, at most {{maximum}} in this period. You see what you agree to before anything changes.',
  oursPlainText:
    '{{#if bars}}We lift the block on these destinations and take them for known.{{else}}We take this usage for known.{{/if}} You see what you agree to before anything changes.',
  amountLabel: 'Keep going up to (in {{currency}}, in this period)',
  callButton: 'Call me',
  callText: 'One of our people calls you back.',
  phoneOnFile: 'at {{phone}}',
  phoneOther: 'at another number',
  phoneLabel: 'The other number',
  confirmTitle: 'Please confirm',
  consent:
    'On behalf of {{account}}: this usage was ours. We know that {{spend}} has been spent on {{what}} in the period {{periodText}}, and that the limit is {{limit}}. We want to keep going up to {{chosen}} in this period and agree to pay for it. Amounts exclude tax.',
  consentPlain:
    'On behalf of {{account}}: this usage was ours. We know that {{spend}} has been spent on {{what}} in the period {{periodText}}. {{#if bars}}We want these destinations to be open again and agree to pay for it.{{else}}We agree to pay for it.{{/if}} Amounts exclude tax.',
  consentNote:
    'We keep this text with the time, your internet address and the name of your browser, and confirm it to you in writing.',
  confirmButton: 'We agree: keep going{{#if chosen}} up to {{chosen}}{{/if}}',
  back: 'Back, without changing anything',
  answers: 'What you told us',
  answerNotUs: '{{at}}: it was not you. We have blocked what you see above, and our people have been told.',
  answerUs:
    '{{at}}: it was you, and you want to keep going{{#if amount}} up to {{amount}}{{/if}}. We confirm this in writing.',
  answerCall: '{{at}}: we are to call you at {{phone}}. Our people have been told.',
  link: 'This link works until {{expires}}. Whoever has it can answer for you: please do not pass it on.',
  again: 'Look at it again',
  reach: '{{#if brand.phone}}You can reach us on {{brand.phone}}.{{else}}Please contact us if you need help.{{/if}}',
  mailSubject: 'Confirmed: you keep going{{#if chosen}} up to {{chosen}}{{/if}}',
  mailText: `Dear {{account}},

On {{at}} you told us, by the link in our message:

"{{consent}}"

That is what we have done.{{#if chosen}} Your limit in this period is now {{chosen}}; we warn you again before it is reached.{{/if}}

Was this not you? Please contact us at once{{#if brand.phone}}: {{brand.phone}}{{/if}}.

Kind regards,
{{#if brand.name}}{{brand.name}}{{else}}your telephone provider{{/if}}
`,
  troubles: {
    altered: {
      title: 'This link does not work',
      text: 'It is not complete, or was changed on its way. Please open it again from our message, or copy all of it. Nothing has been changed.',
    },
    expired: {
      title: 'This link has expired',
      text: 'It worked for a month after our message. Nothing has been changed.',
    },
    used: {
      title: 'We have this answer already',
      text: 'This form was sent before, and counts once. Nothing more has been changed.',
    },
    'too-old': {
      title: 'This page was open for too long',
      text: 'Things may have changed since. Please look at it again, and then answer. Nothing has been changed.',
    },
    'too-many': {
      title: 'Too many attempts',
      text: 'Please wait a minute, and try again. Nothing has been changed.',
    },
    'not-allowed': {
      title: 'This can not be done here',
      text: 'Please ask us to call you: one of our people will see to it with you. Nothing has been changed.',
    },
    unreadable: {
      title: 'The amount could not be read',
      text: 'Please write it in digits, such as 250 or 250.50. Nothing has been changed.',
    },
    'too-low': {
      title: 'The amount is too low',
      text: 'It must be more than your limit and more than what has been spent. Nothing has been changed.',
    },
    'too-high': {
      title: 'The amount is too high',
      text: 'You can agree to {{maximum}} at most here. For more, ask us to call you. Nothing has been changed.',
    },
    'no-phone': {
      title: 'The number could not be read',
      text: 'Please write it as you would dial it, such as 020 794 6000 or +44 20 7946 0000. Nothing has been changed.',
    },
    broken: {
      title: 'Something went wrong here',
      text: 'This was our fault, not yours. Please try again in a moment. We can not say whether your answer arrived: look at this page again to see it.',
    },
  },
};
