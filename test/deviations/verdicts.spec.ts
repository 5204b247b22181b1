/** What a verdict changes, and leaves for the next record to be decided. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { parseAmount } from '../../src/kernel/money.ts';
import { reportDeviations, type ReportedAccount } from '../../src/pipeline/deviations/deviation-report.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { call, type Call } from './deviating.ts';
import { DAY_MS, HOUR_MS, NIGHT, Offices, series } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
beforeEach(async () => {
  offices = await Offices.watched('enforce');
});
afterEach(async () => {
  expect(await offices.isVerified()).toBe(true);
  await offices.plafond.close();
});

describe('a call that grows', () => {
  const MINUTES_10 = 600_000;
  const known = async (nth: number, at = nth, name = 'grows') => {
    const { row } = call(name, 'b1', NIGHT, nth * 600, '+5352123456', nth * 90);
    offices.plafond.clock.advanceTo(NIGHT + at * MINUTES_10);
    await offices.send([{ ...row, state: 'interim', revision: nth }]);
  };

  it('and is known from after a verdict on counts whole, once, as of the call that it is', async () => {
    const interim = (nth: number, at?: number) => known(nth, at, 'other');
    await known(1);
    offices.plafond.clock.advanceTo(NIGHT + 3 * MINUTES_10 + 1);
    await offices.settle('b1', 'confirmed-fraud');
    const before = await offices.deviations();
    // Late: these tell of what was settled.
    for (const nth of [1, 2, 3]) await interim(nth, 4);
    expect(await offices.deviations()).toEqual(before);
    for (const nth of [4, 5]) await interim(nth);
    const [anew, ...more] = (await offices.deviations()).slice(before.length);
    expect(more).toEqual([]);
    expect(anew!.evidence).toMatchObject({ calls: 1, money: '360.00' });
    expect(
      (await offices.plafond.query<{ from_at: Date }>('SELECT from_at FROM cases ORDER BY case_no')).at(-1),
    ).toEqual({
      from_at: new Date(NIGHT),
    });
  });

  it('is told as itself where a verdict has settled all else', async () => {
    await offices.live(series('a', 'b1', NIGHT - 2 * HOUR_MS, 12), 12);
    await known(1);
    await offices.settle('b1', 'confirmed-fraud');
    const before = await offices.deviations();
    await known(2);
    const [anew] = (await offices.deviations()).slice(before.length);
    expect(anew!.evidence).toMatchObject({ calls: 1, since: expect.stringMatching(/^2026-03-02T22:00/) });
  });

  it('is decided on anew where it goes on after a verdict', async () => {
    await known(1);
    const before = await offices.decided();
    expect(before).toEqual(['enforce hold']);
    await offices.settle('b1', 'rating-error', 'the deck is wrong');
    await known(2);
    // It waits: the verdict has braked the range.
    expect(await offices.decided()).toEqual(['enforce hold', 'approve hold']);
    expect(await offices.bars()).toEqual(['country:CU lifting', 'country:CU awaiting-approval']);
  });
});

describe('a case whose hold is in force', () => {
  const cases = () =>
    offices.plafond.query<{ state: string }>("SELECT state FROM cases WHERE account_id = 'b1' ORDER BY case_no");

  it('stays open until somebody says what it was, whatever comes weeks later', async () => {
    await offices.live(series('a', 'b1', NIGHT, 3));
    expect(await offices.bars()).toEqual(['country:SO wanted']);
    const days = 16 * DAY_MS;
    await offices.live([call('again', 'b1', NIGHT + days, 1_800, '+5352123456', 120)]);
    expect(await cases()).toEqual([{ state: 'open' }]);
    await offices.settle('b1', 'legitimate');
    expect((await offices.bars()).filter((bar) => !bar.endsWith('lifting'))).toEqual([]);
  });

  it('is over a week after the last that came to it where the hold is no more', async () => {
    await offices.live(series('a', 'b1', NIGHT, 3));
    await offices.plafond.query(`UPDATE suspensions SET state = 'lifted'`);
    await offices.live(series('again', 'b1', NIGHT + 16 * DAY_MS, 12));
    expect(await cases()).toEqual([{ state: 'closed' }, { state: 'open' }]);
  });
});

/** Data used in Switzerland, dear and much of it. */
const roaming = (account: string): Call[] =>
  Array.from({ length: 100 }, (_, nth) => {
    const { at, row } = call(`ch${nth}`, account, NIGHT + nth * 900_000, 600, '', 8);
    return { at, row: { ...row, kind: 'data', origin_country: 'CH' } as Call['row'] };
  });

/** A dialler: a short call to another number at home every half minute. */
const dialler = (account: string): Call[] =>
  Array.from({ length: 240 }, (_, nth) =>
    call(`d${nth}`, account, NIGHT + nth * 30_000, 20, `+3130${1_000_000 + 3_571 * nth}`, 0.05),
  );

