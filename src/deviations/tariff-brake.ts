/**
 * When account actions on a number range must wait, since the fault is likely not the accounts' but the tariff's. Pure.
 *
 * A wrong price shows itself in this: calls of several accounts cost many times what was ever usual on the range, and
 * hardly anybody pays the old price any more. An attack does not change a tariff: beside a dear number that is abused,
 * the others of its range go on at their price.
 *
 * Many accounts that alarm on one range within hours may be a wrong price nobody had a history of, or one attack on many:
 * either way a person looks first.
 *
 * A wrong price seldom comes alone: the deck of a country, or a currency that slipped, is on many ranges at once. Those on which
 * prices went wrong by about as much within a day are one fault, and a fault that is on several is taken to be on all: there
 * the first dear call is enough.
 */
import type { Instant } from '../kernel/clock.ts';

/** From here on a charge is a sign: prices rise, but not fivefold. */
export const SUSPICIOUS_RATIO = 5;

/** How long signs on a range count together. */
export const PRICE_SIGNS_MS = 24 * 3_600_000;
const ALARM_SIGNS_MS = 6 * 3_600_000;

const DEAR_ACCOUNTS_MIN = 2;
const DEAR_CALLS_MIN = 3;
/** At most one account at the old price for so many at the new one. */
const DEAR_TO_USUAL = 4;
const ALARMING_ACCOUNTS_MIN = 10;
/** Prices that are wrong by up to so many times as much as others are wrong alike. */
const ALIKE_MAX = 3;
const WIDE_RANGES_MIN = 5;
const NAMED_MAX = 10;

/** A call on a range that is looked at closely (`price`: charged to expected), or an account that alarmed on it. */
export interface TariffSign {
  kind: 'price' | 'alarm';
  accountId: string;
  at: Instant;
  ratio: number;
}

/**
 * Whether a sign is one of a wrong price or of an attack; others tell that the old price is paid still. `right` as in
 * {@link brakeCause}.
 */
export function speaksAgainst({ kind, ratio }: Pick<TariffSign, 'kind' | 'ratio'>, right = 1): boolean {
  return kind === 'alarm' || ratio >= SUSPICIOUS_RATIO * right;
}

export type BrakeCause =
  | { kind: 'price'; accounts: number; calls: number; ratio: number; since: Instant }
  | { kind: 'alarms'; accounts: number; since: Instant };

/** A wrong price that is in doubt, or was found wrong, with the ranges that it is on in the order in which they were braked. */
export interface PriceFault {
  caseNo: string;
  ranges: readonly string[];
  /** how many times what was usual the first of them was charged, and what was said of it */
  ratio: number;
  words: string;
}

/** The fault among `faults` that prices which are `ratio` times what was usual belong to. */
export function faultLike(faults: readonly PriceFault[], ratio: number): PriceFault | undefined {
  return faults.find((fault) => isAlike(fault, ratio));
}

function isAlike(fault: PriceFault, ratio: number): boolean {
  return Math.max(fault.ratio, ratio) <= ALIKE_MAX * Math.min(fault.ratio, ratio);
}

/**
 * Why a range is to be braked; `undefined`: it is not. `signs` are those of one range; `right`: so many times what was usual
 * was found right, and is as usual; `faults` are on other ranges.
 */
export function brakeCause(
  signs: readonly TariffSign[],
  now: Instant,
  { right = 1, faults = [] }: { right?: number; faults?: readonly PriceFault[] } = {},
): BrakeCause | undefined {
  const dear = new Map<string, TariffSign[]>();
  const usual = new Set<string>();
  const alarming = new Map<string, Instant>();
  for (const sign of signs) {
    if (sign.kind === 'alarm') {
      if (sign.at > now - ALARM_SIGNS_MS) alarming.set(sign.accountId, sign.at);
    } else if (sign.at > now - PRICE_SIGNS_MS) {
      if (speaksAgainst(sign, right)) dear.set(sign.accountId, [...(dear.get(sign.accountId) ?? []), sign]);
      else usual.add(sign.accountId);
    }
  }
  const dearCalls = [...dear.values()].flat();
  const ratio = median(dearCalls.map((sign) => sign.ratio));
  const isWide = dear.size > 0 && faults.some((each) => each.ranges.length >= WIDE_RANGES_MIN && isAlike(each, ratio));
  const isEnough = isWide || (dear.size >= DEAR_ACCOUNTS_MIN && dearCalls.length >= DEAR_CALLS_MIN);
  if (isEnough && usual.size * DEAR_TO_USUAL <= dear.size) {
    return {
      kind: 'price',
      accounts: dear.size,
      calls: dearCalls.length,
      ratio,
      since: Math.min(...dearCalls.map(({ at }) => at)),
    };
  }
  if (alarming.size >= ALARMING_ACCOUNTS_MIN) {
    return { kind: 'alarms', accounts: alarming.size, since: Math.min(...alarming.values()) };
  }
  return undefined;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1] ?? 1;
}

/** What the billing team reads. */
export function brakeInWords(range: string, cause: BrakeCause): string {
  if (cause.kind === 'price') {
    return (
      `Calls to ${range} are charged ${cause.ratio.toFixed(cause.ratio < 10 ? 1 : 0)} times the highest usual price: ${counted(cause.calls, 'call')} of ` +
      `${counted(cause.accounts, 'account')}, and hardly anyone pays the old price. This looks like a wrong tariff: account actions that are due to ` +
      `${range} wait until this case is settled.`
    );
  }
  return (
    `${cause.accounts} accounts alarm on ${range} within hours, at prices that are usual or have no history. This may be one attack on many, or a fault: ` +
    `account actions that are due to ${range} wait until this case is settled.`
  );
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Of a fault that is on `range` as well. */
export function faultInWords({ words, ranges }: PriceFault, range: string): string {
  const others = [...ranges.slice(1), range];
  const more = others.length > NAMED_MAX ? ` and ${others.length - NAMED_MAX} more ranges` : '';
  return `${words} So are calls to ${others.slice(0, NAMED_MAX).join(', ')}${more}, by about as much: what is due to those waits too.`;
}
