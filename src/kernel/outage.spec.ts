import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Outage } from './outage.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const story = () => {
  const said: string[] = [];
  const say = (text: unknown) => void said.push(String(text));
  return { said, outage: new Outage('the queue', { log: say, error: say }) };
};

describe('an outage', () => {
  it('is told of once, and once that it is over', () => {
    const { said, outage } = story();
    for (let failures = 0; failures < 3; failures++) outage.failed(new Error('it is read-only'));
    for (let answers = 0; answers < 3; answers++) outage.over();
    jest.advanceTimersByTime(60_000);
    expect(said).toEqual([
      'the queue is away and is tried again until it is back: it is read-only',
      'the queue is back',
    ]);
  });

  it('in which some things work and others do not goes on, until nothing has failed for a while', () => {
    const { said, outage } = story();
    for (let second = 0; second < 30; second++) {
      outage.failed(new Error('it is read-only'));
      expect(outage.lasts).toBe(true);
      outage.over();
      expect(outage.lasts).toBe(false);
      jest.advanceTimersByTime(1_000);
    }
    expect(said).toHaveLength(1);
    jest.advanceTimersByTime(8_999);
    expect(said).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(said).toHaveLength(2);
    outage.failed(new Error('again'));
    expect(said).toHaveLength(3);
  });
});
