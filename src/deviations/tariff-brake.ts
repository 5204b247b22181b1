/**
 * When account actions on a number range must wait, since the fault is likely not the accounts' but the tariff's. Pure.
 *
 * A wrong price shows itself in this: calls of several accounts cost many times what was ever usual on the range, and
 * hardly anybody pays the old price any more. An attack does not change a tariff: beside a dear number that is abused,
 * the others of its range go on at their price.
 *
 * Many accounts that alarm on one range within hours may be a wrong price nobody had a history of, or one attack on many:
 * either way a person looks first.
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

/** A call on a range that is looked at closely (`price`: charged to expected), or an account that alarmed on it. */
export interface TariffSign {
  kind: 'price' | 'alarm';
  accountId: string;
  at: Instant;
  ratio: number;
}

export type BrakeCause =
  | { kind: 'price'; accounts: number; calls: number; ratio: number; since: Instant }
  | { kind: 'alarms'; accounts: number; since: Instant };

/**
 * Why a range is to be braked; `undefined`: it is not. `signs` are those of one range; `right`: so many times what was usual
 * was found right, and is as usual.
 */
export function brakeCause(signs: readonly TariffSign[], now: Instant, right = 1): BrakeCause | undefined {
  const dear = new Map<string, TariffSign[]>();
  const usual = new Set<string>();
  const alarming = new Map<string, Instant>();
  for (const sign of signs) {
    if (sign.kind === 'alarm') {
      if (sign.at > now - ALARM_SIGNS_MS) alarming.set(sign.accountId, sign.at);
    } else if (sign.at > now - PRICE_SIGNS_MS) {
      if (sign.ratio < SUSPICIOUS_RATIO * right) usual.add(sign.accountId);
      else dear.set(sign.accountId, [...(dear.get(sign.accountId) ?? []), sign]);
    }
  }
  const dearCalls = [...dear.values()].flat();
  if (dear.size >= DEAR_ACCOUNTS_MIN && dearCalls.length >= DEAR_CALLS_MIN && usual.size * DEAR_TO_USUAL <= dear.size) {
    return {
      kind: 'price',
      accounts: dear.size,
      calls: dearCalls.length,
      ratio: median(dearCalls.map(({ ratio }) => ratio)),
      since: Math.min(...dearCalls.map(({ at }) => at)),
    };
  }
  if (alarming.size >= ALARMING_ACCOUNTS_MIN) {
    return { kind: 'alarms', accounts: alarming.size, since: Math.min(...alarming.values()) };
  }
  return undefined;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!;
}

/** What the billing team reads. */
export function brakeInWords(range: string, cause: BrakeCause): string {
  if (cause.kind === 'price') {
    return (
      `Calls to ${range} are charged ${cause.ratio.toFixed(cause.ratio < 10 ? 1 : 0)} times the highest usual price: ${cause.calls} calls of ` +
      `${cause.accounts} accounts, and hardly anyone pays the old price. This looks like a wrong tariff: account actions that are due to ` +
      `${range} wait until this case is settled.`
    );
  }
  return (
    `${cause.accounts} accounts alarm on ${range} within hours, at prices that are usual or have no history. This may be one attack on many, or a fault: ` +
    `account actions that are due to ${range} wait until this case is settled.`
  );
}
