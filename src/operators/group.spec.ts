import { describe, expect, it } from '@jest/globals';
import { parseInstant } from '../kernel/clock.ts';
import { groupMessage, slackBody, type OperatorEvent } from './group.ts';

const AT = parseInstant('2010-03-16T02:56:00Z')!;
const event = (id: number, change: Partial<OperatorEvent> = {}): OperatorEvent => ({
  id: String(id),
  kind: 'notify-operator',
  subject: '1001',
  at: AT,
  text: `Number ${id}.`,
  over: false,
  facts: {},
  ...change,
});
const alarm = (id: number, over: boolean) => event(id, { kind: 'alarm', subject: 'rating', over });

describe('a message to operators', () => {
  it.each<[string, OperatorEvent[], string]>([
    ['about one decision names its account', [event(1)], 'Plafond: account 1001 needs a look'],
    ['about several counts them', [event(1), event(2)], 'Plafond: 2 decisions need a look'],
    ['about an alarm', [alarm(1, false)], 'Plafond: 1 alarm'],
    ['about the all-clear', [alarm(1, true)], 'Plafond: all clear'],
    ['about both', [alarm(1, false), alarm(2, false), alarm(3, true)], 'Plafond: 2 alarms, all clear'],
  ])('%s', (_, events, subject) => {
    expect(groupMessage(events[0]!.kind, events, 0, AT).subject).toBe(subject);
  });

  it('lists the first ten, and says how many more there are, and how many are withheld', () => {
    const events = Array.from({ length: 150 }, (_, at) => event(at + 1));
    const { text, body } = groupMessage('notify-operator', events, 2, AT);
    const lines = text.split('\n');
    expect(lines[0]).toBe('- 2010-03-16T02:56:00Z Number 1.');
    expect(lines.slice(10)).toEqual([
      '… and 140 more: GET /v1/decisions',
      '2 more are withheld by a silence: GET /v1/silences',
    ]);
    const data = body['data'] as { count: number; events: unknown[] };
    expect([data.count, data.events.length]).toEqual([150, 100]);
  });

  it('says what is over', () => {
    expect(groupMessage('alarm', [alarm(1, true)], 0, AT).text).toBe('- 2010-03-16T02:56:00Z all clear: Number 1.');
  });

  it('lets nobody write in Slack’s own marks', () => {
    expect(slackBody({ subject: 'a & b', text: '<!channel> > c' })).toEqual({
      text: '*a &amp; b*\n&lt;!channel&gt; &gt; c',
    });
  });
});
