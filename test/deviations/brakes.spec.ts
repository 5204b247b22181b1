/** What a tariff brake holds, and what becomes of it where it lets go. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { CapDefinition } from '../../src/caps/cap.ts';
import { openTariffCase } from '../../src/cases/store.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import type { DeviationMode } from '../../src/deviations/policy.ts';
import { insertBrake } from '../../src/deviations/tariff-store.ts';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { CAP } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';
import { call } from './deviating.ts';
import { DAY_MS, HOUR_MS, NIGHT, Offices, series } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
afterEach(async () => {
  for (const account of ['b1', 'b2']) expect(await offices.isVerified(account)).toBe(true);
  await offices.plafond.close();
});

const openBrakes = () => offices.plafond.query('SELECT range FROM tariff_brakes WHERE released_at IS NULL');

describe('a brake by hand', () => {
  /** One account's case is found wrongly rated, which brakes the range; another one is attacked on it. */
  async function braked(mode: DeviationMode): Promise<void> {
    offices = await Offices.watched(mode);
    await offices.live(series('a', 'b1', NIGHT, 12));
    await offices.settle('b1', 'rating-error', 'deck 12 is wrong');
    await offices.live(series('b', 'b2', NIGHT + 2 * HOUR_MS, 12));
    expect(new Set((await offices.bars('b2')).map((bar) => bar.split(' ')[1]))).toEqual(new Set(['awaiting-approval']));
  }
  const goesOn = () => offices.live(series('c', 'b2', NIGHT + 4 * HOUR_MS, 12));

  it.each(['closed', 'legitimate'] as const)('that is %s has what waited for it alone carried out', async (verdict) => {
    await braked('enforce');
    const before = await offices.decided('b2');
    await offices.settle('', verdict, 'the deck is right now');
    expect(await openBrakes()).toEqual([]);
    const bars = await offices.bars('b2');
    expect(bars).toContain('international wanted');
    expect(bars.every((bar) => bar.endsWith('wanted'))).toBe(true);
    await goesOn();
    expect([await offices.decided('b2'), await offices.bars('b2')]).toEqual([before, bars]);
  });

  it('leaves to a person what is theirs to approve', async () => {
    await braked('approve');
    const before = [await offices.decided('b2'), await offices.bars('b2')];
    await offices.settle('', 'closed', 'the deck is right now');
    await goesOn();
    expect([await offices.decided('b2'), await offices.bars('b2')]).toEqual(before);
  });

  it('that held wrong prices bars nobody for those, and what goes on at right ones is decided anew', async () => {
    await braked('enforce');
    await offices.settle('', 'rating-error', 'corrections will come');
    const before = await offices.decided('b2');
    await offices.live(series('w', 'b2', NIGHT + 4 * HOUR_MS, 1));
    expect((await offices.bars('b2')).every((bar) => bar.endsWith('declined'))).toBe(true);
    await offices.settle('', 'closed', 'corrected');
    await offices.live(series('c', 'b2', NIGHT + 5 * HOUR_MS, 12));
    expect((await offices.decided('b2')).slice(before.length)).toEqual(['enforce suspend:international']);
    expect((await offices.bars('b2')).at(-1)).toBe('international wanted');
  });

  it('has what began while prices were wrong decided anew once they are right', async () => {
    offices = await Offices.watched('enforce');
    await offices.live(series('a', 'b1', NIGHT, 12));
    await offices.settle('b1', 'rating-error', 'deck 12 is wrong');
    await offices.settle('', 'rating-error', 'corrections will come');
    await offices.live(series('b', 'b2', NIGHT + 2 * HOUR_MS, 12));
    const before = await offices.decided('b2');
    await offices.settle('', 'closed', 'corrected');
    expect((await offices.bars('b2')).every((bar) => bar.endsWith('declined'))).toBe(true);
    await goesOn();
    expect((await offices.decided('b2')).slice(before.length)).toEqual(['enforce suspend:international']);
    expect((await offices.bars('b2')).at(-1)).toBe('international wanted');
  });

  it.each(['legitimate', 'confirmed-fraud'] as const)(
    'that was found to be %s holds again where that is put right, and what it had let go is lifted',
    async (verdict) => {
      await braked('enforce');
      await offices.settle('', verdict, 'the deck is right');
      expect((await offices.bars('b2')).at(-1)).toBe('international wanted');
      offices.plafond.clock.advanceTo(offices.plafond.clock.now() + HOUR_MS);
      await offices.settle('', 'rating-error', 'it was not');
      expect(await openBrakes()).toEqual([{ range: '+25261' }]);
      expect(new Set((await offices.bars('b2')).map((bar) => bar.split(' ')[1]))).toEqual(new Set(['lifting']));
      await offices.live(series('d', 'b3', NIGHT + 5 * HOUR_MS, 12));
      expect(new Set((await offices.bars('b3')).map((bar) => bar.split(' ')[1]))).toEqual(
        new Set(['awaiting-approval']),
      );
      await offices.settle('', 'closed', 'corrected');
      expect(await openBrakes()).toEqual([]);
    },
  );

  it('is none where prices brake the range at the same time', async () => {
    offices = await Offices.watched('enforce');
    await offices.live(series('a', 'b1', NIGHT, 12));
    const { plafond } = offices;
    let judged: Promise<void> | undefined;
    await inTransaction(plafond.database.dataSource, async ({ client }) => {
      await client.query('SELECT pg_advisory_xact_lock(7005)');
      const fault = { ranges: ['+25261'], from: NIGHT, summary: 'prices are wrong' };
      const caseNo = await openTariffCase(client, fault, plafond.clock.now());
      await insertBrake(client, { range: '+25261', caseNo, kind: 'price' }, plafond.clock.now());
      judged = offices.settle('b1', 'rating-error', 'deck 12 is wrong');
      await until('it waits', async () => (await plafond.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0);
    });
    await judged;
    expect(await plafond.query("SELECT ranges FROM cases WHERE kind = 'tariff'")).toEqual([{ ranges: ['+25261'] }]);
  });

  it('lets go where its own case is put right', async () => {
    await braked('enforce');
    await offices.settle('b1', 'confirmed-fraud', 'it was an attack after all');
    expect(await openBrakes()).toEqual([]);
    expect((await offices.caseOf('')).state).toBe('legitimate');
    expect(await offices.bars('b2')).toContain('international wanted');
  });
});

