import { describe, expect, it } from '@jest/globals';
import type { Decision } from '../decisions/decision.ts';
import { parseInstant } from '../kernel/clock.ts';
import type { WarningFacts } from './facts.ts';
import { GATHER_MS, planMessages, quietUntil, type Correspondence, type News } from './plan.ts';
import { afterQuietHours, parseQuietHours } from './quiet-hours.ts';
import { SAMPLES } from './templates/samples.ts';

const NOW = parseInstant('2010-03-16T14:00:00+01:00')!;
const WARN = SAMPLES[0]![0];
const SUSPEND = SAMPLES[2]![0];
const READER = { accountId: '1001', email: 'a@example.net', msisdn: '+31685570221' };
const NOTHING: Correspondence = { waiting: [], lastAt: {} };
const PREMIUM = { ...WARN, traffic: 'premium', limit: 20_000_000n, percent: 50, next: undefined };

const news = (id: string, facts: WarningFacts): News => ({ decision: { id } as Decision, facts });
const at = (percent: number) => news(`at ${percent}`, { ...WARN, percent });

/** Channel, due after how many seconds, what it covers, and of which decisions it tells. */
const planned = (all: News[], before: Correspondence = NOTHING, reader = READER) =>
  planMessages(reader, all, before, NOW).map(({ channel, dueAt, covers, told }) => [
    channel,
    (dueAt - NOW) / 1_000,
    covers.join(', '),
    told.map(({ decisionId }) => decisionId).join(', '),
  ]);

describe('messages', () => {
  it('are one a channel on file', () => {
    expect(planned([at(50)])).toEqual([
      ['email', 0, 'at 50', 'at 50'],
      ['sms', 0, 'at 50', 'at 50'],
    ]);
    expect(planned([at(50)], NOTHING, { ...READER, email: '' })).toEqual([['sms', 0, 'at 50', 'at 50']]);
    expect(planned([])).toEqual([]);
  });

  it('tell the highest threshold of those that were crossed at once, and cover all', () => {
    const all = [at(50), at(80), news('barred', SUSPEND)];
    expect(planned(all)[0]).toEqual(['email', 0, 'at 50, at 80, barred', 'barred']);
  });

  it('tell of several limits at once, the gravest first', () => {
    const all = [news('premium', PREMIUM), at(80)];
    expect(planned(all)[0]).toEqual(['email', 0, 'premium, at 80', 'at 80, premium']);
  });

  const fourMinutesAgo: Correspondence = { waiting: [], lastAt: { email: NOW - 240_000, sms: NOW - GATHER_MS } };

  it('leave five minutes apart', () => {
    expect(planned([at(80)], fourMinutesAgo)).toEqual([
      ['email', 60, 'at 80', 'at 80'],
      ['sms', 0, 'at 80', 'at 80'],
    ]);
  });

  it('do not wait where calls were barred', () => {
    expect(planned([news('barred', SUSPEND)], fourMinutesAgo)[0]).toEqual(['email', 0, 'barred', 'barred']);
    expect(planned([news('held', SAMPLES[3]![0])], fourMinutesAgo)[0]).toEqual(['email', 0, 'held', 'held']);
  });

  const waitingFor80: Correspondence = {
    waiting: [
      {
        id: 'w1',
        channel: 'email',
        covers: ['at 80'],
        told: [{ decisionId: 'at 80', facts: WARN }],
        dueAt: NOW + 60_000,
      },
    ],
    lastAt: { email: NOW - 240_000 },
  };

  it('take up what is decided while they wait, and leave when they were to', () => {
    expect(planned([news('premium', PREMIUM)], waitingFor80)[0]).toEqual([
      'email',
      60,
      'at 80, premium',
      'at 80, premium',
    ]);
    const [message] = planMessages(READER, [news('premium', PREMIUM)], waitingFor80, NOW);
    expect(message).toMatchObject({ id: 'w1', grown: true, decisionId: 'at 80' });
  });

  it('leave at once with what can not wait', () => {
    expect(planned([news('barred', SUSPEND)], waitingFor80)[0]).toEqual(['email', 0, 'at 80, barred', 'barred']);
  });
});

describe('in quiet hours from 22:00 to 08:00 an SMS', () => {
  const hours = parseQuietHours('22:00-08:00');
  const night = parseInstant('2010-03-16T02:56:00+01:00')!;
  const morning = parseInstant('2010-03-16T08:00:00+01:00')!;
  const notice = { ...WARN, next: undefined };
  const waits = (facts: WarningFacts, now = night) => quietUntil([{ decisionId: 'd', facts }], hours, now);

  it.each<[string, WarningFacts, number | undefined]>([
    ['that only tells waits until morning', notice, morning],
    ['that tells of a forecast waits', { ...SAMPLES[5]![0], next: undefined }, morning],
    ['that says calls will be barred next does not', WARN, undefined],
    ['that says calls were barred does not', SUSPEND, undefined],
    ['that tells of a hold does not', SAMPLES[3]![0], undefined],
  ])('%s', (_sentence, facts, until) => expect(waits(facts)).toBe(until));

  it('goes out by day, and where no hours are quiet', () => {
    expect(waits(notice, NOW)).toBeUndefined();
    expect(quietUntil([{ decisionId: 'd', facts: notice }], undefined, night)).toBeUndefined();
  });
});

describe('quiet hours', () => {
  it.each([
    ['at their beginning', '22:00-08:00', '2010-03-16T22:00:00+01:00', '2010-03-17T08:00:00+01:00'],
    ['at their end', '22:00-08:00', '2010-03-17T08:00:00+01:00', '2010-03-17T08:00:00+01:00'],
    ['within a day', '12:30-13:30', '2010-03-17T12:45:30+01:00', '2010-03-17T13:30:00+01:00'],
    [
      'over a night in which clocks go forward',
      '22:00-08:00',
      '2010-03-27T23:00:00+01:00',
      '2010-03-28T08:00:00+02:00',
    ],
    ['over a night in which clocks go back', '22:00-08:00', '2010-10-30T23:00:00+02:00', '2010-10-31T08:00:00+01:00'],
  ])('end when they say: %s', (_sentence, text, from, until) => {
    const end = afterQuietHours(parseInstant(from)!, 'Europe/Amsterdam', parseQuietHours(text));
    expect(end).toBe(parseInstant(until));
  });

  it.each(['22-8', '24:00-08:00', '08:00-08:00', '22:00-08:60', ''])('are not "%s"', (text) => {
    expect(parseQuietHours(text)).toBeUndefined();
  });
});
