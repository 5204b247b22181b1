import type { Words } from './words.ts';

export const fr: Words = {
  skip: 'Aller au contenu',
  titleBlocked: 'Bloqué : {{barredNames}}',
  titleSpending: 'Vos dépenses : {{what}}',
  lead: 'Nous vous avons écrit le {{warnedAt}} au sujet de cette consommation. Voici la situation actuelle.',
  spent: 'Dépensé',
  limit: 'Votre limite',
  on: 'Pour',
  period: 'Période',
  known: 'Connu au',
  tax: 'Tous les montants sont hors taxes.',
  chart: 'Graphique : {{spend}} dépensés jusqu’ici{{#if limit}} ; votre limite est de {{limit}}{{/if}}.',
  chartTable: 'Le graphique sous forme de tableau',
  day: 'Jour',
  amount: 'Montant',
  destinations: 'Où l’essentiel est allé',
  number: 'Numéro',
  country: 'Pays',
  times: 'Nombre',
  noUsage: 'Aucune consommation de ce type n’est plus connue dans cette période.',
  blocked: 'Ce qui est bloqué',
  blockedItem:
    '{{name}}, depuis le {{since}}, {{#if until}}jusqu’au {{until}}{{else}}jusqu’à la levée du blocage{{/if}}',
  keepsWorking: 'Les numéros d’urgence fonctionnent toujours, et vous restez joignable.',
  nothingBlocked: 'Rien n’est bloqué pour le moment.',
  howLifted:
    'Pour faire lever un blocage plus tôt, {{#if ours}}dites-nous ci-dessous que c’était vous, ou {{/if}}demandez-nous de vous appeler{{#if brand.phone}}, ou appelez-nous au {{brand.phone}}{{/if}}.',
  question: 'Reconnaissez-vous cette consommation ?',
  blockButton: 'Ce n’était pas nous : bloquer maintenant',
  blockText:
    'Nous bloquons aussitôt : {{blockNames}}. Le blocage reste en place jusqu’à ce que vous nous demandiez de le lever. Les numéros d’urgence continuent de fonctionner.',
  oursButton: 'C’était nous : continuer',
  oursText:
    'Vous choisissez jusqu’à quel montant continuer, {{maximum}} au plus dans cette période. Vous voyez ce que vous acceptez avant que rien ne change.',
  oursPlainText:
    '{{#if bars}}Nous levons le blocage de ces destinations et les tenons pour connues.{{else}}Nous tenons cette consommation pour connue.{{/if}} Vous voyez ce que vous acceptez avant que rien ne change.',
  amountLabel: 'Continuer jusqu’à (en {{currency}}, dans cette période)',
  callButton: 'Appelez-moi',
  callText: 'L’un de nos collaborateurs vous rappelle.',
  phoneOnFile: 'au {{phone}}',
  phoneOther: 'à un autre numéro',
  phoneLabel: 'L’autre numéro',
  confirmTitle: 'Veuillez confirmer',
  consent:
    'Au nom de {{account}} : cette consommation était la nôtre. Nous savons que {{spend}} ont été dépensés dans la période {{periodText}}, pour : {{what}}, et que la limite est de {{limit}}. Nous voulons continuer jusqu’à {{chosen}} dans cette période et acceptons de le payer. Montants hors taxes.',
  consentPlain:
    'Au nom de {{account}} : cette consommation était la nôtre. Nous savons que {{spend}} ont été dépensés dans la période {{periodText}}, pour : {{what}}. {{#if bars}}Nous voulons que ces destinations soient de nouveau ouvertes et acceptons de le payer.{{else}}Nous acceptons de le payer.{{/if}} Montants hors taxes.',
  consentNote:
    'Nous conservons ce texte avec l’heure, votre adresse internet et le nom de votre navigateur, et vous le confirmons par écrit.',
  confirmButton: 'Nous acceptons : continuer{{#if chosen}} jusqu’à {{chosen}}{{/if}}',
  back: 'Retour, sans rien changer',
  answers: 'Ce que vous nous avez dit',
  answerNotUs:
    '{{at}} : ce n’était pas vous. Nous avons bloqué ce que vous voyez ci-dessus, et nos collaborateurs sont prévenus.',
  answerUs:
    '{{at}} : c’était vous, et vous voulez continuer{{#if amount}} jusqu’à {{amount}}{{/if}}. Nous le confirmons par écrit.',
  answerCall: '{{at}} : nous vous appelons au {{phone}}. Nos collaborateurs sont prévenus.',
  link: 'Ce lien fonctionne jusqu’au {{expires}}. Qui le détient peut répondre à votre place : ne le transmettez pas.',
  again: 'Revoir la page',
  reach:
    '{{#if brand.phone}}Vous pouvez nous joindre au {{brand.phone}}.{{else}}Contactez-nous si vous avez besoin d’aide.{{/if}}',
  mailSubject: 'Confirmé : vous continuez{{#if chosen}} jusqu’à {{chosen}}{{/if}}',
  mailText: `Bonjour {{account}},

Le {{at}}, vous nous avez dit, par le lien de notre message :

« {{consent}} »

C’est ce que nous avons fait.{{#if chosen}} Votre limite dans cette période est désormais de {{chosen}} ; nous vous avertirons de nouveau avant qu’elle soit atteinte.{{/if}}

Ce n’était pas vous ? Contactez-nous aussitôt{{#if brand.phone}} : {{brand.phone}}{{/if}}.

Cordialement,
{{#if brand.name}}{{brand.name}}{{else}}votre opérateur téléphonique{{/if}}
`,
  troubles: {
    altered: {
      title: 'Ce lien ne fonctionne pas',
      text: 'Il est incomplet, ou a été modifié en chemin. Rouvrez-le depuis notre message, ou copiez-le en entier. Rien n’a été changé.',
    },
    expired: {
      title: 'Ce lien a expiré',
      text: 'Il fonctionnait pendant un mois après notre message. Rien n’a été changé.',
    },
    used: {
      title: 'Nous avons déjà cette réponse',
      text: 'Ce formulaire avait déjà été envoyé et ne compte qu’une fois. Rien de plus n’a été changé.',
    },
    'too-old': {
      title: 'Cette page est restée ouverte trop longtemps',
      text: 'La situation a pu changer entre-temps. Revoyez la page, puis répondez. Rien n’a été changé.',
    },
    'too-many': {
      title: 'Trop de tentatives',
      text: 'Attendez une minute, puis réessayez. Rien n’a été changé.',
    },
    'not-allowed': {
      title: 'Cela n’est pas possible ici',
      text: 'Demandez-nous de vous appeler : l’un de nos collaborateurs s’en occupera avec vous. Rien n’a été changé.',
    },
    unreadable: {
      title: 'Le montant n’a pas pu être lu',
      text: 'Écrivez-le en chiffres, par exemple 250 ou 250,50. Rien n’a été changé.',
    },
    'too-low': {
      title: 'Le montant est trop bas',
      text: 'Il doit dépasser votre limite et ce qui a été dépensé. Rien n’a été changé.',
    },
    'too-high': {
      title: 'Le montant est trop élevé',
      text: 'Vous pouvez accepter ici {{maximum}} au plus. Pour davantage, demandez-nous de vous appeler. Rien n’a été changé.',
    },
    'no-phone': {
      title: 'Le numéro n’a pas pu être lu',
      text: 'Écrivez-le comme vous le composez, par exemple 01 23 45 67 89 ou +33 1 23 45 67 89. Rien n’a été changé.',
    },
    broken: {
      title: 'Un problème est survenu ici',
      text: 'C’était de notre fait, pas du vôtre. Réessayez dans un instant. Nous ne savons pas si votre réponse est arrivée : revoyez cette page pour le savoir.',
    },
  },
};
