/** Each morning at eight, in the provider's zone, the billing team hears how the day before was; once a day, also after a pause. */
import { Inject, Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { freshnessOf } from '../../feeds/freshness.ts';
import { watchedFeeds } from '../../feeds/watched-feeds.ts';
import { Clock, toDate, type Instant } from '../../kernel/clock.ts';
import { hourOfWeek } from '../../kernel/local-time.ts';
import { formatAmount } from '../../kernel/money.ts';
import { calendarPeriod, type CalendarPeriod } from '../../kernel/period.ts';
import { toDates } from '../../ledger/usage-store.ts';
import { summaryMessage, type DailyFigures } from '../../operators/summary.ts';
import { writeMessages } from '../../operators/store.ts';

const AT_HOUR = 8;

/** Where nothing else is said, the provider lives where most of its customers do. */
const USUAL_ZONE = `SELECT time_zone FROM accounts GROUP BY time_zone ORDER BY count(*) DESC, time_zone LIMIT 1`;

const LAST_ZONE = `SELECT figures->>'time_zone' AS time_zone FROM daily_summaries ORDER BY day DESC LIMIT 1`;

/** Of two processes only one writes the day. */
const WRITE = 'INSERT INTO daily_summaries (day, at, figures) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING day';

@Injectable()
export class SummarizeDay {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Tells of yesterday where it is past eight and nobody has. Answers the day it told of. */
  async run(): Promise<string | undefined> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const { providerTimeZone } = this.config;
      let timeZone = providerTimeZone ?? (await lastZone(client)) ?? (await usualZone(client));
      let yesterday = await dayToTellOf(client, timeZone, at);
      // Accounts are gone through only when it is time where most of them lived the last time.
      if (yesterday && providerTimeZone === undefined) {
        timeZone = await usualZone(client);
        yesterday = await dayToTellOf(client, timeZone, at);
      }
      if (!yesterday) return undefined;
      const figures = await figuresOf(client, yesterday, timeZone, at);
      const { rows } = await client.query(WRITE, [yesterday.name, toDate(at), figures]);
      if (rows.length === 0) return undefined;
      await writeMessages(client, 'daily-summary', summaryMessage(figures), at);
      return yesterday.name;
    });
  }
}

/** Yesterday, where it is past eight on the clock of `timeZone` and nobody has told of it. */
async function dayToTellOf(client: ClientBase, timeZone: string, at: Instant): Promise<CalendarPeriod | undefined> {
  if (hourOfWeek(timeZone, at) % 24 < AT_HOUR) return undefined;
  const calendar = { timeZone, cycleDay: 1 };
  const today = calendarPeriod('day', at, calendar);
  const yesterday = calendarPeriod('day', today.from - 1, calendar);
  const { rows } = await client.query('SELECT FROM daily_summaries WHERE day = $1', [yesterday.name]);
  return rows.length > 0 ? undefined : yesterday;
}

async function lastZone(client: ClientBase): Promise<string | undefined> {
  return (await client.query<{ time_zone: string }>(LAST_ZONE)).rows[0]?.time_zone;
}

async function usualZone(client: ClientBase): Promise<string> {
  return (await client.query<{ time_zone: string }>(USUAL_ZONE)).rows[0]?.time_zone ?? 'UTC';
}

/** What was decided from $1 to $2, and what waits now. Once a day. */
const COUNTS = `
  SELECT
    (SELECT count(DISTINCT account_id) FROM warnings WHERE created_at >= $1 AND created_at < $2)::int AS warned,
    (SELECT count(*) FROM decisions WHERE at >= $1 AND at < $2 AND type = 'suspend' AND mode <> 'shadow')::int AS suspended,
    (SELECT count(*) FROM decisions WHERE at >= $1 AND at < $2 AND type = 'hold' AND mode <> 'shadow')::int AS held,
    (SELECT count(*) FROM suspensions WHERE lift_wanted_at >= $1 AND lift_wanted_at < $2 AND state <> 'declined')::int AS lifted,
    (SELECT count(*) FROM answers WHERE at >= $1 AND at < $2 AND answer = 'not-us')::int AS not_us,
    (SELECT count(*) FROM answers WHERE at >= $1 AND at < $2 AND answer = 'us')::int AS us,
    (SELECT count(*) FROM answers WHERE at >= $1 AND at < $2 AND answer = 'call-me')::int AS call_me,
    (SELECT count(*) FROM suspensions WHERE state = 'awaiting-approval')::int AS to_approve,
    (SELECT count(*) FROM alarms WHERE cleared_at IS NULL)::int AS alarms,
    (SELECT count(*) FROM cases WHERE state = 'open')::int AS cases,
    (SELECT count(*) FROM guard_questions WHERE state = 'open')::int AS questions,
    (SELECT count(*) FROM warnings WHERE settled_at >= $1 AND settled_at < $2 AND state IN ('failed', 'bounced'))::int AS failed_warnings,
    (SELECT count(*) FROM operator_messages WHERE settled_at >= $1 AND settled_at < $2 AND state = 'failed')::int AS failed_messages,
    (SELECT count(*) FROM operator_events WHERE at >= $1 AND at < $2 AND silence_id IS NOT NULL)::int AS silenced`;

type Counts = Record<
  | 'warned'
  | 'suspended'
  | 'held'
  | 'lifted'
  | 'not_us'
  | 'us'
  | 'call_me'
  | 'to_approve'
  | 'alarms'
  | 'cases'
  | 'questions'
  | 'failed_warnings'
  | 'failed_messages'
  | 'silenced',
  number
>;

/** The table's days prune to the one or two that the provider's day touches. */
const SPENT = `
  SELECT a.currency, sum(u.amount_micros)::numeric::text AS amount, count(*)::int AS records
    FROM usage u JOIN accounts a USING (account_id)
   WHERE u.started_at >= $1 AND u.started_at < $2 AND u.day BETWEEN $3 AND $4
   GROUP BY 1 ORDER BY 1`;

async function figuresOf(
  client: ClientBase,
  { name, from, to }: CalendarPeriod,
  timeZone: string,
  now: Instant,
): Promise<DailyFigures> {
  const counts = (await client.query<Counts>(COUNTS, [toDate(from), toDate(to)])).rows[0]!;
  const spent = await client.query<{ currency: string; amount: string; records: number }>(SPENT, toDates(from, to));
  const feeds = await watchedFeeds(client);
  return {
    day: name,
    time_zone: timeZone,
    warned: counts.warned,
    suspended: counts.suspended,
    held: counts.held,
    lifted: counts.lifted,
    answers: { not_us: counts.not_us, us: counts.us, call_me: counts.call_me },
    open: {
      suspensions_to_approve: counts.to_approve,
      guard_questions: counts.questions,
      alarms: counts.alarms,
      cases: counts.cases,
    },
    feeds: feeds.map((feed) => ({ feed: feed.feed, ...freshnessOf(feed, now) })),
    failed: { warnings: counts.failed_warnings, messages: counts.failed_messages },
    silenced: counts.silenced,
    spend: spent.rows.map((row) => ({ ...row, amount: formatAmount(BigInt(row.amount)) })),
  };
}
