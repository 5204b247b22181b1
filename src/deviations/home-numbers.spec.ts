import { describe, expect, it } from '@jest/globals';
import { isKnownAtHome, rememberAtHome, triedShare } from './home-numbers.ts';
import { Signature } from './signature.ts';

const WEEK = 7 * 86_400;
const START = 3_000 * WEEK;
const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `+3120${String(7_654_321 + 7_919 * (from + index)).padStart(7, '0')}`);

function known(signature: Signature, of: readonly string[]): number {
  return of.filter((number) => isKnownAtHome(signature, number)).length;
}

describe('numbers at home', () => {
  it('are known when the week is over in which they were called first', () => {
    const signature = new Signature();
    const contacts = numbers(20);
    for (const number of contacts) rememberAtHome(signature, number, START);
    expect(known(signature, contacts)).toBe(0);
    rememberAtHome(signature, contacts[0]!, START + WEEK);
    expect(known(signature, contacts)).toBe(20);
    expect(known(signature, numbers(200, 500))).toBeLessThan(20);
  });

  it('are not all learnt from what calls ever other ones', () => {
    const signature = new Signature();
    for (const number of numbers(2_000)) rememberAtHome(signature, number, START);
    rememberAtHome(signature, numbers(1)[0]!, START + WEEK);
    expect(known(signature, numbers(1_900, 100))).toBeLessThan(400);
  });

  it('stay known while they are called, however many are', () => {
    const signature = new Signature();
    const contacts = numbers(15);
    for (let week = 0; week < 60; week++)
      for (const number of [...contacts, ...numbers(25, 100 + 25 * week)])
        rememberAtHome(signature, number, START + week * WEEK);
    rememberAtHome(signature, contacts[0]!, START + 60 * WEEK);
    expect(known(signature, contacts)).toBe(15);
    expect(known(signature, numbers(1_000, 10_000))).toBeLessThan(370);
  });

  it('count less while a busy line is tried, and in full where that goes on, or another was called in between', () => {
    const signature = new Signature();
    const [busy, other] = numbers(2) as [string, string];
    const shares = Array.from({ length: 30 }, (_, index) => {
      const share = triedShare(signature, busy);
      rememberAtHome(signature, busy, START + 60 * index);
      return share;
    });
    expect(shares).toEqual([1, ...Array.from({ length: 20 }, () => 0.3), ...Array.from({ length: 9 }, () => 1)]);
    rememberAtHome(signature, other, START + 3_600);
    expect(triedShare(signature, busy)).toBe(1);
    expect(triedShare(signature, other)).toBe(0.3);
    rememberAtHome(signature, other, START + WEEK);
    expect(triedShare(signature, other)).toBe(1);
  });
});
