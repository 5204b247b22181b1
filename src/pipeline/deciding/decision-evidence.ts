/** What was known when a decision was made, frozen for its entry of evidence. Pure. */
import { decisionResponse } from '../../decisions/decision.ts';
import type { NewEvidence } from '../../evidence/append.ts';
import { freshnessOf, isBehind, type FreshnessState } from '../../feeds/freshness.ts';
import type { WatchedFeed } from '../../feeds/watched-feeds.ts';
import { formatInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import type { SpentOn } from '../../spend/spent-on.ts';
import type { PlannedSuspension } from '../../suspensions/planned.ts';
import type { PlannedMessage } from '../../warnings/plan.ts';
import type { Matter } from './matter.ts';

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

export function evidenceOf(
  { decision, account, known }: Matter,
  spentOn: readonly SpentOn[],
  messages: readonly PlannedMessage[],
  suspensions: readonly PlannedSuspension[],
  freshness: FreshnessThen | undefined,
  at: Instant,
): NewEvidence {
  return {
    accountId: account.accountId,
    at,
    kind: 'decision',
    body: withoutUndefined({
      decision: decisionResponse(decision, account.timeZone),
      ...known,
      spent_on: spentOn.map(({ country, amount, calls, texts, sessions }) => ({
        country,
        amount: formatAmount(amount),
        records: calls + texts + sessions,
      })),
      freshness: freshness && {
        feed: freshness.feed,
        import_id: freshness.importId,
        latest_start: formatInstant(freshness.latestStart, account.timeZone),
        state: freshness.state,
        feeds_behind: [...freshness.behind],
      },
      suspension_terms: account.suspensionTerms,
      warnings: warningsOf(messages, account.timeZone),
      suspensions: suspensions.map(({ id, class: scope, state, endsAt }) => ({
        id,
        class: scope,
        state,
        ends_at: endsAt === undefined ? 'by hand' : formatInstant(endsAt, account.timeZone),
      })),
    }),
  };
}

/** Messages as evidence names them; their words follow as they are written (`warning-written`). */
export function warningsOf(messages: readonly PlannedMessage[], timeZone: string) {
  return messages.map(({ id, channel, address, dueAt, covers }) => ({
    id,
    channel,
    address,
    not_before: formatInstant(dueAt, timeZone),
    covers: [...covers],
  }));
}

function withoutUndefined(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}
