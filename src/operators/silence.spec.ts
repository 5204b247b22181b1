import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../kernel/clock.ts';
import { silenceForm, silenceSpan } from './silence.ts';

const NOW = parseInstant('2010-03-16T12:00:00Z')!;

describe('a silence', () => {
  it.each<[string, { starts_at?: string; ends_at: string }, string | undefined]>([
    ['begins now where nothing else is said', { ends_at: '2010-03-16T13:00:00Z' }, undefined],
    ['may begin later', { starts_at: '2010-03-17T12:00:00Z', ends_at: '2010-03-18T12:00:00Z' }, undefined],
    ['may last 31 days', { ends_at: '2010-04-16T12:00:00Z' }, undefined],
    ['lasts no longer', { ends_at: '2010-04-16T12:00:01Z' }, 'must be within 31 days of its start'],
    ['has not ended already', { ends_at: '2010-03-16T12:00:00Z' }, 'must be in the future'],
    [
      'does not end before it begins',
      { starts_at: '2010-03-18T12:00:00Z', ends_at: '2010-03-17T12:00:00Z' },
      'must be after starts_at',
    ],
  ])('%s', (_, form, detail) => {
    const span = silenceSpan(form, NOW);
    expect('detail' in span ? span.detail : undefined).toBe(detail);
  });

  it('is about something, and has a reason and an end', () => {
    expect(silenceForm.safeParse({ reason: 'x', ends_at: '2010-03-17T12:00:00Z' }).success).toBe(false);
    expect(silenceForm.safeParse({ kind: 'alarm', ends_at: '2010-03-17T12:00:00Z' }).success).toBe(false);
    expect(silenceForm.safeParse({ kind: 'alarm', reason: 'x' }).success).toBe(false);
    expect(silenceForm.safeParse({ kind: 'alarm', reason: 'x', ends_at: '2010-03-17T12:00:00Z' }).success).toBe(true);
  });
});
