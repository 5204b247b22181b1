/**
 * Holds a cap against what is spent already: after it was made or changed, or after accounts came under other caps.
 * Only the period that runs now acts; what is past is past.
 */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import type { Cap } from '../../caps/cap.ts';
import type { CapBook } from '../../caps/cap-book.ts';
import { bearingSince } from '../../caps/cap-periods.ts';
import type { Crossing } from '../../caps/crossing.ts';
import { Evaluation } from '../../caps/evaluation.ts';
import { Meters } from '../../caps/meters.ts';
import { crossingsOf, keepCrossings } from '../../caps/store.ts';
import { capBook } from '../../caps/uplift-store.ts';
import { toDate, type Instant } from '../../kernel/clock.ts';
import { calendarPeriod, rollingHours, type CalendarPeriod, LONGEST_PERIOD_MS } from '../../kernel/period.ts';
import { toDates, USAGE_ROW, versionOf, type UsageRow } from '../../ledger/usage-store.ts';
import { callsBesideSpend } from '../../spend/running-calls.ts';
import { askedFor } from '../../suspensions/planned.ts';
import { RollingWindow } from '../../spend/rolling-window.ts';
import { trafficSql } from '../../spend/traffic-sql.ts';
import { forgetBounds } from '../../spend/window-bounds.ts';
import { grouped } from '../grouped.ts';
import { comeToIn, countedCalls, meterKey, withExposure, type CountedCall } from './counted-calls.ts';
import { takeOutHeldBack } from './held-back.ts';

const HOUR_MS = 3_600_000;
/** Usage may start this much after now: clocks differ. */
const AHEAD_MS = HOUR_MS;

interface Subject {
  account: Account;
  /** the service whose own cap it is; empty: the account */
  serviceId: string;
  /** as uplifts raise it for the account */
  cap: Cap;
}

/**
 * Holds `cap` against the spend of now, and what calls in progress have come to where it counts them, for `accountIds` or for
 * everyone it holds for: answers what that crosses. What it has done and asks for no more is taken back, and what it asks for
 * only now is done. `read` is the caps as they hold now, where somebody has read them already.
 */
export async function holdCap(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  now: Instant,
  read?: CapBook,
): Promise<Crossing[]> {
  const hours = rollingHours(cap.period);
  const rows = await rowsToHold(client, cap, accountIds, now);
  const ids = [...new Set(rows.map((row) => row.account_id))];
  const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
  const book = read ?? (await capBook(client));
  const evaluation = new Evaluation();
  const crossed = await crossingsOf(client, ids, [cap.id], bearingSince(now, cap));
  const asked = cap.mode === 'enforce' ? await askedFor(client, ids, cap.id) : [];
  const waiting = new Set(asked.map((each) => `${each.account_id} ${each.percent} ${each.period}`));
  await takeOutHeldBack(client, crossed, false);
  evaluation.recall(
    crossed.map((state) => ({
      ...state,
      waits: waiting.has(`${state.accountId} ${state.percent} ${state.period.name}`),
    })),
  );
  const subjects = new Map<string, Subject>();
  for (const { account_id, service_id: serviceId } of rows) {
    const account = accounts.get(account_id);
    if (!account) continue;
    const holding = serviceId === '' ? book.ofAccount(account) : book.ofService(serviceId, account);
    const held = holding.find(({ id }) => id === cap.id);
    if (held) subjects.set(subjectKey(account_id, serviceId), { account, serviceId, cap: held });
  }
  const calls =
    cap.count === 'with-exposure'
      ? countedCalls(await callsBesideSpend(client, ids), accounts, new Meters(book), now)
      : undefined;
  const crossings =
    hours === undefined
      ? holdCounters(evaluation, cap, subjects.values(), rows, calls, now)
      : holdWindows(
          evaluation,
          cap,
          subjects.values(),
          await readWindows(client, cap, hours, accounts, book, now),
          calls,
          now,
        );
  await keepHeld(client, evaluation, [cap]);
  return crossings;
}

