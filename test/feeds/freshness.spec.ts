import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { WatchFeeds } from '../../src/pipeline/usage/watch-feeds.ts';
import { instantText, TestPlafond } from '../harness/plafond.ts';

const MINUTE = 60_000;
const now = parseInstant('2026-03-10T12:00:00+01:00')!;

let plafond: TestPlafond;
let watch: WatchFeeds;
beforeEach(async () => {
  plafond = await TestPlafond.at(now);
  watch = new WatchFeeds(plafond.database.dataSource, plafond.clock);
  await plafond.addAccount({ accountId: '1001' });
});
afterEach(() => plafond.close());

interface Alarm {
  kind: string;
  subject: string;
  text: string;
  open: boolean;
  cleared_text: string | null;
}
const alarms = (kind: string) =>
  plafond.query<Alarm>(
    `SELECT kind, subject, text, cleared_at IS NULL AS open, cleared_text FROM alarms WHERE kind = $1 ORDER BY alarm_id`,
    [kind],
  );
const later = (minutes: number) => plafond.clock.advanceTo(plafond.clock.now() + minutes * MINUTE);
let sent = 0;
const send = (feed: string, amount = '1.00') =>
  plafond.send([{ record_id: `r${sent++}`, started_at: instantText(plafond.clock.now() - 1_000), amount }], feed);
const expectEvery = (feed: string, seconds: number) =>
  plafond.query('UPDATE feeds SET expect_every_s = $2 WHERE feed = $1', [feed, seconds]);
const numberBy = (feed: string, sequence: string) =>
  plafond.query('UPDATE feeds SET sequence = $2 WHERE feed = $1', [feed, sequence]);

describe('a feed that falls silent', () => {
  it('raises one alarm, and one all-clear when it comes again', async () => {
    await send('near');
    await expectEvery('near', 300);
    await watch.run();
    expect(await alarms('feed-behind')).toEqual([]);

    later(11);
    await Promise.all([watch.run(), watch.run()]);
    later(1);
    await watch.run();
    const [alarm, ...others] = await alarms('feed-behind');
    expect(others).toEqual([]);
    expect(alarm).toMatchObject({ subject: 'near', open: true });
    expect(alarm!.text).toContain('the feed near is silent: nothing has arrived since 2026-03-10T11:00:00Z');

    await send('near');
    await watch.run();
    await watch.run();
    expect(await alarms('feed-behind')).toMatchObject([{ open: false, cleared_text: 'the feed near is fresh again' }]);
    later(11);
    await watch.run();
    expect((await alarms('feed-behind')).map(({ open }) => open)).toEqual([false, true]);
  });

  it('raises nothing where no rhythm is expected of it, and is clear when none is any more', async () => {
    await send('near');
    later(10_000);
    await watch.run();
    expect(await alarms('feed-behind')).toEqual([]);
    await expectEvery('near', 300);
    await watch.run();
    await plafond.query('UPDATE feeds SET expect_every_s = NULL');
    await watch.run();
    expect(await alarms('feed-behind')).toMatchObject([
      { open: false, cleared_text: expect.stringContaining('no rhythm') },
    ]);
  });
});

describe('a feed of files', () => {
  const file = async (name: string) => {
    const bytes = (async function* () {
      yield Buffer.from('');
    })();
    const delivery = { feed: 'night', source: 'drop-folder', format: 'ndjson', bytes, requestedBy: 'test' } as const;
    await plafond.usage.record({ ...delivery, fileName: `/inbox/night/cdr_${name}.csv` });
  };

  it('that skips a number raises one alarm, and is clear when the file has come', async () => {
    await file('0007');
    await file('0009');
    await numberBy('night', '_(\\d+)\\.csv$');
    await watch.run();
    await file('0012');
    await watch.run();
    const [alarm, ...others] = await alarms('feed-gap');
    expect(others).toEqual([]);
    expect(alarm!.text).toContain('number 0008, 0010 to 0011 did not come');
    for (const name of ['0008', '0010', '0011']) await file(name);
    await watch.run();
    expect(await alarms('feed-gap')).toMatchObject([{ open: false }]);
  });
});