describe('usage that was fraud or wrongly rated', () => {
  it.each([
    ['roaming', 'confirmed-fraud', roaming],
    ['roaming', 'rating-error', roaming],
    ['a dialler', 'confirmed-fraud', dialler],
    ['a dialler', 'rating-error', dialler],
  ] as const)('%s, %s, is not learnt, and the customer is not held for it again', async (_, verdict, attack) => {
    await offices.live(attack('b1'), 5);
    const before = await offices.decided();
    expect(before.some((each) => !each.endsWith('warn'))).toBe(true);
    await offices.settle('b1', verdict);
    expect((await offices.signatures.check()).differing).toEqual([]);
    for (let day = 1; day < 6; day++) {
      await offices.live([call(`home${day}`, 'b1', NIGHT + day * DAY_MS - 12 * HOUR_MS, 60, '+31201234561', 0.1)]);
    }
    expect(await offices.decided()).toEqual(before);
    expect((await offices.signatures.check()).differing).toEqual([]);
  });

  it('from abroad is reported with what was spent past the hold', async () => {
    await offices.live(roaming('b1'), 1);
    await offices.settle('b1', 'confirmed-fraud');
    const { dataSource } = offices.plafond.database;
    const report = await inTransaction(dataSource, ({ client }) =>
      reportDeviations(client, NIGHT - DAY_MS, NIGHT + 3 * DAY_MS),
    );
    expect(report.accounts).toHaveLength(1);
    const [{ spend_then: then, spend_after: after }] = report.accounts as [ReportedAccount];
    expect(parseAmount(then)! + parseAmount(after)!).toBe(parseAmount('800.00'));
    expect(report.spent_past).toEqual({ EUR: after });
  });

  it('is counted in the report, as each case is by what it was found to be', async () => {
    for (const account of ['b1', 'b2', 'b3']) await offices.live(series(account, account, NIGHT, 3), 3);
    await offices.settle('b1', 'confirmed-fraud');
    await offices.settle('b2', 'rating-error');
    const { totals } = await inTransaction(offices.plafond.database.dataSource, ({ client }) =>
      reportDeviations(client, NIGHT - DAY_MS, NIGHT + 3 * DAY_MS),
    );
    expect(totals).toMatchObject({ cases: 3, right: 1, false: 0, likely_false: 0, rating_error: 1, not_judged: 1 });
  });

  it('and is put right to have been the customer is learnt all the same', async () => {
    await offices.live(series('a', 'b1', NIGHT, 12));
    await offices.settle('b1', 'confirmed-fraud');
    await offices.settle('b1', 'legitimate', 'it was the night porter');
    const before = await offices.decided();
    await offices.live(series('again', 'b1', NIGHT + DAY_MS, 12));
    expect(await offices.decided()).toEqual(before);
    expect((await offices.signatures.check()).differing).toEqual([]);
  });

  it('and becomes known late is not learnt either', async () => {
    await offices.live(series('a', 'b1', NIGHT, 12));
    await offices.plafond.clock.advanceTo(NIGHT + 2 * HOUR_MS);
    await offices.settle('b1', 'confirmed-fraud');
    const before = await offices.decided();
    const state = () => offices.plafond.query(`SELECT state FROM deviation_signatures WHERE account_id = 'b1'`);
    const settled = await state();
    offices.plafond.clock.advanceTo(NIGHT + 3 * HOUR_MS);
    await offices.send(series('late', 'b1', NIGHT + 30 * 60_000, 3).map(({ row }) => row));
    expect(await state()).toEqual(settled);
    expect(await offices.decided()).toEqual(before);
    expect((await offices.signatures.check()).differing).toEqual([]);
  });
});

describe('a finding', () => {
  const hot = async () =>
    (await offices.plafond.query<{ range: string }>('SELECT range FROM hot_numbers ORDER BY range')).map(
      ({ range }) => range,
    );

  it.each(['confirmed-fraud', 'legitimate', 'rating-error'] as const)(
    'of %s is kept: there is nothing left to close',
    async (verdict) => {
      await offices.live(series('a', 'b1', NIGHT, 12));
      await offices.settle('b1', verdict);
      const found = await hot();
      await expect(offices.settle('b1', 'closed')).rejects.toMatchObject({ code: 'case_settled' });
      expect([(await offices.caseOf('b1')).state, await hot()]).toEqual([verdict, found]);
    },
  );

  it('of fraud at two accounts keeps their number blocks hot when one of them was none', async () => {
    for (const account of ['b1', 'b2', 'b3']) await offices.live(series(account, account, NIGHT, 12), 12);
    await offices.settle('b1', 'confirmed-fraud');
    const found = await hot();
    expect(found.length).toBeGreaterThan(0);
    await offices.settle('b2', 'confirmed-fraud');
    await offices.settle('b2', 'legitimate');
    expect(await hot()).toEqual(found);
    await offices.settle('b1', 'legitimate');
    expect(await hot()).toEqual([]);
  });

  it('that was none, and is put right, bars again what it had lifted', async () => {
    await offices.live(series('a', 'b1', NIGHT, 12));
    const before = await offices.bars();
    await offices.settle('b1', 'legitimate');
    expect(await offices.bars()).toEqual(before.map((bar) => bar.replace('wanted', 'lifting')));
    await offices.settle('b1', 'confirmed-fraud', 'the customer had not rung');
    expect(await offices.bars()).toEqual([...before.map((bar) => bar.replace('wanted', 'lifting')), ...before]);
  });
});

describe('the case of a bar', () => {
  const withoutCase = () =>
    offices.plafond.query(
      `SELECT type, trigger FROM decisions d
        WHERE account_id = 'b1' AND NOT EXISTS (SELECT FROM case_decisions c WHERE c.decision_id = d.decision_id)`,
    );

  it('has what ends the bar as well: a suspension over a hold, or a verdict', async () => {
    await offices.live(series('a', 'b1', NIGHT, 12));
    await offices.plafond.query(`UPDATE suspensions SET state = 'applied'`);
    const { database, clock } = offices.plafond;
    expect(await new ReinstateDue(database.dataSource, clock).endCoveredHolds()).toBe(1);
    expect((await offices.plafond.decisions()).at(-1)).toMatchObject({ type: 'restore', trigger: 'correction' });
    expect(await withoutCase()).toEqual([]);
    await offices.settle('b1', 'legitimate');
    expect((await offices.plafond.decisions()).at(-1)).toMatchObject({ type: 'restore', trigger: 'manual' });
    expect(await withoutCase()).toEqual([]);
  });
});
