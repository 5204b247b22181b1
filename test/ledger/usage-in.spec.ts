import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { COLUMNS } from '../../src/feeds/formats/canonical.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import type { Period } from '../../src/kernel/period.ts';
import type { Traffic } from '../../src/destinations/traffic.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { shardOf } from '../../src/ledger/usage-store.ts';
import { spendOf } from '../../src/spend/spend-of-account.ts';
import { ACCOUNT, TestPlafond, type UsageRow } from '../harness/plafond.ts';

const now = parseInstant('2026-04-10T12:00:00+02:00')!;
let plafond: TestPlafond;
beforeAll(async () => {
  plafond = await TestPlafond.at(now);
  await plafond.addCap({ traffic: 'all', limit: '1000.00' });
  await plafond.addCap({ traffic: 'all', period: 'day', limit: '1000.00' });
  await plafond.addCap({ traffic: 'international', period: 'week', limit: '1000.00' });
});
afterAll(() => plafond.close());
afterEach(async () => expect(await plafond.differences()).toEqual([]));

let accounts = 0;
async function newAccount(): Promise<string> {
  const accountId = `a${++accounts}`;
  await plafond.addAccount({ accountId });
  return accountId;
}

/** The counted spend of an account: `month 2026-03-01: 5.00` for each counter of all traffic that is not empty. */
async function spent(accountId: string): Promise<string[]> {
  const rows = await plafond.query<{ period: string; begins: string; spend_micros: string }>(
    `SELECT period, (period_start AT TIME ZONE 'Europe/Amsterdam')::date::text AS begins, spend_micros
       FROM counters WHERE account_id = $1 AND traffic = 'all' AND spend_micros <> 0 ORDER BY period DESC, begins`,
    [accountId],
  );
  return rows.map((row) => `${row.period} ${row.begins}: ${formatAmount(BigInt(row.spend_micros))}`);
}

async function listed(accountId: string, traffic: Traffic, period: Period, range: { from?: string; to?: string } = {}) {
  const found = await inTransaction(plafond.database.dataSource, ({ client }) =>
    spendOf(
      client,
      { ...ACCOUNT, accountId },
      {
        traffic,
        period,
        ...(range.from ? { from: parseInstant(range.from)! } : {}),
        ...(range.to ? { to: parseInstant(range.to)! } : {}),
      },
    ),
  );
  return found.map((each) => `${each.period} ${formatAmount(each.spend)}`);
}

const openRejects = (importId: string) =>
  plafond.query<{ line: string; field: string; reason: string }>(
    'SELECT line, field, reason FROM rejects WHERE import_id = $1 AND resent_in IS NULL ORDER BY line',
    [importId],
  );

