/** What caps wanted, and a brake or a wrong price kept from being done, once neither does any more. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { capDefinition } from '../../src/caps/cap.ts';
import { CAP } from '../harness/plafond.ts';
import { HeldBack } from './held-back.ts';

Logger.overrideLogger(false);

let held: HeldBack;
beforeEach(async () => {
  held = await HeldBack.at();
  await held.plafond.addAccount({ accountId: 'a1' });
});
afterEach(async () => {
  expect(await held.isVerified()).toBe(true);
  await held.plafond.close();
});
const MINUTE_MS = 60_000;
const warned = async () =>
  (await held.plafond.decisions()).filter(({ type }) => type === 'warn').map(({ threshold }) => threshold);

describe('warnings that a brake withholds', () => {
  it.each(['closed', 'legitimate', 'confirmed-fraud'] as const)(
    'are given when it lets go, once (%s)',
    async (verdict) => {
      await held.plafond.addCap({});
      const brake = await held.brake();
      await held.spend('a1', '55.00');
      held.pass(MINUTE_MS);
      await held.spend('a1', '30.00');
      expect(await warned()).toEqual([]);
      await held.settle(brake, verdict);
      expect(await warned()).toEqual([50, 80]);
      const again = await held.brake();
      held.pass(MINUTE_MS);
      await held.spend('a1', '1.00');
      await held.settle(again, 'closed');
      expect(await warned()).toEqual([50, 80]);
      // In one message, by the higher one.
      expect(await held.told()).toEqual(['a1 warn 80']);
    },
  );

  it('are given of what is reached still, and later of what is reached again', async () => {
    await held.plafond.addCap({});
    const brake = await held.brake();
    const record = await held.spend('a1', '85.00');
    held.pass(MINUTE_MS);
    await held.spend('a1', '60.00', { record_id: record, revision: 1 });
    await held.settle(brake, 'closed');
    expect(await warned()).toEqual([50]);
    await held.spend('a1', '25.00');
    expect(await warned()).toEqual([50, 80]);
  });

  it('are none where their period is over', async () => {
    await held.plafond.addCap({ period: 'day' });
    const brake = await held.brake();
    await held.spend('a1', '85.00', { started_at: '2026-03-20T10:00:00+01:00' });
    held.pass(24 * 60 * MINUTE_MS);
    await held.settle(brake, 'closed');
    expect(await warned()).toEqual([]);
  });

  it('are none beside the bar of which the customer is told', async () => {
    await held.plafond.addCap({});
    const brake = await held.brake();
    await held.spend('a1', '120.00');
    await held.settle(brake, 'closed');
    expect(await held.bars()).toEqual(['a1 wanted']);
    expect(await held.told()).toEqual(['a1 suspend 100']);
  });

  it('are withheld on by another brake', async () => {
    await held.plafond.addCap({});
    const brake = await held.brake();
    await held.spend('a1', '85.00');
    await held.plafond.query(`UPDATE tariff_brakes SET released_at = braked_at`);
    held.pass(MINUTE_MS);
    const other = await held.brake();
    await held.settle(brake, 'closed');
    expect(await warned()).toEqual([]);
    await held.settle(other, 'closed');
    expect(await warned()).toEqual([50, 80]);
  });

  it('of a price that was wrong are given when a correction has come and they are reached all the same', async () => {
    await held.plafond.addCap({});
    const brake = await held.brake();
    const record = await held.spend('a1', '95.00');
    await held.settle(brake, 'rating-error');
    await held.settle(brake, 'closed');
    expect(await warned()).toEqual([]);
    held.pass(MINUTE_MS);
    await held.spend('a1', '60.00', { record_id: record, revision: 1 });
    expect(await warned()).toEqual([50]);
  });

  it('of a price that was corrected while it held on are given when it lets go', async () => {
    await held.plafond.addCap({});
    const brake = await held.brake();
    const record = await held.spend('a1', '95.00');
    await held.settle(brake, 'rating-error');
    held.pass(MINUTE_MS);
    await held.spend('a1', '60.00', { record_id: record, revision: 1 });
    expect(await warned()).toEqual([]);
    await held.settle(brake, 'closed');
    expect(await warned()).toEqual([50]);
  });
});

describe.each([
  ['by the month', { period: 'month' as const }],
  ['of days on end', { period: 'rolling:720h' as const }],
])('a bar of a cap %s that was lifted since prices were wrong', (_, of) => {
  const bars = { ...of, thresholds: [{ percent: 100, actions: ['suspend:international' as const] }] };

  it('comes back where the corrected spend is over the limit as well, and not before', async () => {
    const cap = await held.plafond.addCap(bars);
    const record = await held.spend('a1', '500.00');
    expect(await held.bars()).toEqual(['a1 wanted']);
    await held.settle((await held.caseOf('a1'))!, 'rating-error');
    held.pass(MINUTE_MS);
    await held.spend('a1', '1.00');
    const changed = capDefinition.parse({ ...CAP, ...bars, name: 'International' });
    await held.plafond.caps.change(cap, undefined, changed, { actor: 'anna', alone: true });
    expect(await held.bars()).toEqual(['a1 lifting']);
    await held.spend('a1', '150.00', { record_id: record, revision: 1 });
    expect(await held.bars()).toEqual(['a1 lifting', 'a1 wanted']);
    expect((await held.plafond.decisions()).at(-1)).toMatchObject({ type: 'suspend', trigger: 'correction' });
    held.pass(MINUTE_MS);
    await held.spend('a1', '140.00', { record_id: record, revision: 2 });
    expect(await held.bars()).toEqual(['a1 lifting', 'a1 wanted']);
  });

  it('stays lifted where it is not, and where a person lifted it after that', async () => {
    await held.plafond.addCap(bars);
    const record = await held.spend('a1', '500.00');
    await held.settle((await held.caseOf('a1'))!, 'rating-error');
    held.pass(MINUTE_MS);
    await held.spend('a1', '50.00', { record_id: record, revision: 1 });
    expect(await held.bars()).toEqual(['a1 lifting']);
    held.pass(MINUTE_MS);
    await held.spend('a1', '120.00');
    expect(await held.bars()).toEqual(['a1 lifting', 'a1 wanted']);
    await held.plafond.query(`UPDATE suspensions SET state = 'lifting', lift_by = 'bert' WHERE state = 'wanted'`);
    held.pass(MINUTE_MS);
    await held.spend('a1', '49.00', { record_id: record, revision: 2 });
    expect(await held.bars()).toEqual(['a1 lifting', 'a1 lifting']);
  });

  it('comes back where the case is found to have been legitimate', async () => {
    await held.plafond.addCap(bars);
    await held.spend('a1', '500.00');
    const caseNo = (await held.caseOf('a1'))!;
    await held.settle(caseNo, 'rating-error');
    await held.settle(caseNo, 'legitimate');
    expect(await held.bars()).toEqual(['a1 lifting', 'a1 wanted']);
  });
});

describe('a bar that waits for a brake whose prices were wrong', () => {
  const bars = { thresholds: [{ percent: 100, actions: ['suspend:international' as const] }] };

  it('waits on as corrected, and is carried out when the brake lets go', async () => {
    await held.plafond.addCap(bars);
    const brake = await held.brake();
    const record = await held.spend('a1', '500.00');
    await held.settle(brake, 'rating-error');
    expect(await held.bars()).toEqual(['a1 declined']);
    held.pass(MINUTE_MS);
    await held.spend('a1', '150.00', { record_id: record, revision: 1 });
    expect(await held.bars()).toEqual(['a1 declined', 'a1 awaiting-approval']);
    await held.settle(brake, 'closed');
    expect(await held.bars()).toEqual(['a1 declined', 'a1 wanted']);
  });

  it('is carried out when the correction comes after the brake has let go', async () => {
    await held.plafond.addCap(bars);
    const brake = await held.brake();
    const record = await held.spend('a1', '500.00');
    await held.settle(brake, 'rating-error');
    await held.settle(brake, 'closed');
    expect(await held.bars()).toEqual(['a1 declined']);
    held.pass(MINUTE_MS);
    await held.spend('a1', '150.00', { record_id: record, revision: 1 });
    expect(await held.bars()).toEqual(['a1 declined', 'a1 wanted']);
  });

  it.each(['legitimate', 'confirmed-fraud'] as const)(
    'is carried out where they are found to have been right (%s)',
    async (verdict) => {
      await held.plafond.addCap(bars);
      const brake = await held.brake();
      await held.spend('a1', '500.00');
      await held.settle(brake, 'rating-error');
      await held.settle(brake, verdict);
      expect(await held.bars()).toEqual(['a1 declined', 'a1 wanted']);
    },
  );
});
