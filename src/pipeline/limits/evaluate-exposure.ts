/**
 * Caps that count calls in progress: what runs is priced and held against them beside what is spent, every few seconds,
 * and only for accounts of which something runs. When a call has ended its exposure stays until its record has come, and
 * gives way to it: no second of it is counted twice or left out in between.
 */
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import type { Cap } from '../../caps/cap.ts';
import { bearingSince } from '../../caps/cap-periods.ts';
import type { Crossing, CrossingState, Occasion } from '../../caps/crossing.ts';
import { Evaluation } from '../../caps/evaluation.ts';
import { Meters, type Meter } from '../../caps/meters.ts';
import { allCaps, crossingsOf } from '../../caps/store.ts';
import { capBook } from '../../caps/uplift-store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Decision } from '../../decisions/decision.ts';
import { Clock, toDate, type Instant } from '../../kernel/clock.ts';
import type { Micros } from '../../kernel/money.ts';
import { calendarPeriod, rollingHours, LONGEST_PERIOD_MS } from '../../kernel/period.ts';
import { lockShards, shardOf } from '../../ledger/usage-store.ts';
import { counterKey } from '../../spend/counters.ts';
import { priceNewCalls } from '../../spend/call-prices.ts';
import { settledBy } from '../../spend/exposure.ts';
import {
  anyToLookAt,
  callsBesideSpend,
  callsOver,
  forgetOver,
  keepSettled,
  runningCalls,
  settlingRecords,
  type CallOver,
} from '../../spend/running-calls.ts';
import { RollingWindow } from '../../spend/rolling-window.ts';
import { carryOutCrossings } from '../deciding/carry-out.ts';
import { grouped } from '../grouped.ts';
import { comeToIn, countedCalls, meterKey, withExposure, type CountedCall } from './counted-calls.ts';
import { holdDue } from './come-to-hold.ts';
import { keepHeld, readWindows, subjectKey } from './hold-cap.ts';

const ANY_CAP = `SELECT FROM caps WHERE definition->>'count' = 'with-exposure' LIMIT 1`;
const TURN = `SELECT pg_try_advisory_xact_lock(hashtextextended('plafond evaluate-exposure', 0)) AS mine`;
const BY_CALLS: Occasion = { trigger: 'correction', words: 'since calls in progress came to less' };
const BY_CALLS_AGAIN: Occasion = { trigger: 'cap', words: 'by calls in progress' };

/** Whom there is something to decide about, and the calls that are over and were looked after. */
interface Looked {
  concerned: readonly string[];
  over: readonly CallOver[];
}

@Injectable()
export class EvaluateExposure {
  readonly #log = new Logger('exposure');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** One look at all that runs; resolves to how many decisions it led to. Safe to run anywhere: one looks at a time. */
  async run(): Promise<number> {
    const { concerned, over } = await inTransaction(this.dataSource, async ({ client }) => {
      const nothing: Looked = { concerned: [], over: [] };
      if (!(await anyToLookAt(client))) return nothing;
      const { rows } = await client.query<{ mine: boolean }>(TURN);
      if (!rows[0]!.mine) return nothing;
      const at = this.clock.now();
      await priceNewCalls(client, at);
      // Read before calls are settled: whose last one is, is looked at once more without it.
      const calls = await runningCalls(client);
      const over = await callsOver(client);
      await keepSettled(client, settledBy(calls, await settlingRecords(client)), at);
      if ((await client.query(ANY_CAP)).rows.length === 0) return { concerned: [], over };
      const accounts = [...new Set([...calls, ...over].map(({ accountId }) => accountId))];
      const { crossings } = await this.#hold(client, accounts, at);
      return { concerned: [...new Set(crossings.map(({ account }) => account.accountId))], over };
    });
    // Most looks find nothing to do, and keep no importer waiting; the others look again, now with the counters standing still.
    const decisions = concerned.length === 0 ? [] : await this.#decide(concerned);
    if (over.length > 0) await inTransaction(this.dataSource, ({ client }) => forgetOver(client, over));
    if (decisions.length > 0) this.#log.log(`calls in progress led to ${decisions.length} decisions`);
    return decisions.length;
  }

