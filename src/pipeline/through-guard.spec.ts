import { describe, expect, it } from '@jest/globals';
import type { Matter } from './matter.ts';
import { withinTerms } from './through-guard.ts';

const matter = (suspensionTerms: string, bars: Matter['bars']): Matter =>
  ({
    decision: { type: 'suspend', mode: 'enforce', explanation: 'Too much.' },
    account: { accountId: '1001', suspensionTerms },
    bars,
  }) as unknown as Matter;
const bar = { scope: 'international', endsAt: undefined } as const;

describe('what a rule wants barred', () => {
  it('is barred by the clause on file', () => {
    const lawful = matter('GTC 7.3', [bar]);
    expect(withinTerms(lawful)).toBe(lawful);
  });

  it('becomes a word to the operators where there is no clause, whoever had decided', () => {
    expect(withinTerms(matter('', [bar]))).toMatchObject({
      decision: {
        type: 'notify-operator',
        explanation: expect.stringMatching(/^Too much\. Not barred: no suspension_terms/),
      },
      bars: [],
    });
  });

  it('is let be where it bars nothing', () => {
    const warning = matter('', []);
    expect(withinTerms(warning)).toBe(warning);
  });
});
