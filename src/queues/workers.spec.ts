import { afterEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Job } from 'bullmq';
import type { JobHandlers } from './job-map.ts';
import type { Queues } from './queues.ts';
import { UpkeepWorker } from './workers.ts';

afterEach(() => void jest.restoreAllMocks());

const job = (name: string, data: object = {}) =>
  ({ name, id: 'x', data, opts: { attempts: 1 }, attemptsMade: 1 }) as Job;

it('tells once why a job that comes by the clock fails, and that it is done again; of others each time', () => {
  const said: string[] = [];
  const say = (text: unknown) =>
    void said.push(
      String(text)
        .replace(/ \(.*?: /, ': ')
        .replace(/; it is kept.*/, ''),
    );
  jest.spyOn(Logger.prototype, 'error').mockImplementation(say);
  jest.spyOn(Logger.prototype, 'log').mockImplementation(say);
  const worker = new UpkeepWorker({} as JobHandlers, {} as Queues);
  for (let times = 0; times < 3; times++) {
    worker.onFailed(job('scan-inbox'), new Error('no database'));
    worker.onFailed(job('watch-feeds'), new Error('no database'));
    worker.onFailed(job('pull-sftp', { feed: 'a' }), new Error('no database'));
  }
  worker.onFailed(job('scan-inbox'), new Error('no folder'));
  worker.onCompleted(job('scan-inbox'));
  worker.onCompleted(job('scan-inbox'));
  worker.onFailed(job('scan-inbox'), new Error('no database'));
  expect(said).toEqual([
    'scan-inbox: no database',
    'watch-feeds: no database',
    ...Array.from({ length: 3 }, () => 'pull-sftp: no database'),
    'scan-inbox: no folder',
    'scan-inbox is done again',
    'scan-inbox: no database',
  ]);
});

it('tells of a job that comes by the clock that it is tried again, and that it failed for good', () => {
  const said: string[] = [];
  const say = (text: unknown) => void said.push(String(text).replace(/.*; /, ''));
  jest.spyOn(Logger.prototype, 'error').mockImplementation(say);
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(say);
  const worker = new UpkeepWorker({} as JobHandlers, {} as Queues);
  for (const attemptsMade of [1, 2, 3, 1, 2, 3]) {
    const night = { ...job('drop-old-partitions'), opts: { attempts: 3 }, attemptsMade, queueName: 'maintenance' };
    worker.onFailed(night as Job, new Error('no database'));
  }
  expect(said).toEqual(['it is tried again', 'it is kept among the failed jobs of maintenance']);
});

it.each([
  [
    'the job is known to nobody as its own',
    Object.assign(new Error('Missing lock for job 7. moveToFinished'), { code: -2 }),
  ],
  [
    'somebody else has it',
    Object.assign(new Error('Lock mismatch for job 7. Cmd moveToFinished from active'), { code: -6 }),
  ],
  [
    'it was done by somebody else',
    Object.assign(new Error('Job 7 is not in the active state. moveToFinished'), { code: -3 }),
  ],
  ['its lock could not be renewed', new Error('could not renew lock for job 7')],
])('a job that a process held for too long is no queue that is away: %s', (_, error) => {
  const warned: unknown[] = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((text) => void warned.push(text));
  const failed: unknown[] = [];
  const queues = { outage: { failed: (each: unknown) => void failed.push(each) } } as unknown as Queues;
  const worker = new UpkeepWorker({} as JobHandlers, queues);
  worker.onError(error);
  expect(failed).toEqual([]);
  expect(warned).toEqual([expect.stringContaining(error.message)]);
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  worker.onError(refused);
  expect(failed).toEqual([refused]);
  expect(warned).toHaveLength(1);
});
