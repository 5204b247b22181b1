/** Bars of caps that wait for a brake or the guard longer than anything asks for them. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { ACCOUNT, CAP } from '../harness/plafond.ts';
import { HeldBack } from './held-back.ts';

Logger.overrideLogger(false);

let held: HeldBack;
let cap: string;
beforeEach(async () => {
  held = await HeldBack.at();
  await held.plafond.addAccount({ accountId: 'a1' });
});
afterEach(async () => {
  expect(await held.isVerified()).toBe(true);
  await held.plafond.close();
});

const OF_SMB: CapDefinition = capDefinition.parse({
  ...CAP,
  scope: { segment: ACCOUNT.segment },
  reinstate: 'manual',
  thresholds: [{ percent: 100, actions: ['suspend:international'] }],
});
const anna = { actor: 'anna', alone: true };

/** What holds a bar back, and lets it go. */
const HOLDERS = {
  'a brake': async () => {
    const caseNo = await held.brake();
    return () => held.settle(caseNo, 'closed');
  },
  'a brake, that was put on by an attack,': async () => {
    const caseNo = await held.brake();
    return () => held.settle(caseNo, 'confirmed-fraud');
  },
  'the guard': async () => {
    await held.allow(0);
    return () => held.answer('all');
  },
};
/** What ends the reason of the bar. */
const ENDS = {
  'its cap is removed': () => held.plafond.caps.remove(cap, undefined, 'anna'),
  'its account goes to another segment': () => held.plafond.addAccount({ accountId: 'a1', segment: 'other' }),
  'a cap of its own comes for its account': () =>
    held.plafond.addCap({ ...OF_SMB, scope: { account: 'a1' }, limit: '1000.00' }),
  'its cap gets a higher limit': () => held.plafond.caps.change(cap, undefined, { ...OF_SMB, limit: '1000.00' }, anna),
  'its cap suspends no more': () =>
    held.plafond.caps.change(cap, undefined, { ...OF_SMB, thresholds: [{ percent: 100, actions: ['warn'] }] }, anna),
  'its cap only records': () => held.plafond.caps.change(cap, undefined, { ...OF_SMB, mode: 'shadow' }, anna),
  'a correction takes spend below the limit': () => held.spend('a1', '10.00', { record_id: 'r1', revision: 1 }),
  'the limit is raised for a while': async () => {
    const { database, clock } = held.plafond;
    const uplift = { accountId: 'a1', of: { cap }, amount: 500_000_000n, until: clock.now() + 3_600_000 };
    await inTransaction(database.dataSource, ({ client }) =>
      new GrantUplift(database.dataSource, clock).grantWithin(client, { ...uplift, reason: 'asked', actor: 'anna' }),
    );
  },
};

describe.each(Object.entries(HOLDERS))('a bar that %s holds', (_, hold) => {
  it.each(Object.entries(ENDS))('is not carried out where %s', async (_end, ends) => {
    cap = await held.plafond.addCap(OF_SMB);
    const letGo = await hold();
    await held.spend('a1', '120.00');
    expect(await held.bars()).toEqual(['a1 awaiting-approval']);
    held.pass(60_000);
    await ends();
    await letGo();
    expect(await held.bars()).toEqual(['a1 declined']);
  });

  it('is wanted anew where its account comes back under its cap', async () => {
    cap = await held.plafond.addCap(OF_SMB);
    const letGo = await hold();
    await held.spend('a1', '120.00');
    await held.plafond.addAccount({ accountId: 'a1', segment: 'other' });
    await letGo();
    await held.allow(100);
    held.pass(60_000);
    await held.plafond.addAccount({ accountId: 'a1' });
    expect(await held.bars()).toEqual(['a1 declined', 'a1 wanted']);
    held.pass(60_000);
    await held.plafond.addAccount({ accountId: 'a1', segment: 'other' });
    await held.plafond.addAccount({ accountId: 'a1' });
    expect(await held.bars()).toEqual(['a1 declined', 'a1 wanted']);
  });
});
