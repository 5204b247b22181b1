import { describe, expect, it } from '@jest/globals';
import { keepsBrake, refuseVerdict, type CaseKind, type CaseState, type Verdict } from './case.ts';

describe('a verdict', () => {
  it.each<[string, CaseState, Verdict, CaseKind, string | undefined]>([
    ['is taken by an open case', 'open', 'confirmed-fraud', 'account', undefined],
    ['can be put right', 'legitimate', 'confirmed-fraud', 'account', undefined],
    ['of a tariff that is wrong is followed by closing', 'rating-error', 'closed', 'tariff', undefined],
    ['of an account settles its case', 'confirmed-fraud', 'closed', 'account', 'case_settled'],
    ['that prices were right settles their case', 'legitimate', 'closed', 'tariff', 'case_settled'],
    ['is not taken twice', 'legitimate', 'legitimate', 'account', 'same_verdict'],
    ['is not taken by a closed case', 'closed', 'legitimate', 'account', 'case_closed'],
  ])('%s', (_, state, verdict, kind, code) => {
    expect(refuseVerdict(state, verdict, kind)?.code).toBe(code);
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
