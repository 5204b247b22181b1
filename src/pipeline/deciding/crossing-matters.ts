/** A threshold that was crossed, as the matters that follow from it. Pure. */
import type { Account } from '../../accounts/account.ts';
import { suspendedClass } from '../../caps/barring.ts';
import type { Cap } from '../../caps/cap.ts';
import type { Crossing } from '../../caps/crossing.ts';
import { decide } from '../../decisions/decide.ts';
import { warns, type Decision } from '../../decisions/decision.ts';
import { formatInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { rollingHours, type CalendarPeriod } from '../../kernel/period.ts';
import type { Version } from '../../ledger/version.ts';
import type { Matter, Stretch, WantedBar, Words } from './matter.ts';

export function crossingMatters(crossing: Crossing, at: Instant): Matter[] {
  const decisions = decide(crossing, at);
  const suspended = decisions.find(suspends);
  const { account, meter, period, threshold } = crossing;
  const known = knownOf(crossing);
  const matter = (decision: Decision): Matter => ({
    decision,
    account,
    cause: JSON.stringify([account.accountId, meter.cap.id, period.name, threshold.percent]),
    known,
    stretch: stretchOf(crossing),
    bars: suspends(decision) ? barsOf(decision, crossing) : [],
    words: warns(decision) ? wordsOf(crossing, suspended) : undefined,
  });
  return decisions.map(matter);
}

/** Whether a decision bars routes, now or when a person approves; shadow mode only records. */
function suspends(decision: Decision): boolean {
  return decision.type === 'suspend' && decision.mode !== 'shadow';
}

function barsOf(decision: Decision, { meter, period }: Crossing): WantedBar[] {
  const scope = suspendedClass(decision.action);
  return scope ? [{ scope, endsAt: endOf(meter.cap, period.to) }] : [];
}

function endOf(cap: Cap, periodEnd: Instant): Instant | undefined {
  return cap.reinstate === 'period-end' ? periodEnd : undefined;
}

/** The usage of a period; a rolling window is open at its beginning and closed at its end, halfway to where it acts. */
function stretchOf({ account, meter: { cap, serviceId }, period }: Crossing): Stretch {
  const hours = rollingHours(cap.period);
  const { from, to } =
    hours === undefined ? period : { from: period.from + 1, to: period.from + hours * 3_600_000 + 1 };
  return { accountId: account.accountId, serviceId, traffic: cap.traffic, from, to };
}

/** An account under a cap in a period, with what it has spent. */
export interface UnderCap {
  account: Account;
  cap: Cap;
  period: CalendarPeriod;
  spend: Micros;
}

function wordsOf(crossing: Crossing, suspended: Decision | undefined): Matter['words'] {
  const { account, meter, period, threshold } = crossing;
  const spend = crossing.spend + (crossing.exposure?.amount ?? 0n);
  const { cap } = meter;
  return {
    ...wordsUnderCap({ account, cap, period, spend }),
    kind: suspended ? (suspended.mode === 'approve' ? 'approve' : 'suspend') : 'warn',
    percent: threshold.percent,
    ...(suspended && suspended.mode === 'enforce'
      ? {
          suspended: {
            class: suspendedClass(suspended.action)!,
            until: endOf(cap, period.to),
            terms: account.suspensionTerms,
          },
        }
      : {}),
  };
}

/** What a customer is told of a cap, whatever the cause: where they stand, and what comes next. */
export function wordsUnderCap({ account, cap, period, spend }: UnderCap): Omit<Words, 'kind' | 'percent'> {
  const hours = rollingHours(cap.period);
  const next = cap.thresholds.find((each) => each.amount > spend);
  const nextBar = next?.actions.map(suspendedClass).find((barred) => barred !== undefined);
  return {
    accountName: account.name,
    locale: account.locale,
    timeZone: account.timeZone,
    traffic: cap.traffic,
    spend,
    limit: cap.limit,
    currency: account.currency,
    period: hours === undefined ? (cap.period as 'day' | 'week' | 'month') : 'rolling',
    ...(hours === undefined ? {} : { periodHours: hours }),
    periodEnd: period.to,
    next: next && {
      percent: next.percent,
      amount: next.amount,
      warn: next.actions.includes('warn'),
      ...(nextBar && isEnforced(cap, account) ? { suspend: nextBar } : {}),
    },
  };
}

function isEnforced(cap: Cap, account: Account): boolean {
  return cap.mode === 'enforce' && account.suspensionTerms !== '';
}

function knownOf({ account, meter, period, record, exposure }: Crossing): Record<string, unknown> {
  return {
    ...knownOfCap(meter.cap, period, account.timeZone),
    record: record && recordFacts(record, account.timeZone),
    exposure: exposure && exposureFacts(exposure, account.timeZone),
  };
}

/** The cap and the period as they were, for evidence. */
export function knownOfCap(cap: Cap, period: CalendarPeriod, timeZone: string): Record<string, unknown> {
  return {
    cap: { id: cap.id, version: cap.version, ...capFacts(cap) },
    period: { name: period.name, from: formatInstant(period.from, timeZone), to: formatInstant(period.to, timeZone) },
  };
}

function capFacts(cap: Cap): Record<string, unknown> {
  return {
    name: cap.name,
    scope: cap.scope.kind === 'everyone' ? {} : { [cap.scope.kind]: cap.scope.value },
    traffic: cap.traffic,
    cap_period: cap.period,
    limit: formatAmount(cap.limit),
    ...(cap.uplift === 0n ? {} : { uplift: formatAmount(cap.uplift) }),
    currency: cap.currency,
    thresholds: cap.thresholds.map(({ percent, amount, actions }) => ({
      percent: String(percent),
      amount: formatAmount(amount),
      actions: [...actions],
    })),
    mode: cap.mode,
    reinstate: cap.reinstate,
  };
}

/** The calls that came to most; what all of them came to stands beside. */
const CALLS_SHOWN_MAX = 20;

function exposureFacts({ amount, calls }: NonNullable<Crossing['exposure']>, timeZone: string) {
  const shown = calls.toSorted((a, b) => (a.amount < b.amount ? 1 : -1)).slice(0, CALLS_SHOWN_MAX);
  return {
    amount: formatAmount(amount),
    calls_in_progress: calls.length,
    calls: shown.map(({ call, amount: own }) => ({
      call_id: call.callId,
      seen_by: call.source,
      b_number: call.number,
      country: call.country,
      started_at: formatInstant(call.startedAt, timeZone),
      amount: formatAmount(own),
      price: { amount: formatAmount(call.price.amount), seconds: call.price.seconds, from: call.price.from },
    })),
  };
}

export function recordFacts(record: Version, timeZone: string): Record<string, unknown> {
  return {
    record_id: record.recordId,
    origin: record.origin,
    service_id: record.serviceId,
    started_at: formatInstant(record.startedAt, timeZone),
    duration_s: record.durationSeconds,
    kind: record.kind,
    a_number: record.aNumber,
    b_number: record.destination.number,
    country: record.destination.country,
    amount: formatAmount(record.amount),
    state: record.state,
    revision: record.revision,
    origin_country: record.originCountry,
  };
}
