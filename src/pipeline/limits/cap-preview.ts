/** What a cap would do at once, told by account from what would be decided. Pure. */
import { suspendedClass, type BarringClass } from '../../caps/barring.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Micros } from '../../kernel/money.ts';

/** What a cap would do at once if it were saved now. */
export interface CapPreview {
  /** by account; at most {@link PREVIEWED_ACCOUNTS_MAX} */
  accounts: {
    account: string;
    spend: Micros;
    limit: Micros;
    percent: number;
    thresholds: number[];
    warn: boolean;
    suspend: BarringClass[];
  }[];
  affected: number;
  warned: number;
  suspended: number;
  /** whose suspension would be lifted; at most {@link PREVIEWED_ACCOUNTS_MAX} */
  lifts: string[];
  lifted: number;
  truncated: boolean;
}

const PREVIEWED_ACCOUNTS_MAX = 1_000;

export function previewOf(decisions: readonly Decision[]): CapPreview {
  const byAccount = new Map<string, CapPreview['accounts'][number]>();
  const lifts = new Set<string>();
  for (const { accountId, type, spend, limit, threshold, action, mode } of decisions) {
    if (type === 'restore') lifts.add(accountId);
    if (spend === undefined || limit === undefined || threshold === undefined || type === 'restore') continue;
    let entry = byAccount.get(accountId);
    if (!entry) {
      const percent = Number((spend * 1000n) / limit) / 10;
      byAccount.set(
        accountId,
        (entry = { account: accountId, spend, limit, percent, thresholds: [], warn: false, suspend: [] }),
      );
    }
    if (!entry.thresholds.includes(threshold)) entry.thresholds.push(threshold);
    if (type === 'warn' && mode !== 'shadow') entry.warn = true;
    const barred = type === 'suspend' && mode !== 'shadow' ? suspendedClass(action) : undefined;
    if (barred && !entry.suspend.includes(barred)) entry.suspend.push(barred);
  }
  const accounts = [...byAccount.values()];
  return {
    accounts: accounts.slice(0, PREVIEWED_ACCOUNTS_MAX),
    affected: accounts.length,
    warned: accounts.filter((each) => each.warn).length,
    suspended: accounts.filter((each) => each.suspend.length > 0).length,
    lifts: [...lifts].slice(0, PREVIEWED_ACCOUNTS_MAX),
    lifted: lifts.size,
    truncated: Math.max(accounts.length, lifts.size) > PREVIEWED_ACCOUNTS_MAX,
  };
}