describe('the versions of a record', () => {
  /** What becomes of versions sent one after another, and what is spent then. */
  async function story(...versions: Partial<UsageRow>[]) {
    const account = await newAccount();
    const standings: string[] = [];
    for (const version of versions) {
      const { counted, superseded, duplicate, stale } = await plafond.send([
        { record_id: `${account}-r`, account_id: account, ...version },
      ]);
      standings.push(Object.entries({ counted, superseded, duplicate, stale }).find(([, count]) => count === 1)![0]);
    }
    return { standings, spent: await spent(account) };
  }
  const march = (amount: string) => [`month 2026-03-01: ${amount}`, `day 2026-03-10: ${amount}`];

  it.each([
    ['the same twice', [{}, {}], ['counted', 'duplicate'], march('1.00')],
    [
      'a final one after a provisional',
      [{}, { state: 'final', amount: '2.00' }],
      ['counted', 'superseded'],
      march('2.00'),
    ],
    ['a provisional one after a final', [{ state: 'final', amount: '2.00' }, {}], ['counted', 'stale'], march('2.00')],
    ['an older one that says the same', [{ state: 'final' }, {}], ['counted', 'duplicate'], march('1.00')],
    ['an equal one that says something else', [{}, { amount: '3.00' }], ['counted', 'stale'], march('1.00')],
    [
      'a call that still runs, then its end, then its price, then a re-rating',
      [
        { state: 'interim', amount: '0.50', duration_s: 30 },
        { state: 'interim', revision: 1, amount: '0.80', duration_s: 60 },
        { state: 'provisional', amount: '1.10', duration_s: 90 },
        { state: 'final', amount: '1.00', duration_s: 90 },
        { state: 'final', revision: 1, amount: '0.90', duration_s: 90 },
        { state: 'interim', revision: 9, amount: '7.00' },
      ],
      ['counted', 'superseded', 'superseded', 'superseded', 'superseded', 'stale'],
      march('0.90'),
    ],
    ['a price of nothing', [{}, { state: 'final', amount: '0' }], ['counted', 'superseded'], []],
    ['a final credit', [{ state: 'final', amount: '-4.00' }], ['counted'], march('-4.00')],
    [
      'a start that moved over midnight',
      [{ started_at: '2026-03-10T23:59:00+01:00' }, { state: 'final', started_at: '2026-03-11T00:01:00+01:00' }],
      ['counted', 'superseded'],
      ['month 2026-03-01: 1.00', 'day 2026-03-11: 1.00'],
    ],
    [
      'a start that moved over the end of a month, and back',
      [
        { started_at: '2026-03-31T23:59:00+02:00' },
        { state: 'final', started_at: '2026-04-01T00:01:00+02:00' },
        { state: 'final', revision: 1, started_at: '2026-03-31T23:59:30+02:00' },
      ],
      ['counted', 'superseded', 'superseded'],
      ['month 2026-03-01: 1.00', 'day 2026-03-31: 1.00'],
    ],
  ] as const)('%s', async (_, versions, standings, spend) => {
    expect(await story(...versions)).toEqual({ standings, spent: spend });
  });

  it('a version that comes back under another account moves its money there', async () => {
    const [first, second] = [await newAccount(), await newAccount()];
    await plafond.send([{ record_id: `${first}-m`, account_id: first, amount: '7.00' }]);
    const moved = { record_id: `${first}-m`, account_id: second, amount: '7.00', state: 'final' };
    expect(await plafond.send([moved])).toMatchObject({ superseded: 1 });
    expect([await spent(first), await spent(second)]).toEqual([[], march('7.00')]);
    expect(await plafond.send([moved])).toMatchObject({ duplicate: 1 });
  });

  it('a reject that is sent again as another account’s moves the money of the version that held', async () => {
    const first = await newAccount();
    const second = ['b', 'c'].map((letter) => `${first}-${letter}`).find((id) => shardOf(id) !== shardOf(first))!;
    await plafond.send([{ record_id: `${first}-x`, account_id: first, amount: '7.00' }]);
    const late = await plafond.send([{ record_id: `${first}-x`, account_id: second, amount: '7.00', state: 'final' }]);
    await plafond.addAccount({ accountId: second });
    expect(await plafond.rejects.resend(late.importId, undefined, 'test')).toMatchObject({ superseded: 1 });
    expect([await spent(first), await spent(second)]).toEqual([[], march('7.00')]);
  });

  it('the feeds of one rating system share their records', async () => {
    const account = await newAccount();
    await plafond.send([{ record_id: `${account}-f`, account_id: account }], 'near-real-time');
    expect(
      await plafond.send(
        [{ record_id: `${account}-f`, account_id: account, state: 'final', amount: '1.20' }],
        'nightly',
      ),
    ).toMatchObject({ superseded: 1 });
    expect(await spent(account)).toEqual(march('1.20'));
  });

  it('several of one record in one delivery go one after another', async () => {
    const account = await newAccount();
    const version = (change: Partial<UsageRow>) => ({ record_id: `${account}-s`, account_id: account, ...change });
    expect(
      await plafond.send([
        version({ state: 'final', amount: '3.00' }),
        version({}),
        version({ state: 'final', revision: 2, amount: '2.00', started_at: '2026-03-11T09:00:00+01:00' }),
        version({ state: 'final', amount: '3.00' }),
      ]),
    ).toMatchObject({ counted: 1, superseded: 1, stale: 2 });
    expect(await spent(account)).toEqual(['month 2026-03-01: 2.00', 'day 2026-03-11: 2.00']);
  });

  it.each([
    ['as it is kept', '+31612345678', '+31201234567'],
    ['as it is dialled at home', '0612345678', '020 1234567'],
    ['with a trunk prefix', '+310612345678', '+310201234567'],
    ['by a short code', '112', '0201234567'],
  ])('a number written %s is the same when its record is sent again, in whatever form', async (_, called, calling) => {
    const row = { amount: '1.00', b_number: called, a_number: calling };
    const kept = { ...row, b_number: called === '112' ? called : '+31612345678', a_number: '+31201234567' };
    const other = { ...row, b_number: '+31612345679' };
    const { standings } = await story(row, row, kept, row, { ...row, amount: '1.01' }, other);
    expect(standings).toEqual(['counted', 'duplicate', 'duplicate', 'duplicate', 'stale', 'stale']);
  });

  it('what is held already is refused all the same where it would not be admitted', async () => {
    const account = await newAccount();
    const row = { record_id: `${account}-r`, account_id: account };
    expect(await plafond.send([row])).toMatchObject({ counted: 1 });
    expect(await plafond.send([{ ...row, currency: 'USD' }])).toMatchObject({ duplicate: 0, rejected: 1 });
  });

  it('what is held already is a duplicate before a higher version, and stale after it', async () => {
    const account = await newAccount();
    const version = (change: Partial<UsageRow>) => ({ record_id: `${account}-h`, account_id: account, ...change });
    await plafond.send([version({})]);
    expect(await plafond.send([version({}), version({})])).toMatchObject({ duplicate: 2 });
    const higher = version({ revision: 1, amount: '2.00' });
    expect(await plafond.send([version({}), higher, version({}), higher])).toMatchObject({
      superseded: 1,
      duplicate: 2,
      stale: 1,
    });
    expect(await spent(account)).toEqual(march('2.00'));
  });
});

