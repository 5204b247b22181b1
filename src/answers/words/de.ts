import type { Words } from './words.ts';

export const de: Words = {
  skip: 'Zum Inhalt',
  titleBlocked: 'Gesperrt: {{barredNames}}',
  titleSpending: 'Ihre Ausgaben: {{what}}',
  lead: 'Wir haben Ihnen am {{warnedAt}} wegen dieser Nutzung geschrieben. So steht es jetzt.',
  spent: 'Ausgegeben',
  limit: 'Ihr Limit',
  on: 'Für',
  period: 'Zeitraum',
  known: 'Bekannt am',
  tax: 'Alle Beträge ohne Umsatzsteuer.',
  chart: 'Diagramm: bisher {{spend}} ausgegeben{{#if limit}}; Ihr Limit ist {{limit}}{{/if}}.',
  chartTable: 'Das Diagramm als Tabelle',
  day: 'Tag',
  amount: 'Betrag',
  destinations: 'Wohin das meiste ging',
  number: 'Rufnummer',
  country: 'Land',
  times: 'Anzahl',
  noUsage: 'In diesem Zeitraum ist keine Nutzung dieser Art mehr bekannt.',
  blocked: 'Was gesperrt ist',
  blockedItem: '{{name}}, seit {{since}}, {{#if until}}bis {{until}}{{else}}bis die Sperre aufgehoben wird{{/if}}',
  keepsWorking: 'Notrufnummern gehen immer, und Sie bleiben erreichbar.',
  nothingBlocked: 'Zurzeit ist nichts gesperrt.',
  howLifted:
    'Soll eine Sperre früher aufgehoben werden? {{#if ours}}Sagen Sie uns unten, dass Sie es waren, oder lassen{{else}}Lassen{{/if}} Sie sich von uns anrufen{{#if brand.phone}}, oder rufen Sie uns an: {{brand.phone}}{{/if}}.',
  question: 'Kennen Sie diese Nutzung?',
  blockButton: 'Das waren wir nicht: jetzt sperren',
  blockText:
    'Wir sperren sofort: {{blockNames}}. Die Sperre bleibt, bis Sie uns bitten, sie aufzuheben. Notrufnummern gehen weiter.',
  oursButton: 'Das waren wir: weiter',
  oursText:
    'Sie wählen, bis zu welchem Betrag es weitergehen soll, höchstens {{maximum}} in diesem Zeitraum. Sie sehen, wozu Sie zustimmen, bevor sich etwas ändert.',
  oursPlainText:
    '{{#if bars}}Wir heben die Sperre dieser Ziele auf und betrachten sie als bekannt.{{else}}Wir betrachten diese Nutzung als bekannt.{{/if}} Sie sehen, wozu Sie zustimmen, bevor sich etwas ändert.',
  amountLabel: 'Weiter bis (in {{currency}}, in diesem Zeitraum)',
  callButton: 'Rufen Sie mich an',
  callText: 'Jemand von uns ruft Sie zurück.',
  phoneOnFile: 'unter {{phone}}',
  phoneOther: 'unter einer anderen Nummer',
  phoneLabel: 'Die andere Nummer',
  confirmTitle: 'Bitte bestätigen',
  consent:
    'Im Namen von {{account}}: Diese Nutzung war unsere. Wir wissen, dass im Zeitraum {{periodText}} {{spend}} ausgegeben wurden, und zwar für: {{what}}, und dass das Limit {{limit}} ist. Wir wollen in diesem Zeitraum bis {{chosen}} weitermachen und stimmen zu, dafür zu zahlen. Beträge ohne Umsatzsteuer.',
  consentPlain:
    'Im Namen von {{account}}: Diese Nutzung war unsere. Wir wissen, dass im Zeitraum {{periodText}} {{spend}} ausgegeben wurden, und zwar für: {{what}}. {{#if bars}}Wir wollen, dass diese Ziele wieder offen sind, und stimmen zu, dafür zu zahlen.{{else}}Wir stimmen zu, dafür zu zahlen.{{/if}} Beträge ohne Umsatzsteuer.',
  consentNote:
    'Wir bewahren diesen Text mit der Uhrzeit, Ihrer Internetadresse und dem Namen Ihres Browsers auf und bestätigen ihn schriftlich.',
  confirmButton: 'Wir stimmen zu: weiter{{#if chosen}} bis {{chosen}}{{/if}}',
  back: 'Zurück, ohne etwas zu ändern',
  answers: 'Was Sie uns gesagt haben',
  answerNotUs: '{{at}}: Sie waren es nicht. Wir haben gesperrt, was oben steht, und unsere Leute wissen es.',
  answerUs:
    '{{at}}: Sie waren es, und es soll weitergehen{{#if amount}} bis {{amount}}{{/if}}. Wir bestätigen das schriftlich.',
  answerCall: '{{at}}: Wir rufen Sie unter {{phone}} an. Unsere Leute wissen es.',
  link: 'Dieser Link gilt bis {{expires}}. Wer ihn hat, kann für Sie antworten: Bitte geben Sie ihn nicht weiter.',
  again: 'Noch einmal ansehen',
  reach:
    '{{#if brand.phone}}Sie erreichen uns unter {{brand.phone}}.{{else}}Bitte wenden Sie sich an uns, wenn Sie Hilfe brauchen.{{/if}}',
  mailSubject: 'Bestätigt: Es geht weiter{{#if chosen}} bis {{chosen}}{{/if}}',
  mailText: `Guten Tag {{account}},

am {{at}} haben Sie uns über den Link in unserer Nachricht gesagt:

"{{consent}}"

Das haben wir getan.{{#if chosen}} Ihr Limit in diesem Zeitraum ist jetzt {{chosen}}; wir warnen Sie wieder, bevor es erreicht ist.{{/if}}

Waren Sie das nicht? Dann wenden Sie sich bitte sofort an uns{{#if brand.phone}}: {{brand.phone}}{{/if}}.

Mit freundlichen Grüßen
{{#if brand.name}}{{brand.name}}{{else}}Ihr Telefonanbieter{{/if}}
`,
  troubles: {
    altered: {
      title: 'Dieser Link geht nicht',
      text: 'Er ist nicht vollständig oder wurde unterwegs verändert. Bitte öffnen Sie ihn noch einmal aus unserer Nachricht, oder kopieren Sie ihn ganz. Es wurde nichts geändert.',
    },
    expired: {
      title: 'Dieser Link ist abgelaufen',
      text: 'Er galt einen Monat ab unserer Nachricht. Es wurde nichts geändert.',
    },
    used: {
      title: 'Diese Antwort haben wir schon',
      text: 'Dieses Formular wurde schon abgeschickt und zählt einmal. Es wurde nichts weiter geändert.',
    },
    'too-old': {
      title: 'Diese Seite war zu lange offen',
      text: 'Inzwischen kann sich etwas geändert haben. Bitte sehen Sie sie noch einmal an, und antworten Sie dann. Es wurde nichts geändert.',
    },
    'too-many': {
      title: 'Zu viele Versuche',
      text: 'Bitte warten Sie eine Minute, und versuchen Sie es dann wieder. Es wurde nichts geändert.',
    },
    'not-allowed': {
      title: 'Das geht hier nicht',
      text: 'Bitte lassen Sie sich von uns anrufen: Jemand von uns regelt es mit Ihnen. Es wurde nichts geändert.',
    },
    unreadable: {
      title: 'Der Betrag war nicht zu lesen',
      text: 'Bitte schreiben Sie ihn in Ziffern, etwa 250 oder 250,50. Es wurde nichts geändert.',
    },
    'too-low': {
      title: 'Der Betrag ist zu niedrig',
      text: 'Er muss höher sein als Ihr Limit und als das, was ausgegeben wurde. Es wurde nichts geändert.',
    },
    'too-high': {
      title: 'Der Betrag ist zu hoch',
      text: 'Hier können Sie höchstens {{maximum}} zustimmen. Für mehr lassen Sie sich von uns anrufen. Es wurde nichts geändert.',
    },
    'no-phone': {
      title: 'Die Nummer war nicht zu lesen',
      text: 'Bitte schreiben Sie sie, wie Sie sie wählen, etwa 030 123456 oder +49 30 123456. Es wurde nichts geändert.',
    },
    broken: {
      title: 'Hier ist etwas schiefgegangen',
      text: 'Das lag an uns, nicht an Ihnen. Bitte versuchen Sie es gleich noch einmal. Ob Ihre Antwort angekommen ist, wissen wir nicht: Sehen Sie sich diese Seite noch einmal an.',
    },
  },
};
