import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseInstant } from '../../src/kernel/clock.ts';
import { ReconcileImports } from '../../src/pipeline/usage/reconcile-imports.ts';
import { TestPlafond, type UsageRow } from '../harness/plafond.ts';

const now = parseInstant('2026-03-12T03:00:00+01:00')!;

let plafond: TestPlafond;
let reconciliations: ReconcileImports;
beforeEach(async () => {
  plafond = await TestPlafond.at(now);
  reconciliations = new ReconcileImports(plafond.database.dataSource, plafond.clock);
  await plafond.addAccount({ accountId: '1001' });
});
afterEach(() => plafond.close());

const at = (time: string) => `2026-03-10T${time}:00+01:00`;
const near = (rows: Partial<UsageRow>[]) => plafond.send(rows, 'near');
const night = (rows: Partial<UsageRow>[], feed = 'night') =>
  plafond.send(
    rows.map((row) => ({ state: 'final', ...row })),
    feed,
  );
/** What is pushed rests for a while between two reconciliations. */
const reconcile = async () => {
  plafond.clock.advanceTo(plafond.clock.now() + 60_000);
  await reconciliations.run();
};
const lines = () =>
  plafond.query(
    `SELECT day::text, country, feed, comparison, records::int, near_micros::bigint / 10000 AS near,
            nightly_micros::bigint / 10000 AS nightly
       FROM reconciliation_lines WHERE import_id = (SELECT max(import_id) FROM reconciliations)
      ORDER BY day, country, comparison`,
  );
const outcomes = async () =>
  (await plafond.query<{ outcome: string }>('SELECT outcome FROM reconciliations ORDER BY import_id')).map(
    ({ outcome }) => outcome,
  );
const alarms = () =>
  plafond.query<{ subject: string; text: string; open: boolean }>(
    `SELECT subject, text, cleared_at IS NULL AS open FROM alarms WHERE kind = 'reconciliation' ORDER BY alarm_id`,
  );

