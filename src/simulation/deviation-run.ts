/**
 * Deviations over a file: what is usual is fitted from the warm-up, signatures learn over it in silence, and at its end the budget is
 * calibrated on what harmless accounts had shown. The same functions run live.
 */
import type { Account } from '../accounts/account.ts';
import { decideDeviation } from '../decisions/decide-deviation.ts';
import type { Decision } from '../decisions/decision.ts';
import {
  calibrate,
  maximaOf,
  resetMaxima,
  thresholdsOf,
  UNFITTED_CALIBRATION,
  type Calibration,
  type Thresholds,
  type Watched,
} from '../deviations/calibration.ts';
import { deviationOf, isLate } from '../deviations/deviation.ts';
import type { Held } from '../deviations/ignored-hold.ts';
import { actOn } from '../deviations/act.ts';
import { Model } from '../deviations/model.ts';
import { UNFITTED_NORMS, type Norms } from '../deviations/norms.ts';
import { doneLevel, HELD, levelFor, type Level } from '../deviations/levels.ts';
import { SCALE } from '../deviations/scales.ts';
import { observe } from '../deviations/observe.ts';
import { Signature } from '../deviations/signature.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Movement } from '../ledger/version.ts';

const DAY_MS = 86_400_000;
const MONTH_MS = 30.4375 * DAY_MS;
/** Up to then everything is new to a signature; of a short warm-up, a third. */
const FRESH_MS = 20 * DAY_MS;

export class DeviationRun {
  readonly #thresholds: Thresholds;
  readonly #norms: Norms;
  readonly #mode: 'shadow' | 'enforce';
  readonly #signatures = new Map<string, Signature>();
  /** the latest hold of each account that is in force */
  readonly #holds = new Map<string, Held>();
  readonly #warmUp: WarmUp | undefined;
  #model: Model;

  /** `norms` as fitted from the warm-up; `budget` in false holds and suspensions per 1,000 account-months. */
  constructor(
    budget: number,
    mode: 'shadow' | 'enforce',
    warmUntil: Instant | undefined,
    norms: Norms = UNFITTED_NORMS,
  ) {
    this.#thresholds = thresholdsOf(budget);
    this.#mode = mode;
    this.#norms = norms;
    this.#model = new Model(norms, UNFITTED_CALIBRATION);
    this.#warmUp = warmUntil === undefined ? undefined : new WarmUp(warmUntil);
  }

  /** What a movement that became known at `at` decides: at most one thing. */
  take(movement: Movement, account: Account, at: Instant): Decision | undefined {
    const calibration = this.#warmUp?.passed(at, this.#signatures);
    if (calibration) this.#model = new Model(this.#norms, calibration);
    let signature = this.#signatures.get(account.accountId);
    if (!signature) {
      this.#signatures.set(account.accountId, (signature = new Signature()));
      this.#warmUp?.joined(account);
    }
    const { to: record } = movement;
    const thresholds = this.#warmUp?.goesOn || isLate(record, at) ? undefined : this.#thresholds;
    const reading = observe(signature, movement, account, this.#model, thresholds);
    if (thresholds === undefined) return undefined;
    const level = levelFor(reading.score, thresholds, SCALE[reading.scale]!.family);
    const hold = doneLevel(signature) === HELD ? this.#holds.get(account.accountId) : undefined;
    const isDue = reading.rose !== 'none';
    const model = this.#model;
    const read = (rose: Level) => deviationOf(signature, { ...reading, rose }, record, account, model, thresholds);
    const act = actOn(signature, { level, isDue, hold }, read, record, account.currency);
    if (!act) return undefined;
    const { deviation, ignoredHold } = act;
    const decision = decideDeviation(deviation, record, account, at, this.#mode, ignoredHold);
    if (decision.type === 'hold' && this.#mode === 'enforce') {
      const { family, money } = deviation;
      const before = hold?.family === family ? hold.bars : [];
      this.#holds.set(account.accountId, { at, family, money, bars: [...before, ...deviation.bars] });
    }
    return decision;
  }
}

/** What accounts reach at their worst, when they are new to the engine and afterwards, until the warm-up is over. */
export class WarmUp {
  goesOn = true;
  readonly #until: Instant;
  readonly #segments = new Map<string, string>();
  #begun: Instant | undefined;
  #settled: Instant | undefined;
  #fresh: Watched[] = [];

  constructor(until: Instant) {
    this.#until = until;
  }

  joined(account: Account): void {
    if (this.goesOn) this.#segments.set(account.accountId, account.segment);
  }

  /** Call with each instant, in order. Answers the calibration, once: at the end. */
  passed(at: Instant, signatures: ReadonlyMap<string, Signature>): Calibration | undefined {
    if (!this.goesOn) return undefined;
    this.#begun ??= at;
    const fresh = Math.min(FRESH_MS, (this.#until - this.#begun) / 3);
    if (this.#settled === undefined && at >= this.#begun + fresh) {
      this.#settled = this.#begun + fresh;
      this.#fresh = this.#watched(signatures, fresh);
      for (const signature of signatures.values()) resetMaxima(signature, Math.floor(this.#settled / 1_000));
    }
    if (at < this.#until) return undefined;
    this.goesOn = false;
    if (this.#settled === undefined) return undefined;
    return calibrate(this.#fresh, this.#watched(signatures, this.#until - this.#settled));
  }

  #watched(signatures: ReadonlyMap<string, Signature>, length: number): Watched[] {
    return [...this.#segments].map(([accountId, segment]) => ({
      segment,
      months: length / MONTH_MS,
      maxima: maximaOf(signatures.get(accountId)!),
    }));
  }
}
