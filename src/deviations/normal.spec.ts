import { describe, expect, it } from '@jest/globals';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';
import { sampleVersion } from '../../test/samples/version.ts';
import { thresholdsOf, UNFITTED_CALIBRATION } from './calibration.ts';
import { Model } from './model.ts';
import { normalInWords, normalOf } from './normal.ts';
import { UNFITTED_NORMS } from './norms.ts';
import { observe } from './observe.ts';
import { Signature } from './signature.ts';

const HOUR = 3_600_000;
const MONDAY = Date.UTC(2026, 0, 5);
const MODEL = new Model(UNFITTED_NORMS, UNFITTED_CALIBRATION);

describe('what is usual', () => {
  it('counts four calls a day as four, known numbers and long calls too', () => {
    const signature = new Signature();
    for (let index = 0; index < 4 * 60; index++) {
      const startedAt = MONDAY + Math.floor(index / 4) * 24 * HOUR + (9 + (index % 4)) * HOUR;
      const to = sampleVersion(startedAt, `+3120123456${index % 4}`, 300, 0.2);
      observe(signature, { from: undefined, to }, SAMPLE_ACCOUNT, MODEL, thresholdsOf(1));
    }
    const normal = normalOf(signature, SAMPLE_ACCOUNT, MODEL);
    expect(normal.callsPerDay).toBeCloseTo(4, 0);
    expect(normalInWords(normal, SAMPLE_ACCOUNT)).toContain(`with ${normal.callsPerDay} calls or messages`);
  });
});
