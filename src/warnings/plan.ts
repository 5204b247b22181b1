/**
 * From what was decided to the messages that tell of it: as few as can be, and none too late. Pure.
 *
 * - What is decided for an account in one go is one message; of one cap and period it tells the highest threshold only.
 * - After a message nothing follows for five minutes: what is decided meanwhile is gathered into the next one.
 * - What can't wait (calls were barred) goes out at once, and takes along what waits.
 * - In quiet hours an SMS that can wait waits until they end. A warning that bars come next can't: it must be read before.
 */
import { decisionId, type Decision } from '../decisions/decision.ts';
import type { Instant } from '../kernel/clock.ts';
import type { ToldFact, WarningFacts } from './facts.ts';
import { afterQuietHours, type QuietHours } from './quiet-hours.ts';

export const GATHER_MS = 5 * 60_000;

export type ChannelKind = 'email' | 'sms';

/** A decision of which its customer is to be told. */
export interface News {
  decision: Decision;
  facts: WarningFacts;
}

/** Who is told, by which ways. */
export interface Reader {
  accountId: string;
  email: string;
  msisdn: string;
}

/** A message that has not left yet and takes up what comes. */
export interface WaitingMessage {
  id: string;
  channel: ChannelKind;
  covers: readonly string[];
  told: readonly ToldFact[];
  dueAt: Instant;
}

export interface PlannedMessage {
  id: string;
  accountId: string;
  channel: ChannelKind;
  address: string;
  /** the gravest of what it covers */
  decisionId: string;
  covers: readonly string[];
  /** what it tells, the gravest first */
  told: readonly ToldFact[];
  createdAt: Instant;
  dueAt: Instant;
  /** whether it stood there already, and has grown */
  grown: boolean;
}

/** How an account's messages stand as something is decided. */
export interface Correspondence {
  waiting: readonly WaitingMessage[];
  /** when the last message left, or was to leave, by channel */
  lastAt: Partial<Record<ChannelKind, Instant>>;
}

export function planMessages(
  reader: Reader,
  news: readonly News[],
  { waiting, lastAt }: Correspondence,
  now: Instant,
): PlannedMessage[] {
  if (news.length === 0) return [];
  const covers = news.map(({ decision }) => decision.id);
  const told = gravestFirst(news);
  const planned: PlannedMessage[] = [];
  for (const [channel, address] of [['email', reader.email] as const, ['sms', reader.msisdn] as const]) {
    if (address === '') continue;
    const before = waiting.find((message) => message.channel === channel);
    const all = withoutRepeats([...told, ...(before?.told ?? [])]);
    const dueAt = dueOf(all, before?.dueAt, lastAt[channel], now);
    planned.push({
      id: before?.id ?? decisionId('warning', told[0]!.decisionId, channel),
      accountId: reader.accountId,
      channel,
      address,
      decisionId: all[0]!.decisionId,
      covers: [...new Set([...(before?.covers ?? []), ...covers])],
      told: all,
      createdAt: now,
      dueAt,
      grown: before !== undefined,
    });
  }
  return planned;
}

function dueOf(
  told: readonly ToldFact[],
  waitsUntil: Instant | undefined,
  lastAt: Instant | undefined,
  now: Instant,
): Instant {
  if (told.some(({ facts }) => bars(facts))) return now;
  const gathered = Math.max(now, (lastAt ?? -Infinity) + GATHER_MS);
  // What comes up to a message that waits for the morning may not be able to.
  return waitsUntil === undefined || !told.every(({ facts }) => canWait(facts)) ? gathered : waitsUntil;
}

/**
 * Until when an SMS is to wait that may go out now: the end of the quiet hours of its reader, where all that it tells can
 * wait; undefined where it need not.
 */
export function quietUntil(
  told: readonly ToldFact[],
  hours: QuietHours | undefined,
  now: Instant,
): Instant | undefined {
  const [first] = told;
  if (!first || !told.every(({ facts }) => canWait(facts))) return undefined;
  const until = afterQuietHours(now, first.facts.timeZone, hours);
  return until > now ? until : undefined;
}

/** A bar can't wait, nor can a warning that one comes next: it is of no use when it is read after it. */
function canWait(facts: WarningFacts): boolean {
  return !bars(facts) && facts.next?.suspend === undefined;
}

function bars({ kind }: WarningFacts): boolean {
  return kind === 'suspend' || kind === 'hold';
}

/** The gravest decision first; of each cap and period the highest threshold only. */
function gravestFirst(news: readonly News[]): ToldFact[] {
  const sorted = news.toSorted((a, b) => gravity(b.facts) - gravity(a.facts));
  return withoutRepeats(sorted.map(({ decision, facts }) => ({ decisionId: decision.id, facts })));
}

/** What tells of the same limit again, less far gone, says nothing new. */
function withoutRepeats(told: readonly ToldFact[]): ToldFact[] {
  const sorted = told.toSorted((a, b) => gravity(b.facts) - gravity(a.facts));
  const seen = new Set<string>();
  return sorted.filter(({ decisionId: id, facts }) => {
    const { traffic, limit, period, periodHours, periodEnd } = facts;
    const subject = limit === undefined ? id : [traffic, limit, period, periodHours, periodEnd].join(' ');
    return !seen.has(subject) && seen.add(subject);
  });
}

const GRAVITY: Record<WarningFacts['kind'], number> = {
  suspend: 5_000_000,
  hold: 4_000_000,
  approve: 3_000_000,
  warn: 2_000_000,
  unusual: 1_000_000,
  forecast: 0,
};

function gravity({ kind, percent = 0 }: WarningFacts): number {
  return GRAVITY[kind] + percent;
}
