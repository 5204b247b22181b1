/** Turns the facts of a warning into the words a customer reads. Pure: the same facts give the same text. */
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import type { Brand } from './brand.ts';
import { isGsm7, smsParts, toGsm7 } from './channels/gsm7.ts';
import type { ChartStyle } from './chart/spend-chart.ts';
import type { WarningFacts } from './facts.ts';
import { canonicalLocale, countryName, date, money, oneLine, plain, time, together, widened } from './notation.ts';
import { LANGUAGES, languageOf } from './templates/language-of.ts';
import { prepareWording, type Wording } from './templates/wording.ts';

/** The wording of each language, by its code: built in, or with what a provider replaced. */
export type Templates = ReadonlyMap<string, Wording>;

/** One message to one customer: what it is about, the gravest first, and how its sender looks. */
export interface Message {
  told: readonly [WarningFacts, ...WarningFacts[]];
  brand: Brand;
  /** By which the customer answers; undefined: by phone only. */
  link: string | undefined;
}

export interface WrittenMail {
  subject: string;
  text: string;
  html: string;
}

/** The name under which a mail's HTML shows the chart that comes along with it. */
export const CHART_CID = 'chart@plafond';

const SHORT_NAME_LENGTH_MAX = 30;
const SMS_PARTS_MAX = 2;

export const BUILT_IN_TEMPLATES: Templates = new Map(
  Object.entries(LANGUAGES).map(([code, language]) => [code, prepareWording(language)]),
);

/** The mail to a customer, as text and as HTML; `withChart` where a picture comes along. */
export function renderEmail(message: Message, templates: Templates, withChart: boolean): WrittenMail {
  const { wording, locale } = wordingFor(message.told[0].locale, templates);
  const view = viewOf(message, wording, locale, 'symbol');
  // On a phone a line may end anywhere: an amount stays in one piece.
  const unbroken = viewOf(message, wording, locale, 'symbol', together);
  const subject = oneLine(plain(wording.subject(view)));
  return {
    subject,
    text: plain(wording.mailText(view)),
    html: widened(wording.mailHtml({ ...unbroken, subject, chart: withChart ? CHART_CID : undefined })),
  };
}

/**
 * The SMS to a customer: in the GSM 7-bit alphabet and at most two parts long. What does not fit is left out by rule: first
 * the customer's name, then what can be read elsewhere; an amount or a link is never cut.
 */
export function renderSms(message: Message, templates: Templates): string {
  const [facts] = message.told;
  const { wording, locale } = wordingFor(facts.locale, templates);
  // A currency whose sign phones do not have is written by its code.
  const display = isGsm7(money(0n, facts.currency, locale)) ? 'symbol' : 'code';
  const view = viewOf(message, wording, locale, display);
  const write = (shown: object): string => toGsm7(plain(wording.sms({ ...view, ...shown })));
  const shortName = shorten(toGsm7(oneLine(facts.accountName)));
  const texts = [{ shortName }, {}, { details: false }, { details: false, link: undefined }].map(write);
  return texts.find((text) => smsParts(text) <= SMS_PARTS_MAX) ?? texts.at(-1)!;
}

/** How the chart of a message is drawn for its reader. */
export function chartStyleOf({ told: [facts], brand }: Message, templates: Templates): ChartStyle {
  const { wording, locale } = wordingFor(facts.locale, templates);
  const { currency, timeZone } = facts;
  return { locale, currency, timeZone, words: wording.language.chart, colour: brand.colour };
}

/** The reader's language, and the locale in which amounts and dates are written for them: a locale of that language. */
function wordingFor(tag: string, templates: Templates): { wording: Wording; locale: string } {
  const locale = canonicalLocale(tag);
  const code = languageOf(locale);
  const wording = templates.get(code)!;
  const own = locale !== undefined && new Intl.Locale(locale).language === code;
  return { wording, locale: own ? locale : wording.language.locale };
}

/** Every name a template may ask for is there, so that a check can tell a wrong one from one that does not apply. */
function viewOf(
  message: Message,
  wording: Wording,
  locale: string,
  display: 'symbol' | 'code',
  spaced: (amount: string) => string = plain,
) {
  const { told, brand, link } = message;
  const [main, ...others] = told;
  return {
    ...factView(main, wording, locale, display, spaced),
    also: others.map((facts) => factView(facts, wording, locale, display, spaced)),
    language: locale,
    subject: '',
    chart: undefined as string | undefined,
    shortName: '',
    details: true,
    link,
    phone: brand.phone,
    providerName: brand.name,
    logoText: brand.logoText,
    colour: brand.colour,
  };
}

