/** Turns what is known of a warning into the pages that its customer sees. Pure: the same facts give the same HTML. */
import Handlebars from 'handlebars';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { drawSpend, type SpendSeries } from '../warnings/chart/spend-chart.ts';
import { canonicalLocale, countryName, date, money, oneLine, plain, time } from '../warnings/notation.ts';
import { languageOf, LANGUAGES } from '../warnings/templates/language-of.ts';
import { trafficNames, type Language, type TrafficName } from '../warnings/templates/language.ts';
import { CONFIRM, contentPolicy, LAYOUT, OVERVIEW, stylesFor, TROUBLE } from './layout.ts';
import { de } from './words/de.ts';
import { en } from './words/en.ts';
import { fr } from './words/fr.ts';
import { nl } from './words/nl.ts';
import type { Trouble, Words } from './words/words.ts';

/** How the provider shows itself. */
export interface PageBrand {
  /** empty: none */
  name: string;
  colour: string;
  /** empty: none */
  phone: string;
}

export interface GivenAnswer {
  answer: 'not-us' | 'us' | 'call-me';
  at: Instant;
  amount: Micros | undefined;
  /** masked */
  phone: string;
}

/** What the pages of one link tell of: one warning's account and nothing else, numbers masked. */
export interface Situation {
  accountName: string;
  /** BCP 47 */
  locale: string;
  timeZone: string;
  currency: string;
  /** as the API names it */
  traffic: string;
  period: { from: Instant; to: Instant };
  warnedAt: Instant;
  asOf: Instant;
  spend: Micros;
  /** undefined where no cap caused the warning */
  limit: Micros | undefined;
  series: SpendSeries;
  /** `uses`: calls, texts and sessions */
  numbers: readonly { number: string; country: string; uses: number; texts: number; amount: Micros }[];
  bars: readonly { scope: string; since: Instant; until: Instant | undefined }[];
  /** what "block now" bars, in words of a bar */
  toBar: readonly string[];
  /** how the customer may consent by themselves; undefined: they may not */
  consent: { maximum: Micros } | undefined;
  /** masked; empty: none on file */
  phone: string;
  answers: readonly GivenAnswer[];
  expiresAt: Instant;
}

export interface Page {
  html: string;
  /** for the header Content-Security-Policy */
  policy: string;
  lang: string;
}

/** As wide as a phone, so that its words are read there. */
const CHART = { width: 360, height: 220 };

type View = Record<string, unknown>;
type Template = (view: View) => string;

interface Edition {
  lang: string;
  words: Words;
  language: Language;
  overview: Template;
  confirm: Template;
  trouble: Template;
  /** one text alone, not escaped */
  text: (name: Exclude<keyof Words, 'troubles'>) => Template;
  troubleText: (trouble: Trouble) => Template;
  traffic: TrafficName;
}

const EDITIONS = new Map(
  Object.entries({ nl, en, de, fr } satisfies Record<string, Words>).map(([lang, words]) => [
    lang,
    prepare(lang, words, LANGUAGES[lang]!),
  ]),
);

/** The language for a reader of `tag` (BCP 47), and the locale of that language in which amounts and dates are written. */
export function editionFor(tag: string): { lang: string; locale: string } {
  const locale = canonicalLocale(tag);
  const lang = languageOf(locale);
  const own = locale !== undefined && new Intl.Locale(locale).language === lang;
  return { lang, locale: own ? locale : LANGUAGES[lang]!.locale };
}

/** The first of a visitor's languages that there is, else English. */
function firstEdition(tags: readonly string[]): Edition {
  const known = tags
    .map((tag) => canonicalLocale(tag))
    .find((tag) => tag && EDITIONS.has(new Intl.Locale(tag).language));
  return EDITIONS.get(languageOf(known))!;
}

export interface Tokens {
  notUs: string;
  callMe: string;
}

