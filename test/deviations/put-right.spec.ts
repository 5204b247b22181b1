/** A verdict that is put right by another one, and what the first had left. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { DAY_MS, HOUR_MS, NIGHT, Offices, series } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
afterEach(async () => {
  expect(await offices.isVerified()).toBe(true);
  await offices.plafond.close();
});

async function dearCalls(): Promise<void> {
  offices = await Offices.watched('shadow');
  await offices.payDear();
}

describe('prices that were found right, and were not,', () => {
  it.each(['legitimate', 'confirmed-fraud'] as const)(
    'have what stood on them before the brake lifted, however late that is said (%s first)',
    async (first) => {
      await dearCalls();
      const latest = async () => (await offices.bars('b1')).at(-1);
      expect(await latest()).toBe('international wanted');
      await offices.settle('', first, 'the partner raised it');
      expect(await latest()).toBe('international wanted');
      offices.plafond.clock.advanceTo(offices.plafond.clock.now() + 9 * DAY_MS);
      await offices.observe.sweep();
      await offices.settle('', 'rating-error', 'it was another partner');
      expect(await latest()).toBe('international lifting');
    },
  );

  it('have their signs forgotten when nothing stands on them any more', async () => {
    await dearCalls();
    await offices.settle('', 'legitimate', 'the partner raised it');
    await offices.plafond.query(`UPDATE suspensions SET state = 'lifted'`);
    offices.plafond.clock.advanceTo(offices.plafond.clock.now() + 9 * DAY_MS);
    await offices.observe.sweep();
    expect(await offices.plafond.query('SELECT FROM tariff_signs')).toEqual([]);
  });
});

describe('a case of fraud that was first found to be something else', () => {
  it.each([
    ['wrongly rated', ['rating-error'], []],
    // Prices that are right after all have the cap bar again, whoever called.
    ['wrongly rated, and then the customer', ['rating-error', 'legitimate'], ['international wanted']],
    ['the customer, and then wrongly rated', ['legitimate', 'rating-error'], []],
  ] as const)('bars again what rules had barred, a cap as well (%s)', async (_, before, anew) => {
    offices = await Offices.watched('enforce');
    const { plafond } = offices;
    await plafond.addCap({ limit: '10.00', thresholds: [{ percent: 100, actions: ['suspend:international'] }] });
    await offices.live(series('a', 'b1', NIGHT, 12));
    const bars = await offices.bars();
    expect(new Set(bars)).toEqual(new Set(['country:SO wanted', 'international wanted']));
    const { case_no: caseNo } = await offices.caseOf('b1');
    for (const verdict of before) {
      await offices.cases.settle(caseNo, verdict, 'anna', 'looked into');
      plafond.clock.advanceTo(plafond.clock.now() + HOUR_MS);
    }
    const since = await offices.bars();
    expect(new Set(since.slice(0, bars.length).map((bar) => bar.split(' ')[1]))).toEqual(new Set(['lifting']));
    expect(since.slice(bars.length)).toEqual(anew);
    await offices.cases.settle(caseNo, 'confirmed-fraud', 'anna', 'the customer had not rung');
    const again = (await offices.bars()).slice(bars.length);
    expect(again.toSorted()).toEqual(bars.toSorted());
  });

  it('bars once what was lifted twice', async () => {
    offices = await Offices.watched('enforce');
    await offices.live(series('a', 'b1', NIGHT, 3));
    for (const verdict of ['legitimate', 'confirmed-fraud', 'legitimate', 'confirmed-fraud'] as const) {
      await offices.settle('b1', verdict);
      offices.plafond.clock.advanceTo(offices.plafond.clock.now() + HOUR_MS);
    }
    expect(await offices.bars()).toEqual(['country:SO lifting', 'country:SO lifting', 'country:SO wanted']);
  });
});