describe('a feed whose rejects rise', () => {
  const deliver = (rejected: number, used: number, feed = 'near') =>
    plafond.send(
      [
        ...Array.from({ length: rejected }, () => ({ record_id: `x${sent++}`, account_id: 'nobody' })),
        ...Array.from({ length: used }, () => ({ record_id: `r${sent++}`, started_at: instantText(now - 1_000) })),
      ],
      feed,
    );

  it('raises one alarm, and is clear when they are as usual', async () => {
    await deliver(1, 99);
    later(120);
    await deliver(2, 98);
    await watch.run();
    expect(await alarms('rejects-rise')).toEqual([]);
    later(120);
    await deliver(30, 70);
    await watch.run();
    expect(await alarms('rejects-rise')).toMatchObject([
      { open: true, text: expect.stringContaining('30 of 100 rows rejected (30.0 %), usually 1.0') },
    ]);
    // About where it would be told, it is neither over nor told again.
    for (const rejected of [8, 30, 7]) {
      later(120);
      await deliver(rejected, 100 - rejected);
      await watch.run();
      expect(await alarms('rejects-rise')).toMatchObject([{ open: true }]);
    }
    later(120);
    await deliver(1, 99);
    await watch.run();
    expect(await alarms('rejects-rise')).toMatchObject([{ open: false }]);
  });

  it('raises none where the first that comes has a few, and one where it has many', async () => {
    await deliver(12, 2_988, 'steady');
    await deliver(90, 10, 'misread');
    await watch.run();
    expect(await alarms('rejects-rise')).toMatchObject([{ subject: 'misread', open: true }]);
  });
});

describe('automatic lifting', () => {
  const states = () =>
    plafond.query<{ class: string; state: string }>('SELECT class, state FROM suspensions ORDER BY suspension_no');

  it('waits for a feed that is behind, says so once, and goes on when it comes again', async () => {
    await plafond.addCap({
      period: 'day',
      limit: '10.00',
      thresholds: [{ percent: 100, actions: ['suspend:international'] }],
    });
    await send('near', '20.00');
    await expectEvery('near', 300);
    expect(await states()).toEqual([{ class: 'international', state: 'wanted' }]);
    await plafond.query(`
      INSERT INTO suspensions (suspension_id, account_id, class, state, reason, terms, requested_by, requested_at, ends_at)
      VALUES (gen_random_uuid(), '1001', 'premium', 'applied', 'asked', '', 'Anna (k1)', now(), '2026-03-10T20:00:00Z')`);

    const reinstate = new ReinstateDue(plafond.database.dataSource, plafond.clock);
    plafond.clock.advanceTo(parseInstant('2026-03-11T00:00:01+01:00')!);
    expect(await reinstate.run()).toBe(1);
    expect(await reinstate.run()).toBe(0);
    expect((await states()).map(({ state }) => state)).toEqual(['wanted', 'lifting']);
    expect(await alarms('lifting-waits')).toMatchObject([
      { open: true, text: expect.stringMatching(/^1 suspension is due to be lifted, but stay.*near is silent/) },
    ]);

    await send('near');
    expect(await reinstate.run()).toBe(1);
    expect((await states()).map(({ state }) => state)).toEqual(['lifting', 'lifting']);
    expect(await alarms('lifting-waits')).toMatchObject([{ open: false }]);
  });
});

describe('a decision', () => {
  it('carries how fresh its data were', async () => {
    await plafond.addCap({ limit: '10.00' });
    await send('night');
    await expectEvery('night', 60);
    await send('near');
    await expectEvery('near', 300);
    later(30);
    await send('near', '20.00');
    const [entry] = await plafond.query<{ freshness: Record<string, unknown> }>(
      `SELECT body -> 'freshness' AS freshness FROM evidence WHERE kind = 'decision' LIMIT 1`,
    );
    expect(entry!.freshness).toMatchObject({ feed: 'near', state: 'fresh', feeds_behind: ['night'] });
  });
});
