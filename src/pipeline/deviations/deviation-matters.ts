/** A deviation that rose to a level, as the matter that follows from it. Pure. */
import type { Account } from '../../accounts/account.ts';
import { parseBarScope, suspendedClass, type BarScope } from '../../caps/barring.ts';
import { decideDeviation } from '../../decisions/decide-deviation.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Deviation } from '../../deviations/deviation.ts';
import type { Held } from '../../deviations/ignored-hold.ts';
import type { DeviationPolicy } from '../../deviations/policy.ts';
import { formatInstant, type Instant } from '../../kernel/clock.ts';
import type { Version } from '../../ledger/version.ts';
import { recordFacts } from '../deciding/crossing-matters.ts';
import type { Matter } from '../deciding/matter.ts';

const HOUR_MS = 3_600_000;

export interface Observed {
  deviation: Deviation;
  record: Version;
  account: Account;
  policy: DeviationPolicy;
  /** by which norms it was judged; empty: by none that were fitted */
  normsNo: string;
  /** when the record became available */
  at: Instant;
  /** the hold past which spend goes on: that suspends, whatever the score has come to */
  ignoredHold?: Held;
}

export function deviationMatter(observed: Observed): Matter {
  const { deviation, record, account, policy, normsNo, at, ignoredHold } = observed;
  const mode = policy.mode === 'off' ? 'shadow' : policy.mode;
  const decided = decideDeviation(deviation, record, account, at, mode, ignoredHold);
  const words = mode === 'shadow' ? undefined : wordsOf(decided, deviation, account, at);
  const decision = words && isUnreachable(account) ? notWarned(decided) : decided;
  return {
    decision,
    account,
    cause: JSON.stringify([account.accountId, 'deviation', decision.id]),
    known: {
      policy: {
        scope: policy.scope.kind === 'everyone' ? {} : { [policy.scope.kind]: policy.scope.value },
        version: policy.version,
        mode: policy.mode,
        false_actions_per_1000_customers_a_month: policy.falseBudget,
      },
      norms: normsNo === '' ? 'none fitted yet' : normsNo,
      record: recordFacts(record, account.timeZone),
      since: formatInstant(deviation.since, account.timeZone),
    },
    stretch: {
      accountId: account.accountId,
      serviceId: '',
      traffic: decision.traffic === '' ? 'all' : decision.traffic,
      from: Math.min(deviation.since, record.startedAt),
      to: Math.max(at, record.startedAt) + 1,
    },
    bars: scopesOf(decision, deviation).map((scope) => ({ scope, endsAt: undefined })),
    words: isUnreachable(account) ? undefined : words,
  };
}

/** What is barred, or will be when a person has said so: nothing in shadow mode. */
function scopesOf(decision: Decision, deviation: Deviation): BarScope[] {
  if (decision.mode === 'shadow') return [];
  if (decision.type === 'hold') {
    return deviation.bars.map(parseBarScope).filter((scope) => scope !== undefined);
  }
  const barred = decision.type === 'suspend' ? suspendedClass(decision.action) : undefined;
  return barred === undefined ? [] : [barred];
}

function isUnreachable({ email, msisdn }: Account): boolean {
  return email === '' && msisdn === '';
}

function notWarned(decision: Decision): Decision {
  const why = 'The customer could not be warned: no e-mail address and no mobile number on file.';
  return {
    ...decision,
    type: decision.type === 'warn' ? 'notify-operator' : decision.type,
    explanation: `${decision.explanation} ${why}`,
  };
}

/** What the customer is told; where nothing is barred, or not before a person says so, only that usage is unusual. */
function wordsOf(decision: Decision, deviation: Deviation, account: Account, at: Instant): Matter['words'] {
  const enforced = decision.mode === 'enforce';
  const terms = account.suspensionTerms;
  const facts = {
    accountName: account.name,
    locale: account.locale,
    timeZone: account.timeZone,
    traffic: decision.traffic,
    spend: deviation.money,
    limit: undefined,
    currency: account.currency,
    percent: undefined,
    period: 'rolling' as const,
    periodHours: Math.max(1, Math.ceil((at - deviation.since) / HOUR_MS)),
    periodEnd: at,
    next: undefined,
  };
  const barred = decision.type === 'suspend' ? suspendedClass(decision.action) : undefined;
  if (enforced && barred) return { ...facts, kind: 'suspend', suspended: { class: barred, until: undefined, terms } };
  const scopes = scopesOf(decision, deviation);
  if (enforced && decision.type === 'hold' && scopes.length > 0) {
    return { ...facts, kind: 'hold', held: { scopes, until: undefined, terms } };
  }
  return { ...facts, kind: 'unusual' };
}
