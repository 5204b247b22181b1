/**
 * `plafond replay`: usage through the same rules as live, in the order in which it became available, without a server.
 * Deterministic: time comes from the records alone, ids from what is decided.
 */
import { rename, stat, writeFile } from 'node:fs/promises';
import type { Account } from '../accounts/account.ts';
import { readAccounts } from '../accounts/account-file.ts';
import { stops, suspendedClass, type BarringClass, type BarScope } from '../caps/barring.ts';
import { capOf, scopeOf, type Cap } from '../caps/cap.ts';
import { CapBook } from '../caps/cap-book.ts';
import { readCapFile } from '../caps/cap-file.ts';
import { Evaluation } from '../caps/evaluation.ts';
import { stepsOf } from '../caps/steps.ts';
import { Meters } from '../caps/meters.ts';
import { decide } from '../decisions/decide.ts';
import { decisionId, decisionResponse, type Decision } from '../decisions/decision.ts';
import { decideReinstatement } from '../decisions/reinstatement.ts';
import { NormsCollector, type Norms } from '../deviations/norms.ts';
import { openFile } from '../feeds/sources/drop-folder.ts';
import type { Reject, UsageRecord } from '../feeds/usage-record.ts';
import type { Instant } from '../kernel/clock.ts';
import { Refusal } from '../kernel/refusal.ts';
import { admit, isAdmitted } from '../ledger/admit.ts';
import { standing, type Version } from '../ledger/version.ts';
import { readAllowedNumbers, type AllowedNumbers } from './allowed-numbers-file.ts';
import { DeviationRun } from './deviation-run.ts';
import { Holdings, ownText } from './holdings.ts';
import { LargeMap } from './large-map.ts';
import { OutOfOrder, sorted, streamed, type UsageSource } from './usage-file.ts';

export interface ReplayOptions {
  accounts: string;
  caps: string;
  usage: string;
  out: string;
  /** until then the rules are silent, but count */
  warmUntil?: Instant;
  /** `enforce` leaves out what a suspension would have barred */
  mode?: 'shadow' | 'enforce';
  /** false holds and suspensions by deviations, per 1,000 account-months, as a decimal string (default 1); or `off` */
  budget?: string;
  /** a file of the numbers that accounts may call whatever is barred: `{"1001": ["+31207940000"]}` */
  allowedNumbers?: string;
  onProgress?: (done: { records: number }) => void;
}

export interface ReplaySummary {
  records: number;
  counted: number;
  duplicate: number;
  rejected: number;
  /** left out, since a suspension would have barred it */
  barred: number;
  decisions: number;
  /** the first of the rows that could not be used */
  rejects: Reject[];
}

const PROGRESS_ROWS = 20_000;
const REJECTS_SHOWN_MAX = 20;

export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const accounts = new Map(
    (await named(options.accounts, () => readAccounts(openFile(options.accounts).bytes))).map((account) => [
      account.accountId,
      account,
    ]),
  );
  const caps = await named(options.caps, async () => capsOf(await readText(options.caps)));
  const allowed = options.allowedNumbers === undefined ? new Map() : await readAllowedNumbers(options.allowedNumbers);
  const whole = sorted(options.usage);
  // A pipe gives what it has once.
  if (await isNoFile(options.usage)) return replayOver(whole, accounts, caps, allowed, options);
  try {
    return await replayOver(streamed(options.usage), accounts, caps, allowed, options);
  } catch (error) {
    if (!(error instanceof OutOfOrder)) throw error;
    return replayOver(whole, accounts, caps, allowed, options);
  }
}

/** Whether there is something else of this name: a pipe or a device. */
async function isNoFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isFile(),
    () => false,
  );
}

