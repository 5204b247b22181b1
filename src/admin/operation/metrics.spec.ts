import { expect, it } from '@jest/globals';
import { DrivenClock } from '../../kernel/clock.ts';
import { paced } from './metrics.ts';

it('what is counted for metrics is counted once for all who ask together, and rests the longer the longer it took', async () => {
  const clock = new DrivenClock(0);
  const answers: ((count: number) => void)[] = [];
  const count = paced(() => new Promise<number>((answer) => answers.push(answer)), clock);
  const asked = [count(), count()];
  clock.advanceTo(2_000);
  asked.push(count());
  answers[0]!(1);
  expect(await Promise.all(asked)).toEqual([1, 1, 1]);
  clock.advanceTo(201_999);
  expect(await count()).toBe(1);
  clock.advanceTo(202_000);
  const next = count();
  answers[1]!(2);
  expect(await next).toBe(2);
  clock.advanceTo(217_000);
  void count();
  expect(answers).toHaveLength(3);
});

it('what could not be counted is counted when somebody asks again', async () => {
  let tries = 0;
  const count = paced(async () => {
    if (++tries === 1) throw new Error('the database is away');
    return tries;
  }, new DrivenClock(0));
  await expect(count()).rejects.toThrow('away');
  expect(await count()).toBe(2);
});
