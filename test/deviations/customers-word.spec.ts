/** What a customer says by the link of a warning, and the bars that wait. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { AnswerGuard } from '../../src/pipeline/deciding/answer-guard.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { AnswerWarning, CUSTOMER } from '../../src/pipeline/telling/answer-warning.ts';
import { NO_BRAND } from '../harness/messages.ts';
import { call } from './deviating.ts';
import { DAY_MS, NIGHT, Offices, series } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
afterEach(async () => {
  expect(await offices.isVerified()).toBe(true);
  await offices.plafond.close();
});

const answering = () => {
  const { database, clock } = offices.plafond;
  return new AnswerWarning(database.dataSource, clock, new GrantUplift(database.dataSource, clock), offices.cases);
};
const said = async () => {
  const { id: decisionId } = (await offices.deviations()).find(({ action }) => action === 'hold')!;
  const link = { decisionId, expiresAt: offices.plafond.clock.now() + DAY_MS };
  return { link, formId: randomUUID(), address: '192.0.2.7', userAgent: 'the browser of the tests' };
};

describe('"this wasn\'t us"', () => {
  it('has the hold that a person was asked about carried out, as the verdict does that it is', async () => {
    offices = await Offices.watched('approve');
    await offices.live(series('a', 'b1', NIGHT, 3));
    expect(await offices.bars()).toEqual(['country:SO awaiting-approval']);
    expect(await answering().notUs(await said(), 'This was not us.')).toBe('done');
    expect((await offices.bars())[0]).toBe('country:SO wanted');
    const [held] = await offices.plafond.query<{ approved_by: string }>('SELECT approved_by FROM suspensions');
    expect(held).toEqual({ approved_by: CUSTOMER });
  });
});

describe('"this was us"', () => {
  it('declines the hold that the guard asks about: who answers it bars nobody for it', async () => {
    offices = await Offices.watched('enforce');
    const { plafond } = offices;
    const guard = new AnswerGuard(plafond.database.dataSource, plafond.clock);
    await guard.change({ perHour: 0, percent: 100, atLeast: 1_000 }, undefined, 'anna');
    await plafond.query(`INSERT INTO consent_policies VALUES ('everyone', '', 'EUR', 500000000, now())`);
    await offices.live(series('a', 'b1', NIGHT, 3));
    expect(await offices.bars()).toEqual(['country:SO awaiting-approval']);
    expect(await answering().us(await said(), '', 'That was us.', NO_BRAND)).toBe('done');
    expect(await offices.bars()).toEqual(['country:SO declined']);
    const [question] = await plafond.query<{ question_id: string }>('SELECT question_id FROM guard_questions');
    await guard.answer(question!.question_id, { answer: 'all' }, 'an attack', undefined, 'anna');
    expect(await offices.bars()).toEqual(['country:SO declined']);
  });

  it('lifts as well what usage is held for that is looked at only then', async () => {
    offices = await Offices.watched('enforce');
    const { plafond } = offices;
    await plafond.query(`INSERT INTO consent_policies VALUES ('everyone', '', 'EUR', 500000000, now())`);
    await offices.live(series('a', 'b1', NIGHT, 3));
    const later = call('cu', 'b1', NIGHT + 30 * 60_000, 1_800, '+5352123456', 120);
    plafond.clock.advanceTo(later.at + 60_000);
    await plafond.send([later.row]);
    expect(await answering().us(await said(), '', 'That was us.', NO_BRAND)).toBe('done');
    const bars = await offices.bars();
    expect(bars.length).toBeGreaterThan(1);
    expect(bars.filter((bar) => !bar.endsWith('lifting'))).toEqual([]);
  });
});
