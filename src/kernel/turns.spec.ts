import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { Turns } from './turns.ts';

it('lets two at once work, the others in the order in which they came, also where one fails', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const all = [0, 1, 2, 3, 4].map((each) =>
    turns.take(async () => {
      begun.push(each);
      await new Promise<void>((resolve) => (ends[each] = resolve));
      if (each === 1) throw new Error('it fails');
      return each;
    }),
  );
  const outcomes = Promise.allSettled(all);
  await nextTurn();
  expect(begun).toEqual([0, 1]);
  ends[1]!();
  await nextTurn();
  expect(begun).toEqual([0, 1, 2]);
  ends[0]!();
  ends[2]!();
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  ends[3]!();
  ends[4]!();
  expect((await outcomes).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  await expect(turns.take(async () => 'free again')).resolves.toBe('free again');
});