describe('importers at once', () => {
  it('count overlapping rows once, whoever comes first', async () => {
    const owners = await Promise.all(Array.from({ length: 8 }, () => newAccount()));
    const rows = Array.from({ length: 2_000 }, (_, index) => ({
      record_id: `p${index}`,
      account_id: owners[index % 8]!,
      amount: '0.01',
      started_at: `2026-03-${10 + (index % 3)}T10:00:00+01:00`,
    }));
    const order = (recordId: string, revision: number) => (Number(recordId.slice(1)) * (2 * revision + 31)) % 2_003;
    // The later a delivery, the higher its revision; each in another order, and the last one half under other accounts.
    const deliveries = [0, 1, 2, 3].map((revision) =>
      rows
        .map((row, index) => ({
          ...row,
          revision,
          amount: `0.0${revision + 1}`,
          account_id: revision === 3 ? owners[(index + (index % 2)) % 8]! : row.account_id,
        }))
        .toSorted((a, b) => order(a.record_id, revision) - order(b.record_id, revision)),
    );
    const results = await Promise.all(deliveries.map((delivery) => plafond.send(delivery)));
    expect(results.reduce((sum, { counted }) => sum + counted, 0)).toBe(2_000);
    const [total] = await plafond.query<{ sum: string; rows: string }>(
      'SELECT sum(amount_micros), count(*) AS rows FROM usage WHERE account_id = ANY ($1)',
      [owners],
    );
    expect(total).toEqual({ sum: String(2_000 * 40_000), rows: '2000' });
  });
});

