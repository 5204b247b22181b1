/** Turns the facts of a warning into the words a customer reads. Pure: the same facts give the same text. */
import Handlebars from 'handlebars';
import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';
import { isGsm7, smsParts, toGsm7 } from './channels/gsm7.ts';
import { canonicalLocale, countryName, date, money, oneLine, plain, time } from './notation.ts';
import { en } from './templates/en.ts';
import type { BarredClass, Language } from './templates/language.ts';
import { nl } from './templates/nl.ts';

export interface WarningFacts {
  accountName: string;
  /** BCP 47. Where we have no text in its language, the text is English. */
  locale: string;
  timeZone: string;
  /** `approve` is a suspension that waits for a person; the customer reads it as a warning. */
  kind: 'warn' | 'suspend' | 'approve';
  /** CONTRACT's words: `international`, `premium`, `country:SO`, … */
  traffic: string;
  spend: Micros;
  limit: Micros;
  currency: string;
  /** The threshold that was crossed, in percent of the limit. */
  percent: number;
  period: 'day' | 'week' | 'month' | 'rolling';
  /** Only of a rolling period. */
  periodHours?: number;
  /** The first instant after the period. */
  periodEnd: Instant;
  /** The next threshold and what happens at it. */
  next: { percent: number; amount: Micros; warn: boolean; suspend?: BarredClass } | undefined;
  /** Only of a suspension. `until` is undefined where it is lifted by hand; `terms` is the clause of the contract. */
  suspended?: { class: BarredClass; until: Instant | undefined; terms: string };
  /** At most three, the highest amount first. `country` is ISO 3166-1 alpha-2, or `001` for networks of no country. */
  mostSpentOn: { country: string; amount: Micros; calls: number }[];
}

type Template = (view: object) => string;

/** A language's templates, made once, and how its reader writes amounts and dates. */
interface Wording {
  language: Language;
  subject: Template;
  email: Template;
  sms: Template;
  traffic: (word: string, place: string) => string;
}

const SHORT_NAME_LENGTH_MAX = 30;
const SMS_PARTS_MAX = 2;

const WORDINGS = new Map([
  ['nl', prepare(nl)],
  ['en', prepare(en)],
]);

/** The mail to a customer: its subject and its plain text. */
export function renderEmail(facts: WarningFacts): { subject: string; text: string } {
  const { wording, locale } = wordingFor(facts.locale);
  const view = viewOf(facts, wording, locale, 'symbol');
  return { subject: plain(wording.subject(view)), text: plain(wording.email(view)) };
}

/** The SMS to a customer: in the GSM 7-bit alphabet and at most two parts long. */
export function renderSms(facts: WarningFacts): string {
  const { wording, locale } = wordingFor(facts.locale);
  // A currency whose sign phones do not have is written by its code.
  const display = isGsm7(money(0n, facts.currency, locale, 'symbol')) ? 'symbol' : 'code';
  const view = viewOf(facts, wording, locale, display);
  const text = (shortName: string): string => toGsm7(plain(wording.sms({ ...view, shortName })));
  const named = text(shorten(toGsm7(oneLine(facts.accountName))));
  return smsParts(named) <= SMS_PARTS_MAX ? named : text('');
}

function prepare(language: Language): Wording {
  const handlebars = Handlebars.create();
  handlebars.registerHelper('is', (value: unknown, expected: unknown) => value === expected);
  const compile = (source: string): Template => handlebars.compile<object>(source, { noEscape: true });
  for (const name of ['share', 'reached', 'spent', 'limit'] as const)
    handlebars.registerPartial(name, compile(language[name]));
  const traffic = new Map(Object.entries(language.traffic).map(([word, source]) => [word, compile(source)]));
  return {
    language,
    subject: compile(language.subject),
    email: compile(language.email),
    sms: compile(language.sms),
    traffic: (word, place) => (traffic.get(word) ?? traffic.get('all')!)({ place }),
  };
}

/** The reader's language, and the locale in which amounts and dates are written for them: a locale of that language. */
function wordingFor(tag: string): { wording: Wording; locale: string } {
  const locale = canonicalLocale(tag);
  const wording = locale === undefined ? undefined : WORDINGS.get(new Intl.Locale(locale).language);
  if (locale !== undefined && wording !== undefined) return { wording, locale };
  return { wording: WORDINGS.get('en')!, locale: en.locale };
}

function viewOf(facts: WarningFacts, wording: Wording, locale: string, display: 'symbol' | 'code'): object {
  const { language } = wording;
  const amount = (micros: Micros): string => money(micros, facts.currency, locale, display);
  const percent = (value: number): string =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: 'percent', maximumFractionDigits: 2 }).format(value);
  const day = (at: Instant): string => date(at, locale, facts.timeZone);
  const moment = (at: Instant): string => `${day(at)} ${language.at} ${time(at, locale, facts.timeZone)}`;
  const [word = '', detail = ''] = facts.traffic.split(':');
  const place = word === 'country' ? countryName(detail, locale, language.specialNetworks) : detail;
  const { next, suspended } = facts;
  return {
    accountName: oneLine(facts.accountName),
    full: facts.percent === 100,
    percent: percent(facts.percent),
    traffic: wording.traffic(word, place),
    spend: amount(facts.spend),
    limit: amount(facts.limit),
    period: facts.period,
    periodHours: facts.periodHours,
    periodEnd: moment(facts.periodEnd),
    // The last day of the period and not "today" or "this month": a late record may belong to an earlier one.
    lastDay: day(facts.periodEnd - 1),
    newPeriod: facts.period === 'rolling' ? undefined : day(facts.periodEnd),
    countries: facts.mostSpentOn.slice(0, 3).map((spent) => ({
      name: countryName(spent.country, locale, language.specialNetworks),
      amount: amount(spent.amount),
      calls: new Intl.NumberFormat(locale).format(spent.calls),
      single: spent.calls === 1,
    })),
    next: next && {
      percent: percent(next.percent),
      amount: amount(next.amount),
      warn: next.warn,
      barred: next.suspend && language.barred[next.suspend],
    },
    suspended: facts.kind === 'suspend' &&
      suspended && {
        class: suspended.class,
        barred: language.barred[suspended.class],
        until: suspended.until === undefined ? undefined : moment(suspended.until),
        terms: oneLine(suspended.terms),
      },
  };
}

function shorten(name: string): string {
  const trimmed = oneLine(name);
  if (trimmed.length <= SHORT_NAME_LENGTH_MAX) return trimmed;
  return `${trimmed.slice(0, SHORT_NAME_LENGTH_MAX - 3).trimEnd()}...`;
}
