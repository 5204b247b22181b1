/** By how much near-real-time and nightly usage of a day may differ before somebody has to look. Pure. */
import type { Micros } from '../kernel/money.ts';
import type { Comparison, ReconciliationLine } from './reconciliation.ts';

export interface Tolerance {
  /** of the records, and of the money: millionths of a percent */
  percent: Micros;
  /** in the currency of the accounts */
  amount: Micros;
}

/** 1 %, or 10.00 */
export const DEFAULT_TOLERANCE: Tolerance = { percent: 1_000_000n, amount: 10_000_000n };

export interface ComparedSum {
  records: number;
  near: Micros;
  nightly: Micros;
  /** what the records differ by, without signs */
  apart: Micros;
}

/** What compares alike, summed up; money only within a currency. */
export interface CurrencyTotals {
  currency: string;
  sums: Record<Comparison, ComparedSum>;
}

export function totalsOf(lines: readonly ReconciliationLine[]): CurrencyTotals[] {
  const totals = new Map<string, CurrencyTotals>();
  for (const { currency, comparison, records, near, nightly, apart } of lines) {
    let total = totals.get(currency);
    if (!total) totals.set(currency, (total = { currency, sums: nothingYet() }));
    const sum = total.sums[comparison];
    sum.records += records;
    sum.near += near;
    sum.nightly += nightly;
    sum.apart += apart;
  }
  return [...totals.values()].toSorted((a, b) => (a.currency < b.currency ? -1 : 1));
}

function nothingYet(): Record<Comparison, ComparedSum> {
  const none = () => ({ records: 0, near: 0n, nightly: 0n, apart: 0n });
  return { equal: none(), different: none(), 'only-near': none(), 'only-nightly': none() };
}

/** Whether near real time had anything at all: where it never brings usage, a nightly file has nothing to differ from. */
export function canCompare({ sums }: CurrencyTotals): boolean {
  return sums.equal.records + sums.different.records + sums['only-near'].records > 0;
}

/**
 * Whether a currency's totals differ by more than is tolerated: more than the amount, or more than the share of the money
 * or of the records. Records without a price show in the latter.
 */
export function isBeyond({ sums }: CurrencyTotals, { percent, amount }: Tolerance): boolean {
  const all = Object.values(sums);
  const apart = all.reduce((sum, each) => sum + each.apart, 0n);
  const near = all.reduce((sum, each) => sum + each.near, 0n);
  const nightly = all.reduce((sum, each) => sum + each.nightly, 0n);
  const records = all.reduce((sum, each) => sum + each.records, 0);
  const unequal = records - sums.equal.records;
  const whole = [near, nightly, -near, -nightly].reduce((a, b) => (a > b ? a : b));
  return (
    apart > amount || isShareBeyond(apart, whole, percent) || isShareBeyond(BigInt(unequal), BigInt(records), percent)
  );
}

const WHOLE_PERCENT = 100_000_000n;

function isShareBeyond(part: bigint, whole: bigint, percent: Micros): boolean {
  return part * WHOLE_PERCENT > whole * percent;
}
