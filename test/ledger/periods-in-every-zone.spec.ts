import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatInstant, parseInstant, type Instant } from '../../src/kernel/clock.ts';
import { calendarPeriod } from '../../src/kernel/period.ts';
import { TestPlafond, type UsageRow } from '../harness/plafond.ts';

const ZONES = Intl.supportedValuesOf('timeZone');
const PERIODS = ['day', 'week', 'month'] as const;
/** Zones whose clocks have changed at midnight, over it, or by a whole day. */
const AT_MIDNIGHT = new Set(
  `America/Asuncion America/Goose_Bay America/Havana America/Managua America/Moncton America/Santiago America/Sao_Paulo
   America/Scoresbysund America/St_Johns Antarctica/Casey Antarctica/Vostok Africa/Cairo Asia/Amman Asia/Beirut Asia/Gaza
   Asia/Tehran Atlantic/Azores Pacific/Apia`.split(/\s+/),
);
const at = (text: string) => parseInstant(text)!;
const HOUR = 3_600_000;

describe('the periods of a zone', () => {
  it('follow one another without a gap around each change of its clocks, in whatever order they are asked for', () => {
    const wrong: string[] = [];
    for (const zone of ZONES) {
      const since = AT_MIDNIGHT.has(zone) ? '2005-01-01T00:00:00Z' : '2025-01-01T00:00:00Z';
      for (const change of clockChanges(zone, at(since), at('2028-01-01T00:00:00Z'))) {
        const calendar = { timeZone: zone, cycleDay: Math.min(28, Number(formatInstant(change, zone).slice(8, 10))) };
        for (const hours of [24, -0.5, 1.5, 0, -1.5, 0.5, -24]) {
          const instant = change + hours * HOUR;
          for (const period of PERIODS) {
            const { from, to } = calendarPeriod(period, instant, calendar);
            const next = calendarPeriod(period, to, calendar);
            const before = calendarPeriod(period, from - 1, calendar);
            if (from <= instant && instant < to && next.from === to && before.to === from) continue;
            wrong.push(
              `${zone} ${period} of ${formatInstant(instant, zone)}: ${formatInstant(from, zone)} to ${formatInstant(to, zone)}`,
            );
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('hold the instant that was asked for, and begin on the cycle day', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.integer({ min: 1, max: 28 }),
        fc.integer({ min: at('2005-01-01T00:00:00Z'), max: at('2030-12-31T00:00:00Z') }),
        fc.constantFrom(...PERIODS),
        (timeZone, cycleDay, instant, period) => {
          const { from, to, name } = calendarPeriod(period, instant, { timeZone, cycleDay });
          expect(from).toBeLessThanOrEqual(instant);
          expect(to).toBeGreaterThan(instant);
          const begins = formatInstant(from, timeZone);
          if (period === 'month') expect(`${name}-${String(cycleDay).padStart(2, '0')}`).toBe(begins.slice(0, 10));
          if (period === 'day') expect(name).toBe(begins.slice(0, 10));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('counters that are made anew', () => {
  it('begin where those began that were counted as usage came, whatever clocks PostgreSQL knows', async () => {
    const plafond = await TestPlafond.at(at('2027-02-10T00:00:00Z'));
    try {
      for (const period of PERIODS) await plafond.addCap({ name: period, traffic: 'all', period, limit: '1000000.00' });
      const zones = ZONES.filter(
        (zone, index) => AT_MIDNIGHT.has(zone) || zone === 'America/Vancouver' || index % 16 === 0,
      );
      const accounts = zones.map((timeZone, index) => ({
        accountId: `z${index}`,
        timeZone,
        cycleDay: 1 + (index % 28),
      }));
      for (const account of accounts) await plafond.addAccount(account);
      const rows: Partial<UsageRow>[] = accounts.flatMap(({ accountId, timeZone }) =>
        [
          ...clockChanges(timeZone, at('2026-01-01T00:00:00Z'), at('2027-02-01T00:00:00Z')),
          // When zones that no longer turn their clocks back show it.
          at('2027-01-15T08:00:00Z'),
        ].flatMap((change) =>
          [-24, -1.5, -0.5, 0, 0.5, 1.5, 24].map((hours) => ({
            record_id: `${accountId} ${change} ${hours}`,
            account_id: accountId,
            started_at: formatInstant(change + hours * HOUR),
            amount: '0.01',
          })),
        ),
      );
      expect(await plafond.send(rows)).toMatchObject({ counted: rows.length, rejected: 0 });
      expect(await plafond.differences()).toEqual([]);

      const counters = () =>
        plafond.query('SELECT account_id, period, period_start, spend_micros FROM counters ORDER BY 1, 2, 3');
      const counted = await counters();
      await plafond.query('TRUNCATE counters');
      expect(await plafond.differences()).not.toEqual([]);
      for (const { cap_id } of await plafond.query<{ cap_id: string }>('SELECT cap_id FROM caps')) {
        const [cap] = await plafond.query<{ definition: Parameters<TestPlafond['caps']['create']>[0] }>(
          'SELECT definition FROM caps WHERE cap_id = $1',
          [cap_id],
        );
        await plafond.caps.remove(cap_id, undefined, 'test');
        await plafond.addCap(cap!.definition);
      }
      expect(await counters()).toEqual(counted);
    } finally {
      await plafond.close();
    }
  });
});

/** The instants between two others at which a zone's clocks change, to the minute, found by halving. */
function clockChanges(zone: string, from: Instant, to: Instant): Instant[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset', year: 'numeric' });
  const offset = (instant: Instant) => format.format(instant).split(', ')[1];
  const changes: Instant[] = [];
  const WEEK = 7 * 24 * HOUR;
  for (let week = from; week < to; week += WEEK) {
    const before = offset(week);
    if (offset(week + WEEK) === before) continue;
    let low = week;
    let high = week + WEEK;
    while (high - low > 60_000) {
      const middle = low + Math.floor((high - low) / 120_000) * 60_000;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}