function factView(
  facts: WarningFacts,
  wording: Wording,
  locale: string,
  display: 'symbol' | 'code',
  spaced: (amount: string) => string,
) {
  const { language } = wording;
  const amount = (micros: Micros): string => spaced(money(micros, facts.currency, locale, display));
  const percent = (value: number): string =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: 'percent', maximumFractionDigits: 2 }).format(value);
  const day = (at: Instant): string => date(at, locale, facts.timeZone);
  const moment = (at: Instant): string => `${day(at)} ${language.at} ${time(at, locale, facts.timeZone)}`;
  const trafficName = (words: string, texts = false): string => {
    const [word = '', detail = ''] = words.split(':');
    const place = word === 'country' ? countryName(detail, locale, language.specialNetworks) : detail;
    return wording.traffic(word, place, texts);
  };
  const counted = (value: number): string => new Intl.NumberFormat(locale).format(value);
  const { next, forecast, series } = facts;
  const texts = facts.mostSpentOn.some((spent) => (spent.texts ?? 0) > 0);
  return {
    kind: facts.kind === 'approve' ? 'warn' : facts.kind,
    accountName: oneLine(facts.accountName),
    full: facts.percent === 100,
    percent: facts.percent === undefined ? '' : percent(facts.percent),
    traffic: trafficName(facts.traffic, texts),
    spend: amount(facts.spend),
    limit: facts.limit === undefined ? undefined : amount(facts.limit),
    usual: series?.usual === undefined ? undefined : amount(series.usual),
    period: facts.period,
    periodHours: facts.periodHours,
    periodEnd: moment(facts.periodEnd),
    // The last day of the period and not "today" or "this month": a late record may belong to an earlier one.
    lastDay: day(facts.periodEnd - 1),
    newPeriod: facts.period === 'rolling' || facts.limit === undefined ? undefined : day(facts.periodEnd),
    countries: facts.mostSpentOn.slice(0, 3).map((spent) => ({
      name: spent.country === '' ? language.noNumber : countryName(spent.country, locale, language.specialNetworks),
      amount: amount(spent.amount),
      // What goes to no number is data, and its name says so.
      used: spent.country === '' ? '' : usedOf(spent, language, counted),
      // By these a provider's templates have told of calls since before others were told of.
      data: spent.country === '',
      calls: counted(spent.calls),
      single: spent.calls === 1,
    })),
    next: {
      percent: next ? percent(next.percent) : '',
      amount: next ? amount(next.amount) : '',
      warn: next?.warn ?? false,
      barred: next?.suspend && language.barred[next.suspend],
    },
    forecast: forecast && {
      likely: day(forecast.likely),
      earliest: day(forecast.earliest),
      latest: day(forecast.latest),
    },
    suspended: suspendedView(facts, wording, trafficName, moment),
  };
}

function suspendedView(
  { kind, suspended, held }: WarningFacts,
  { language }: Wording,
  trafficName: (words: string) => string,
  moment: (at: Instant) => string,
) {
  const bar = kind === 'suspend' ? suspended : kind === 'hold' ? held : undefined;
  // What bars nothing is no bar: the customer reads what is unusual.
  if (!bar || held?.scopes.length === 0) return undefined;
  const barredClass = kind === 'suspend' ? suspended!.class : undefined;
  return {
    barred: barredClass
      ? language.barred[barredClass]
      : listed(
          held!.scopes.map((scope) => trafficName(scope)),
          language.and,
        ),
    several: !barredClass && (held!.scopes.length > 1 || held!.scopes[0]!.startsWith('prefix:')),
    until: bar.until === undefined ? undefined : moment(bar.until),
    terms: oneLine(bar.terms),
    nationalWorks: barredClass === 'international',
    othersWork: barredClass === 'premium' || barredClass === undefined,
  };
}

/** How much of what, such as `12 calls and 1 text`. */
function usedOf(
  spent: WarningFacts['mostSpentOn'][number],
  { used, and }: Wording['language'],
  counted: (value: number) => string,
): string {
  const parts = (['calls', 'texts', 'sessions'] as const)
    .map((what) => ({ count: spent[what] ?? 0, names: used[what] }))
    .filter(({ count }) => count > 0)
    .map(({ count, names }) => `${counted(count)} ${names[count === 1 ? 0 : 1]}`);
  return listed(parts, and);
}

function listed(names: readonly string[], and: string): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${and} ${names.at(-1)!}`;
}

function shorten(name: string): string {
  const trimmed = oneLine(name);
  if (trimmed.length <= SHORT_NAME_LENGTH_MAX) return trimmed;
  return `${trimmed.slice(0, SHORT_NAME_LENGTH_MAX - 3).trimEnd()}...`;
}
