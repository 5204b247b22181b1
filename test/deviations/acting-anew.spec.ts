/** What was only "would have", or could not be done then, silences nothing that can be done now. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { courtCase } from './deviating.ts';
import { DAY_MS, HOUR_MS, NIGHT, Offices, series } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
afterEach(async () => {
  expect(await offices.isVerified()).toBe(true);
  await offices.plafond.close();
});

describe('an attack in progress', () => {
  it('is barred when shadow mode ends, once', async () => {
    offices = await Offices.watched('shadow');
    await offices.live(series('a', 'b1', NIGHT, 12));
    const before = await offices.decided();
    expect(before).toContain('shadow suspend:international');
    await offices.policy('enforce');
    await offices.live(series('c', 'b1', NIGHT + 2 * HOUR_MS, 20));
    const since = (await offices.decided()).slice(before.length);
    expect(since).toEqual(['enforce suspend:international']);
    expect(await offices.bars()).toEqual(['international wanted']);
    for (let night = 1; night < 4; night++)
      await offices.live(series(`n${night}-`, 'b1', NIGHT + night * DAY_MS, 8), 8);
    expect(await offices.decided()).toEqual([...before, ...since]);
    expect((await offices.signatures.check()).differing).toEqual([]);
  });

  it('of which only a hold is due is held then, and suspended where spend goes on past that', async () => {
    offices = await Offices.watched('shadow');
    await offices.live(series('a', 'b1', NIGHT, 3));
    expect((await offices.decided()).at(-1)).toBe('shadow hold');
    await offices.policy('enforce');
    await offices.live(series('c', 'b1', NIGHT + 20 * 60_000, 30));
    const since = (await offices.decided()).filter((each) => each.startsWith('enforce'));
    expect(since).toEqual(['enforce hold', 'enforce suspend:international']);
  });

  it('is barred when the clause that allows it comes to be on file', async () => {
    offices = await Offices.watched('enforce');
    await offices.plafond.addAccount({ accountId: 'b1', suspensionTerms: '' });
    await offices.live(series('a', 'b1', NIGHT, 12));
    const before = await offices.deviations();
    expect(before.map(({ type }) => type)).toContain('notify-operator');
    expect(await offices.bars()).toEqual([]);
    await offices.plafond.addAccount({ accountId: 'b1', suspensionTerms: 'GTC 7.3' });
    await offices.live(series('c', 'b1', NIGHT + 2 * HOUR_MS, 6));
    expect((await offices.deviations()).slice(before.length)).toMatchObject([{ type: 'suspend', mode: 'enforce' }]);
    expect(await offices.bars()).toEqual(['international wanted']);
  });

  it('is barred when nobody has to approve it any more, unless somebody has declined', async () => {
    offices = await Offices.watched('approve');
    const [waits, declined] = ['b1', 'b2'];
    for (const account of [waits, declined]) await offices.live(series(account, account, NIGHT, 12), 12);
    expect(await offices.bars(declined)).toContainEqual(expect.stringContaining('awaiting-approval'));
    await offices.plafond.query(`UPDATE suspensions SET state = 'declined' WHERE account_id = $1`, [declined]);
    await offices.policy('enforce');
    for (const account of [waits, declined])
      await offices.live(series(`c${account}`, account, NIGHT + 2 * HOUR_MS, 6), 6);
    // Of what waited nobody is asked any more.
    expect(new Set(await offices.bars(waits))).toEqual(
      new Set(['country:SO declined', 'international declined', 'international wanted']),
    );
    expect((await offices.bars(declined)).filter((bar) => !bar.endsWith('declined'))).toEqual([]);
  });
});

describe('spend that goes on past a hold', () => {
  const pastHold = async () =>
    (await offices.deviations()).filter(({ explanation }) => explanation.includes('past the hold')).length;

  it.each([
    ['suspends where the hold is in force', 'enforce', undefined, 1],
    ['suspends nothing where a person has lifted it', 'enforce', 'lifting', 0],
    ['suspends nothing where nobody has approved it', 'approve', undefined, 0],
    ['suspends where it was approved', 'approve', 'wanted', 1],
  ] as const)('%s', async (_, mode, state, times) => {
    offices = await Offices.watched(mode);
    const calls = courtCase('b1', NIGHT, 7);
    await offices.live(calls.slice(0, 3));
    expect(await offices.decided()).toContain(`${mode} hold`);
    if (state) await offices.plafond.query('UPDATE suspensions SET state = $1', [state]);
    await offices.live(calls.slice(3, 30));
    expect(await pastHold()).toBe(times);
  });
});
