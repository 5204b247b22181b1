/**
 * Deviations over a file: what is usual is fitted from the warm-up, signatures learn over it in silence, and at its end the budget is
 * calibrated on what harmless accounts had shown. The same functions run live.
 */
import type { Account } from '../accounts/account.ts';
import { decideDeviation } from '../decisions/decide-deviation.ts';
import type { Decision } from '../decisions/decision.ts';
import { calibrate, maximaOf, resetMaxima, thresholdsOf, UNFITTED_CALIBRATION } from '../deviations/calibration.ts';
import { deviationOf } from '../deviations/deviation.ts';
import { Model } from '../deviations/model.ts';
import { UNFITTED_NORMS, type Norms } from '../deviations/norms.ts';
import { observe } from '../deviations/observe.ts';
import { Signature } from '../deviations/signature.ts';
import type { Instant } from '../kernel/clock.ts';
import type { Movement } from '../ledger/version.ts';

const DAY_MS = 86_400_000;
const MONTH_MS = 30.4375 * DAY_MS;
/** Until a signature is so old it is not calibrated on: everything is new to it. A shorter warm-up leaves a third out. */
const CALIBRATED_AFTER_MS = 20 * DAY_MS;

export class DeviationRun {
  readonly #thresholds;
  readonly #warmUntil: Instant | undefined;
  readonly #norms: Norms;
  readonly #mode: 'shadow' | 'enforce';
  readonly #signatures = new Map<string, Signature>();
  /** of the accounts that are calibrated on */
  readonly #segments = new Map<string, string>();
  #model: Model;
  #calibratedSince: Instant | undefined;
  #warm: boolean;

  /** `norms` as fitted from the warm-up; `budget` in false holds and suspensions per 1,000 account-months. */
  constructor(
    budget: number,
    mode: 'shadow' | 'enforce',
    warmUntil: Instant | undefined,
    norms: Norms = UNFITTED_NORMS,
  ) {
    this.#thresholds = thresholdsOf(budget);
    this.#mode = mode;
    this.#warmUntil = warmUntil;
    this.#norms = norms;
    this.#model = new Model(norms, UNFITTED_CALIBRATION);
    this.#warm = warmUntil !== undefined;
  }

  /** What a movement that became known at `at` decides: at most one thing. */
  take(movement: Movement, account: Account, at: Instant): Decision | undefined {
    if (this.#warm && at >= this.#warmUntil!) this.#endWarmUp();
    let signature = this.#signatures.get(account.accountId);
    if (!signature) {
      this.#signatures.set(account.accountId, (signature = new Signature()));
      if (this.#warm) {
        this.#segments.set(account.accountId, account.segment);
        this.#calibratedSince ??= at + Math.min(CALIBRATED_AFTER_MS, (this.#warmUntil! - at) / 3);
        resetMaxima(signature, Math.floor(this.#calibratedSince / 1_000));
      }
    }
    const thresholds = this.#warm ? undefined : this.#thresholds;
    const reading = observe(signature, movement, account, this.#model, thresholds);
    if (thresholds === undefined || reading.rose === 'none') return undefined;
    const deviation = deviationOf(signature, reading, movement.to, account, this.#model, thresholds);
    return decideDeviation(deviation, movement.to, account, at, this.#mode === 'enforce' ? 'enforce' : 'shadow');
  }

  #endWarmUp(): void {
    this.#warm = false;
    if (this.#calibratedSince === undefined) return;
    const months = (this.#warmUntil! - this.#calibratedSince) / MONTH_MS;
    const watched = [...this.#segments].map(([accountId, segment]) => ({
      segment,
      months,
      maxima: maximaOf(this.#signatures.get(accountId)!),
    }));
    this.#model = new Model(this.#norms, calibrate(watched));
  }
}
