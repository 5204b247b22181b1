/**
 * Money is counted in micros: millionths of the currency's unit, as bigint. €1.00 is 1_000_000n.
 * Amounts travel as decimal strings with up to six decimals and are never a float, in or out.
 */
export type Micros = bigint;

/** ISO 4217 alphabetic code, such as `EUR`. */
export type Currency = string;

const CURRENCIES = new Set(Intl.supportedValuesOf('currency'));

/** Whether it is the code of a currency. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

const AMOUNT = /^-?\d{1,12}(?:\.\d{1,6})?$/;
/** Up to that many characters, all digits of an amount and six decimals stay below 2^53, so one exact conversion is enough. */
const SHORT = 9;

/** Reads a decimal string (`"1028.06"`); `undefined` where it is not one, has more than six decimals or more than twelve digits before the point. */
export function parseAmount(text: string): Micros | undefined {
  if (!AMOUNT.test(text)) return undefined;
  const negative = text.charCodeAt(0) === 45;
  const point = text.indexOf('.');
  const to = point < 0 ? text.length : point;
  const decimals = point < 0 ? 0 : text.length - point - 1;
  if (text.length <= SHORT) {
    let digits = 0;
    for (let at = negative ? 1 : 0; at < text.length; at++)
      if (at !== point) digits = digits * 10 + text.charCodeAt(at) - 48;
    const micros = BigInt(digits * POWERS_OF_TEN[6 - decimals]!);
    return negative ? -micros : micros;
  }
  const whole = BigInt(text.slice(negative ? 1 : 0, to)) * 1_000_000n;
  const micros = whole + BigInt(point < 0 ? 0 : text.slice(point + 1).padEnd(6, '0'));
  return negative ? -micros : micros;
}

const POWERS_OF_TEN = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/** Writes micros as a decimal string with at least two and at most six decimals: `1028060000n` is `"1028.06"`. */
export function formatAmount(micros: Micros): string {
  const negative = micros < 0n;
  const digits = (negative ? -micros : micros).toString().padStart(7, '0');
  const whole = digits.slice(0, -6);
  let fraction = digits.slice(-6);
  while (fraction.length > 2 && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  return `${negative ? '-' : ''}${whole}.${fraction}`;
}

/** `micros × percent / 100`, rounded up, so that a threshold is reached only when its full amount is. `percent` may have two decimals. */
export function percentOf(micros: Micros, percent: number): Micros {
  const hundredths = BigInt(Math.round(percent * 100));
  const scaled = micros * hundredths;
  const quotient = scaled / 10_000n;
  return scaled % 10_000n > 0n ? quotient + 1n : quotient;
}
