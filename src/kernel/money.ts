/**
 * Money is counted in micros: millionths of the currency's unit, as bigint. €1.00 is 1_000_000n.
 * Amounts travel as decimal strings with up to six decimals and are never a float, in or out.
 */
export type Micros = bigint;

/** ISO 4217 alphabetic code, such as `EUR`. */
export type Currency = string;

const AMOUNT = /^(-?)(\d{1,12})(?:\.(\d{1,6}))?$/;

/** Reads a decimal string (`"1028.06"`); `undefined` where it is not one, has more than six decimals or more than twelve digits before the point. */
export function parseAmount(text: string): Micros | undefined {
  const match = AMOUNT.exec(text);
  if (!match) return undefined;
  // Up to nine whole digits every intermediate stays below 2^53, so one exact number conversion is enough.
  const whole = match[2]!;
  const fraction = match[3] === undefined ? 0 : Number(match[3].padEnd(6, '0'));
  const micros =
    whole.length <= 9 ? BigInt(Number(whole) * 1_000_000 + fraction) : BigInt(whole) * 1_000_000n + BigInt(fraction);
  return match[1] === '-' ? -micros : micros;
}

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