describe('what an account spent, period by period', () => {
  it.each([
    ['month', {}, ['2026-04 8.00', '2026-03 7.00']],
    ['week', {}, ['2026-W15 8.00', '2026-W13 4.00', '2026-W11 3.00']],
    ['day', {}, ['2026-04-06 8.00', '2026-03-29 4.00', '2026-03-10 3.00']],
    [
      'rolling:24h',
      {},
      [
        '2026-04-06T00:30:00+02:00 8.00',
        '2026-03-29T12:00:00+02:00 4.00',
        '2026-03-10T15:00:00+01:00 3.00',
        '2026-03-10T10:00:00+01:00 1.00',
      ],
    ],
    ['day', { from: '2026-03-29T00:00:00+01:00' }, ['2026-04-06 8.00', '2026-03-29 4.00']],
    ['day', { to: '2026-03-29T00:00:00+01:00' }, ['2026-03-10 3.00']],
    ['month', { from: '2026-03-31T00:00:00+02:00', to: '2026-04-01T00:00:00+02:00' }, ['2026-03 7.00']],
    [
      'rolling:24h',
      { from: '2026-03-10T12:00:00+01:00', to: '2026-03-11T00:00:00+01:00' },
      ['2026-03-10T15:00:00+01:00 3.00'],
    ],
  ] as const)('by %s %j', async (period, range, expected) => {
    const account = await newAccount();
    const use = (started_at: string, amount: string) => ({
      record_id: `${account} ${started_at}`,
      account_id: account,
      started_at,
      amount,
    });
    await plafond.send([
      use('2026-03-29T12:00:00+02:00', '4.00'),
      use('2026-03-10T10:00:00+01:00', '1.00'),
      use('2026-03-10T15:00:00+01:00', '2.00'),
      use('2026-04-06T00:30:00+02:00', '8.00'),
      { ...use('2026-03-10T16:00:00+01:00', '100.00'), b_number: '+31201234567' },
    ]);
    expect(await listed(account, 'country:SO', period, range)).toEqual(expected);
    expect(await listed(account, 'prefix:+2526', period, range)).toEqual(expected);
    expect((await listed(account, 'all', 'month', {}))[1]).toBe('2026-03 107.00');
    expect(await listed(account, 'premium', period, range)).toEqual([]);
  });
});

