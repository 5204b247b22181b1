import { describe, expect, it } from '@jest/globals';
import { keepsBrake, refuseVerdict, type CaseState, type Verdict } from './case.ts';

describe('a verdict', () => {
  it.each<[string, CaseState, Verdict, string | undefined]>([
    ['is taken by an open case', 'open', 'confirmed-fraud', undefined],
    ['can be put right', 'legitimate', 'confirmed-fraud', undefined],
    ['can be followed by closing', 'rating-error', 'closed', undefined],
    ['is not taken twice', 'legitimate', 'legitimate', 'same_verdict'],
    ['is not taken by a closed case', 'closed', 'legitimate', 'case_closed'],
  ])('%s', (_, state, verdict, code) => {
    expect(refuseVerdict(state, verdict)?.code).toBe(code);
  });

  it.each<[CaseState, boolean]>([
    ['open', true],
    ['rating-error', true],
    ['legitimate', false],
    ['confirmed-fraud', false],
    ['closed', false],
  ])('%s keeps a tariff brake: %s', (state, keeps) => {
    expect(keepsBrake(state)).toBe(keeps);
  });
});
