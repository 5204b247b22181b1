/** A deviation in two sentences: what happened, since when, how much money, what is usual, and what raised the score by how much. Pure. */
import { formatAmount } from '../kernel/money.ts';
import type { Account } from '../accounts/account.ts';
import { isOfEverything, type Deviation } from './deviation.ts';
import { de, en, fr, nl, type Unit, type Words } from './wording.ts';

const LANGUAGES = new Map<string, Words>([
  ['nl', nl],
  ['en', en],
  ['de', de],
  ['fr', fr],
]);
const RAISED_TOLD = 3;
/** A call to a third country is not counted with where it was made from. */
const AS_GOOD_AS_ALL = 0.9;

/** In the language of `locale` (BCP 47); English where we have no words in it. */
export function explain(deviation: Deviation, account: Account, locale = account.locale): string {
  const words = LANGUAGES.get(locale.slice(0, 2).toLowerCase()) ?? en;
  // A language alone is written as where it comes from: "en" by itself is American.
  const own = locale.length > 2 && LANGUAGES.has(locale.slice(0, 2).toLowerCase()) && isLocale(locale);
  const tag = own ? locale : words.tag;
  const money = (micros: bigint): string =>
    plain(
      new Intl.NumberFormat(tag, { style: 'currency', currency: account.currency }).format(
        formatAmount(micros) as Intl.StringNumericLiteral,
      ),
    );
  const percent = (share: number): string => plain(new Intl.NumberFormat(tag, { style: 'percent' }).format(share));
  const count = (value: number): string => plain(new Intl.NumberFormat(tag).format(value));
  const about = (value: number): string =>
    plain(new Intl.NumberFormat(tag, { maximumSignificantDigits: 2 }).format(value));
  const time = (value: number, unit: 'hour' | 'day'): string =>
    plain(new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'long' }).format(value));
  const since = plain(
    new Intl.DateTimeFormat(tag, {
      timeZone: account.timeZone,
      day: 'numeric',
      month: 'long',
      hour: '2-digit',
      minute: '2-digit',
    }).format(deviation.since),
  );
  const names = new Intl.DisplayNames(tag, { type: 'region' });
  const country = (code: string): string => (/^[A-Z]{2}$/.test(code) ? (names.of(code) ?? code) : words.network);
  const all = deviation.places.reduce((sum, { calls }) => sum + calls, 0) >= AS_GOOD_AS_ALL * deviation.calls;
  const named = ({ kind, country: code, isNew, calls }: Deviation['places'][number]): string => {
    const notes = [isNew && words.new, !all && deviation.areCounted && count(calls)].filter(Boolean).join(', ');
    return words.place(kind, country(code)) + (notes && ` (${notes})`);
  };
  const listed = (isFrom: boolean): string =>
    plain(
      new Intl.ListFormat(tag, { type: 'conjunction' }).format(
        deviation.places.filter(({ kind }) => (kind === 'roaming') === isFrom).map(named),
      ),
    );
  const what = words.happened({
    what: `${count(deviation.calls)} ${words.units[unitOf(deviation)]}`,
    to: listed(false),
    from: listed(true),
    all,
    since,
    money: money(deviation.money),
  });
  const usual =
    deviation.usual.days < 1
      ? words.unknown
      : words.usual(money(deviation.usual.perDay), isOfEverything(deviation.family));
  const rarity = words.rarity(count(rounded(deviation.score)));
  const { windowHours, shortCalls } = deviation;
  const raised = [
    ...deviation.raised.slice(0, RAISED_TOLD).map(({ factor, share }) => `${words.factors[factor]} ${percent(share)}`),
    ...(shortCalls
      ? [words.shortCalls(count(shortCalls.count), time(shortCalls.days, 'day'), about(shortCalls.usual))]
      : []),
    ...deviation.exceeds.map(({ what: excess, times }) =>
      words.exceeds[excess](about(times), windowHours < 48 ? time(windowHours, 'hour') : time(windowHours / 24, 'day')),
    ),
  ].join(', ');
  return `${what}; ${usual}. ${[rarity, raised && words.raised(raised)].filter(Boolean).join('; ')}.`;
}

/** What the records are called: data is no call, and of several it is not remembered which kind each was. */
function unitOf({ calls, kind, places }: Deviation): Unit {
  if (places.some((place) => place.kind === 'roaming') || kind === 'data') return calls === 1 ? 'use' : 'uses';
  return kind === undefined ? 'calls' : kind === 'voice' ? 'call' : 'message';
}

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** Two digits: it is an estimate. */
function rounded(score: number): number {
  const digits = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, score))) - 1);
  return Math.round(score / digits) * digits;
}

function plain(text: string): string {
  return text.replaceAll(/[\u00A0\u202F]/g, ' ');
}
