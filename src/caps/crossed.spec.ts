import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { crossed } from './crossed.ts';

const thresholds = [50, 80, 100].map((percent) => ({ percent, amount: BigInt(percent), actions: ['warn'] as const }));
const percents = (before: bigint, after: bigint) =>
  crossed(before, after, thresholds).map(({ threshold, direction }) => `${direction} ${threshold.percent}`);

describe('a step of spend', () => {
  it.each([
    ['from below to just at a threshold crosses it', 49n, 50n, ['rose 50']],
    ['from a threshold on does not cross it again', 50n, 79n, []],
    ['that stays below crosses nothing', 0n, 49n, []],
    ['over all of them crosses each, the lowest first', 0n, 1000n, ['rose 50', 'rose 80', 'rose 100']],
    ['down to just at a threshold does not fall below it', 60n, 50n, []],
    ['down from just at a threshold falls below it', 50n, 49n, ['fell 50']],
    ['down below all of them falls below each, the highest first', 100n, -3n, ['fell 100', 'fell 80', 'fell 50']],
    ['that changes nothing crosses nothing', 80n, 80n, []],
    ['below nothing, by a credit, crosses nothing', 0n, -10n, []],
  ])('%s', (_, before, after, expected) => expect(percents(before, after)).toEqual(expected));

  it('in parts crosses what the whole step leaves crossed', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(-60n, 60n), { maxLength: 12 }), (steps) => {
        const standing = new Set<number>();
        let spend = 0n;
        for (const step of steps) {
          for (const { threshold, direction } of crossed(spend, spend + step, thresholds)) {
            expect(standing.has(threshold.percent)).toBe(direction === 'fell');
            if (direction === 'rose') standing.add(threshold.percent);
            else standing.delete(threshold.percent);
          }
          spend += step;
        }
        expect([...standing].toSorted((a, b) => a - b)).toEqual(
          thresholds.filter(({ amount }) => spend >= amount).map(({ percent }) => percent),
        );
      }),
    );
  });
});
