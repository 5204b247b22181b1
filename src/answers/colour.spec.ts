import { describe, expect, it } from '@jest/globals';
import { assert, integer, property } from 'fast-check';
import { contrast, inkOn, readableOnWhite } from './colour.ts';

describe('contrast', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#ffffff', 1],
    ['#777777', '#ffffff', 4.48],
    ['#767676', '#ffffff', 4.54],
  ])('of %s on %s', (a, b, ratio) => {
    expect(contrast(a, b)).toBeCloseTo(ratio, 2);
    expect(contrast(b, a)).toBe(contrast(a, b));
  });

  it('of a button is enough in any colour of a brand', () => {
    assert(
      property(integer({ min: 0, max: 0xffffff }), (number) => {
        const colour = `#${number.toString(16).padStart(6, '0')}`;
        expect(contrast(colour, inkOn(colour))).toBeGreaterThanOrEqual(4.5);
        expect(contrast('#ffffff', readableOnWhite(colour, '#1b1b1f'))).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });
});
