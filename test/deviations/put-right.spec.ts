/** A verdict that is put right by another one, and what the first had left. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { call } from './deviating.ts';
import { DAY_MS, HOUR_MS, NIGHT, Offices } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
afterEach(async () => {
  expect(await offices.isVerified()).toBe(true);
  await offices.plafond.close();
});

/** Three accounts pay three hundred times what calls cost before, which brakes the range; a cap had barred them for it before that. */
async function dearCalls(): Promise<void> {
  offices = await Offices.watched('shadow');
  const calls = (name: string, from: number, price: number, times: number) =>
    Array.from({ length: times }, (_, nth) =>
      call(`${name}${nth}`, `b${1 + (nth % 3)}`, from + nth * 60_000, 120, '+4930155501', 2 * price),
    );
  await offices.live(calls('before', NIGHT + DAY_MS, 0.1, 90), 45);
  const noon = NIGHT + 2 * DAY_MS + 14 * HOUR_MS;
  offices.plafond.clock.advanceTo(noon);
  await offices.countPrices();
  await offices.plafond.addCap({
    limit: '50.00',
    reinstate: 'manual',
    thresholds: [{ percent: 100, actions: ['suspend:international'] }],
  });
  await offices.live(calls('dear', noon, 30, 3));
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