/** Keeps what came of holding `caps`. A window that ends now may have acted, of which those who count would not know. */
export async function keepHeld(client: ClientBase, evaluation: Evaluation, caps: readonly Cap[]): Promise<void> {
  const touched = evaluation.touched();
  await keepCrossings(client, touched);
  for (const [capId, states] of grouped(touched, (state) => state.capId)) {
    const { traffic, period } = caps.find(({ id }) => id === capId)!;
    const hours = rollingHours(period);
    if (hours === undefined) continue;
    await forgetBounds(
      client,
      traffic,
      hours,
      states.map(({ accountId }) => accountId),
    );
  }
}

/** The accounts among `accountIds`, or all, that the cap may have something to decide about. */
export async function concernedBy(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  now: Instant,
): Promise<string[]> {
  const rows = await rowsToHold(client, cap, accountIds, now);
  return [...new Set(rows.map((row) => row.account_id))];
}

function rowsToHold(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  now: Instant,
): Promise<CounterRow[]> {
  return (rollingHours(cap.period) === undefined ? countersToHold : windowsToHold)(client, cap, accountIds, now);
}

interface CounterRow {
  account_id: string;
  service_id: string;
  from_ms?: string;
  spend_micros: string;
}

/** By {@link meterKey}; undefined: the cap counts spend alone. */
type Calls = ReadonlyMap<string, readonly CountedCall[]> | undefined;

function holdCounters(
  evaluation: Evaluation,
  cap: Cap,
  subjects: Iterable<Subject>,
  rows: readonly CounterRow[],
  calls: Calls,
  now: Instant,
): Crossing[] {
  const spends = new Map(
    rows.map((row) => [`${subjectKey(row.account_id, row.service_id)} ${row.from_ms}`, BigInt(row.spend_micros)]),
  );
  return [...subjects].flatMap(({ account, ...meter }) => {
    const { serviceId } = meter;
    const own = calls?.get(meterKey(account, meter)) ?? [];
    const spendIn = (period: CalendarPeriod) =>
      (spends.get(`${subjectKey(account.accountId, serviceId)} ${period.from}`) ?? 0n) + comeToIn(meter, period, own);
    const period = calendarPeriod(cap.period as 'day' | 'week' | 'month', now, account);
    const crossings = [
      ...evaluation.change(account, meter, spendIn, now),
      ...evaluation.recut(account, meter, spendIn, now),
      ...evaluation.hold(account, meter, period, spendIn(period), now),
    ];
    return calls ? crossings.map((crossing) => withExposure(crossing, own)) : crossings;
  });
}

function holdWindows(
  evaluation: Evaluation,
  cap: Cap,
  subjects: Iterable<Subject>,
  windows: ReadonlyMap<string, RollingWindow>,
  calls: Calls,
  now: Instant,
): Crossing[] {
  return [...subjects].flatMap(({ account, ...meter }) => {
    const { serviceId } = meter;
    const own = calls?.get(meterKey(account, meter)) ?? [];
    const window =
      windows.get(subjectKey(account.accountId, serviceId)) ?? new RollingWindow(rollingHours(cap.period)!);
    for (const { call, amount } of own) window.add({ startedAt: call.startedAt, amount });
    const spendIn = ({ from }: CalendarPeriod) => window.spendAt(from + window.lengthMs);
    const crossings = [
      ...evaluation.change(account, meter, spendIn, now),
      ...evaluation.holdWindow(account, meter, window, now),
    ];
    return calls ? crossings.map((crossing) => withExposure(crossing, own)) : crossings;
  });
}

/** Of whom a crossing of the cap `$1` stands whose period still runs at `$2`; by the index `crossings_of_cap`. */
const STANDING = `
  SELECT x.account_id, x.period_from FROM crossings x
   WHERE x.cap_id = $1 AND x.uncrossed_at IS NULL AND x.period_end > $2 AND ($3::text[] IS NULL OR x.account_id = ANY ($3))`;

/**
 * Subjects whose counter may be in the running period and reaches the lowest threshold, or of whom a crossing stands: in its
 * period as it was, and in those that may run now, where the account is cut otherwise.
 */
