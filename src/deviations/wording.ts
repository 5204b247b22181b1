/** The words of explanations, by language. */
import type { Excess } from './deviation.ts';
import type { Place } from './destination-key.ts';
import type { Factor } from './signature.ts';

/** What records are called, one or several; `uses` of whatever is used from abroad. */
export type Unit = 'call' | 'message' | 'calls' | 'use' | 'uses';

export interface Words {
  tag: string;
  new: string;
  network: string;
  /** of use from abroad, where from */
  place: (kind: Place['kind'], country: string) => string;
  /** with their number before it */
  units: Record<Unit, string>;
  /** `what`: how many of a {@link Unit}; `to` and `from`: where, or empty; unless as good as `all` went there, these are the most unusual */
  happened: (facts: { what: string; to: string; from: string; all: boolean; since: string; money: string }) => string;
  usual: (perDay: string, all: boolean) => string;
  /** `usual` of an account of which nothing is known yet */
  unknown: string;
  rarity: (months: string) => string;
  raised: (factors: string) => string;
  factors: Record<Factor, string>;
  /** as many calls as `count` short ones, within `days`, where `usual` are usual */
  shortCalls: (count: string, days: string, usual: string) => string;
  /** how many times as much as is to be expected within a time */
  exceeds: Record<Excess, (times: string, time: string) => string>;
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
      roaming: country,
    })[kind],
  units: {
    call: 'call',
    message: 'message',
    calls: 'calls or messages',
    use: 'use',
    uses: 'uses',
  },
  happened: ({ what, to, from, all, since, money }) => {
    const where = `${to && ` to ${to}`}${to && from && ' and'}${from && ` from ${from}`}`;
    if (where === '') return `${money} spent since ${since}`;
    return all
      ? `${what}${where} since ${since}, ${money}`
      : `${what} since ${since}, ${money}, the most unusual${where}`;
  },
  usual: (perDay, all) => `usual ${all ? 'spend' : 'spend abroad and on premium numbers'}: ${perDay} a day`,
  unknown: 'nothing is known of this account yet',
  rarity: (months) => `Comparable accounts show the like once in ${months} months`,
  raised: (factors) => `what raised the score: ${factors}`,
  factors: {
    new: 'new destination',
    rare: 'seldom used by others',
    risk: 'risky or dear destination',
    hour: 'unusual hour',
    rate: 'many in a short time',
    overlap: 'calls at the same time',
    origin: 'set up from a new country',
    hot: 'numbers known from fraud',
    block: 'many numbers of a few blocks',
  },
  shortCalls: (count, days, usual) => `as many calls as ${count} short ones within ${days} (usual: ${usual})`,
  exceeds: {
    spend: (times, time) => `${times} times as much spent within ${time} as is to be expected`,
    calls: (times, time) => `${times} times as many within ${time} as are to be expected`,
    oftener: (times) => `used ${times} times as often as travellers do`,
    dearer: (times) => `each use ${times} times as dear as one of travellers`,
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
      roaming: country,
    })[kind],
  units: {
    call: 'gesprek',
    message: 'bericht',
    calls: 'gesprekken of berichten',
    use: 'keer gebruik',
    uses: 'keer gebruik',
  },
  happened: ({ what, to, from, all, since, money }) => {
    const where = `${to && ` naar ${to}`}${to && from && ' en'}${from && ` vanuit ${from}`}`;
    if (where === '') return `${money} verbruikt sinds ${since}`;
    return all
      ? `${what}${where} sinds ${since}, ${money}`
      : `${what} sinds ${since}, ${money}, het ongewoonst${where}`;
  },
  usual: (perDay, all) => `gewoonlijk ${all ? '' : 'voor het buitenland en betaalnummers '}${perDay} per dag`,
  unknown: 'over dit account is nog niets bekend',
  rarity: (months) => `Vergelijkbare accounts laten zoiets eens per ${months} maanden zien`,
  raised: (factors) => `wat de score verhoogde: ${factors}`,
  factors: {
    new: 'nieuwe bestemming',
    rare: 'zelden door anderen gebruikt',
    risk: 'riskante of dure bestemming',
    hour: 'ongewoon uur',
    rate: 'veel in korte tijd',
    overlap: 'gesprekken tegelijk',
    origin: 'opgezet vanuit een nieuw land',
    hot: 'nummers bekend van fraude',
    block: 'veel nummers uit enkele reeksen',
  },
  shortCalls: (count, days, usual) => `zoveel gesprekken als ${count} korte binnen ${days} (gewoonlijk ${usual})`,
  exceeds: {
    spend: (times, time) => `${times} keer zoveel verbruikt binnen ${time} als te verwachten is`,
    calls: (times, time) => `${times} keer zoveel binnen ${time} als te verwachten is`,
    oftener: (times) => `${times} keer zo vaak gebruikt als reizigers doen`,
    dearer: (times) => `elk gebruik ${times} keer zo duur als dat van reizigers`,
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
      roaming: country,
    })[kind],
  units: {
    call: 'Anruf',
    message: 'Nachricht',
    calls: 'Anrufe oder Nachrichten',
    use: 'Nutzung',
    uses: 'Nutzungen',
  },
  happened: ({ what, to, from, all, since, money }) => {
    const where = `${to && `: ${to}`}${to && from && ','}${from && ` aus dem Ausland: ${from}`}`;
    if (where === '') return `${money} verbraucht seit ${since}`;
    return all
      ? `${what}${where}, seit ${since}, ${money}`
      : `${what} seit ${since}, ${money}, am ungewöhnlichsten${where}`;
  },
  usual: (perDay, all) => `üblich${all ? '' : ' für Ausland und Mehrwertnummern'}: ${perDay} am Tag`,
  unknown: 'über dieses Konto ist noch nichts bekannt',
  rarity: (months) => `Vergleichbare Konten zeigen dergleichen einmal in ${months} Monaten`,
  raised: (factors) => `was den Wert erhöhte: ${factors}`,
  factors: {
    new: 'neues Ziel',
    rare: 'von anderen selten genutzt',
    risk: 'riskantes oder teures Ziel',
    hour: 'ungewöhnliche Stunde',
    rate: 'viele in kurzer Zeit',
    overlap: 'Anrufe zugleich',
    origin: 'aus einem neuen Land aufgebaut',
    hot: 'Nummern, die von Betrug bekannt sind',
    block: 'viele Nummern weniger Blöcke',
  },
  shortCalls: (count, days, usual) => `so viele Anrufe wie ${count} kurze binnen ${days} (üblich: ${usual})`,
  exceeds: {
    spend: (times, time) => `${times}-mal so viel verbraucht binnen ${time} wie zu erwarten ist`,
    calls: (times, time) => `${times}-mal so viele binnen ${time} wie zu erwarten sind`,
    oftener: (times) => `${times}-mal so oft genutzt wie von Reisenden`,
    dearer: (times) => `jede Nutzung ${times}-mal so teuer wie die von Reisenden`,
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
      roaming: country,
    })[kind],
  units: {
    call: 'appel',
    message: 'message',
    calls: 'appels ou messages',
    use: 'usage',
    uses: 'usages',
  },
  happened: ({ what, to, from, all, since, money }) => {
    const where = `${to && ` : ${to}`}${to && from && ','}${from && ` depuis l’étranger : ${from}`}`;
    if (where === '') return `${money} dépensés depuis le ${since}`;
    return all
      ? `${what}${where}, depuis le ${since}, ${money}`
      : `${what} depuis le ${since}, ${money}, les plus inhabituels${where}`;
  },
  usual: (perDay, all) => `d’habitude${all ? '' : ' pour l’étranger et les numéros surtaxés'} : ${perDay} par jour`,
  unknown: 'rien n’est encore connu de ce compte',
  rarity: (months) => `Des comptes comparables en montrent autant une fois en ${months} mois`,
  raised: (factors) => `ce qui a élevé le score : ${factors}`,
  factors: {
    new: 'nouvelle destination',
    rare: 'rarement utilisée par d’autres',
    risk: 'destination risquée ou chère',
    hour: 'heure inhabituelle',
    rate: 'beaucoup en peu de temps',
    overlap: 'appels simultanés',
    origin: 'établi depuis un pays nouveau',
    hot: 'numéros connus pour fraude',
    block: 'beaucoup de numéros de quelques tranches',
  },
  shortCalls: (count, days, usual) => `autant d’appels que ${count} appels courts en ${days} (d’habitude : ${usual})`,
  exceeds: {
    spend: (times, time) => `${times} fois la dépense attendue en ${time}`,
    calls: (times, time) => `${times} fois plus que prévu en ${time}`,
    oftener: (times) => `${times} fois aussi souvent que des voyageurs`,
    dearer: (times) => `chaque usage ${times} fois aussi cher que celui de voyageurs`,
  },
};
