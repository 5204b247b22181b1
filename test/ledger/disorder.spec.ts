/**
 * One long story of disorder against a naive model: versions of records in any order, repeated, contradicting each other,
 * through several feeds, whose starts move over hours, midnights, periods and weeks and which change their account, with
 * credits, while the clock goes on. The model knows nothing but all that was sent.
 */
import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseInstant, type Instant } from '../../src/kernel/clock.ts';
import { formatAmount, percentOf } from '../../src/kernel/money.ts';
import { calendarPeriod } from '../../src/kernel/period.ts';
import type { CapDefinition } from '../../src/caps/cap.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { SettleMovedRecords } from '../../src/pipeline/usage/settle-moved-records.ts';
import { ACCOUNT, CAP, instantText, TestPlafond, type UsageRow } from '../harness/plafond.ts';

const HOUR_MS = 3_600_000;
const STATES = ['interim', 'provisional', 'final'] as const;
const NUMBERS = ['+31201234567', '+252612345678', '+4930123456'] as const;
/** How far a version's start may have moved: not, over hours, over midnight, by weeks, over the end of the month. */
const MOVES_H = [0, 0, 2, -14, 23, -26, 9 * 24, -20 * 24] as const;

const CAPS: Partial<CapDefinition>[] = [
  {
    name: 'International, a month',
    thresholds: [
      { percent: 50, actions: ['warn'] },
      { percent: 100, actions: ['suspend:international'] },
    ],
  },
  {
    name: 'All, a day',
    traffic: 'all',
    period: 'day',
    limit: '40.00',
    thresholds: [{ percent: 100, actions: ['warn', 'suspend:outgoing'] }],
  },
  {
    name: 'Somalia, a week',
    traffic: 'country:SO',
    period: 'week',
    limit: '60.00',
    thresholds: [{ percent: 100, actions: ['notify-operator'] }],
  },
  {
    name: 'A trunk of its own',
    scope: { service: 'trunk' },
    limit: '30.00',
    thresholds: [{ percent: 100, actions: ['suspend:premium'] }],
  },
  {
    name: 'International, a day and a night',
    period: 'rolling:24h',
    limit: '50.00',
    thresholds: [{ percent: 100, actions: ['suspend:premium'] }],
  },
  {
    name: 'All, two days',
    traffic: 'all',
    period: 'rolling:48h',
    limit: '70.00',
    thresholds: [
      { percent: 80, actions: ['warn'] },
      { percent: 100, actions: ['suspend:outgoing'] },
    ],
  },
];

/** A version as it is sent. Two of the same record, state and revision that differ in `variant` contradict each other. */
interface Sent {
  record: number;
  state: number;
  revision: number;
  variant: number;
  origin: number;
}

interface Content {
  account: string;
  service: string;
  startedAt: Instant;
  number: (typeof NUMBERS)[number];
  micros: bigint;
}

const sent = fc.record({
  record: fc.nat(4),
  state: fc.nat(2),
  revision: fc.nat(2),
  variant: fc.constantFrom(0, 0, 0, 1),
  origin: fc.constantFrom(0, 0, 0, 1),
});
const chapter = fc.record({
  rows: fc.array(sent, { minLength: 1, maxLength: 9 }),
  feed: fc.constantFrom('near', 'nightly'),
  hours: fc.constantFrom(0, 0, 1, 5, 30, 24 * 9),
  night: fc.constantFrom(false, false, true),
});
const story = fc.array(chapter, { minLength: 1, maxLength: 10 });

interface Chapter {
  rows: Sent[];
  feed: string;
  /** until the next one */
  hours: number;
  night: boolean;
}

const BEGIN = parseInstant('2026-03-26T20:00:00+01:00')!;
let plafond: TestPlafond;
let capIds: string[];

/** Each story has a database of its own, so that one that fails can be told again, shorter. */
async function onOwnDatabase(tell: () => Promise<void>): Promise<void> {
  plafond = await TestPlafond.at(BEGIN);
  try {
    capIds = [];
    for (const cap of CAPS) capIds.push(await plafond.addCap(cap));
    for (const feed of ['other-near', 'other-nightly']) {
      await plafond.query(`INSERT INTO feeds (feed, origin, created_at) VALUES ($1, 'other', now())`, [feed]);
    }
    for (const accountId of ['a', 'b']) await plafond.addAccount({ accountId });
    await tell();
  } finally {
    await plafond.close();
  }
}