const COUNTERS = `
  SELECT s.account_id, s.service_id, (extract(epoch FROM s.period_start) * 1000)::bigint AS from_ms,
         coalesce(c.spend_micros, 0) AS spend_micros
    FROM (SELECT account_id, service_id, period_start FROM counters
           WHERE traffic = $4 AND period = $5 AND period_start > $6 AND period_start <= $2 AND spend_micros >= $7
             AND ($3::text[] IS NULL OR account_id = ANY ($3))
          UNION SELECT account_id, $8, period_from FROM (${STANDING}) x
          UNION SELECT account_id, $8, period_start FROM (${STANDING}) x JOIN counters USING (account_id)
           WHERE service_id = $8 AND traffic = $4 AND period = $5 AND period_start > $6 AND period_start <= $2) s
    LEFT JOIN counters c ON c.account_id = s.account_id AND c.service_id = s.service_id AND c.traffic = $4
          AND c.period = $5 AND c.period_start = s.period_start`;

async function countersToHold(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  now: Instant,
): Promise<CounterRow[]> {
  const { rows } = await client.query<CounterRow>(COUNTERS, [
    cap.id,
    toDate(now),
    accountIds ?? null,
    cap.traffic,
    cap.period,
    toDate(now - LONGEST_PERIOD_MS),
    cap.thresholds[0]!.amount.toString(),
    ownService(cap),
  ]);
  return rows;
}

/** Subjects whose usage of the last length reaches the lowest threshold, whichever caps of services it is under, or of whom a crossing stands. */
const WINDOWS = (cap: Cap) => `
  SELECT u.account_id, CASE WHEN $9 = '' THEN '' ELSE u.service_id END AS service_id, sum(u.amount_micros)::bigint AS spend_micros
    FROM usage u
   WHERE u.started_at > $4 AND u.started_at <= $5 AND u.day BETWEEN $6 AND $7 AND ${trafficSql(cap.traffic)}
     AND ($3::text[] IS NULL OR u.account_id = ANY ($3))
   GROUP BY 1, 2 HAVING sum(u.amount_micros) >= $8
  UNION ALL SELECT account_id, $9, 0 FROM (${STANDING}) x`;

async function windowsToHold(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  now: Instant,
): Promise<CounterRow[]> {
  const { rows } = await client.query<CounterRow>(WINDOWS(cap), [
    cap.id,
    toDate(now),
    accountIds ?? null,
    ...toDates(now - rollingHours(cap.period)! * HOUR_MS, now),
    cap.thresholds[0]!.amount.toString(),
    ownService(cap),
  ]);
  return rows;
}

/** The usage of accounts in the windows that end now or may still act; by the index on (account_id, started_at). */
const IN_WINDOWS = (cap: Cap) => `
  SELECT ${USAGE_ROW}
    FROM usage u
   WHERE u.account_id = ANY ($1) AND u.started_at > $2 AND u.started_at <= $3 AND u.day BETWEEN $4 AND $5
     AND ${trafficSql(cap.traffic)}
   ORDER BY u.started_at`;

/** The windows of the subjects that the cap holds for, by {@link subjectKey}: those that end now, or may still act. */
export async function readWindows(
  client: ClientBase,
  cap: Cap,
  hours: number,
  accounts: ReadonlyMap<string, Account>,
  book: CapBook,
  now: Instant,
): Promise<Map<string, RollingWindow>> {
  const windows = new Map<string, RollingWindow>();
  if (accounts.size === 0) return windows;
  const { rows } = await client.query<UsageRow>(IN_WINDOWS(cap), [
    [...accounts.keys()],
    ...toDates(now - 2 * hours * HOUR_MS, now + AHEAD_MS),
  ]);
  const meters = new Meters(book);
  for (const version of rows.map(versionOf)) {
    for (const meter of meters.of(version, accounts.get(version.accountId)!)) {
      if (meter.cap.id !== cap.id) continue;
      const key = subjectKey(version.accountId, meter.serviceId);
      let window = windows.get(key);
      if (!window) windows.set(key, (window = new RollingWindow(hours)));
      window.add({ startedAt: version.startedAt, amount: version.amount });
    }
  }
  return windows;
}

function ownService({ scope }: Cap): string {
  return scope.kind === 'service' ? scope.value : '';
}

export function subjectKey(accountId: string, serviceId: string): string {
  return `${accountId}\u0000${serviceId}`;
}
