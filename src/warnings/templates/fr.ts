import type { Language } from './language.ts';

export const fr: Language = {
  locale: 'fr-FR',
  traffic: {
    all: 'toute votre consommation',
    national: 'les appels nationaux',
    international: 'les appels internationaux',
    premium: 'les numéros surtaxés',
    satellite: 'les appels par satellite',
    'high-risk': 'les destinations à haut risque',
    country: 'les appels vers {{place}}',
    prefix: 'les numéros commençant par {{place}}',
  },
  withTexts: {
    national: 'les appels et SMS nationaux',
    international: 'les appels et SMS internationaux',
    satellite: 'les appels et SMS par satellite',
    country: 'les appels et SMS vers {{place}}',
  },
  used: {
    calls: ['appel', 'appels'],
    texts: ['SMS', 'SMS'],
    sessions: ['connexion de données', 'connexions de données'],
  },
  barred: {
    international: 'les appels internationaux',
    premium: 'les appels vers les numéros surtaxés',
    outgoing: 'les appels sortants',
  },
  specialNetworks: 'Réseaux satellitaires et autres réseaux spéciaux',
  noNumber: 'données mobiles',
  at: 'à',
  and: 'et',
  chart: { limit: 'Plafond', usual: 'Habituel' },
  fragments: {
    headline: `{{#if (is kind "forecast")}}{{> likely}}{{else if limit}}{{> reached}}{{else}}{{> unusual}}{{/if}}`,
    share: `{{#unless full}}{{percent}} de {{/unless}}votre plafond`,
    reached: `Vous avez atteint {{> share}} pour {{traffic}}`,
    unusual: `Nous constatons une utilisation inhabituelle de votre ligne : {{traffic}}`,
    likely: `Vous atteindrez probablement votre plafond pour {{traffic}} vers le {{forecast.likely}}`,
    spent: `
      {{~#if (is period "day")}}Le {{lastDay}}{{/if}}
      {{~#if (is period "week")}}Pendant la semaine allant jusqu'au {{lastDay}} inclus{{/if}}
      {{~#if (is period "month")}}Pendant le mois allant jusqu'au {{lastDay}} inclus{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}Pendant l'heure jusqu'au{{else}}Pendant les {{periodHours}} heures jusqu'au{{/if}} {{periodEnd}}{{/if}}, vous avez dépensé {{spend}} à ce titre`,
    limit: `{{limit}} par {{#if (is period "day")}}jour{{/if}}
      {{~#if (is period "week")}}semaine{{/if}}
      {{~#if (is period "month")}}mois{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}heure{{else}}{{periodHours}} heures{{/if}}{{/if}}`,

    greeting: `Bonjour {{accountName}},`,
    figures: `{{> spent}}.{{#if limit}} Votre plafond est de {{> limit}}.{{/if}}
      {{~#if forecast}} À ce rythme, vous l'atteindrez entre le {{forecast.earliest}} et le {{forecast.latest}}.{{/if}}`,
    usual: `D'habitude, vous dépensez environ {{usual}} à ce titre sur une telle période.`,
    alsoHeading: `À savoir aussi :`,
    also: `{{> headline}} : {{spend}}{{#if limit}} sur {{> limit}}{{/if}}`,
    countriesHeading: `L'essentiel concerne :`,
    country: `{{name}} : {{amount}}{{#if used}} ({{used}}){{/if}}`,
    blocked: `Pour vous éviter une facture plus élevée, nous avons bloqué {{suspended.barred}}{{#if suspended.until}} jusqu'au {{suspended.until}}{{/if}}.`,
    blockedByHand: `Le blocage reste en place jusqu'à ce que vous nous demandiez de le lever.`,
    worksHeading: `Restent possibles :`,
    worksEmergency: `les numéros d'urgence, comme le 112`,
    worksIncoming: `les appels reçus`,
    worksNational: `les appels dans votre pays`,
    worksOthers: `les appels vers tous les autres numéros, dans votre pays et à l'étranger`,
    terms: `Nous le faisons en vertu de votre contrat : {{suspended.terms}}`,
    sooner: `Vous souhaitez lever le blocage plus tôt ? Contactez-nous{{#if phone}} : {{phone}}{{/if}}.`,
    nextHeading: `Et maintenant ?`,
    next: `
      {{~#if next.barred}}À {{next.amount}} ({{next.percent}} de votre plafond), nous bloquerons {{next.barred}}{{#if next.warn}} et vous en informerons{{/if}}. Les numéros d'urgence fonctionnent toujours.
      {{~else if next.warn}}À {{next.amount}} ({{next.percent}} de votre plafond), nous vous préviendrons de nouveau. Pour l'instant, rien ne change pour vous.
      {{~else}}Pour l'instant, rien ne change pour vous. Ce que vous consommez désormais figurera sur votre facture.{{/if}}`,
    newPeriod: `Le {{newPeriod}}, une nouvelle période commence et le compteur repart de zéro.`,
    notYou: `Vous ne reconnaissez pas cette utilisation ? Contactez-nous immédiatement{{#if phone}} ({{phone}}){{/if}} : quelqu'un d'autre utilise peut-être votre ligne à vos frais.`,
    answer: `Voyez ce qui se passe et dites-nous si c'était vous, sans vous identifier :`,
    answerButton: `Voir et répondre`,
    tax: `Tous les montants s'entendent hors taxes.`,
    regards: `Cordialement,`,
    provider: `{{#if providerName}}{{providerName}}{{else}}votre opérateur téléphonique{{/if}}`,
    chartText: `Graphique de vos dépenses sur cette période{{#if limit}}, face à votre plafond de {{limit}}{{/if}}`,

    subject: `
      {{~#if suspended}}{{#if limit}}Vous avez atteint {{> share}}{{else}}Utilisation inhabituelle{{/if}} : nous avons bloqué {{suspended.barred}}
      {{~else}}{{> headline}}{{/if}}`,
    sms: `{{#if shortName}}{{shortName}} : {{/if}}
      {{~#if suspended}}{{#if limit}}vous avez atteint {{> share}} : {{spend}} sur {{> limit}}{{else}}utilisation inhabituelle : {{spend}}{{/if}}. Blocage
      {{~#if suspended.until}} jusqu'au {{suspended.until}}{{/if}} : {{suspended.barred}}.{{#if details}} Urgences et appels reçus restent possibles.{{/if}}
      {{~else if forecast}}vous atteindrez probablement votre plafond pour {{traffic}} vers le {{forecast.likely}} : {{spend}} sur {{> limit}} à ce jour.
      {{~else if limit}}vous avez atteint {{> share}} pour {{traffic}} : {{spend}} sur {{> limit}}.
      {{~#if next.barred}} À {{next.amount}}, nous bloquerons {{next.barred}}.{{/if}}
      {{~else}}utilisation inhabituelle de votre ligne, {{traffic}} : {{spend}}.{{/if}}
      {{~#if details}}{{#each also}} Et {{#if limit}}{{> share}} pour {{traffic}}{{else}}usage inhabituel, {{traffic}}{{/if}} : {{spend}}.{{/each}}{{/if}}
      {{~#if link}} Pas vous ? {{link}}
      {{~else if suspended}} Une question, ou pas vous ? Contactez-nous.
      {{~else}} Pas vous ? Contactez-nous.{{/if}}`,
  },
};