/** Invented, but always the same for a version. */
function contentOf({ record, state, revision, variant, origin }: Sent): Content {
  const mix = (salt: number) => {
    let hash = 2166136261;
    for (const part of [record, state, revision, variant, origin, salt, 7])
      hash = Math.imul(hash ^ (part + 1), 16777619) >>> 0;
    return hash >>> 8;
  };
  const credit = state === 2 && mix(1) % 5 === 0 ? -1n : 1n;
  return {
    account: mix(2) % 6 === 0 ? 'b' : 'a',
    service: mix(3) % 4 === 0 ? 'trunk' : '',
    startedAt: BEGIN - 40 * HOUR_MS + record * 9 * HOUR_MS + MOVES_H[mix(4) % MOVES_H.length]! * HOUR_MS,
    number: NUMBERS[mix(5) % NUMBERS.length]!,
    micros: BigInt(mix(6) % 55) * 1_000_000n * credit,
  };
}

/** Whichever of all that was sent holds: the highest of each record, of equal ones the first. */
function holding(all: readonly Sent[]): Content[] {
  const highest = new Map<string, Sent>();
  for (const each of all) {
    const key = `${each.record} ${each.origin}`;
    const known = highest.get(key);
    if (!known || (each.state - known.state || each.revision - known.revision) > 0) highest.set(key, each);
  }
  return [...highest.values()].map((each) => contentOf(each));
}

const isOf = (traffic: string, number: string) =>
  traffic === 'all' || (traffic === 'country:SO' ? number.startsWith('+252') : !number.startsWith('+31'));

interface Meter {
  cap: CapDefinition;
  id: string;
  account: string;
  usage: Content[];
}

function metersOf(usage: readonly Content[]): Meter[] {
  return [...new Set(usage.map((each) => each.account))].flatMap((account) =>
    CAPS.map((each, index): Meter => {
      const cap = { ...CAP, ...each } as CapDefinition;
      const { service } = cap.scope;
      // The trunk's own cap takes its usage out of the account's cap of the same traffic and period.
      const isMonth = cap.traffic === 'international' && cap.period === 'month';
      const counts = ({ service: own }: Content) =>
        service === undefined ? !(isMonth && own === 'trunk') : own === service;
      return {
        cap,
        id: capIds[index]!,
        account,
        usage: usage.filter((one) => one.account === account && isOf(cap.traffic, one.number) && counts(one)),
      };
    }),
  );
}

const sum = (usage: readonly Content[]) => usage.reduce((total, { micros }) => total + micros, 0n);

interface Standing {
  percent: string;
  period: string;
  from: Date;
  period_end: Date;
  was_over: boolean;
}

/** How many floors of windows were held against the model. */
let floors = 0;

async function checkMeter({ cap, id, account, usage }: Meter): Promise<void> {
  const limit = BigInt(cap.limit.replace('.', '')) * 10_000n;
  const standing = await plafond.query<Standing>(
    `SELECT percent, period, period_from AS from, period_end, crossed_at >= period_end AS was_over FROM crossings
      WHERE cap_id = $1 AND account_id = $2 AND uncrossed_at IS NULL ORDER BY period, percent`,
    [id, account],
  );
  const hours = /^rolling:(\d+)h$/.exec(cap.period)?.[1];
  if (hours === undefined) {
    const periods = new Map<string, Content[]>();
    for (const each of usage) {
      const { name } = calendarPeriod(cap.period as 'day', each.startedAt, ACCOUNT);
      periods.set(name, [...(periods.get(name) ?? []), each]);
    }
    const reached = [...periods].flatMap(([period, within]) =>
      cap.thresholds
        .filter(({ percent }) => sum(within) >= percentOf(limit, percent))
        .map(({ percent }) => `${period} ${percent}`),
    );
    expect(standing.map(({ period, percent }) => `${period} ${Number(percent)}`).toSorted()).toEqual(
      reached.toSorted(),
    );
  } else {
    const length = Number(hours) * HOUR_MS;
    const spendAt = (end: Instant) =>
      sum(usage.filter((each) => each.startedAt > end - length && each.startedAt <= end));
    for (const { percent } of cap.thresholds) {
      const amount = percentOf(limit, percent);
      const own = standing.filter((each) => Number(each.percent) === percent);
      const endOf = ({ from }: Standing) => from.getTime() + length;
      const ends = own.map(endOf);
      // What stands is reached; what reaches the threshold stands or is near what stands; nothing acts twice within its length.
      expect(ends.filter((end) => spendAt(end) < amount)).toEqual([]);
      const unseen = usage
        .filter(({ micros }) => micros !== 0n)
        .map((each) => each.startedAt)
        .filter((end) => spendAt(end) >= amount && !ends.some((near) => Math.abs(near - end) < length));
      expect(unseen).toEqual([]);
      for (const wasOver of [false, true]) {
        const alike = own.filter((each) => each.was_over === wasOver).map(endOf);
        const inOrder = alike.toSorted((a, b) => a - b);
        expect(inOrder.filter((end, index) => index > 0 && end - inOrder[index - 1]! < length)).toEqual([]);
      }
    }
    // No window exceeds what is known of its slot, ends after the last of it, or falls below its floor.
    const bounds = await plafond.query<{
      from: number;
      spend: string;
      last: number | null;
      floor: string | null;
      floor_from: number;
      floor_until: number;
    }>(
      `SELECT spend_micros AS spend, floor_micros AS floor, (extract(epoch FROM slot_start) * 1000)::float8 AS from,
              (extract(epoch FROM latest_end) * 1000)::float8 AS last,
              (extract(epoch FROM floor_from) * 1000)::float8 AS floor_from,
              (extract(epoch FROM floor_until) * 1000)::float8 AS floor_until
         FROM window_bounds WHERE account_id = $1 AND traffic = $2 AND hours = $3`,
      [account, cap.traffic, hours],
    );
    // What costs nothing ends no window.
    const starts = usage.filter(({ micros }) => micros !== 0n).map((each) => each.startedAt);
    const changes = starts.flatMap((start) => [start, start + length]);
    for (const { from, spend, last, floor, floor_from, floor_until } of bounds) {
      const inSlot = (instant: Instant) => instant >= from && instant < from + length;
      expect([from, ...starts].filter((end) => inSlot(end) && spendAt(end) > BigInt(spend))).toEqual([]);
      if (last !== null) expect(starts.filter((start) => inSlot(start) && start > last)).toEqual([]);
      if (floor === null) continue;
      floors++;
      const inFloor = [floor_from, ...changes].filter((end) => end >= floor_from && end < floor_until);
      expect(inFloor.filter((end) => spendAt(end) < BigInt(floor))).toEqual([]);
    }
  }
  // What stands and still runs is barred, once for each suspension that it asks for; nothing else is.
  const now = plafond.clock.now();
  const wanted = standing
    .filter((each) => each.period_end.getTime() > now)
    .flatMap((each) =>
      cap.thresholds
        .find(({ percent }) => percent === Number(each.percent))!
        .actions.filter((action) => action.startsWith('suspend:'))
        .map((action) => `${each.period} ${action}`),
    );
  const bars = await plafond.query<{ period: string; class: string }>(
    `SELECT period, class FROM suspensions WHERE cap_id = $1 AND account_id = $2 AND state IN ('wanted', 'applied')`,
    [id, account],
  );
  expect(bars.map((bar) => `${bar.period} suspend:${bar.class}`).toSorted()).toEqual(wanted.toSorted());
}

