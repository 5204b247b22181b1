/** Plafond as a detector: norms from the warm-up, learning over it in silence, calibration at its end. */
import { UNFITTED_CALIBRATION } from '../../../src/deviations/calibration.ts';
import { Model } from '../../../src/deviations/model.ts';
import type { Norms } from '../../../src/deviations/norms.ts';
import { observe } from '../../../src/deviations/observe.ts';
import { Signature } from '../../../src/deviations/signature.ts';
import { WarmUp } from '../../../src/simulation/deviation-run.ts';
import type { Detector } from './detector.ts';

export interface PlafondDetector extends Detector {
  signatures: ReadonlyMap<string, Signature>;
  model(): Model;
}

/** `warmUntil` in epoch milliseconds. */
export function plafond(norms: Norms, warmUntil: number): PlafondDetector {
  const signatures = new Map<string, Signature>();
  const warmUp = new WarmUp(warmUntil);
  let model = new Model(norms, UNFITTED_CALIBRATION);
  return {
    name: 'Plafond',
    signatures,
    model: () => model,
    score(movement, account, at) {
      const calibration = warmUp.passed(at, signatures);
      if (calibration) model = new Model(norms, calibration);
      let signature = signatures.get(account.accountId);
      if (!signature) {
        signatures.set(account.accountId, (signature = new Signature()));
        warmUp.joined(account);
      }
      return observe(signature, movement, account, model, undefined).score;
    },
  };
}