async function replayOver(
  usage: UsageSource,
  accounts: ReadonlyMap<string, Account>,
  caps: readonly Cap[],
  allowed: AllowedNumbers,
  options: ReplayOptions,
): Promise<ReplaySummary> {
  const { budget = '1', mode = 'shadow', warmUntil } = options;
  const rejects: Reject[] = [];
  const lines: string[] = [];
  const run = await named(options.usage, async () => {
    const deviations =
      budget === 'off'
        ? undefined
        : new DeviationRun(Number(budget), mode, warmUntil, await normsOf(usage, accounts, warmUntil));
    const replaying = new Replay(accounts, caps, allowed, options, deviations);
    for await (const records of usage(rejects)) {
      for (const record of records) {
        for (const decision of replaying.take(record, rejects)) {
          lines.push(JSON.stringify(decisionResponse(decision, accounts.get(decision.accountId)!.timeZone)));
        }
        if (replaying.records % PROGRESS_ROWS === 0) options.onProgress?.({ records: replaying.records });
      }
    }
    return replaying;
  });
  const text = lines.map((line) => `${line}\n`).join('');
  if (options.out === '-') process.stdout.write(text);
  else if (await isNoFile(options.out)) await writeFile(options.out, text);
  else {
    await writeFile(`${options.out}.part`, text);
    await rename(`${options.out}.part`, options.out);
  }
  return {
    records: run.records + rejects.length - run.notAdmitted,
    counted: run.counted,
    duplicate: run.duplicate,
    rejected: rejects.length,
    barred: run.barred,
    decisions: lines.length,
    rejects: rejects.slice(0, REJECTS_SHOWN_MAX),
  };
}

/** What is usual, from what became available before `warmUntil`: the first version of each record. */
async function normsOf(
  usage: UsageSource,
  accounts: ReadonlyMap<string, Account>,
  warmUntil: Instant | undefined,
): Promise<Norms | undefined> {
  if (warmUntil === undefined) return undefined;
  const collector = new NormsCollector();
  const seen = new LargeMap<true>();
  for await (const records of usage([])) {
    for (const record of records) {
      if (record.receivedAt >= warmUntil) return collector.norms();
      const account = accounts.get(record.accountId);
      const version = admit(record, account, 'default', record.receivedAt);
      if (account === undefined || !isAdmitted(version) || seen.has(record.recordId)) continue;
      seen.set(ownText(record.recordId), true);
      collector.add(version, account);
    }
  }
  return collector.norms();
}

interface Bar {
  decision: Decision;
  scope: BarScope;
  from: Instant;
  /** when it ends of itself; undefined: only by hand */
  endsAt: Instant | undefined;
  until: Instant;
}

class Replay {
  records = 0;
  counted = 0;
  duplicate = 0;
  barred = 0;
  notAdmitted = 0;
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #meters: Meters;
  readonly #options: ReplayOptions;
  readonly #allowed: AllowedNumbers;
  readonly #holdings = new Holdings();
  readonly #evaluation = new Evaluation();
  readonly #bars = new Map<string, Bar[]>();
  #ending: Bar[] = [];
  /** of which records a version was barred */
  readonly #leftOut = new Set<string>();
  readonly #made = new Set<string>();

  readonly #deviations: DeviationRun | undefined;

  constructor(
    accounts: ReadonlyMap<string, Account>,
    caps: readonly Cap[],
    allowed: AllowedNumbers,
    options: ReplayOptions,
    deviations: DeviationRun | undefined,
  ) {
    this.#allowed = allowed;
    this.#deviations = deviations;
    this.#accounts = accounts;
    this.#meters = new Meters(new CapBook(caps));
    this.#options = options;
  }