describe('a delivery with bad lines', () => {
  it('counts a row of an unknown account once the account exists and the row is sent again', async () => {
    const result = await plafond.send([{ record_id: 'early', account_id: 'coming', amount: '5.00' }]);
    expect(await openRejects(result.importId)).toEqual([{ line: '1', field: 'account_id', reason: 'unknown_account' }]);
    expect(await plafond.rejects.resend(result.importId, undefined, 'test')).toMatchObject({ counted: 0, rejected: 1 });
    expect(await openRejects(result.importId)).toHaveLength(1);

    await plafond.addAccount({ accountId: 'coming' });
    expect(await plafond.rejects.resend(result.importId, undefined, 'test')).toMatchObject({ counted: 1, rejected: 0 });
    expect(await openRejects(result.importId)).toEqual([]);
    expect(await plafond.rejects.resend(result.importId, undefined, 'test')).toMatchObject({ received: 0 });
    expect(await spent('coming')).toEqual(['month 2026-03-01: 5.00', 'day 2026-03-10: 5.00']);
  });

  it('takes a mended row under the header it came with, and leaves the others open', async () => {
    const account = await newAccount();
    const columns = [...COLUMNS.slice(0, 9).toReversed(), ...COLUMNS.slice(9)];
    const value: Record<string, string> = {
      record_id: `${account}-r`,
      account_id: account,
      service_id: '',
      started_at: '2026-03-10T10:00:00+01:00',
      duration_s: '60',
      kind: 'voice',
      units: '',
      a_number: '',
      b_number: '+31201234567',
      amount: '1,00',
      currency: 'EUR',
      state: 'final',
      revision: '',
      cost: '',
      origin_country: '',
      received_at: '',
    };
    const row = (change: Record<string, string>) =>
      columns.map((column) => ({ ...value, ...change })[column]).join(',');
    const bad = row({ amount: '1.2345678' });
    const result = await plafond.sendText([columns.join(','), bad, bad].join('\n'), 'csv');
    expect(result).toMatchObject({ counted: 0, rejected: 2 });
    const mended = await plafond.rejects.resend(result.importId, [{ line: 3, text: row({ amount: '1.23' }) }], 'test');
    expect(mended).toMatchObject({ received: 1, counted: 1, rejected: 0 });
    expect((await openRejects(result.importId)).map(({ line }) => line)).toEqual(['2']);
    expect(await spent(account)).toEqual(['month 2026-03-01: 1.23', 'day 2026-03-10: 1.23']);
    await expect(plafond.rejects.resend(result.importId, [{ line: 3 }], 'test')).rejects.toMatchObject({
      code: 'unknown_reject',
    });
    await expect(
      plafond.rejects.resend(result.importId, [{ line: 2, text: `${bad}\n${bad}` }], 'test'),
    ).rejects.toMatchObject({ code: 'not_one_row' });
  });

  const HEADER = 'record_id,account_id,started_at,duration_s,kind,b_number,amount,currency,state';
  it('counts 99,990 of 100,000 and sets ten aside, each with its line, field and reason; sent again it counts nothing', async () => {
    const account = await newAccount();
    const bad = new Map<number, [values: string, field: string, reason: string]>([
      [7, [`b1,nobody,2026-03-10T10:00:00Z,60,voice,+31201234567,0.01,EUR,final`, 'account_id', 'unknown_account']],
      [8, [`b2,${account},2026-03-10T10:00:00Z,60,voice,+31201234567,"0,01",EUR,final`, 'amount', 'bad_amount']],
      [20_001, [`b3,${account},2026-03-10T10:00:00Z,60,voice,anonymous,0.01,EUR,final`, 'b_number', 'bad_number']],
      [
        20_002,
        [`b4,${account},2026-03-10T10:00:00Z,60,voice,+31201234567,0.01,USD,final`, 'currency', 'wrong_currency'],
      ],
      [
        20_003,
        [
          `b5,${account},2026-04-10T13:00:00+02:00,60,voice,+31201234567,0.01,EUR,final`,
          'started_at',
          'start_in_future',
        ],
      ],
      [50_000, [`b6,${account},2026-03-10T10:00:00Z,60,voice,+31201234567,0.01,EUR`, '', 'unreadable_row']],
      [60_000, [`b"7,${account},2026-03-10T10:00:00Z,60,voice,+31201234567,0.01,EUR,final`, '', 'unreadable_row']],
      [70_000, [`b8,${account},10.03.2026,60,voice,+31201234567,0.01,EUR,final`, 'started_at', 'bad_started_at']],
      [
        80_000,
        [`b9,${account},2026-03-10T10:00:00Z,60,voice,+31201234567,-0.01,EUR,provisional`, 'amount', 'negative_amount'],
      ],
      [
        100_001,
        [`,${account},2026-03-10T10:00:00Z,60,voice,+31201234567,0.01,EUR,final`, 'record_id', 'missing_field'],
      ],
    ]);
    const lines = [HEADER];
    for (let line = 2; line <= 100_001; line++) {
      const minute = String(line % 60).padStart(2, '0');
      lines.push(
        bad.get(line)?.[0] ?? `n${line},${account},2026-03-10T10:${minute}:00Z,60,voice,+31201234567,0.01,EUR,final`,
      );
    }
    const text = lines.join('\n');
    const result = await plafond.sendText(text, 'csv');
    expect(result).toMatchObject({ received: 100_000, counted: 99_990, rejected: 10, duplicate: 0, stale: 0 });
    expect(await openRejects(result.importId)).toEqual(
      [...bad].map(([line, [, field, reason]]) => ({ line: String(line), field, reason })),
    );
    const spend = ['month 2026-03-01: 999.90', 'day 2026-03-10: 999.90'];
    expect(await spent(account)).toEqual(spend);

    expect(await plafond.sendText(text, 'csv')).toMatchObject({ counted: 0, duplicate: 99_990, rejected: 10 });
    expect(await spent(account)).toEqual(spend);
  });
});