  #decide(concerned: readonly string[]): Promise<Decision[]> {
    return inTransaction(this.dataSource, async ({ client }) => {
      await lockShards(client, concerned.map(shardOf));
      const at = this.clock.now();
      const due = await holdDue(client, concerned, at);
      const { crossings, evaluation, caps } = await this.#hold(client, concerned, at);
      await keepHeld(client, evaluation, caps);
      return carryOutCrossings(client, [...due, ...crossings], at, undefined);
    });
  }

  async #hold(
    client: ClientBase,
    accountIds: readonly string[],
    at: Instant,
  ): Promise<{ crossings: Crossing[]; evaluation: Evaluation; caps: readonly Cap[] }> {
    const accounts = new Map((await accountsById(client, accountIds)).map((account) => [account.accountId, account]));
    const book = await capBook(client);
    const running = await callsBesideSpend(client, accountIds);
    const calls = countedCalls(running, accounts, new Meters(book), at);
    const spends = await spendsOf(client, accountIds, at);
    const caps = (await allCaps(client)).filter(({ count }) => count === 'with-exposure');
    const since = caps.reduce((earliest, cap) => Math.min(earliest, bearingSince(at, cap)), at);
    const crossed = await crossingsOf(
      client,
      accountIds,
      caps.map(({ id }) => id),
      since,
    );
    const evaluation = new Evaluation();
    evaluation.recall(crossed);
    // Those of calls that run, and those whose own cap had acted on calls that run no more.
    const services = grouped(
      [...running, ...crossed.flatMap((state) => ofService(state, caps))],
      ({ accountId }) => accountId,
    );
    const subjects: Subject[] = [];
    for (const account of accounts.values()) {
      const own = new Set((services.get(account.accountId) ?? []).map(({ serviceId }) => serviceId));
      const held: Meter[] = [
        ...book.ofAccount(account).map((cap) => ({ cap, serviceId: '' })),
        ...[...own].flatMap((serviceId) => book.ofService(serviceId, account).map((cap) => ({ cap, serviceId }))),
      ];
      for (const meter of held) {
        if (meter.cap.count !== 'with-exposure') continue;
        subjects.push({ account, meter, calls: calls.get(meterKey(account, meter)) ?? [] });
      }
    }
    const crossings: Crossing[] = [];
    const isRolling = ({ meter }: Subject) => rollingHours(meter.cap.period) !== undefined;
    for (const subject of subjects) {
      if (!isRolling(subject)) crossings.push(...holdPeriod(evaluation, subject, spends, at));
    }
    for (const ofCap of grouped(subjects.filter(isRolling), ({ meter }) => meter.cap.id).values()) {
      const { cap } = ofCap[0]!.meter;
      const under = new Map(ofCap.map(({ account }) => [account.accountId, account]));
      const windows = await readWindows(client, cap, rollingHours(cap.period)!, under, book, at);
      crossings.push(...ofCap.flatMap((subject) => holdWindow(evaluation, subject, windows, at)));
    }
    return { crossings, evaluation, caps };
  }
}

/** Of whom a cap counts what, beside what is spent. */
interface Subject {
  account: Account;
  meter: Meter;
  calls: readonly CountedCall[];
}

/** The service whose own cap has acted. */
function ofService({ accountId, capId, uncrossedAt }: CrossingState, caps: readonly Cap[]) {
  const { kind, value: serviceId } = caps.find(({ id }) => id === capId)!.scope;
  return kind === 'service' && uncrossedAt === undefined ? [{ accountId, serviceId }] : [];
}

function holdPeriod(
  evaluation: Evaluation,
  { account, meter, calls }: Subject,
  spends: ReadonlyMap<string, Micros>,
  at: Instant,
): Crossing[] {
  const { cap, serviceId } = meter;
  const period = calendarPeriod(cap.period as 'day' | 'week' | 'month', at, account);
  const spend = spends.get(counterKey(account.accountId, serviceId, cap.traffic, cap.period, period.from)) ?? 0n;
  return evaluation
    .hold(account, meter, period, spend + comeToIn(meter, period, calls), at)
    .map((crossing) => byCalls(crossing, calls));
}

/** In a window a call in progress stands where its record will: at its start. */
function holdWindow(
  evaluation: Evaluation,
  { account, meter, calls }: Subject,
  windows: ReadonlyMap<string, RollingWindow>,
  at: Instant,
): Crossing[] {
  const window =
    windows.get(subjectKey(account.accountId, meter.serviceId)) ?? new RollingWindow(rollingHours(meter.cap.period)!);
  for (const { call, amount } of calls) window.add({ startedAt: call.startedAt, amount });
  return evaluation.holdWindow(account, meter, window, at).map((crossing) => byCalls(crossing, calls));
}

/** A threshold that is reached counts once, whether by spend or by what runs. */
function byCalls(crossing: Crossing, calls: readonly CountedCall[]): Crossing {
  const occasion = crossing.direction === 'fell' ? BY_CALLS : crossing.again ? BY_CALLS_AGAIN : undefined;
  return { ...withExposure(crossing, calls), ...(occasion ? { occasion } : {}) };
}

/** Counters of periods that may run now; by the primary key. */
async function spendsOf(
  client: ClientBase,
  accounts: readonly string[],
  at: Instant,
): Promise<ReadonlyMap<string, Micros>> {
  const { rows } = await client.query<{
    account_id: string;
    service_id: string;
    traffic: string;
    period: string;
    period_start: Date;
    spend_micros: string;
  }>('SELECT * FROM counters WHERE account_id = ANY ($1::text[]) AND period_start > $2', [
    accounts,
    toDate(at - LONGEST_PERIOD_MS),
  ]);
  return new Map(
    rows.map((row) => [
      counterKey(row.account_id, row.service_id, row.traffic, row.period, row.period_start.getTime()),
      BigInt(row.spend_micros),
    ]),
  );
}