it('whatever the disorder: sums, counters, windows, crossings and bars are those of what holds', async () => {
  await fc.assert(
    fc.asyncProperty(story, (chapters) => onOwnDatabase(() => tell(chapters))),
    { numRuns: 60, seed: 20100314, endOnFailure: true },
  );
  expect(floors).toBeGreaterThan(100);
});

async function tell(chapters: readonly Chapter[]): Promise<void> {
  const night = new SettleMovedRecords(plafond.database.dataSource, plafond.clock);
  const all: Sent[] = [];
  for (const { rows, feed, hours, night: sleeps } of chapters) {
    for (const origin of [0, 1]) {
      // What would start in the future is not sent yet.
      const delivered = rows.filter((row) => row.origin === origin && contentOf(row).startedAt <= plafond.clock.now());
      if (delivered.length === 0) continue;
      all.push(...delivered);
      await plafond.send(delivered.map(usageRow), origin === 0 ? feed : `other-${feed}`);
    }
    plafond.clock.advanceTo(plafond.clock.now() + hours * HOUR_MS + 1_000);
    if (sleeps) await night.run();
  }
  await night.run();
  await new ReinstateDue(plafond.database.dataSource, plafond.clock).run();

  const holds = holding(all);
  const ledger = await plafond.query<{ account_id: string; amount_micros: string; started_at: Date }>(
    'SELECT account_id, amount_micros, started_at FROM usage',
  );
  const inShort = (account: string, micros: string | bigint, startedAt: number) => `${account} ${micros} ${startedAt}`;
  expect(ledger.map((row) => inShort(row.account_id, row.amount_micros, row.started_at.getTime())).toSorted()).toEqual(
    holds.map((each) => inShort(each.account, each.micros, each.startedAt)).toSorted(),
  );
  for (const meter of metersOf(holds)) await checkMeter(meter);
  const twice = await plafond.query(
    `SELECT account_id, cap_id, period, threshold, action FROM decisions WHERE trigger = 'cap'
      GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1`,
  );
  expect(twice).toEqual([]);
  expect(await plafond.differences()).toEqual([]);
}

function usageRow(each: Sent): Partial<UsageRow> {
  const { account, service, startedAt, number, micros } = contentOf(each);
  return {
    record_id: `r${each.record}`,
    account_id: account,
    service_id: service,
    started_at: instantText(startedAt),
    b_number: number,
    amount: formatAmount(micros),
    state: STATES[each.state]!,
    revision: each.revision,
  };
}
