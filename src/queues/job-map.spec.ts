import { describe, expect, it } from '@jest/globals';
import { JOB_MAP, assertNoGap } from './job-map.ts';

const handlers = Object.fromEntries(Object.keys(JOB_MAP).map((job) => [job, async () => {}]));

describe('jobs and handlers', () => {
  it.each([
    ['nothing is missing', handlers, undefined],
    ['a job without a handler', { ...handlers, 'scan-inbox': undefined }, 'the job scan-inbox has no handler'],
    ['a handler without a job', { ...handlers, polish: async () => {} }, 'the handler polish has no job'],
  ])('%s', (_, each, refusal) => {
    if (refusal === undefined) expect(() => assertNoGap(each)).not.toThrow();
    else expect(() => assertNoGap(each)).toThrow(refusal);
  });
});
