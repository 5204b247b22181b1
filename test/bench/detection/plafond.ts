/** Plafond as a detector: norms from the warm-up, learning over it in silence, calibration at its end. */
import { UNFITTED_CALIBRATION } from '../../../src/deviations/calibration.ts';
import { Model } from '../../../src/deviations/model.ts';
import { NormsCollector, type Norms } from '../../../src/deviations/norms.ts';
import { observe } from '../../../src/deviations/observe.ts';
import { Signature } from '../../../src/deviations/signature.ts';
import { WarmUp } from '../../../src/simulation/deviation-run.ts';
import { World, type WorldOptions } from '../../../src/simulation/world/world.ts';
import type { Detector } from './detector.ts';
import { measure } from './measure.ts';

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

/** What is usual, from the warm-up alone. */
export function normsOf(options: WorldOptions): Norms {
  const collector = new NormsCollector();
  measure(
    new World(options),
    [
      {
        name: 'norms',
        score: ({ from, to }, account) => {
          if (!from) collector.add(to, account);
          return 0;
        },
      },
    ],
    'warm-up',
  );
  return collector.norms();
}
