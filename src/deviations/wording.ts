/** The words of explanations, by language. */
import type { Place } from './destination-key.ts';
import type { Factor } from './signature.ts';

export interface Words {
  tag: string;
  new: string;
  network: string;
  place: (kind: Place['kind'], country: string) => string;
  happened: (facts: { calls: string; single: boolean; places: string; since: string; money: string }) => string;
  usual: (perDay: string, all: boolean) => string;
  /** of an account of which nothing is known yet */
  unknown: string;
  rarity: (months: string) => string;
  raised: (factors: string) => string;
  factors: Record<Factor, string>;
}

export const en: Words = {
  tag: 'en-GB',
  new: 'new',
  network: 'special networks',
  place: (kind, country) =>
    ({
      country,
      premium: `premium numbers in ${country}`,
      satellite: 'satellite phones',
      roaming: `use from ${country}`,
    })[kind],
  happened: ({ calls, single, places, since, money }) =>
    places
      ? `${calls} ${single ? 'call' : 'calls'} to ${places} since ${since}, ${money}.`
      : `${money} spent since ${since}.`,
  usual: (perDay, all) => `Usual ${all ? 'spend' : 'spend on calls abroad and premium numbers'}: ${perDay} a day.`,
  unknown: 'Nothing is known of this account yet.',
  rarity: (months) => `Comparable accounts show the like once in ${months} months.`,
  raised: (factors) => `What raised the score: ${factors}.`,
  factors: {
    new: 'new destination',
    rare: 'seldom called by others',
    risk: 'risky or dear destination',
    hour: 'unusual hour',
    rate: 'many in a short time',
    overlap: 'calls at the same time',
    origin: 'set up from a new country',
    hot: 'numbers known from fraud',
    block: 'many numbers of a few blocks',
  },
};

export const nl: Words = {
  tag: 'nl-NL',
  new: 'nieuw',
  network: 'bijzondere netwerken',
  place: (kind, country) =>
    ({
      country,
      premium: `betaalnummers in ${country}`,
      satellite: 'satelliettelefoons',
      roaming: `gebruik vanuit ${country}`,
    })[kind],
  happened: ({ calls, single, places, since, money }) =>
    places
      ? `${calls} ${single ? 'gesprek' : 'gesprekken'} naar ${places} sinds ${since}, ${money}.`
      : `${money} verbruikt sinds ${since}.`,
  usual: (perDay, all) => `Gewoonlijk ${all ? '' : 'voor het buitenland en betaalnummers '}${perDay} per dag.`,
  unknown: 'Over dit account is nog niets bekend.',
  rarity: (months) => `Vergelijkbare accounts laten zoiets eens per ${months} maanden zien.`,
  raised: (factors) => `Wat de score verhoogde: ${factors}.`,
  factors: {
    new: 'nieuwe bestemming',
    rare: 'zelden door anderen gebeld',
    risk: 'riskante of dure bestemming',
    hour: 'ongewoon uur',
    rate: 'veel in korte tijd',
    overlap: 'gesprekken tegelijk',
    origin: 'opgezet vanuit een nieuw land',
    hot: 'nummers bekend van fraude',
    block: 'veel nummers uit enkele reeksen',
  },
};

export const de: Words = {
  tag: 'de-DE',
  new: 'neu',
  network: 'besondere Netze',
  place: (kind, country) =>
    ({
      country,
      premium: `Mehrwertnummern (${country})`,
      satellite: 'Satellitentelefone',
      roaming: `Nutzung aus dem Ausland (${country})`,
    })[kind],
  happened: ({ calls, single, places, since, money }) =>
    places
      ? `${calls} ${single ? 'Anruf' : 'Anrufe'}: ${places}, seit ${since}, ${money}.`
      : `${money} verbraucht seit ${since}.`,
  usual: (perDay, all) => `Üblich${all ? '' : ' für Ausland und Mehrwertnummern'}: ${perDay} am Tag.`,
  unknown: 'Über dieses Konto ist noch nichts bekannt.',
  rarity: (months) => `Vergleichbare Konten zeigen dergleichen einmal in ${months} Monaten.`,
  raised: (factors) => `Was den Wert erhöhte: ${factors}.`,
  factors: {
    new: 'neues Ziel',
    rare: 'von anderen selten angerufen',
    risk: 'riskantes oder teures Ziel',
    hour: 'ungewöhnliche Stunde',
    rate: 'viele in kurzer Zeit',
    overlap: 'Anrufe zugleich',
    origin: 'aus einem neuen Land aufgebaut',
    hot: 'Nummern, die von Betrug bekannt sind',
    block: 'viele Nummern weniger Blöcke',
  },
};

export const fr: Words = {
  tag: 'fr-FR',
  new: 'nouveau',
  network: 'réseaux spéciaux',
  place: (kind, country) =>
    ({
      country,
      premium: `numéros surtaxés (${country})`,
      satellite: 'téléphones satellites',
      roaming: `usage depuis l’étranger (${country})`,
    })[kind],
  happened: ({ calls, single, places, since, money }) =>
    places
      ? `${calls} ${single ? 'appel' : 'appels'} : ${places}, depuis le ${since}, ${money}.`
      : `${money} dépensés depuis le ${since}.`,
  usual: (perDay, all) => `D’habitude${all ? '' : ' pour l’étranger et les numéros surtaxés'} : ${perDay} par jour.`,
  unknown: 'Rien n’est encore connu de ce compte.',
  rarity: (months) => `Des comptes comparables en montrent autant une fois en ${months} mois.`,
  raised: (factors) => `Ce qui a élevé le score : ${factors}.`,
  factors: {
    new: 'nouvelle destination',
    rare: 'rarement appelée par d’autres',
    risk: 'destination risquée ou chère',
    hour: 'heure inhabituelle',
    rate: 'beaucoup en peu de temps',
    overlap: 'appels simultanés',
    origin: 'établi depuis un pays nouveau',
    hot: 'numéros connus pour fraude',
    block: 'beaucoup de numéros de quelques tranches',
  },
};
