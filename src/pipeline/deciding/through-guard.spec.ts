import { describe, expect, it } from '@jest/globals';
import type { Matter } from './matter.ts';
import { heldBack, withinTerms } from './through-guard.ts';

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

describe('what the guard holds', () => {
  const decision = { type: 'hold', trigger: 'deviation', mode: 'enforce', explanation: 'Unusual.' };
  const held = (words: object) =>
    heldBack(
      { decision, words, bars: [bar], known: {} } as unknown as Matter,
      { question_id: 'q' } as never,
      'rules may make 1 an hour',
    );

  it.each([
    ['a hold for what is unusual is told as such', { kind: 'hold', held: {} }, 'unusual'],
    ['a suspension for what is unusual too', { kind: 'suspend', suspended: {} }, 'unusual'],
    [
      'a suspension at a limit is told as a limit that is reached',
      { kind: 'suspend', limit: 1n, suspended: {} },
      'approve',
    ],
    ['a warning stays one', { kind: 'warn', limit: 1n }, 'warn'],
  ])('%s: nobody is told of a bar that does not stand', (_, words, kind) => {
    const { words: told } = held(words);
    expect(told).toMatchObject({ kind });
    expect(told).not.toHaveProperty('suspended');
    expect(told).not.toHaveProperty('held');
  });

  it('says who decided before, and by which trigger', () => {
    expect(held({ kind: 'hold', held: {} })).toMatchObject({
      decision: {
        trigger: 'guard',
        mode: 'approve',
        explanation: expect.stringMatching(/^Unusual\. Held by the guard/),
      },
      known: { guard: { question: 'q', trigger: 'deviation' } },
    });
  });
});
