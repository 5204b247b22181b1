/** What was known when a decision was made, frozen for its entry of evidence. Pure. */
import type { Cap } from '../caps/cap.ts';
import type { Crossing } from '../caps/evaluation.ts';
import { decisionResponse, type Decision } from '../decisions/decision.ts';
import type { NewEvidence } from '../evidence/append.ts';
import { freshnessOf, isBehind, type FreshnessState } from '../feeds/freshness.ts';
import type { WatchedFeed } from '../feeds/watched-feeds.ts';
import { formatInstant, type Instant } from '../kernel/clock.ts';
import { formatAmount } from '../kernel/money.ts';
import type { Version } from '../ledger/version.ts';
import type { SpentOn } from '../spend/spent-on.ts';
import type { PlannedSuspension } from '../suspensions/planned.ts';
import type { PlannedWarning } from '../warnings/planned.ts';

/** Where the usage came from that decided, and how fresh it is; undefined where a person's change did. */
export interface Freshness {
  feed: string;
  importId: string;
  /** the latest start that had arrived from this delivery */
  latestStart: Instant;
}

/** How the feeds stood at the moment of decision. */
export interface FreshnessThen extends Freshness {
  /** of the feed that brought it, with what it had just brought */
  state: FreshnessState;
  /** other feeds that were late or silent */
  behind: readonly string[];
}

/** The moment's freshness, judged by the feeds of which a rhythm is expected. */
export function freshnessThen(freshness: Freshness, watched: readonly WatchedFeed[], at: Instant): FreshnessThen {
  const own = watched.find(({ feed }) => feed === freshness.feed);
  const arrived = own && {
    ...own,
    lastImportAt: at,
    watermark: Math.max(own.watermark ?? -Infinity, freshness.latestStart),
  };
  return {
    ...freshness,
    state: arrived ? freshnessOf(arrived, at).state : 'unknown',
    behind: watched.filter((each) => each !== own && isBehind(freshnessOf(each, at).state)).map(({ feed }) => feed),
  };
}

export interface Decided {
  decision: Decision;
  crossing: Crossing;
}

export function evidenceOf(
  { decision, crossing }: Decided,
  spentOn: readonly SpentOn[],
  warnings: readonly PlannedWarning[],
  suspension: PlannedSuspension | undefined,
  freshness: FreshnessThen | undefined,
  at: Instant,
): NewEvidence {
  const { account, meter, period, record } = crossing;
  return {
    accountId: account.accountId,
    at,
    kind: 'decision',
    body: withoutUndefined({
      decision: decisionResponse(decision, account.timeZone),
      cap: { id: meter.cap.id, version: meter.cap.version, ...capFacts(meter.cap) },
      period: {
        name: period.name,
        from: formatInstant(period.from, account.timeZone),
        to: formatInstant(period.to, account.timeZone),
      },
      record: record && recordFacts(record, account.timeZone),
      spent_on: spentOn.map(({ country, amount, calls }) => ({
        country,
        amount: formatAmount(amount),
        records: calls,
      })),
      freshness: freshness && {
        feed: freshness.feed,
        import_id: freshness.importId,
        latest_start: formatInstant(freshness.latestStart, account.timeZone),
        state: freshness.state,
        feeds_behind: [...freshness.behind],
      },
      suspension_terms: account.suspensionTerms,
      warnings: warnings.map(({ id, channel, address, subject, text }) => ({ id, channel, address, subject, text })),
      suspension: suspension && {
        id: suspension.id,
        class: suspension.class,
        state: suspension.state,
        ends_at: suspension.endsAt === undefined ? 'by hand' : formatInstant(suspension.endsAt, account.timeZone),
      },
    }),
  };
}

function capFacts(cap: Cap): Record<string, unknown> {
  return {
    name: cap.name,
    scope: cap.scope.kind === 'everyone' ? {} : { [cap.scope.kind]: cap.scope.value },
    traffic: cap.traffic,
    cap_period: cap.period,
    limit: formatAmount(cap.limit),
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

function recordFacts(record: Version, timeZone: string): Record<string, unknown> {
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

function withoutUndefined(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}
