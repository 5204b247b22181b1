import type { Words } from './words.ts';

export const nl: Words = {
  skip: 'Naar de inhoud',
  titleBlocked: 'Geblokkeerd: {{barredNames}}',
  titleSpending: 'Uw verbruik: {{what}}',
  lead: 'Wij schreven u op {{warnedAt}} over dit verbruik. Zo staat het er nu voor.',
  spent: 'Uitgegeven',
  limit: 'Uw limiet',
  on: 'Aan',
  period: 'Periode',
  known: 'Bekend op',
  tax: 'Alle bedragen zijn exclusief btw.',
  chart: 'Grafiek: tot nu toe {{spend}} uitgegeven{{#if limit}}; uw limiet is {{limit}}{{/if}}.',
  chartTable: 'De grafiek als tabel',
  day: 'Dag',
  amount: 'Bedrag',
  destinations: 'Waar het meeste naartoe ging',
  number: 'Nummer',
  country: 'Land',
  times: 'Aantal',
  noUsage: 'In deze periode is geen verbruik van dit soort meer bekend.',
  blocked: 'Wat geblokkeerd is',
  blockedItem: '{{name}}, sinds {{since}}, {{#if until}}tot {{until}}{{else}}tot de blokkade wordt opgeheven{{/if}}',
  keepsWorking: 'Alarmnummers blijven altijd werken, en u kunt gebeld worden.',
  nothingBlocked: 'Er is op dit moment niets geblokkeerd.',
  howLifted:
    'Wilt u een blokkade eerder laten opheffen? {{#if ours}}Zeg ons hieronder dat u het was, of laat{{else}}Laat{{/if}} u door ons bellen{{#if brand.phone}}, of bel ons op {{brand.phone}}{{/if}}.',
  question: 'Herkent u dit verbruik?',
  blockButton: 'Dit waren wij niet: nu blokkeren',
  blockText:
    'Wij blokkeren meteen: {{blockNames}}. De blokkade blijft staan tot u ons vraagt haar op te heffen. Alarmnummers blijven werken.',
  oursButton: 'Dit waren wij: doorgaan',
  oursText:
    'U kiest tot welk bedrag u wilt doorgaan, ten hoogste {{maximum}} in deze periode. U ziet waarmee u akkoord gaat voordat er iets verandert.',
  oursPlainText:
    '{{#if bars}}Wij heffen de blokkade van deze bestemmingen op en beschouwen ze als bekend.{{else}}Wij beschouwen dit gebruik als bekend.{{/if}} U ziet waarmee u akkoord gaat voordat er iets verandert.',
  amountLabel: 'Doorgaan tot (in {{currency}}, in deze periode)',
  callButton: 'Bel mij',
  callText: 'Een van onze medewerkers belt u terug.',
  phoneOnFile: 'op {{phone}}',
  phoneOther: 'op een ander nummer',
  phoneLabel: 'Het andere nummer',
  confirmTitle: 'Bevestig uw keuze',
  consent:
    'Namens {{account}}: dit verbruik was van ons. Wij weten dat in de periode {{periodText}} {{spend}} is uitgegeven aan {{what}} en dat de limiet {{limit}} is. Wij willen in deze periode doorgaan tot {{chosen}} en gaan ermee akkoord dat te betalen. Bedragen zijn exclusief btw.',
  consentPlain:
    'Namens {{account}}: dit verbruik was van ons. Wij weten dat in de periode {{periodText}} {{spend}} is uitgegeven aan {{what}}. {{#if bars}}Wij willen dat deze bestemmingen weer open zijn en gaan ermee akkoord dat te betalen.{{else}}Wij gaan ermee akkoord dat te betalen.{{/if}} Bedragen zijn exclusief btw.',
  consentNote:
    'Wij bewaren deze tekst met het tijdstip, uw internetadres en de naam van uw browser, en bevestigen hem schriftelijk.',
  confirmButton: 'Akkoord: doorgaan{{#if chosen}} tot {{chosen}}{{/if}}',
  back: 'Terug, zonder iets te veranderen',
  answers: 'Wat u ons heeft laten weten',
  answerNotUs: '{{at}}: u was het niet. Wij hebben geblokkeerd wat u hierboven ziet, en onze medewerkers weten ervan.',
  answerUs:
    '{{at}}: u was het, en u wilt doorgaan{{#if amount}} tot {{amount}}{{/if}}. Wij bevestigen dit schriftelijk.',
  answerCall: '{{at}}: wij bellen u op {{phone}}. Onze medewerkers weten ervan.',
  link: 'Deze link werkt tot {{expires}}. Wie hem heeft, kan namens u antwoorden: geef hem niet door.',
  again: 'Opnieuw bekijken',
  reach:
    '{{#if brand.phone}}U bereikt ons op {{brand.phone}}.{{else}}Neem contact met ons op als u hulp nodig heeft.{{/if}}',
  mailSubject: 'Bevestigd: u gaat door{{#if chosen}} tot {{chosen}}{{/if}}',
  mailText: `Beste {{account}},

Op {{at}} liet u ons weten, via de link in ons bericht:

"{{consent}}"

Dat hebben wij gedaan.{{#if chosen}} Uw limiet in deze periode is nu {{chosen}}; wij waarschuwen u opnieuw voordat die is bereikt.{{/if}}

Was u dit niet? Neem dan meteen contact met ons op{{#if brand.phone}}: {{brand.phone}}{{/if}}.

Met vriendelijke groet,
{{#if brand.name}}{{brand.name}}{{else}}uw telefonieaanbieder{{/if}}
`,
  troubles: {
    altered: {
      title: 'Deze link werkt niet',
      text: 'Hij is niet volledig, of onderweg veranderd. Open hem opnieuw vanuit ons bericht, of kopieer hem helemaal. Er is niets veranderd.',
    },
    expired: {
      title: 'Deze link is verlopen',
      text: 'Hij werkte tot een maand na ons bericht. Er is niets veranderd.',
    },
    used: {
      title: 'Wij hebben dit antwoord al',
      text: 'Dit formulier was al verstuurd en telt één keer. Er is verder niets veranderd.',
    },
    'too-old': {
      title: 'Deze pagina stond te lang open',
      text: 'Er kan intussen iets veranderd zijn. Bekijk haar opnieuw en antwoord dan. Er is niets veranderd.',
    },
    'too-many': {
      title: 'Te veel pogingen',
      text: 'Wacht een minuut en probeer het dan opnieuw. Er is niets veranderd.',
    },
    'not-allowed': {
      title: 'Dat kan hier niet',
      text: 'Laat u door ons bellen: een van onze medewerkers regelt het met u. Er is niets veranderd.',
    },
    unreadable: {
      title: 'Het bedrag was niet te lezen',
      text: 'Schrijf het in cijfers, zoals 250 of 250,50. Er is niets veranderd.',
    },
    'too-low': {
      title: 'Het bedrag is te laag',
      text: 'Het moet hoger zijn dan uw limiet en dan wat is uitgegeven. Er is niets veranderd.',
    },
    'too-high': {
      title: 'Het bedrag is te hoog',
      text: 'U kunt hier met ten hoogste {{maximum}} akkoord gaan. Laat u voor meer door ons bellen. Er is niets veranderd.',
    },
    'no-phone': {
      title: 'Het nummer was niet te lezen',
      text: 'Schrijf het zoals u het kiest, zoals 020 123 4567 of +31 20 123 4567. Er is niets veranderd.',
    },
    broken: {
      title: 'Er ging hier iets mis',
      text: 'Dat lag aan ons en niet aan u. Probeer het zo dadelijk opnieuw. Wij weten niet of uw antwoord is aangekomen: bekijk deze pagina opnieuw om het te zien.',
    },
  },
};
