/** How readers write amounts, dates and countries where they are: by Intl, in their locale. Pure. */
import type { Instant } from '../kernel/clock.ts';
import { formatAmount, type Micros } from '../kernel/money.ts';

/** A BCP 47 tag as Intl takes it; `undefined` where it is none. */
export function canonicalLocale(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag.replaceAll('_', '-'))[0];
  } catch {
    return undefined;
  }
}

/** An amount in the reader's notation. It goes in as a decimal string, which Intl.NumberFormat takes exactly. */
export function money(
  micros: Micros,
  currency: string,
  locale: string,
  currencyDisplay: 'symbol' | 'code' = 'symbol',
): string {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay });
  return plain(format.format(formatAmount(micros) as Intl.StringNumericLiteral));
}

/** The day of an instant, such as "31 March 2010". */
export function date(at: Instant, locale: string, timeZone: string): string {
  return new Intl.DateTimeFormat(locale, { timeZone, day: 'numeric', month: 'long', year: 'numeric' }).format(at);
}

/** The time of an instant with its zone, such as "23:00 BST". */
export function time(at: Instant, locale: string, timeZone: string): string {
  const parts = { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' } as const;
  return new Intl.DateTimeFormat(locale, { timeZone, ...parts }).format(at);
}

/** A country by its code; `elsewhere` for networks of no country. */
export function countryName(code: string, locale: string, elsewhere: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return elsewhere;
  return new Intl.DisplayNames(locale, { type: 'region' }).of(code) ?? code;
}

/** Intl sets non-breaking spaces, which some mail programs and every phone show as something else. */
export function plain(text: string): string {
  return text.replaceAll(/[\u00A0\u202F]/g, ' ');
}

/** So that no line ends within it. */
export function together(text: string): string {
  return text.replaceAll(' ', '\u00A0');
}

/** The narrow one of the non-breaking spaces is a box in some mail programs. */
export function widened(text: string): string {
  return text.replaceAll('\u202F', '\u00A0');
}

/** French has a space before these signs, which begin no line. For words alone: in a style sheet it would be none. */
export function signsHeld(words: string): string {
  return words.replaceAll(/ (?=[:;?!])/g, '\u00A0');
}

/** A name or a clause without line ends and control characters. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
}