  /** Takes one record at the instant at which it became available; answers what is decided up to then. */
  take(record: UsageRecord, rejects: Reject[]): Decision[] {
    this.records++;
    const at = record.receivedAt;
    const decisions = this.#reinstate(at);
    const version = admit(record, this.#accounts.get(record.accountId), 'default', at);
    if (!isAdmitted(version)) {
      this.notAdmitted++;
      rejects.push({ ...version, line: record.line, text: '' });
      return decisions;
    }
    if (this.#options.mode === 'enforce' && this.#isBarred(version)) {
      this.barred++;
      this.#leftOut.add(ownText(version.recordId));
      return decisions;
    }
    const before = this.#holdings.get(version.recordId);
    const result = standing(before, version);
    if (result !== 'counted' && result !== 'superseded') {
      this.duplicate++;
      return decisions;
    }
    this.counted++;
    this.#holdings.set(version);
    for (const step of stepsOf({ from: before, to: version }, this.#accounts, this.#meters)) {
      for (const crossing of this.#evaluation.apply(step, at)) {
        if (this.#options.warmUntil !== undefined && at < this.#options.warmUntil) continue;
        for (const decision of decide(crossing, at)) {
          if (this.#made.has(decision.id)) continue;
          this.#made.add(decision.id);
          decisions.push(decision);
          this.#carryOut(decision, crossing.meter.cap, crossing.period.to);
        }
      }
    }
    const deviating = this.#deviations?.take({ from: before, to: version }, this.#accounts.get(version.accountId)!, at);
    if (deviating) {
      decisions.push(deviating);
      this.#bar(deviating);
    }
    return decisions;
  }

  /** What a hold or a suspension bars in this mode: a hold the destinations that it names, a suspension its class. */
  #bar(decision: Decision, endsAt?: Instant): void {
    if (decision.mode !== 'enforce' || (decision.type !== 'hold' && decision.type !== 'suspend')) return;
    const suspended = suspendedClass(decision.action);
    const scopes = suspended ? [suspended] : ((decision.evidence?.bars as BarScope[] | undefined) ?? []);
    for (const scope of scopes) {
      const bar: Bar = { decision, scope, from: decision.at, endsAt, until: endsAt ?? Infinity };
      const bars = this.#bars.get(decision.accountId);
      if (bars) bars.push(bar);
      else this.#bars.set(decision.accountId, [bar]);
      if (endsAt !== undefined) this.#ending.push(bar);
    }
  }

  #carryOut(decision: Decision, cap: Cap, periodEnd: Instant): void {
    const { accountId, at } = decision;
    this.#bar(decision, cap.reinstate === 'period-end' ? periodEnd : undefined);
    if (decision.type !== 'restore') return;
    for (const bar of this.#bars.get(accountId) ?? []) {
      const { capId, period, threshold } = bar.decision;
      if (capId !== decision.capId || period !== decision.period || threshold !== decision.threshold) continue;
      if (bar.until > at) bar.until = at;
      this.#ending = this.#ending.filter((ending) => ending !== bar);
    }
  }

  /** Lifts what ended up to `at`, in the order in which it ended. */
  #reinstate(at: Instant): Decision[] {
    if (!this.#ending.some((bar) => bar.until <= at)) return [];
    const ended = this.#ending.filter((bar) => bar.until <= at).toSorted((a, b) => a.until - b.until);
    this.#ending = this.#ending.filter((bar) => bar.until > at);
    return ended.map((bar) => decideReinstatement(bar.decision, bar.scope as BarringClass, bar.until));
  }

  #isBarred(version: Version): boolean {
    const bars = this.#bars.get(version.accountId);
    if (!bars) return false;
    // A credit is no call, so no switch stops it; but one for a call that was stopped would be for nothing.
    if (version.amount < 0n && !this.#leftOut.has(version.recordId)) return false;
    const { homeCountry } = this.#accounts.get(version.accountId)!;
    return bars.some(
      (bar) =>
        version.startedAt >= bar.from &&
        version.startedAt < bar.until &&
        stops(bar.scope, version.destination, homeCountry, this.#allowed.get(version.accountId)),
    );
  }
}

/** What can't be read is told with the file's name. */
async function named<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.kind, error.code, `${path}: ${error.message}`, error.faults);
  }
}

/** Caps that no server has named get the id that their place gives them, so that the same file decides the same. */
function capsOf(text: string): Cap[] {
  return readCapFile(text).map(({ definition, id }) => {
    const { traffic, period, currency } = definition;
    const { kind, value } = scopeOf(definition);
    return capOf(id ?? decisionId('cap', kind, value, traffic, period, currency), 1, definition);
  });
}

async function readText(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of openFile(path).bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
