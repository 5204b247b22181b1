/**
 * Foresees on which day limits will be reached. By the clock it warns the customers of caps that ask for it, as soon as the
 * limit is likely to be reached (as the UK Communications Act 2003, s.124S, wants it): at most once a cap, account and period,
 * for a decision's id says so. Only accounts are looked at whose spend has moved, a cap's all at once.
 */
import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import type { Cap } from '../../caps/cap.ts';
import type { CapBook } from '../../caps/cap-book.ts';
import { DAYS_MAX, foresee, type Forecast, type PastDay } from '../../caps/forecast.ts';
import { allCaps } from '../../caps/store.ts';
import { capBook } from '../../caps/uplift-store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { decisionId, type Decision } from '../../decisions/decision.ts';
import { Clock, toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { calendarPeriod, type CalendarPeriod, LONGEST_PERIOD_MS } from '../../kernel/period.ts';
import { spendByDay } from '../../spend/spend-by-day.ts';
import { carryOutEach } from '../deciding/carry-out.ts';
import { knownOfCap, wordsUnderCap, type UnderCap } from '../deciding/crossing-matters.ts';
import { inChunks } from '../grouped.ts';
import type { Matter } from '../deciding/matter.ts';

/** From this probability on a limit is "likely to be reached": what the range of eight in ten is to dates. */
const LIKELY = 0.8;

const FORECAST_LOCK = 7_021;
const DAY_MS = 86_400_000;
const AT_ONCE = 500;

/** An account, or a service with a cap of its own, under a cap that runs in weeks or months. */
export interface Subject extends UnderCap {
  serviceId: string;
}

export interface ForecastOfCap extends Subject {
  forecast: Forecast;
  /** the first instant of today, in the account's zone */
  today: Instant;
}

/**
 * Counters of a cap's traffic and period that may be running and were not looked at with this spend today. By the primary
 * keys of counters and forecasts; work grows with the accounts that spend, and no query is made for one alone.
 */
const MOVED = `
  SELECT c.account_id, c.service_id, (extract(epoch FROM c.period_start) * 1000)::bigint AS from_ms, c.spend_micros
    FROM counters c
   WHERE c.traffic = $1 AND c.period = $2 AND c.period_start > $3 AND c.period_start <= $4 AND c.spend_micros > 0
     AND NOT EXISTS (SELECT FROM forecasts f
                      WHERE f.account_id = c.account_id AND f.cap_id = $5 AND f.service_id = c.service_id
                        AND f.spend_micros = c.spend_micros AND f.at > $6)`;

interface MovedRow {
  account_id: string;
  service_id: string;
  from_ms: string;
  spend_micros: string;
}

const KEEP = `
  INSERT INTO forecasts (account_id, cap_id, service_id, period, at, spend_micros, forecast)
  SELECT account_id, $1, service_id, period, $2, spend, forecast
    FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::jsonb[]) AS f (account_id, service_id, period, spend, forecast)
  ON CONFLICT (account_id, cap_id, service_id)
  DO UPDATE SET period = excluded.period, at = excluded.at, spend_micros = excluded.spend_micros, forecast = excluded.forecast`;

/** What an account has spent in running periods, by its counters. */
const COUNTERS_OF = `
  SELECT service_id, traffic, period, (extract(epoch FROM period_start) * 1000)::bigint AS from_ms, spend_micros
    FROM counters WHERE account_id = $1 AND period_start > $2 AND period_start <= $3`;

/** When usage of each began, within reach: days before that say nothing. By the index on (account_id, started_at). */
const BEGAN = `
  SELECT w.account_id, (SELECT (extract(epoch FROM min(u.started_at)) * 1000)::float8 FROM usage u
                         WHERE u.account_id = w.account_id AND u.started_at >= $2) AS began_ms
    FROM unnest($1::text[]) AS w (account_id)`;

@Injectable()
export class ForecastCaps {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Looks at all caps that ask for it. One process does at a time; the others pass. Answers how many were warned. */
  async run(): Promise<number> {
    const caps = await inTransaction(this.dataSource, async ({ client }) =>
      (await allCaps(client)).filter(({ forecast }) => forecast),
    );
    let warned = 0;
    for (const cap of caps) {
      const { moved, book } = await inTransaction(this.dataSource, async ({ client }) => ({
        moved: await this.#moved(client, cap),
        book: await capBook(client),
      }));
      for (const some of inChunks(moved, AT_ONCE)) {
        warned += await inTransaction(this.dataSource, async ({ client }) => {
          const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
            FORECAST_LOCK,
          ]);
          return rows[0]!.ours ? this.#lookAt(client, cap, await this.#subjects(client, cap, some, book)) : 0;
        });
      }
    }
    return warned;
  }

  /** On which day each limit of an account that runs in weeks or months will be reached. */
  async of(account: Account): Promise<ForecastOfCap[]> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const now = this.clock.now();
      const book = await capBook(client);
      const { rows } = await client.query<{
        service_id: string;
        traffic: string;
        period: string;
        from_ms: string;
        spend_micros: string;
      }>(COUNTERS_OF, [account.accountId, toDate(now - LONGEST_PERIOD_MS), toDate(now)]);
      const services = [...new Set(rows.map((row) => row.service_id))].filter((service) => service !== '');
      const holding = [
        ...book.ofAccount(account).map((cap) => ({ cap, serviceId: '' })),
        ...services.flatMap((serviceId) => book.ofService(serviceId, account).map((cap) => ({ cap, serviceId }))),
      ];
      const subjects = holding.flatMap(({ cap, serviceId }) => {
        if (cap.period !== 'week' && cap.period !== 'month') return [];
        const period = calendarPeriod(cap.period, now, account);
        const counter = rows.find(
          (row) =>
            row.service_id === serviceId &&
            row.traffic === cap.traffic &&
            row.period === cap.period &&
            Number(row.from_ms) === period.from,
        );
        return [{ account, cap, serviceId, period, spend: BigInt(counter?.spend_micros ?? 0) }];
      });
      return foreseeAll(client, subjects, now);
    });
  }

  async #moved(client: ClientBase, cap: Cap): Promise<MovedRow[]> {
    const now = this.clock.now();
    const bounds = [now - LONGEST_PERIOD_MS, now].map(toDate);
    const values = [cap.traffic, cap.period, ...bounds, cap.id, toDate(now - DAY_MS)];
    return (await client.query<MovedRow>(MOVED, values)).rows;
  }

  /** Those of the counters that the cap holds for, and whose period runs. */
  async #subjects(client: ClientBase, cap: Cap, moved: readonly MovedRow[], book: CapBook): Promise<Subject[]> {
    const now = this.clock.now();
    const ids = [...new Set(moved.map((row) => row.account_id))];
    const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
    return moved.flatMap((row) => {
      const account = accounts.get(row.account_id);
      if (!account) return [];
      const serviceId = row.service_id;
      const holding = serviceId === '' ? book.ofAccount(account) : book.ofService(serviceId, account);
      const held = holding.find(({ id }) => id === cap.id);
      const period = calendarPeriod(cap.period as 'week' | 'month', now, account);
      if (!held || Number(row.from_ms) !== period.from) return [];
      return [{ account, cap: held, serviceId, period, spend: BigInt(row.spend_micros) }];
    });
  }

  async #lookAt(client: ClientBase, cap: Cap, subjects: readonly Subject[]): Promise<number> {
    const at = this.clock.now();
    const made = await foreseeAll(client, subjects, at);
    await client.query(KEEP, [
      cap.id,
      toDate(at),
      made.map(({ account }) => account.accountId),
      made.map(({ serviceId }) => serviceId),
      made.map(({ period }) => period.name),
      made.map(({ spend }) => spend.toString()),
      made.map((each) => JSON.stringify(forecastFacts(each))),
    ]);
    const likely = made.filter(({ forecast }) => forecast.outcome === 'foreseen' && forecast.probability >= LIKELY);
    const matters = likely.map((each) => forecastMatter(each, at));
    return (await carryOutEach(client, [{ wanted: matters, freshness: undefined }], at)).length;
  }
}

