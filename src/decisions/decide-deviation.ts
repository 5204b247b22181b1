/** From a deviation that rose to a level to what is done about it. Pure: live and a replay decide the same. */
import type { Account } from '../accounts/account.ts';
import type { Mode } from '../caps/cap.ts';
import { isAtHome, type Deviation } from '../deviations/deviation.ts';
import { explain } from '../deviations/explain.ts';
import { formatInstant, type Instant } from '../kernel/clock.ts';
import { formatAmount } from '../kernel/money.ts';
import type { Version } from '../ledger/version.ts';
import { decisionId, type Decision, type DecisionType } from './decision.ts';

/** `record` is the one that raised it; `at`, when that became available. */
export function decideDeviation(
  deviation: Deviation,
  record: Version,
  account: Account,
  at: Instant,
  mode: Mode,
): Decision {
  const { level, thresholds } = deviation;
  const bars = level === 'hold' || level === 'suspend';
  const refused = bars && account.suspensionTerms === '';
  const type: DecisionType = refused ? 'notify-operator' : (level as DecisionType);
  const action = level === 'suspend' ? `suspend:${suspendedBy(deviation)}` : level;
  return {
    id: decisionId('deviation', account.accountId, level, record.origin, record.recordId, record.startedAt),
    at,
    accountId: account.accountId,
    type,
    trigger: 'deviation',
    action,
    capId: '',
    capVersion: 0,
    period: '',
    threshold: rounded(thresholds[level as keyof typeof thresholds]),
    traffic: isAtHome(deviation.family) ? 'all' : 'international',
    spend: deviation.money,
    limit: undefined,
    currency: account.currency,
    recordId: record.recordId,
    serviceId: record.serviceId,
    mode,
    explanation: `${explain(deviation, account, 'en')} ${consequence(deviation, account, mode, refused)}`,
    score: rounded(deviation.score),
    evidence: evidenceOf(deviation, account),
  };
}

/** What a suspension bars: premium numbers where it is about nothing else, else everything abroad. */
function suspendedBy({ places }: Deviation): 'premium' | 'international' {
  return places.length > 0 && places.every(({ kind }) => kind === 'premium') ? 'premium' : 'international';
}

function consequence(deviation: Deviation, account: Account, mode: Mode, refused: boolean): string {
  if (deviation.level === 'warn') return 'The customer is warned.';
  const what = deviation.level === 'hold' ? holdOf(deviation) : 'Suspension';
  if (refused) {
    return `${what} is due, but there are no suspension_terms on file for account ${account.accountId}: the billing team decides.`;
  }
  const agreed = `agreed by ${account.suspensionTerms}`;
  if (mode === 'shadow') return `${what}, ${agreed}. Shadow mode: recorded only.`;
  return mode === 'approve' ? `${what} waits for approval; ${agreed}.` : `${what}, ${agreed}.`;
}

/** Data, and use abroad or at home of no single range, have nothing that a switch could bar: then a hold is for people to act on. */
function holdOf({ bars }: Deviation): string {
  return bars.length > 0 ? `Hold of ${bars.join(', ')}` : 'Hold, with nothing in it that a switch could bar';
}

function evidenceOf(deviation: Deviation, account: Account): Record<string, unknown> {
  const { thresholds, usual } = deviation;
  return {
    family: deviation.family,
    window_hours: deviation.windowHours,
    since: formatInstant(deviation.since, account.timeZone),
    calls: deviation.calls,
    money: formatAmount(deviation.money),
    places: deviation.places.map(({ kind, country, calls, isNew }) => ({ kind, country, calls, new: isNew })),
    block: deviation.block,
    raised: deviation.raised.map(({ factor, share }) => ({ factor, share: rounded(share) })),
    usual: { per_day: formatAmount(usual.perDay), days: usual.days },
    thresholds: {
      warn: rounded(thresholds.warn),
      hold: rounded(thresholds.hold),
      suspend: rounded(thresholds.suspend),
    },
    bars: deviation.level === 'warn' ? [] : deviation.bars,
    explanations: { en: explain(deviation, account, 'en'), nl: explain(deviation, account, 'nl') },
  };
}

/** Three digits are more than an estimate deserves. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
