/** Plafond as a detector: norms from the warm-up, learning over it in silence, calibration at its end. */
import { calibrate, maximaOf, resetMaxima, thresholdsOf, UNFITTED_CALIBRATION } from '../../../src/deviations/calibration.ts';
import { Model } from '../../../src/deviations/model.ts';
import type { Norms } from '../../../src/deviations/norms.ts';
import { observe } from '../../../src/deviations/observe.ts';
import { Signature } from '../../../src/deviations/signature.ts';
import type { Detector } from './detector.ts';

const DAY = 86_400_000;

export function plafond(norms: Norms, begins: number, warmUntil: number): Detector & { model(): Model; last: number } {
  const signatures = new Map<string, Signature>();
  let warm = true;
  const segments = new Map<string, string>();
  let model = new Model(norms, UNFITTED_CALIBRATION);
  const since = begins + Math.min(20 * DAY, (warmUntil - begins) / 3);
  return {
    name: 'Plafond',
    last: 0,
    model: () => model,
    warmed() {
      warm = false;
      const months = (warmUntil - since) / (30.4375 * DAY);
      const watched = [...signatures].map(([id, each]) => ({ segment: segments.get(id)!, months, maxima: maximaOf(each) }));
      model = new Model(norms, calibrate(watched));
    },
    score(movement, account) {
      let signature = signatures.get(account.accountId);
      if (!signature) {
        segments.set(account.accountId, account.segment);
        signatures.set(account.accountId, (signature = new Signature()));
        resetMaxima(signature, Math.floor(since / 1_000));
      }
      const reading = observe(signature, movement, account, model, warm ? undefined : thresholdsOf(1));
      this.last = reading.scale;
      return reading.score;
    },
  };
}
