import { describe, expect, it } from '@jest/globals';
import { summaryMessage, type DailyFigures } from './summary.ts';

const FIGURES: DailyFigures = {
  day: '2010-03-16',
  time_zone: 'Europe/Amsterdam',
  warned: 3,
  suspended: 1,
  held: 0,
  lifted: 2,
  answers: { not_us: 1, us: 0, call_me: 2 },
  open: { suspensions_to_approve: 4, guard_questions: 1, alarms: 1, cases: 5 },
  feeds: [{ feed: 'rating<1>', state: 'late', words: 'nothing came since 02:00' }],
  failed: { warnings: 6, messages: 0 },
  silenced: 7,
  spend: [{ currency: 'EUR', amount: '1028.06', records: 150 }],
};

describe('the daily summary', () => {
  it('reads as a list', () => {
    expect(summaryMessage(FIGURES).text).toBe(`2010-03-16 (Europe/Amsterdam)
  accounts warned: 3
  suspended: 1
  held: 0
  lifted: 2
  answered "not us": 1
  answered "us": 0
  asked to be called: 2

Waiting for a person
  suspensions to approve: 4
  questions of the guard: 1
  open cases: 5
  open alarms: 1

Not delivered
  warnings that failed: 6
  messages to operators that failed: 0
  events withheld by silences: 7

Feeds
  rating<1>: late, nothing came since 02:00

Spent
  EUR: 1,028.06 in 150 records`);
  });

  it('escapes in HTML what feeds are called', () => {
    const { html, body } = summaryMessage(FIGURES);
    expect(html).toContain('rating&lt;1&gt;');
    expect(html).not.toContain('rating<1>');
    expect(body).toEqual({ type: 'plafond.daily-summary', data: FIGURES });
  });

  it('writes amounts so that they are read at a glance, and to the last digit', () => {
    const spend = [{ currency: 'EUR', amount: '9007199254740993.123456', records: 1_204_311 }];
    const { text } = summaryMessage({ ...FIGURES, spend });
    expect(text).toContain('EUR: 9,007,199,254,740,993.123456 in 1,204,311 records');
  });

  it('of a day without anything says so', () => {
    const { text } = summaryMessage({ ...FIGURES, feeds: [], spend: [] });
    expect(text).toContain('of which a rhythm is expected: none');
    expect(text).toContain('records: 0');
  });
});