async function foreseeAll(client: ClientBase, subjects: readonly Subject[], now: Instant): Promise<ForecastOfCap[]> {
  const byTraffic = new Map<Cap['traffic'], { subject: Subject; key: string; today: CalendarPeriod }[]>();
  for (const [index, subject] of subjects.entries()) {
    const same = byTraffic.get(subject.cap.traffic) ?? [];
    same.push({ subject, key: String(index), today: calendarPeriod('day', now, subject.account) });
    byTraffic.set(subject.cap.traffic, same);
  }
  const began = await beginnings(client, subjects, now);
  const made: ForecastOfCap[] = [];
  for (const [traffic, asked] of byTraffic) {
    const questions = asked.map(({ subject: { account, serviceId }, key, today }) => ({
      key,
      accountId: account.accountId,
      serviceId,
      timeZone: account.timeZone,
      from: today.from - DAYS_MAX * DAY_MS,
      to: today.from,
    }));
    const days = await spendByDay(client, traffic, questions);
    for (const { subject, key, today } of asked) {
      const spent = new Map(days.get(key)!.map(({ day, amount }) => [day, amount]));
      const past = pastDays(spent, began.get(subject.account.accountId) ?? today.from, today, subject.account);
      made.push({ ...subject, today: today.from, forecast: forecastOf(subject, past, today, now) });
    }
  }
  return made;
}

