/**
 * How much a customer may consent to by themselves. Pure. Nobody may until the billing team says so: what is spent by
 * someone who broke in could be waved through by them too, where they read the customer's mail.
 */
import { parseAmount, type Micros } from '../kernel/money.ts';

const POLICY_SCOPES = ['everyone', 'segment', 'account'] as const;

export interface ConsentPolicy {
  scope: (typeof POLICY_SCOPES)[number];
  /** empty for everyone */
  value: string;
  currency: string;
  /** what may be spent in the cap's period, all in all; nothing: no consent */
  maximum: Micros;
}

/** The maximum of the most specific policy; `undefined` where none allows any. */
export function maximumConsent(
  policies: readonly ConsentPolicy[],
  account: { accountId: string; segment: string; currency: string },
): Micros | undefined {
  const values = { everyone: '', segment: account.segment, account: account.accountId };
  const [most] = policies
    .filter(({ scope, value, currency }) => currency === account.currency && value === values[scope])
    .toSorted((a, b) => POLICY_SCOPES.indexOf(b.scope) - POLICY_SCOPES.indexOf(a.scope));
  return most && most.maximum > 0n ? most.maximum : undefined;
}

export interface ConsentBounds {
  spend: Micros;
  limit: Micros;
  maximum: Micros;
}

export type WrongAmount = 'unreadable' | 'too-low' | 'too-high';

/**
 * Reads the amount that a customer typed, with a comma or a point before the cents and nothing between thousands, where
 * it could be mistaken. It must be more than limit and spend, or it would change nothing.
 */
export function readConsent(text: string, { spend, limit, maximum }: ConsentBounds): Micros | WrongAmount {
  const typed = text.replaceAll(/[\s\u00A0]/g, '').replace(/^(?:€|£|\$|[A-Z]{3})|(?:€|[A-Z]{3})$/g, '');
  const amount = /^\d{1,9}(?:[.,]\d{1,2})?$/.test(typed) ? parseAmount(typed.replace(',', '.')) : undefined;
  if (amount === undefined) return 'unreadable';
  if (amount <= limit || amount <= spend) return 'too-low';
  return amount > maximum ? 'too-high' : amount;
}