/** Prices are in doubt on the range that `series` calls. */
async function brake(): Promise<void> {
  const { plafond } = offices;
  await inTransaction(plafond.database.dataSource, async ({ client }) => {
    const fault = { ranges: ['+25261'], from: NIGHT, summary: 'prices are in doubt' };
    const caseNo = await openTariffCase(client, fault, plafond.clock.now());
    await insertBrake(client, { range: '+25261', caseNo, kind: 'price' }, plafond.clock.now());
  });
}

const OF_B2: CapDefinition = {
  ...CAP,
  scope: { account: 'b2' },
  limit: '10.00',
  thresholds: [{ percent: 100, actions: ['warn', 'suspend:international'] }],
};

describe('what a cap wants barred', () => {
  it('while the brake lets go does not wait for it for ever', async () => {
    offices = await Offices.watched('shadow');
    const { plafond, cases } = offices;
    await plafond.addCap(OF_B2);
    await brake();
    const { case_no } = await offices.caseOf('');
    const said = { verdict: 'closed', by: 'anna', why: 'the deck is right', at: plafond.clock.now() } as const;
    let sent: Promise<void> | undefined;
    let isDone = false;
    await inTransaction(plafond.database.dataSource, async ({ client }) => {
      await cases.settleWithin(client, case_no, said, undefined);
      sent = offices.live(series('b', 'b2', NIGHT, 6), 6).finally(() => (isDone = true));
      await until(
        'usage waits, or is counted',
        async () => isDone || (await plafond.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0,
      );
    });
    await sent;
    expect(await offices.bars('b2')).toEqual(['international wanted']);
  });
});

describe('what a cap wanted barred, and waits for a brake,', () => {
  const waiting = ['international awaiting-approval'];
  beforeEach(async () => {
    offices = await Offices.watched('shadow');
    await offices.plafond.addCap({ ...OF_B2, period: 'day' });
    await brake();
    await offices.live(series('b', 'b2', NIGHT, 6), 6);
    expect(await offices.bars('b2')).toEqual(waiting);
  });

  it('is barred for no day that is over when the brake lets go', async () => {
    const { plafond } = offices;
    plafond.clock.advanceTo(plafond.clock.now() + 3 * HOUR_MS);
    await offices.settle('', 'closed', 'the deck is right');
    expect(await offices.bars('b2')).toEqual(waiting);
    await new ReinstateDue(plafond.database.dataSource, plafond.clock).run();
    expect(await offices.bars('b2')).toEqual(['international declined']);
  });

  it('is left to a person where its account has no suspension_terms any more', async () => {
    await offices.plafond.addAccount({ accountId: 'b2', suspensionTerms: '' });
    await offices.settle('', 'closed', 'the deck is right');
    expect(await offices.bars('b2')).toEqual(waiting);
  });
});

describe('what a person is asked about already', () => {
  it.each(['period-end', 'manual'] as const)(
    'waits for the brake alone where its cap asks nobody any more (%s)',
    async (reinstate) => {
      offices = await Offices.watched('shadow');
      const { plafond } = offices;
      const id = await plafond.addCap({ ...OF_B2, reinstate, mode: 'approve' });
      await offices.live(series('b', 'b2', NIGHT, 6));
      expect(await offices.bars('b2')).toEqual(['international awaiting-approval']);
      await brake();
      plafond.clock.advanceTo(plafond.clock.now() + HOUR_MS);
      await plafond.caps.change(id, undefined, { ...OF_B2, reinstate }, { actor: 'anna', alone: true });
      expect(await offices.bars('b2')).toEqual(['international declined', 'international awaiting-approval']);
      await offices.settle('', 'closed', 'the deck is right');
      expect(await offices.bars('b2')).toEqual(['international declined', 'international wanted']);
    },
  );

  it.each(['brake', 'guard'] as const)('waits for the %s alone where its policy asks nobody any more', async (what) => {
    offices = await Offices.watched('approve');
    await offices.live(series('b', 'b2', NIGHT, 12), 12);
    expect((await offices.bars('b2')).at(-1)).toBe('international awaiting-approval');
    if (what === 'brake') await brake();
    else {
      const guard = new AnswerGuard(offices.plafond.database.dataSource, offices.plafond.clock);
      await guard.change({ perHour: 0, percent: 100, atLeast: 1_000 }, undefined, 'anna');
    }
    await offices.policy('enforce');
    await offices.live(series('c', 'b2', NIGHT + 2 * HOUR_MS, 6), 6);
    const bars = await offices.bars('b2');
    expect(bars.filter((bar) => bar.endsWith('awaiting-approval'))).toEqual(['international awaiting-approval']);
    expect(bars.at(-1)).toBe('international awaiting-approval');
  });
});

describe('a wrong price on several ranges', () => {
  const RANGES = ['+49301', '+49401', '+49891', '+49691', '+49211', '+49221', '+49351', '+49341', '+49511'];
  const tariffCases = () =>
    offices.plafond.query<{ case_no: string; state: string; ranges: string[]; summary: string }>(
      "SELECT case_no, state, ranges, summary FROM cases WHERE kind = 'tariff' ORDER BY case_no",
    );
  const alarms = () =>
    offices.plafond.query<{ subject: string }>(
      "SELECT subject FROM alarms WHERE kind = 'tariff-brake' AND cleared_at IS NULL",
    );
  const calls = (name: string, range: string, from: number, price: number, times: number) =>
    Array.from({ length: times }, (_, nth) =>
      call(`${name}${range}${nth}`, `b${nth % 6}`, from + nth * 60_000, 120, `${range}55501`, 2 * price),
    );
  /** Everybody's calls to all ranges at their usual price, which is known by noon. */
  const usualUntilNoon = async (): Promise<number> => {
    offices = await Offices.watched('shadow');
    const history = RANGES.flatMap((range) => calls('before', range, NIGHT + DAY_MS, 0.1, 40));
    await offices.live(
      history.toSorted((a, b) => a.at - b.at),
      80,
    );
    const noon = NIGHT + 2 * DAY_MS + 14 * HOUR_MS;
    offices.plafond.clock.advanceTo(noon);
    await offices.countPrices();
    return noon;
  };

  it('is one case with one alarm, and where it is on five, the first dear call brakes a further one', async () => {
    const noon = await usualUntilNoon();
    for (const [nth, range] of RANGES.slice(0, 6).entries())
      await offices.live(calls('dear', range, noon + nth * 600_000, 10, 3));
    await offices.live(calls('dear', RANGES[6]!, noon + 2 * HOUR_MS, 8, 1));
    // Ten times is another fault than a hundred times, and one call tells nothing of it.
    await offices.live(calls('dear', RANGES[7]!, noon + 3 * HOUR_MS, 1, 1));
    expect(await tariffCases()).toMatchObject([{ state: 'open', ranges: RANGES.slice(0, 7) }]);
    expect((await tariffCases())[0]!.summary).toMatch(
      /^Calls to \+49301 are charged 96 times .* 3 calls of 3 accounts.* So are calls to \+49401, .*\+49351, by about as much/,
    );
    expect(await alarms()).toEqual([{ subject: '+49301' }]);
    await offices.live(calls('ten', RANGES[7]!, noon + 4 * HOUR_MS, 1, 3));
    expect(await tariffCases()).toMatchObject([{ ranges: RANGES.slice(0, 7) }, { ranges: ['+49341'] }]);
    expect(await alarms()).toHaveLength(2);

    const { case_no } = (await tariffCases())[0]!;
    await offices.cases.settle(case_no, 'rating-error', 'anna', 'cents were taken for euros');
    await offices.live(calls('late', RANGES[0]!, noon + 5 * HOUR_MS, 10, 3));
    // That it was found to be wrong tells no less of a further range: a case of its own, since that one is judged.
    await offices.live(calls('further', RANGES[8]!, noon + 6 * HOUR_MS, 10, 1));
    expect((await tariffCases()).slice(2)).toMatchObject([{ state: 'open', ranges: ['+49511'] }]);
    await offices.cases.settle(case_no, 'closed', 'anna', 'corrected');
    expect(await openBrakes()).toEqual([{ range: '+49341' }, { range: '+49511' }]);
    expect(await alarms()).toEqual([{ subject: '+49341' }, { subject: '+49511' }]);
  });

  it('brakes, when it has come to be on five, one that had a dear call before', async () => {
    const noon = await usualUntilNoon();
    await offices.live(calls('dear', RANGES[6]!, noon, 10, 1));
    // Ten times is another fault than a hundred times.
    await offices.live(calls('dear', RANGES[7]!, noon + 300_000, 1, 1));
    for (const [nth, range] of RANGES.slice(0, 4).entries())
      await offices.live(calls('dear', range, noon + (nth + 1) * 600_000, 10, 3));
    expect(await openBrakes()).toHaveLength(4);
    await offices.live(calls('dear', RANGES[4]!, noon + HOUR_MS, 10, 3));
    expect(await tariffCases()).toMatchObject([{ state: 'open', ranges: [...RANGES.slice(0, 5), RANGES[6]] }]);
  });

  it('brakes no further one where it is found right while that waits for it', async () => {
    const noon = await usualUntilNoon();
    const { plafond, cases } = offices;
    for (const [nth, range] of RANGES.slice(0, 5).entries())
      await offices.live(calls('dear', range, noon + nth * 600_000, 10, 3));
    const { case_no } = (await tariffCases())[0]!;
    const said = { verdict: 'legitimate', by: 'anna', why: 'the partner raised it', at: plafond.clock.now() } as const;
    let looked: Promise<void> | undefined;
    await inTransaction(plafond.database.dataSource, async ({ client }) => {
      await cases.settleWithin(client, case_no, said, undefined);
      looked = offices.live(calls('dear', RANGES[6]!, noon + 2 * HOUR_MS, 10, 1));
      await until('it waits', async () => (await plafond.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0);
    });
    await looked;
    expect(await tariffCases()).toMatchObject([{ state: 'legitimate', ranges: RANGES.slice(0, 5) }]);
    expect(await openBrakes()).toEqual([]);
  });
});

describe('a wrong price that is judged after more than a week', () => {
  it('has what it had barred lifted', async () => {
    offices = await Offices.watched('shadow');
    const before = (await offices.bars('b1')).length;
    await offices.payDear();
    expect(await openBrakes()).toEqual([{ range: '+49301' }]);
    expect((await offices.bars('b1')).slice(before)).toEqual(['international wanted']);
    offices.plafond.clock.advanceTo(offices.plafond.clock.now() + 8 * DAY_MS);
    await offices.observe.sweep();
    await offices.settle('', 'rating-error', 'cents were taken for euros');
    expect((await offices.bars('b1')).slice(before)).toEqual(['international lifting']);
  });
});

describe('a wrong price that is found to be one', () => {
  it('lifts nothing of an attack elsewhere, though the account paid that price as well', async () => {
    offices = await Offices.watched('enforce');
    const calls = (name: string, from: number, price: number, times: number) =>
      Array.from({ length: times }, (_, nth) =>
        call(`${name}${nth}`, `b${1 + (nth % 3)}`, from + nth * 60_000, 60, '+4930155501', price),
      );
    await offices.live(calls('before', NIGHT + DAY_MS, 0.1, 90), 45);
    const noon = NIGHT + 2 * DAY_MS + 14 * HOUR_MS;
    offices.plafond.clock.advanceTo(noon);
    await offices.countPrices();
    await offices.live(calls('dear', noon, 1, 3));
    expect(await openBrakes()).toEqual([{ range: '+49301' }]);
    await offices.live(series('a', 'b1', noon + HOUR_MS, 12));
    const bars = await offices.bars('b1');
    expect(bars).toContain('international wanted');
    await offices.settle('', 'rating-error', 'cents were taken for euros');
    expect(await offices.bars('b1')).toEqual(bars);
  });
});

describe('a dearer price that is found right', () => {
  it('is usual from then on, on the same day', async () => {
    offices = await Offices.watched('shadow');
    const calls = (name: string, from: number, price: number, times: number) =>
      Array.from({ length: times }, (_, nth) =>
        call(`${name}${nth}`, `b${nth % 6}`, from + nth * 60_000, 120, '+4930155501', 2 * price),
      );
    await offices.live(calls('before', NIGHT + DAY_MS, 0.1, 200), 50);
    const noon = NIGHT + 2 * DAY_MS + 14 * HOUR_MS;
    offices.plafond.clock.advanceTo(noon);
    await offices.countPrices();
    await offices.live(calls('dear', noon, 1, 4));
    expect(await openBrakes()).toEqual([{ range: '+49301' }]);
    await offices.settle('', 'legitimate', 'the partner raised it');
    await offices.live(calls('again', noon + HOUR_MS, 1, 12));
    expect(await openBrakes()).toEqual([]);
    // And is none where it was not right after all.
    await offices.settle('', 'rating-error', 'it was another partner');
    expect(await openBrakes()).toEqual([{ range: '+49301' }]);
    const alarms = "SELECT subject FROM alarms WHERE kind = 'tariff-brake' AND cleared_at IS NULL";
    expect(await offices.plafond.query(alarms)).toEqual([{ subject: '+49301' }]);
  });
});