async function beginnings(
  client: ClientBase,
  subjects: readonly Subject[],
  now: Instant,
): Promise<Map<string, Instant>> {
  const ids = [...new Set(subjects.map(({ account }) => account.accountId))];
  const { rows } = await client.query<{ account_id: string; began_ms: number | null }>(BEGAN, [
    ids,
    toDate(now - (DAYS_MAX + 1) * DAY_MS),
  ]);
  return new Map(rows.flatMap((row) => (row.began_ms === null ? [] : [[row.account_id, row.began_ms]])));
}

/** Every day from the account's first on, up to yesterday. */
function pastDays(
  spent: ReadonlyMap<string, Micros>,
  began: Instant,
  today: CalendarPeriod,
  account: Account,
): PastDay[] {
  const past: PastDay[] = [];
  for (let day = today; past.length < DAYS_MAX && day.from > began;) {
    day = calendarPeriod('day', day.from - 1, account);
    past.push({ weekday: weekdayOf(day.name), amount: spent.get(day.name) ?? 0n });
  }
  return past.toReversed();
}

/** Of a day such as `2010-03-14`: 1 Monday … 7 Sunday. A day has the same weekday in every zone. */
function weekdayOf(day: string): number {
  const days = Math.floor(Date.parse(day) / DAY_MS);
  return ((days + 3) % 7) + 1;
}

function forecastOf(
  { cap, account, period, spend }: Subject,
  past: PastDay[],
  today: CalendarPeriod,
  now: Instant,
): Forecast {
  let daysLeft = 0;
  for (let day = today; day.from < period.to; day = calendarPeriod('day', day.to, account)) daysLeft++;
  return foresee({
    past,
    spend,
    limit: cap.limit,
    today: weekdayOf(today.name),
    daysLeft,
    passed: (now - today.from) / (today.to - today.from),
  });
}

/** The noon of a day so many days from today: an instant that is shown by its date. */
export function dayOf({ today, period }: Pick<ForecastOfCap, 'today' | 'period'>, days: number | undefined): Instant {
  return days === undefined ? period.to - 1 : Math.min(today + days * DAY_MS + DAY_MS / 2, period.to - 1);
}

/** As it is kept and put into evidence; days counted from today. */
function forecastFacts({ forecast }: ForecastOfCap): Record<string, unknown> {
  if (forecast.outcome !== 'foreseen') return { ...forecast };
  const { atEnd, probability, likely = null, earliest = null, latest = null } = forecast;
  return {
    outcome: forecast.outcome,
    probability: probability.toFixed(2),
    days_from_today: { likely, earliest, latest },
    at_end: { low: formatAmount(atEnd.low), middle: formatAmount(atEnd.middle), high: formatAmount(atEnd.high) },
  };
}

function forecastMatter(each: ForecastOfCap, at: Instant): Matter {
  const { account, cap, serviceId, period, spend, forecast } = each;
  const days = forecast as Extract<Forecast, { outcome: 'foreseen' }>;
  const reachable = account.email !== '' || account.msisdn !== '';
  const [likely, earliest, latest] = [days.likely, days.earliest, days.latest].map((day) => dayOf(each, day));
  const day = (instant: Instant) => calendarPeriod('day', instant, account).name;
  const who =
    serviceId === '' ? `Account ${account.accountId}` : `Service ${serviceId} of account ${account.accountId}`;
  // What was only recorded tells nobody: it is told once the cap acts.
  const recorded = cap.mode === 'shadow' ? ['shadow'] : [];
  const decision: Decision = {
    id: decisionId('forecast', cap.id, account.accountId, serviceId, period.name, ...recorded),
    at,
    accountId: account.accountId,
    type: reachable ? 'warn' : 'notify-operator',
    trigger: 'cap',
    action: reachable ? 'warn' : 'notify-operator',
    capId: cap.id,
    capVersion: cap.version,
    period: period.name,
    threshold: undefined,
    traffic: cap.traffic,
    spend,
    limit: cap.limit,
    currency: account.currency,
    recordId: '',
    serviceId,
    mode: cap.mode,
    explanation: `${who} spent ${formatAmount(spend)} ${account.currency} on ${cap.traffic} traffic in ${period.name}: the limit of ${formatAmount(cap.limit)} ${account.currency} is likely to be reached around ${day(likely!)}, eight in ten between ${day(earliest!)} and ${day(latest!)} (cap "${cap.name}").${reachable ? '' : ' The customer could not be warned: no e-mail address and no mobile number on file.'}`,
  };
  return {
    decision,
    account,
    cause: JSON.stringify(['forecast', account.accountId, cap.id, serviceId, period.name]),
    known: { ...knownOfCap(cap, period, account.timeZone), forecast: forecastFacts(each) },
    stretch: { accountId: account.accountId, serviceId, traffic: cap.traffic, from: period.from, to: period.to },
    bars: [],
    words:
      reachable && cap.mode !== 'shadow'
        ? {
            ...wordsUnderCap(each),
            kind: 'forecast',
            percent: undefined,
            forecast: { likely: likely!, earliest: earliest!, latest: latest! },
          }
        : undefined,
  };
}
