/** From a deviation that rose to a level to what is done about it. Pure: live and a replay decide the same. */
import type { Account } from '../accounts/account.ts';
import type { Mode } from '../caps/cap.ts';
import { isAtHome, type Deviation } from '../deviations/deviation.ts';
import { explain } from '../deviations/explain.ts';
import type { Held } from '../deviations/ignored-hold.ts';
import type { Level } from '../deviations/levels.ts';
import type { Traffic } from '../destinations/traffic.ts';
import { formatInstant, type Instant } from '../kernel/clock.ts';
import { formatAmount } from '../kernel/money.ts';
import type { Version } from '../ledger/version.ts';
import { decisionId, type Decision, type DecisionType } from './decision.ts';

/** `record` is the one that raised it; `at`, when that became available; `ignored`, the hold past which spend goes on: that suspends, whatever the score has come to. */
export function decideDeviation(
  deviation: Deviation,
  record: Version,
  account: Account,
  at: Instant,
  mode: Mode,
  ignored?: Held,
): Decision {
  const { level, thresholds } = deviation;
  const bars = level === 'hold' || level === 'suspend';
  const refused = bars && account.suspensionTerms === '';
  const type: DecisionType = refused ? 'notify-operator' : (level as DecisionType);
  const action = level === 'suspend' ? `suspend:${suspendedBy(deviation)}` : level;
  return {
    id: idOf(record, account, level),
    at,
    accountId: account.accountId,
    type,
    trigger: 'deviation',
    action,
    capId: '',
    capVersion: 0,
    period: '',
    // A hold's threshold had been reached; what suspends is that spend went on.
    threshold: ignored
      ? Math.min(rounded(thresholds.hold), rounded(deviation.score))
      : rounded(thresholds[level as keyof typeof thresholds]),
    traffic: trafficOf(deviation, account),
    spend: deviation.money,
    limit: undefined,
    currency: account.currency,
    recordId: record.recordId,
    serviceId: record.serviceId,
    mode,
    explanation: `${pastHold(ignored, account)}${explain(deviation, account, 'en')} ${consequence(deviation, account, mode, refused)}`,
    score: rounded(deviation.score),
    evidence: evidenceOf(deviation, account),
  };
}

/** What the usage is called in a cap's words: for the customer's mail and page. No word but `all` is of use abroad, or of usage of several sorts. */
function trafficOf({ family, places }: Deviation, { homeCountry }: Account): Traffic {
  if (isAtHome(family) || family === 'roaming') return 'all';
  if (places.length > 0 && places.every(({ kind }) => kind === 'premium')) return 'premium';
  const isAbroad = places.every(({ kind, country }) => kind !== 'roaming' && country !== homeCountry);
  return isAbroad ? 'international' : 'all';
}

/** A call that grows may rise again, as when a verdict came in between: each version decides for itself, and moves once. */
function idOf({ origin, recordId, startedAt, state, revision }: Version, { accountId }: Account, level: Level): string {
  return decisionId('deviation', accountId, level, origin, recordId, startedAt, state, revision);
}

/** What a suspension bars: premium numbers where it is about nothing else, else everything abroad. */
function suspendedBy({ places }: Deviation): 'premium' | 'international' {
  return places.length > 0 && places.every(({ kind }) => kind === 'premium') ? 'premium' : 'international';
}

function pastHold(ignored: Held | undefined, { timeZone }: Account): string {
  return ignored ? `Spend went on past the hold of ${formatInstant(ignored.at, timeZone)}: as much again since. ` : '';
}

/** Named, not told as done: what comes after (a brake, a guard, no address to write to) says what becomes of it. */
function consequence(deviation: Deviation, account: Account, mode: Mode, refused: boolean): string {
  const { level, bars } = deviation;
  const recorded = mode === 'shadow' ? ' Shadow mode: recorded only.' : '';
  if (level === 'warn')
    return `${mode === 'shadow' ? 'The customer would have been warned.' : 'Warning to the customer.'}${recorded}`;
  // Data, use abroad, and what goes to many ranges at home, have no number to bar.
  if (level === 'hold' && bars.length === 0) {
    return `A hold is due, but no number stands for this usage that a switch could bar: nothing is barred, the billing team decides.${recorded}`;
  }
  const what = level === 'hold' ? `Hold of ${bars.join(', ')}` : 'Suspension';
  if (refused) {
    return `${what} is due, but there are no suspension_terms on file for account ${account.accountId}: the billing team decides.`;
  }
  const agreed = `agreed by ${account.suspensionTerms}`;
  return mode === 'approve' ? `${what} waits for approval; ${agreed}.` : `${what}, ${agreed}.${recorded}`;
}

function evidenceOf(deviation: Deviation, account: Account): Record<string, unknown> {
  const { thresholds, usual, shortCalls } = deviation;
  return {
    family: deviation.family,
    window_hours: deviation.windowHours,
    since: formatInstant(deviation.since, account.timeZone),
    calls: deviation.calls,
    money: formatAmount(deviation.money),
    places: deviation.places.map(({ kind, country, calls, isNew }) => ({ kind, country, calls, new: isNew })),
    block: deviation.block,
    raised: deviation.raised.map(({ factor, share }) => ({ factor, share: rounded(share) })),
    exceeds: deviation.exceeds.map(({ what, times }) => ({ what, times: rounded(times) })),
    short_calls: shortCalls && { count: shortCalls.count, usual: rounded(shortCalls.usual), days: shortCalls.days },
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

/** The number blocks that a deviation's decision is about: that of the deciding record, and those that it bars. */
export function blocksOf({ evidence }: Decision): string[] {
  const { block, bars } = { bars: [], ...(evidence as { block?: string; bars?: string[] } | undefined) };
  const blocks = [block, ...bars].filter((each) => each?.startsWith('prefix:')) as string[];
  return [...new Set(blocks.map((each) => each.slice('prefix:'.length)))];
}

/** Three digits are more than an estimate deserves. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
