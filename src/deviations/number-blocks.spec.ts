import { describe, expect, it } from '@jest/globals';
import { blockFactor, knowBlocks, rememberBlock } from './number-blocks.ts';
import { Signature } from './signature.ts';

const DAY = 86_400;
const START = 20_000 * DAY;

function called(numbers: readonly string[], apart: number): Signature {
  const signature = new Signature();
  for (const [index, number] of numbers.entries()) rememberBlock(signature, number, START + index * apart);
  return signature;
}
const ofOneBlock = (count: number) => Array.from({ length: count }, (_, index) => `+25261555${1_007 + 13 * index}`);

describe('number blocks', () => {
  it.each([
    ['nothing of a block that was never called', [], 600, 0, 0],
    ['nothing of a number that is called again and again', Array(20).fill('+252615551000'), 600, 0, 0],
    ['something of the second number of a block', ofOneBlock(1), 600, 0.4, 0.8],
    ['more of the fifth', ofOneBlock(4), 600, 1, 1.6],
    ['as much of ones that come by the day', ofOneBlock(4), DAY, 1, 1.6],
    ['no more than a bound of very many', ofOneBlock(60), 600, 2, 2],
    ['nothing of a block whose other numbers are forgotten', ofOneBlock(1), 600 + 5 * DAY, 0, 0.8],
  ])('tell %s', (_, numbers, apart, low, high) => {
    const signature = called(numbers, apart);
    const factor = blockFactor(
      signature,
      numbers.length > 3 && numbers[0] === numbers[1] ? numbers[0]! : '+252615551999',
      START + numbers.length * apart,
    );
    expect(factor).toBeGreaterThanOrEqual(low);
    expect(factor).toBeLessThanOrEqual(high);
  });

  it('tell nothing of a partner with many numbers who has been known for weeks, or whom somebody has named as one', () => {
    const signature = called(ofOneBlock(10), 600);
    expect(blockFactor(signature, '+252615551999', START + DAY)).toBeGreaterThan(1);
    expect(blockFactor(signature, '+252615551999', START + 22 * DAY)).toBe(0);
    knowBlocks(signature, START + DAY);
    expect(blockFactor(signature, '+252615551999', START + DAY)).toBe(0);
  });
});
