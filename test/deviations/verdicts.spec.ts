/** What a verdict changes, and leaves for the next record to be decided. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { call } from './deviating.ts';
import { NIGHT, Offices } from './offices.ts';

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
  it('is decided on anew where it goes on after a verdict', async () => {
    const interim = async (nth: number) => {
      const { row } = call('grows', 'b1', NIGHT, nth * 600, '+5352123456', nth * 14.7);
      offices.plafond.clock.advanceTo(NIGHT + nth * 600_000);
      await offices.send([{ ...row, state: 'interim', revision: nth }]);
    };
    await interim(1);
    const before = await offices.decided();
    expect(before.length).toBeGreaterThan(0);
    await offices.settle('b1', 'legitimate', 'the customer said so');
    await offices.settle('b1', 'confirmed-fraud', 'it was not the customer who rang');
    for (let nth = 2; nth <= 12; nth++) await interim(nth);
    expect((await offices.decided()).slice(before.length).at(-1)).toBe('enforce suspend:international');
  });
});
