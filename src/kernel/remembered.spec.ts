import { expect, it } from '@jest/globals';
import { Remembered } from './remembered.ts';

const remember = (...keys: number[]) => {
  const remembered = new Remembered<number, { key: number }>(3);
  for (const key of keys) if (!remembered.get(key)) remembered.set(key, { key });
  return (...asked: number[]) => asked.filter((key) => remembered.get(key)?.key === key);
};

it('remembers a generation in full', () => expect(remember(1, 2, 3)(1, 2, 3)).toEqual([1, 2, 3]));

it('never forgets all at once', () => expect(remember(1, 2, 3, 4)(1, 2, 3, 4)).toEqual([1, 2, 3, 4]));

it('keeps what is asked for, and forgets what was not', () =>
  expect(remember(1, 2, 3, 4, 1, 5, 1, 6, 7)(1, 2, 3)).toEqual([1]));

it('has what was set last', () => {
  const remembered = new Remembered<number, { at: number }>(1);
  for (let at = 1; at <= 3; at++) remembered.set(1, { at });
  expect(remembered.get(1)).toEqual({ at: 3 });
});
