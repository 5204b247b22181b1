import { describe, expect, it, jest } from '@jest/globals';
import { parseInstant } from './clock.ts';
import { calendarPeriod, isTimeZone, parsePeriod, periodNamed } from './period.ts';

const amsterdam = { timeZone: 'Europe/Amsterdam', cycleDay: 1 };
const at = (text: string) => parseInstant(text)!;

describe('a calendar period', () => {
  it.each([
    [
      'a month begins at midnight in the zone, not in UTC',
      'month',
      '2010-02-28T23:30:00Z',
      amsterdam,
      '2010-03',
      '2010-02-28T23:00:00Z',
      '2010-03-31T22:00:00Z',
    ],
    [
      'a cycle day of 15 puts the 14th in the month before',
      'month',
      '2010-03-14T12:00:00+01:00',
      { ...amsterdam, cycleDay: 15 },
      '2010-02',
      '2010-02-14T23:00:00Z',
      '2010-03-14T23:00:00Z',
    ],
    [
      'a cycle day of 28 runs over the turn of the year',
      'month',
      '2010-01-03T12:00:00+01:00',
      { ...amsterdam, cycleDay: 28 },
      '2009-12',
      '2009-12-27T23:00:00Z',
      '2010-01-27T23:00:00Z',
    ],
    [
      'a week begins on Monday and bears the ISO year',
      'week',
      '2010-01-03T12:00:00+01:00',
      amsterdam,
      '2009-W53',
      '2009-12-27T23:00:00Z',
      '2010-01-03T23:00:00Z',
    ],
    [
      'the day on which clocks go forward has 23 hours',
      'day',
      '2010-03-28T12:00:00+02:00',
      amsterdam,
      '2010-03-28',
      '2010-03-27T23:00:00Z',
      '2010-03-28T22:00:00Z',
    ],
    [
      'a day whose midnight does not exist begins at the first instant that does',
      'day',
      '2018-11-04T12:00:00-02:00',
      { timeZone: 'America/Sao_Paulo', cycleDay: 1 },
      '2018-11-04',
      '2018-11-04T03:00:00Z',
      '2018-11-05T02:00:00Z',
    ],
  ] as const)('%s', (_, period, instant, calendar, name, from, to) => {
    const cut = { name, from: at(from), to: at(to) };
    expect(calendarPeriod(period, at(instant), calendar)).toEqual(cut);
    expect(periodNamed(period, name, calendar)).toEqual(cut);
  });

  it('holds its first instant and not its last', () => {
    const march = calendarPeriod('month', at('2010-03-10T00:00:00Z'), amsterdam);
    expect(calendarPeriod('month', march.from, amsterdam)).toEqual(march);
    expect(calendarPeriod('month', march.to, amsterdam).from).toBe(march.to);
    expect(calendarPeriod('month', march.from - 1, amsterdam).to).toBe(march.from);
  });
});

describe('the words of a period', () => {
  it.each([
    ['day', 'day'],
    ['rolling:24h', 'rolling:24h'],
    ['rolling:0h', undefined],
    ['rolling:1.5h', undefined],
    ['rolling:9999h', undefined],
    ['year', undefined],
  ])('%s reads as %s', (text, read) => expect(parsePeriod(text)).toBe(read));
});

it('the name of a zone is known by what Intl knows, and asked for once, however many accounts bear it', () => {
  const asked = jest.spyOn(Intl, 'DateTimeFormat');
  const names = ['Europe/Vienna', 'Europe/Vienna', 'europe/vienna', 'UTC', 'Mars/Olympus', `Europe/${'V'.repeat(70)}`];
  expect(names.map(isTimeZone)).toEqual([true, true, true, true, false, false]);
  expect(asked.mock.calls.filter(([, options]) => options?.timeZone === 'Europe/Vienna')).toHaveLength(1);
  asked.mockRestore();
});
