import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';

let closing: typeof import('./closing.ts');
let story: string[];

beforeEach(async () => {
  jest.resetModules();
  closing = await import('./closing.ts');
  story = [];
});
afterEach(() => closing.closeWhatIsLeft(0).catch(() => undefined));

const start = (what: string) => closing.closedAtLast(what, () => story.push(what));

it('closes what was left open, the newest first, and nothing twice', async () => {
  start('database');
  const stop = start('gateway');
  start('process');
  await stop();
  await stop();
  await closing.closeWhatIsLeft();
  await closing.closeWhatIsLeft();
  await stop();
  expect(story).toEqual(['gateway', 'process', 'database']);
});

it('goes on where something fails or never closes, and says what did', async () => {
  start('database');
  closing.closedAtLast('queue', () => new Promise(() => undefined));
  closing.closedAtLast('server', () => {
    throw new Error('not open');
  });
  await expect(closing.closeWhatIsLeft(20)).rejects.toThrow(
    'what tests had left open: server: Error: not open\nqueue: Error: not closed within 20 ms',
  );
  expect(story).toEqual(['database']);
});

it('closes at once what a test starts after its time was over', async () => {
  await closing.closeWhatIsLeft();
  start('late');
  expect(story).toEqual(['late']);
});