/** What a customer reads beside a button that answers at once: signed into its form, and recorded. */
export function buttonText(situation: Situation, button: 'block' | 'call', brand: PageBrand): string {
  const { edition, view } = viewOf(situation, brand);
  const [title, text] =
    button === 'block' ? (['blockButton', 'blockText'] as const) : (['callButton', 'callText'] as const);
  return `${edition.text(title)(view)}: ${edition.text(text)(view)}`;
}

/** What is going on, and the buttons. */
export function overviewPage(situation: Situation, path: string, forms: Tokens, brand: PageBrand): Page {
  const { edition, view } = viewOf(situation, brand);
  const title = view['bars'].length > 0 ? edition.text('titleBlocked') : edition.text('titleSpending');
  return page(edition, edition.overview, { ...view, title: title(view), path, forms }, brand);
}

/** The text that a customer agrees to, in their language: what is shown, signed into the form, recorded and confirmed. */
export function consentText(situation: Situation, amount: Micros | undefined, brand: PageBrand): string {
  const { edition, view } = viewOf(situation, brand, amount);
  return edition.text(amount === undefined ? 'consentPlain' : 'consent')(view);
}

export function confirmPage(
  situation: Situation,
  path: string,
  { token, consent, amount, typed }: { token: string; consent: string; amount: Micros | undefined; typed: string },
  brand: PageBrand,
): Page {
  const { edition, view } = viewOf(situation, brand, amount);
  const confirm = { title: edition.words.confirmTitle, consent, typed, path, forms: { us: token } };
  return page(edition, edition.confirm, { ...view, ...confirm }, brand);
}

/** Why nothing was changed. Without a situation, which a token that opens nothing has not, `tags` say in which language. */
export function troublePage(
  trouble: Trouble,
  known: { situation: Situation; path: string } | { tags: readonly string[] },
  brand: PageBrand,
): Page {
  const { edition, view } =
    'situation' in known ? viewOf(known.situation, brand) : { edition: firstEdition(known.tags), view: { brand } };
  const told = { title: edition.words.troubles[trouble].title, text: edition.troubleText(trouble)({ ...view, brand }) };
  return page(edition, edition.trouble, { ...view, ...told, path: 'path' in known ? known.path : '' }, brand);
}

/** The mail that confirms what was agreed to. */
export function confirmationMail(
  situation: Situation,
  { consent, amount, at }: { consent: string; amount: Micros | undefined; at: Instant },
  brand: PageBrand,
): { subject: string; text: string } {
  const { edition, view, moment } = viewOf(situation, brand, amount);
  const told = { ...view, consent, at: moment(at) };
  return { subject: edition.text('mailSubject')(told), text: edition.text('mailText')(told) };
}

function page(edition: Edition, template: Template, view: View, brand: PageBrand): Page {
  const styles = stylesFor(brand.colour);
  const html = template({ ...view, brand, styles, lang: edition.lang });
  return { html, policy: contentPolicy(styles), lang: edition.lang };
}

