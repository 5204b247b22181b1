import type { Language } from './language.ts';

export const de: Language = {
  locale: 'de-DE',
  traffic: {
    all: 'Ihre gesamte Nutzung',
    national: 'Inlandsgespräche',
    international: 'Auslandsgespräche',
    premium: 'Sonderrufnummern',
    satellite: 'Satellitengespräche',
    'high-risk': 'Ziele mit hohem Risiko',
    country: 'Gespräche nach {{place}}',
    prefix: 'Rufnummern, die mit {{place}} beginnen',
  },
  withTexts: {
    national: 'Inlandsgespräche und -SMS',
    international: 'Auslandsgespräche und -SMS',
    satellite: 'Satellitengespräche und -SMS',
    country: 'Gespräche und SMS nach {{place}}',
  },
  used: { calls: ['Gespräch', 'Gespräche'], texts: ['SMS', 'SMS'], sessions: ['Datenverbindung', 'Datenverbindungen'] },
  barred: {
    international: 'Auslandsgespräche',
    premium: 'Gespräche zu Sonderrufnummern',
    outgoing: 'abgehende Gespräche',
  },
  specialNetworks: 'Satelliten- und andere Sondernetze',
  noNumber: 'mobile Daten',
  at: 'um',
  and: 'und',
  chart: { limit: 'Limit', usual: 'Üblich' },
  fragments: {
    headline: `{{#if (is kind "forecast")}}{{> likely}}{{else if limit}}{{> reached}}{{else}}{{> unusual}}{{/if}}`,
    share: `{{#if full}}Ihr Limit{{else}}{{percent}} Ihres Limits{{/if}}`,
    reached: `Sie haben {{> share}} für {{traffic}} erreicht`,
    unusual: `Wir sehen eine ungewöhnliche Nutzung Ihres Anschlusses: {{traffic}}`,
    likely: `Sie erreichen Ihr Limit für {{traffic}} voraussichtlich um den {{forecast.likely}}`,
    spent: `
      {{~#if (is period "day")}}Am {{lastDay}}{{/if}}
      {{~#if (is period "week")}}In der Woche bis einschließlich {{lastDay}}{{/if}}
      {{~#if (is period "month")}}Im Monat bis einschließlich {{lastDay}}{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}In der Stunde bis{{else}}In den {{periodHours}} Stunden bis{{/if}} {{periodEnd}}{{/if}} haben Sie dafür {{spend}} ausgegeben`,
    limit: `{{limit}} pro {{#if (is period "day")}}Tag{{/if}}
      {{~#if (is period "week")}}Woche{{/if}}
      {{~#if (is period "month")}}Monat{{/if}}
      {{~#if (is period "rolling")}}{{#if (is periodHours 1)}}Stunde{{else}}{{periodHours}} Stunden{{/if}}{{/if}}`,

    greeting: `Guten Tag {{accountName}},`,
    figures: `{{> spent}}.{{#if limit}} Ihr Limit beträgt {{> limit}}.{{/if}}
      {{~#if forecast}} Wenn es so weitergeht, erreichen Sie es zwischen dem {{forecast.earliest}} und dem {{forecast.latest}}.{{/if}}`,
    usual: `Üblicherweise geben Sie dafür in einem solchen Zeitraum etwa {{usual}} aus.`,
    alsoHeading: `Außerdem:`,
    also: `{{> headline}}: {{spend}}{{#if limit}} von {{> limit}}{{/if}}`,
    countriesHeading: `Das meiste entfiel auf:`,
    country: `{{name}}: {{amount}}{{#if used}} ({{used}}){{/if}}`,
    blocked: `Um Sie vor einer höheren Rechnung zu schützen, haben wir {{suspended.barred}}{{#if suspended.until}} bis {{suspended.until}}{{/if}} gesperrt.`,
    blockedByHand: `Die Sperre bleibt bestehen, bis Sie uns bitten, sie aufzuheben.`,
    worksHeading: `Das funktioniert weiterhin:`,
    worksEmergency: `Notrufnummern wie 112`,
    worksIncoming: `angerufen werden`,
    worksNational: `Gespräche im Inland`,
    worksOthers: `Gespräche zu allen anderen Rufnummern im In- und Ausland`,
    terms: `Grundlage ist Ihr Vertrag: {{suspended.terms}}`,
    sooner: `Soll die Sperre früher aufgehoben werden? Bitte melden Sie sich bei uns{{#if phone}}: {{phone}}{{/if}}.`,
    nextHeading: `Wie geht es weiter?`,
    next: `
      {{~#if next.barred}}Bei {{next.amount}} ({{next.percent}} Ihres Limits) sperren wir {{next.barred}}{{#if next.warn}} und benachrichtigen Sie{{/if}}. Notrufnummern funktionieren immer.
      {{~else if next.warn}}Bei {{next.amount}} ({{next.percent}} Ihres Limits) benachrichtigen wir Sie erneut. Vorerst ändert sich für Sie nichts.
      {{~else}}Vorerst ändert sich für Sie nichts. Was Sie weiter nutzen, erscheint auf Ihrer Rechnung.{{/if}}`,
    newPeriod: `Am {{newPeriod}} beginnt ein neuer Zeitraum und wir zählen wieder von null.`,
    notYou: `Sie erkennen diese Nutzung nicht? Bitte melden Sie sich sofort bei uns{{#if phone}} ({{phone}}){{/if}}: Vielleicht nutzt jemand anderes Ihren Anschluss auf Ihre Kosten.`,
    answer: `Sehen Sie nach, was geschieht, und sagen Sie uns ohne Anmeldung, ob Sie das waren:`,
    answerButton: `Ansehen und antworten`,
    tax: `Alle Beträge ohne Steuern.`,
    regards: `Mit freundlichen Grüßen`,
    provider: `{{#if providerName}}{{providerName}}{{else}}Ihr Telefonanbieter{{/if}}`,
    chartText: `Diagramm Ihrer Ausgaben in diesem Zeitraum{{#if limit}} neben Ihrem Limit von {{limit}}{{/if}}`,

    subject: `
      {{~#if suspended}}{{#if limit}}Sie haben {{> share}} erreicht{{else}}Ungewöhnliche Nutzung{{/if}}: {{suspended.barred}} gesperrt
      {{~else}}{{> headline}}{{/if}}`,
    sms: `{{#if shortName}}{{shortName}}: {{/if}}
      {{~#if suspended}}{{#if limit}}Sie haben {{> share}} erreicht: {{spend}} von {{> limit}}{{else}}ungewöhnliche Nutzung: {{spend}}{{/if}}. Gesperrt
      {{~#if suspended.until}} bis {{suspended.until}}{{/if}}: {{suspended.barred}}.{{#if details}} Notruf und ankommende Gespräche funktionieren weiter.{{/if}}
      {{~else if forecast}}Sie erreichen Ihr Limit für {{traffic}} voraussichtlich um den {{forecast.likely}}: bisher {{spend}} von {{> limit}}.
      {{~else if limit}}Sie haben {{> share}} für {{traffic}} erreicht: {{spend}} von {{> limit}}.
      {{~#if next.barred}} Bei {{next.amount}} sperren wir {{next.barred}}.{{/if}}
      {{~else}}ungewöhnliche Nutzung Ihres Anschlusses, {{traffic}}: {{spend}}.{{/if}}
      {{~#if details}}{{#each also}} Auch {{#if limit}}{{> share}} für {{traffic}}{{else}}ungewöhnliche Nutzung, {{traffic}}{{/if}}: {{spend}}.{{/each}}{{/if}}
      {{~#if link}} Nicht Sie? {{link}}
      {{~else if suspended}} Fragen, oder nicht Sie? Bitte melden Sie sich bei uns.
      {{~else}} Nicht Sie? Bitte melden Sie sich bei uns.{{/if}}`,
  },
};
