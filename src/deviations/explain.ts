/** A deviation in one or two sentences: what happened, since when, how much money, what is usual, and what raised the score by how much. Pure. */
import { formatAmount } from '../kernel/money.ts';
import type { Account } from '../accounts/account.ts';
import { isAtHome, type Deviation } from './deviation.ts';
import type { Factor } from './signature.ts';
import { de, en, fr, nl, type Words } from './wording.ts';

const LANGUAGES = new Map<string, Words>([
  ['nl', nl],
  ['en', en],
  ['de', de],
  ['fr', fr],
]);
const RAISED_TOLD = 3;

/** In the language of `locale` (BCP 47); English where we have no words in it. */
export function explain(deviation: Deviation, account: Account, locale = account.locale): string {
  const words = LANGUAGES.get(locale.slice(0, 2).toLowerCase()) ?? en;
  const tag = LANGUAGES.has(locale.slice(0, 2).toLowerCase()) && isLocale(locale) ? locale : words.tag;
  const money = (micros: bigint): string =>
    plain(
      new Intl.NumberFormat(tag, { style: 'currency', currency: account.currency }).format(
        formatAmount(micros) as Intl.StringNumericLiteral,
      ),
    );
  const percent = (share: number): string => plain(new Intl.NumberFormat(tag, { style: 'percent' }).format(share));
  const count = (value: number): string => plain(new Intl.NumberFormat(tag).format(value));
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
  const places = plain(
    new Intl.ListFormat(tag, { type: 'conjunction' }).format(
      deviation.places.map(
        (place) => words.place(place.kind, country(place.country)) + (place.isNew ? ` (${words.new})` : ''),
      ),
    ),
  );
  const what = words.happened({
    calls: count(deviation.calls),
    single: deviation.calls === 1,
    places: isAtHome(deviation.family) ? '' : places,
    since,
    money: money(deviation.money),
  });
  const usual =
    deviation.usual.days < 1 ? words.unknown : words.usual(money(deviation.usual.perDay), isAtHome(deviation.family));
  const rarity = words.rarity(count(rounded(deviation.score)));
  const raised = deviation.raised
    .slice(0, RAISED_TOLD)
    .map(({ factor, share }) => `${words.factors[factor as Factor]} ${percent(share)}`)
    .join(', ');
  return [what, usual, rarity, raised && words.raised(raised)].filter(Boolean).join(' ');
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