describe('a nightly file is held against near-real-time usage', () => {
  it('by day and country: what only one of them had, and what costs another amount', async () => {
    await near([
      { record_id: 'same', started_at: at('10:00'), amount: '1.00' },
      { record_id: 'dearer', started_at: at('11:00'), amount: '2.00' },
      { record_id: 'lost', started_at: at('23:59'), amount: '3.00' },
      { record_id: 'home', started_at: at('12:00'), amount: '4.00', b_number: '+31201234567', state: 'interim' },
      { record_id: 'other day', started_at: '2026-03-11T00:00:00+01:00', amount: '9.00' },
    ]);
    await night([
      { record_id: 'same', started_at: at('10:00'), amount: '1.00' },
      { record_id: 'dearer', started_at: at('11:00'), amount: '2.50' },
      { record_id: 'new', started_at: at('00:00'), amount: '5.00' },
      { record_id: 'home', started_at: at('12:00'), amount: '4.00', b_number: '+31201234567' },
    ]);
    await reconcile();
    expect(await lines()).toEqual([
      { day: '2026-03-10', country: 'NL', feed: 'near', comparison: 'equal', records: 1, near: '400', nightly: '400' },
      {
        day: '2026-03-10',
        country: 'SO',
        feed: 'near',
        comparison: 'different',
        records: 1,
        near: '200',
        nightly: '250',
      },
      { day: '2026-03-10', country: 'SO', feed: 'near', comparison: 'equal', records: 1, near: '100', nightly: '100' },
      {
        day: '2026-03-10',
        country: 'SO',
        feed: 'near',
        comparison: 'only-near',
        records: 1,
        near: '300',
        nightly: '0',
      },
      {
        day: '2026-03-10',
        country: 'SO',
        feed: 'night',
        comparison: 'only-nightly',
        records: 1,
        near: '0',
        nightly: '500',
      },
    ]);
    const [alarm] = await alarms();
    expect(alarm).toMatchObject({ subject: 'night 2026-03-10', open: true });
    expect(alarm!.text).toContain(
      '1 only near real time (3.00 EUR), 1 only nightly (5.00 EUR), 1 with another amount (nightly less near real time: 0.50 EUR)',
    );
    const [kept] = await plafond.query<{ sample: { record_id: string }[] }>('SELECT sample FROM reconciliations');
    expect(kept!.sample.map((each) => each.record_id)).toEqual(['new', 'lost', 'dearer']);
  });

  it('by tariff, where records name one: a rating fault shows at the tariff that has it', async () => {
    await near([
      { record_id: 'peak', started_at: at('10:00'), amount: '1.00', tariff: 'SO-peak' },
      { record_id: 'night', started_at: at('02:00'), amount: '1.00', tariff: 'SO-night' },
    ]);
    await night([
      { record_id: 'peak', started_at: at('10:00'), amount: '1.00', tariff: 'SO-peak' },
      { record_id: 'night', started_at: at('02:00'), amount: '0.10', tariff: 'SO-night' },
    ]);
    await reconcile();
    expect(
      await plafond.query('SELECT tariff, comparison, records::int FROM reconciliation_lines ORDER BY tariff'),
    ).toEqual([
      { tariff: 'SO-night', comparison: 'different', records: 1 },
      { tariff: 'SO-peak', comparison: 'equal', records: 1 },
    ]);
  });

  it('when all its parts have come, where the feed says that it comes in parts', async () => {
    await near([
      { record_id: 'one', started_at: at('10:00') },
      { record_id: 'two', started_at: at('11:00') },
    ]);
    await night([{ record_id: 'one', started_at: at('10:00') }]);
    await plafond.query(`UPDATE feeds SET settle_after_s = 600 WHERE feed = 'night'`);
    await reconcile();
    expect(await outcomes()).toEqual([]);
    plafond.clock.advanceTo(plafond.clock.now() + 400_000);
    await night([{ record_id: 'two', started_at: at('11:00') }]);
    plafond.clock.advanceTo(plafond.clock.now() + 400_000);
    await reconcile();
    expect(await outcomes()).toEqual([]);
    plafond.clock.advanceTo(plafond.clock.now() + 200_000);
    await reconcile();
    expect(await outcomes()).toEqual(['within-tolerance']);
    expect(await alarms()).toEqual([]);
  });

  it('where a version moved over midnight, with what near real time had said', async () => {
    await near([{ record_id: 'r', started_at: at('00:30'), amount: '1.00' }]);
    await night([{ record_id: 'r', started_at: at('01:30'), amount: '1.00' }]);
    await reconcile();
    expect(await lines()).toMatchObject([{ day: '2026-03-10', comparison: 'equal', feed: 'near' }]);
    expect(await outcomes()).toEqual(['within-tolerance']);
    expect(await plafond.differences()).toEqual([]);
  });

  it('and what near real time had said stays through corrections of the nightly file', async () => {
    await near([{ record_id: 'r', started_at: at('10:00'), amount: '20.00' }]);
    await night([{ record_id: 'r', started_at: at('10:00'), amount: '50.00' }]);
    await reconcile();
    await night([{ record_id: 'r', started_at: at('10:00'), amount: '20.00', revision: 1 }]);
    await reconcile();
    expect(await lines()).toMatchObject([{ comparison: 'equal', near: '2000', nightly: '2000' }]);
    expect(await outcomes()).toEqual(['beyond-tolerance', 'within-tolerance']);
    expect(await alarms()).toMatchObject([{ open: false }]);
  });

  it('and what near real time says only after it, which changes nothing else', async () => {
    await night([{ record_id: 'r', started_at: at('10:00'), amount: '20.00' }]);
    await near([{ record_id: 'r', started_at: at('10:00'), amount: '1.00', state: 'interim' }]);
    expect(await near([{ record_id: 'r', started_at: at('10:00'), amount: '20.00' }])).toMatchObject({ duplicate: 1 });
    expect(await near([{ record_id: 'r', started_at: at('10:00'), amount: '30.00' }])).toMatchObject({ stale: 1 });
    await night([
      { record_id: 'new', started_at: at('11:00') },
      { record_id: 'new', started_at: at('11:00'), amount: '0.50', state: 'provisional' },
    ]);
    await reconcile();
    expect(await lines()).toMatchObject([
      { comparison: 'different', feed: 'night', near: '50', nightly: '100' },
      { comparison: 'equal', feed: 'near', near: '2000', nightly: '2000' },
    ]);
    expect(await plafond.query('SELECT sum(amount_micros)::int AS spent FROM usage')).toEqual([{ spent: 21_000_000 }]);
    expect(await plafond.differences()).toEqual([]);
  });

  it('and what near real time says at its highest, in whatever order that comes', async () => {
    const says = (record: string, ...revisions: readonly number[]) =>
      revisions.map((revision) => ({ record_id: record, started_at: at('10:00'), amount: `${revision}.00`, revision }));
    await near([...says('before', 1, 3), ...says('around', 1)]);
    await night(
      ['before', 'around', 'after'].map((record_id) => ({ record_id, started_at: at('10:00'), amount: '3.00' })),
    );
    for (const row of [...says('before', 2), ...says('around', 3, 2), ...says('after', 2, 3, 1)]) await near([row]);
    await reconcile();
    expect(await lines()).toMatchObject([{ comparison: 'equal', records: 3, near: '900', nightly: '900' }]);
  });

  it('in parts: the alarm of the first is cleared by the last', async () => {
    await near([
      { record_id: 'a', started_at: at('10:00') },
      { record_id: 'b', started_at: at('11:00') },
    ]);
    await night([{ record_id: 'a', started_at: at('10:00') }]);
    await reconcile();
    await night([{ record_id: 'b', started_at: at('11:00') }]);
    await reconcile();
    await reconcile();
    expect(await outcomes()).toEqual(['beyond-tolerance', 'within-tolerance']);
    expect(await alarms()).toMatchObject([{ open: false }]);
  });

  it('in files of several feeds: the alarm of the first is cleared by the last', async () => {
    const row = (id: string) => ({ record_id: id, started_at: at('10:00'), amount: '50.00' });
    await near([row('voice'), row('data'), row('text')]);
    await night([row('voice')], 'night-voice');
    await reconcile();
    expect(await alarms()).toMatchObject([{ subject: 'night-voice 2026-03-10', open: true }]);
    // Near real time pushes some usage final at once, which says nothing of the rest.
    await near([{ ...row('text'), state: 'final' }]);
    await reconcile();
    expect(await alarms()).toMatchObject([{ subject: 'night-voice 2026-03-10', open: true }]);
    await night([row('data')], 'night-data');
    await reconcile();
    expect(await alarms()).toMatchObject([{ subject: 'night-voice 2026-03-10', open: false }]);
  });

  it('with nothing to compare where near real time never had anything', async () => {
    await night([{ record_id: 'a', started_at: at('10:00'), amount: '100.00' }]);
    await reconcile();
    expect(await outcomes()).toEqual(['nothing-to-compare']);
    expect(await alarms()).toEqual([]);
  });

  it('only up to its last record on a day that is not over', async () => {
    await near([
      { record_id: 'a', started_at: '2026-03-12T00:10:00+01:00' },
      { record_id: 'b', started_at: '2026-03-12T02:50:00+01:00' },
    ]);
    await night([{ record_id: 'a', started_at: '2026-03-12T00:10:00+01:00' }]);
    await reconcile();
    expect(await lines()).toMatchObject([{ day: '2026-03-12', comparison: 'equal', records: 1 }]);
  });

  it('by the tolerance of its feed', async () => {
    await near([{ record_id: 'a', started_at: at('10:00'), amount: '50.00' }]);
    await night([{ record_id: 'b', started_at: at('10:00'), amount: '1.00' }], 'night');
    await plafond.query('UPDATE feeds SET tolerance_percent = 100, tolerance_amount = 60');
    await night([{ record_id: 'a', started_at: at('10:00'), amount: '90.00' }]);
    await reconcile();
    expect(await outcomes()).toEqual(['within-tolerance']);
  });

  it('by a tolerance of many decimals', async () => {
    await near([{ record_id: 'a', started_at: at('10:00'), amount: '100.00' }]);
    await night([{ record_id: 'a', started_at: at('10:00'), amount: '130.00' }]);
    await plafond.query('UPDATE feeds SET tolerance_percent = 99.99999999, tolerance_amount = 30');
    await reconcile();
    expect(await outcomes()).toEqual(['within-tolerance']);
  });

  it('but not against what the same feed has only not pushed final yet', async () => {
    await near([
      { record_id: 'call', started_at: at('10:00'), amount: '50.00' },
      { record_id: 'text', started_at: at('11:00'), amount: '0.10', state: 'final' },
    ]);
    await reconcile();
    expect(await alarms()).toEqual([]);
    await night([{ record_id: 'text', started_at: at('11:00'), amount: '0.10', revision: 1 }]);
    await reconcile();
    expect(await alarms()).toMatchObject([{ subject: 'night 2026-03-10' }]);
  });

  it('by the next process, where this one ends before it is done', async () => {
    await near([{ record_id: 'a', started_at: at('10:00') }]);
    await night([{ record_id: 'a', started_at: at('10:00') }]);
    reconciliations.onModuleDestroy();
    await reconciliations.run();
    expect(await outcomes()).toEqual([]);
    await new ReconcileImports(plafond.database.dataSource, plafond.clock).run();
    expect(await outcomes()).toEqual(['within-tolerance']);
  });

  it('over a year, each day of it by itself, with what differs most of all of it', async () => {
    const days = Array.from({ length: 120 }, (_, day) => new Date(now - (day + 1) * 86_400_000).toISOString());
    const ofDays = (amounts: (day: number) => string) =>
      days.map((started_at, day) => ({ record_id: `r${day}`, started_at, amount: amounts(day) }));
    await near(ofDays(() => '1.00'));
    await night(ofDays((day) => (day % 40 === 7 ? `${day}.00` : '1.00')));
    await reconcile();
    const [{ days: compared, sample }] = (await plafond.query('SELECT days, sample FROM reconciliations')) as [
      { days: string[]; sample: { record_id: string }[] },
    ];
    expect(compared).toHaveLength(120);
    expect(sample.map(({ record_id }) => record_id)).toEqual(['r87', 'r47', 'r7']);
  });

  it('each once, whoever is at it', async () => {
    await near([{ record_id: 'a', started_at: at('10:00') }]);
    await night([{ record_id: 'a', started_at: at('10:00') }]);
    await Promise.all([reconciliations.run(), reconciliations.run(), reconciliations.run()]);
    expect(await outcomes()).toEqual(['within-tolerance']);
  });
});
