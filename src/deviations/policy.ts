/**
 * What a provider wants done about deviations: for everyone, a segment or an account; the most specific one holds. Pure.
 */
import { z } from 'zod';
import type { Account } from '../accounts/account.ts';

/**
 * `off`: not watched; `shadow`: computed and recorded as what would have been done; `approve`: warns, and a hold or
 * suspension waits for a person; `enforce`.
 */
export const DEVIATION_MODES = ['off', 'shadow', 'approve', 'enforce'] as const;
export type DeviationMode = (typeof DEVIATION_MODES)[number];

export interface PolicyScope {
  kind: 'everyone' | 'segment' | 'account';
  /** empty for everyone */
  value: string;
}

export interface DeviationPolicy {
  scope: PolicyScope;
  version: number;
  mode: DeviationMode;
  /** at most so many false holds and suspensions per 1,000 customers a month */
  falseBudget: number;
}

/**
 * Nobody is barred by a rule that the provider has not seen at work: until somebody says more, it only shows what it would
 * do, and not even that before norms have been fitted to the provider's own accounts.
 */
export const FIRST_POLICY: DeviationPolicy = {
  scope: { kind: 'everyone', value: '' },
  version: 0,
  mode: 'shadow',
  falseBudget: 1,
};

const FALSE_BUDGET_MIN = 0.05;
const FALSE_BUDGET_MAX = 100;

/** A policy as it travels. */
export const policyForm = z
  .strictObject({
    mode: z.enum(DEVIATION_MODES, { error: `must be one of ${DEVIATION_MODES.join(', ')}` }).meta({
      description:
        '`off`: not watched; `shadow`: recorded as what would have been done; `approve`: a hold or suspension waits for a person; `enforce`',
    }),
    false_actions_per_1000_customers_a_month: z
      .number()
      .min(FALSE_BUDGET_MIN)
      .max(FALSE_BUDGET_MAX)
      .refine((value) => Math.abs(Math.round(value * 100) - value * 100) < 1e-6, {
        error: 'may have two decimals at most',
      })
      .meta({ description: 'at most so many false holds and suspensions per 1,000 customers a month' }),
  })
  .meta({ id: 'DeviationPolicyForm' });

/** The policies that hold at one moment. */
export class PolicyBook {
  readonly all: readonly DeviationPolicy[];
  readonly #everyone: DeviationPolicy;
  readonly #segments = new Map<string, DeviationPolicy>();
  readonly #accounts = new Map<string, DeviationPolicy>();
  readonly #watchesAll: boolean;

  constructor(policies: readonly DeviationPolicy[]) {
    this.all = policies;
    this.#everyone = policies.find(({ scope }) => scope.kind === 'everyone') ?? FIRST_POLICY;
    for (const policy of policies) {
      if (policy.scope.kind === 'segment') this.#segments.set(policy.scope.value, policy);
      if (policy.scope.kind === 'account') this.#accounts.set(policy.scope.value, policy);
    }
    this.#watchesAll = [this.#everyone, ...policies].every(({ mode }) => mode !== 'off');
  }

  of({ accountId, segment }: Pick<Account, 'accountId' | 'segment'>): DeviationPolicy {
    return this.#accounts.get(accountId) ?? this.#segments.get(segment) ?? this.#everyone;
  }

  watches(account: Pick<Account, 'accountId' | 'segment'>): boolean {
    return this.#watchesAll || this.of(account).mode !== 'off';
  }
}