function viewOf(situation: Situation, brand: PageBrand, chosen?: Micros) {
  const { lang, locale } = editionFor(situation.locale);
  const edition = EDITIONS.get(lang)!;
  const { language } = edition;
  const { timeZone, currency } = situation;
  const amount = (micros: Micros): string => money(micros, currency, locale);
  const day = (at: Instant): string => date(at, locale, timeZone);
  const moment = (at: Instant): string => `${day(at)} ${language.at} ${plain(time(at, locale, timeZone))}`;
  const list = (names: readonly string[]): string => new Intl.ListFormat(locale, { type: 'conjunction' }).format(names);
  const calls = (word: string): string => {
    const [kind = '', detail = ''] = word.split(':');
    const barred = language.barred[kind as keyof Language['barred']];
    return (
      barred ??
      edition.traffic(kind, kind === 'country' ? countryName(detail, locale, language.specialNetworks) : detail, false)
    );
  };
  const [kind = '', detail = ''] = situation.traffic.split(':');
  const place = kind === 'country' ? countryName(detail, locale, language.specialNetworks) : detail;
  const bars = situation.bars.map(({ scope, since, until }) => ({
    name: calls(scope),
    since: moment(since),
    until: until === undefined ? undefined : moment(until),
  }));
  const { period, series } = situation;
  const whole = period.to - period.from > 86_400_000;
  const short = stepsOfHours(series);
  return {
    edition,
    moment,
    view: {
      brand,
      account: oneLine(situation.accountName),
      what: edition.traffic(
        kind,
        place,
        situation.numbers.some(({ texts }) => texts > 0),
      ),
      spend: amount(situation.spend),
      limit: situation.limit === undefined ? undefined : amount(situation.limit),
      currency,
      periodText: whole
        ? `${day(period.from)} – ${day(period.to - 1)}`
        : `${moment(period.from)} – ${moment(period.to)}`,
      warnedAt: moment(situation.warnedAt),
      asOf: moment(situation.asOf),
      chartData: Buffer.from(chartOf(situation, edition, locale, brand)).toString('base64'),
      chartSize: CHART,
      days: situation.series.spent
        .filter((each) => each.amount !== 0n)
        .map((each) => ({
          day: short ? moment(each.until) : day(each.until - 1),
          amount: amount(each.amount),
        })),
      numbers: situation.numbers.map((each) => ({
        number: each.number,
        country: each.country === '' ? language.noNumber : countryName(each.country, locale, language.specialNetworks),
        uses: new Intl.NumberFormat(locale).format(each.uses),
        amount: amount(each.amount),
      })),
      bars,
      barredNames: list([...new Set(bars.map(({ name }) => name))]),
      blockNames: list(situation.toBar.map(calls)),
      ours: situation.consent && { amount: situation.limit !== undefined },
      maximum: situation.consent && amount(situation.consent.maximum),
      chosen: chosen === undefined ? undefined : amount(chosen),
      phone: situation.phone,
      answers: situation.answers.map((each) => ({
        notUs: each.answer === 'not-us',
        us: each.answer === 'us',
        at: moment(each.at),
        amount: each.amount === undefined ? undefined : amount(each.amount),
        phone: each.phone,
      })),
      expires: moment(situation.expiresAt),
    },
  };
}

/** Whether the chart goes by the hour. */
function stepsOfHours({ from, to }: SpendSeries): boolean {
  return to - from <= 2 * 86_400_000;
}

function chartOf(situation: Situation, { language }: Edition, locale: string, brand: PageBrand): string {
  const { currency, timeZone, series } = situation;
  return drawSpend(series, { locale, currency, timeZone, words: language.chart, colour: brand.colour }, CHART);
}

function prepare(lang: string, words: Words, language: Language): Edition {
  const escaping = Handlebars.create();
  const { troubles, ...texts } = words;
  // In a page these two words mean the figures; as partials they need names of their own.
  const { limit: limitLabel, answers: answersHeading, ...others } = texts;
  const partials = { ...others, limitLabel, answersHeading };
  for (const [name, source] of Object.entries(partials)) escaping.registerPartial(name, source);
  escaping.registerPartial('layout', LAYOUT);
  const compile = (source: string): Template => escaping.compile<View>(source);
  const unescaped = (source: string): Template => Handlebars.create().compile<View>(source, { noEscape: true });
  const bare = new Map(Object.entries(texts).map(([name, source]) => [name, unescaped(source)]));
  const troubleTexts = new Map(Object.entries(troubles).map(([name, { text }]) => [name, unescaped(text)]));
  return {
    lang,
    words,
    language,
    overview: compile(OVERVIEW),
    confirm: compile(CONFIRM),
    trouble: compile(TROUBLE),
    text: (name) => bare.get(name)!,
    troubleText: (trouble) => troubleTexts.get(trouble)!,
    traffic: trafficNames(language, unescaped),
  };
}
