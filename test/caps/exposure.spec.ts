/** Caps that count calls in progress: priced, held against the limit, and settled by the records that come. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { countPrices } from '../../src/deviations/tariff-store.ts';
import { classify } from '../../src/destinations/classify.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { dayOf } from '../../src/ledger/usage-store.ts';
import { EvaluateExposure } from '../../src/pipeline/limits/evaluate-exposure.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { FollowCalls } from '../../src/pipeline/limits/follow-calls.ts';
import { followSwitch } from '../../src/spend/running-calls.ts';
import { LocalSwitch } from '../../src/suspensions/switches/local-switch.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import type { LiveCall } from '../../src/suspensions/switches/switch.ts';
import { CAP, TestPlafond, type UsageRow } from '../harness/plafond.ts';
import { until } from '../harness/process.ts';

Logger.overrideLogger(false);

const start = parseInstant('2026-03-20T12:00:00+01:00')!;
const MINUTE_MS = 60_000;
const SOMALIA = '+252612345678';
let plafond: TestPlafond;
let exposure: EvaluateExposure;

beforeEach(async () => {
  plafond = await TestPlafond.at(start);
  exposure = new EvaluateExposure(plafond.database.dataSource, plafond.clock);
  await plafond.addAccount({ accountId: 'a' });
});
afterEach(async () => {
  expect(await plafond.differences()).toEqual([]);
  const { dataSource } = plafond.database;
  expect(await inTransaction(dataSource, ({ client }) => verifyAccount(client, 'a'))).toMatchObject({ ok: true });
  await plafond.close();
});

let records = 0;
const at = (ms: number) => formatInstant(ms, 'Europe/Amsterdam');
const record = (row: Partial<UsageRow>) =>
  plafond.send([{ record_id: `r${++records}`, account_id: 'a', b_number: SOMALIA, ...row }]);
/** The account has paid €0.60 a minute to Somalia. */
const paidBefore = () => record({ started_at: at(start - 3_600_000), duration_s: 60, amount: '0.60' });
const COUNTING: Partial<CapDefinition> = {
  limit: '10.00',
  count: 'with-exposure',
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 100, actions: ['warn', 'suspend:international'] },
  ],
};
const capOf = (change: Partial<CapDefinition> = {}) => plafond.addCap({ ...COUNTING, ...change });
interface SeenCall {
  id: string;
  since: number;
  number?: string;
}
/** What the switch tells of now: these calls run, and no others. */
const running = (...calls: SeenCall[]) =>
  inTransaction(plafond.database.dataSource, ({ client }) =>
    followSwitch(
      client,
      'switch:core',
      calls.map(({ id, since, number = SOMALIA }) => ({
        callId: id,
        accountId: 'a',
        destination: classify(number, 'NL')!,
        startedAt: since,
      })),
      plafond.clock.now(),
    ),
  );
const pass = (ms: number) => plafond.clock.advanceTo(plafond.clock.now() + ms);
const decided = async () =>
  (await plafond.decisions()).map(
    ({ type, trigger, threshold, spend }) => `${type} ${trigger} ${threshold} at ${formatAmount(spend ?? 0n)}`,
  );
const states = async () =>
  (await plafond.query<{ state: string }>('SELECT state FROM suspensions ORDER BY suspension_no')).map(
    ({ state }) => state,
  );

describe('calls in progress', () => {
  it('suspend before a record of them has come, and the decision names spend, exposure and calls', async () => {
    await paidBefore();
    await capOf();
    await running(...[1, 2, 3, 4].map((n) => ({ id: `c${n}`, since: start })));
    pass(MINUTE_MS);
    expect(await exposure.run()).toBe(0);
    // 0.60 spent, and four calls of two minutes at 0.60.
    pass(MINUTE_MS);
    expect(await exposure.run()).toBe(1);
    pass(2 * MINUTE_MS);
    expect(await exposure.run()).toBe(2);
    expect(await decided()).toEqual(['warn cap 50 at 0.60', 'warn cap 100 at 0.60', 'suspend cap 100 at 0.60']);
    expect(await states()).toEqual(['wanted']);
    expect(await exposure.run()).toBe(0);
    const [, , suspended] = await plafond.decisions();
    expect(suspended!.explanation).toContain('4 calls in progress have come to 9.60 EUR more');
    const known = await plafond.query(
      `SELECT body->'exposure'->'calls_in_progress' AS calls, body->'exposure'->'amount' AS amount
         FROM evidence WHERE body->'decision'->>'type' = 'suspend'`,
    );
    expect(known).toEqual([{ calls: 4, amount: '9.60' }]);
  });

  it('count for nothing under a cap on spend alone', async () => {
    await paidBefore();
    await capOf({ count: 'spend' });
    await running({ id: 'c1', since: start - 600 * MINUTE_MS });
    expect(await exposure.run()).toBe(0);
    expect(await decided()).toEqual([]);
  });

  it('are settled by their records where no cap counts them', async () => {
    await capOf({ count: 'spend' });
    await running({ id: 'c1', since: start });
    pass(MINUTE_MS);
    await running();
    await record({ started_at: at(start), duration_s: 60, amount: '0.60' });
    await exposure.run();
    expect(await plafond.query('SELECT FROM running_calls WHERE settled_record IS NULL')).toEqual([]);
  });

  it('give way to their records, with nothing decided twice', async () => {
    await paidBefore();
    await capOf();
    await running({ id: 'c1', since: start });
    pass(20 * MINUTE_MS);
    await exposure.run();
    expect(await states()).toEqual(['wanted']);
    // It ends; until its record comes, what it came to stays.
    await running();
    pass(30 * MINUTE_MS);
    expect(await exposure.run()).toBe(0);
    expect(await states()).toEqual(['wanted']);
    await record({ started_at: at(start + 1_000), duration_s: 1_200, amount: '12.00' });
    expect(await exposure.run()).toBe(0);
    expect(await exposure.run()).toBe(0);
    expect(await decided()).toHaveLength(3);
    expect(await states()).toEqual(['wanted']);
  });

  it.each(['month', 'rolling:2h'] as const)(
    'lift what they had caused where the records come to less, in a %s',
    async (period) => {
      await paidBefore();
      await capOf({ period });
      await running({ id: 'c1', since: start });
      pass(20 * MINUTE_MS);
      await exposure.run();
      await running();
      await record({ started_at: at(start), duration_s: 1_200, amount: '1.20' });
      await exposure.run();
      expect((await decided()).slice(3)).toEqual([
        'notify-operator correction 50 at 1.80',
        'restore correction 100 at 1.80',
      ]);
      expect(await states()).toEqual(['lifting']);
    },
  );

  it('to one number at once are settled one by one', async () => {
    await paidBefore();
    await capOf({ limit: '30.00' });
    await running(...[1, 2, 3].map((n) => ({ id: `c${n}`, since: start })));
    pass(20 * MINUTE_MS);
    await exposure.run();
    expect(await states()).toEqual(['wanted']);
    await running();
    await record({ started_at: at(start), duration_s: 1_200, amount: '12.00' });
    await exposure.run();
    await exposure.run();
    // One record has come: two calls still count as exposure.
    expect(await states()).toEqual(['wanted']);
    const open = await plafond.query('SELECT FROM running_calls WHERE settled_record IS NULL');
    expect(open).toHaveLength(2);
  });

  it('are forgotten where no record comes for six hours', async () => {
    await paidBefore();
    await capOf();
    await running({ id: 'c1', since: start });
    pass(20 * MINUTE_MS);
    await exposure.run();
    await running();
    pass(6 * 60 * MINUTE_MS + 1);
    await exposure.run();
    expect(await states()).toEqual(['lifting']);
  });

  it('of which no switch tells for an hour have ended when one told of them last', async () => {
    await paidBefore();
    await capOf({ limit: '30.00' });
    await running({ id: 'c1', since: start });
    pass(59 * MINUTE_MS);
    await exposure.run();
    expect(await states()).toEqual(['wanted']);
    pass(2 * MINUTE_MS);
    await exposure.run();
    await exposure.run();
    expect(await states()).toEqual(['lifting']);
  });

  it('that come back after a switch was away go on', async () => {
    await paidBefore();
    await capOf({ limit: '1000.00' });
    await running({ id: 'c1', since: start });
    await running();
    await running({ id: 'c1', since: start });
    const rows = await plafond.query('SELECT ended_at FROM running_calls');
    expect(rows).toEqual([{ ended_at: null }]);
  });

  it('of which an interim record tells count from where it has counted them', async () => {
    await capOf();
    await record({ record_id: 'long', started_at: at(start), duration_s: 300, amount: '3.00', state: 'interim' });
    // The switch tells of the same call, a little later by its clock.
    await running({ id: 'c1', since: start + 2_000 });
    pass(11 * MINUTE_MS);
    expect(await exposure.run()).toBe(1);
    expect(await decided()).toEqual(['warn cap 50 at 3.00']);
    pass(6 * MINUTE_MS);
    await exposure.run();
    expect((await decided()).slice(1)).toEqual(['warn cap 100 at 3.00', 'suspend cap 100 at 3.00']);
    await running();
    await record({ record_id: 'long', started_at: at(start), duration_s: 1_020, amount: '10.20', state: 'final' });
    expect(await exposure.run()).toBe(0);
    expect(await states()).toEqual(['wanted']);
  });

  describe('to where the account never paid', () => {
    const HARARE = '+263771234567';
    const BULAWAYO = '+263291234567';
    const DAY_MS = 24 * 60 * MINUTE_MS;
    /** Another account has paid that much a minute, yesterday; and what is usual was counted since. */
    const othersPaid = async (segment: string, number: string, amount: string) => {
      await plafond.addAccount({ accountId: `of ${segment}`, segment });
      await record({
        account_id: `of ${segment}`,
        b_number: number,
        started_at: at(start - DAY_MS),
        duration_s: 60,
        amount,
      });
    };
    const prices = async () => {
      const now = plafond.clock.now();
      await inTransaction(plafond.database.dataSource, ({ client }) => countPrices(client, [dayOf(now) - 1], now));
      await running({ id: 'c1', since: start, number: HARARE });
      await exposure.run();
      const rows = await plafond.query<{ price_from: string; micros: string }>(
        'SELECT price_from, price_micros * 60 / greatest(price_s, 1) AS micros FROM running_calls',
      );
      return rows.map(({ price_from, micros }) => [price_from, Number(micros) / 1_000_000]);
    };
    // Usual prices are kept in steps of a tenth.
    const about = (amount: number) => expect.closeTo(amount, amount < 1 ? 1 : 0);

    it.each([
      [
        'by what its segment pays to that range',
        [
          ['smb', HARARE, '2.00'],
          ['large', HARARE, '9.00'],
        ],
        'segment',
        2,
      ],
      [
        'else by what all pay to that range',
        [
          ['smb', BULAWAYO, '2.00'],
          ['large', HARARE, '9.00'],
        ],
        'provider',
        9,
      ],
      [
        'else by what its segment pays to that country',
        [
          ['smb', BULAWAYO, '2.00'],
          ['large', BULAWAYO, '9.00'],
        ],
        'segment-country',
        2,
      ],
      ['else by what all pay to that country', [['large', BULAWAYO, '9.00']], 'provider-country', 9],
      ['by nothing where nobody ever paid for that country', [['smb', SOMALIA, '2.00']], 'unknown', 0],
    ] as const)('are priced %s', async (_, others, word, amount) => {
      for (const [segment, number, paid] of others) await othersPaid(segment, number, paid);
      expect(await prices()).toEqual([[word, about(amount)]]);
    });

    it('are priced by its own first record that comes meanwhile, where nobody else had paid', async () => {
      expect(await prices()).toEqual([['unknown', 0]]);
      await record({ b_number: HARARE, started_at: at(start - MINUTE_MS), duration_s: 60, amount: '3.00' });
      expect(await prices()).toEqual([['own-range', 3]]);
    });
  });

  it('are looked at by one of many at a time, and decided once', async () => {
    await paidBefore();
    await capOf();
    await running({ id: 'c1', since: start });
    pass(60 * MINUTE_MS);
    await Promise.all([exposure.run(), exposure.run(), exposure.run(), exposure.run()]);
    expect(await decided()).toHaveLength(3);
  });
});

describe('switches that are asked for their calls', () => {
  class Node extends LocalSwitch {
    asked = 0;
    calls: LiveCall[] | Error = [];
    override async liveCalls(): Promise<undefined> {
      this.asked++;
      if (this.calls instanceof Error) throw this.calls;
      return this.calls as unknown as undefined;
    }
  }
  const seen = (callId: string, number: string, change: Partial<LiveCall> = {}): LiveCall => ({
    callId,
    accountId: 'a',
    number,
    startedAt: start,
    answered: true,
    ...change,
  });
  const followed = () =>
    plafond.query<{ call_id: string; ended: boolean }>(
      'SELECT call_id, ended_at IS NOT NULL AS ended FROM running_calls ORDER BY call_id',
    );

  it('are, only where a cap counts them; what rings, is an emergency or nobody’s does not count', async () => {
    const node = new Node('/nowhere');
    const follow = new FollowCalls(plafond.database.dataSource, plafond.clock, new FixedNodes(node));
    await follow.run();
    expect(node.asked).toBe(0);
    await capOf();
    node.calls = [
      seen('c1', SOMALIA),
      seen('c2', SOMALIA, { answered: false }),
      seen('c3', '112'),
      seen('c4', SOMALIA, { accountId: 'nobody' }),
      seen('c5', 'help'),
    ];
    await follow.run();
    expect(await followed()).toEqual([{ call_id: 'c1', ended: false }]);
    // Of a switch that is away nobody knows that its calls have ended.
    node.calls = new Error('connect ECONNREFUSED');
    await follow.run();
    expect(await followed()).toEqual([{ call_id: 'c1', ended: false }]);
    node.calls = [];
    await follow.run();
    expect(await followed()).toEqual([{ call_id: 'c1', ended: true }]);
  });
});

describe('in a rolling window', () => {
  const HOUR_MS = 60 * MINUTE_MS;

  it('calls in progress stand where their records will: they suspend, once, and their records change nothing', async () => {
    await paidBefore();
    await capOf({ period: 'rolling:2h' });
    await running({ id: 'c1', since: start });
    pass(16 * MINUTE_MS);
    // 9.60 for sixteen minutes, and 0.60 that was spent an hour before.
    expect(await exposure.run()).toBe(3);
    const last = (await plafond.decisions()).at(-1)!;
    expect([last.type, formatAmount(last.spend!), last.period]).toEqual([
      'suspend',
      '0.60',
      '2026-03-20T12:16:00+01:00',
    ]);
    expect(last.explanation).toContain('a call in progress has come to 9.60 EUR more');
    pass(MINUTE_MS);
    expect(await exposure.run()).toBe(0);
    await running();
    await record({ started_at: at(start), duration_s: 1_020, amount: '10.20' });
    expect(await exposure.run()).toBe(0);
    expect(await states()).toEqual(['wanted']);
  });

  it('what was spent before it counts no more, nor does a call that began before it', async () => {
    await paidBefore();
    await capOf({ period: 'rolling:1h', limit: '36.00' });
    await running({ id: 'c1', since: start });
    pass(HOUR_MS - 1);
    // An hour of it comes to 36.00; half of that is a warning.
    expect(await exposure.run()).toBe(3);
    expect((await plafond.decisions()).at(-1)!.spend).toBe(0n);
    pass(1);
    expect(await exposure.run()).toBe(0);
  });
});

describe('what calls in progress alone have reached', () => {
  const reached = async (period: CapDefinition['period']) => {
    await paidBefore();
    const id = await capOf({ period });
    await running({ id: 'c1', since: start });
    pass(20 * MINUTE_MS);
    expect(await exposure.run()).toBe(3);
    return id;
  };
  const definition = (change: Partial<CapDefinition>) => capDefinition.parse({ ...CAP, ...COUNTING, ...change });

  it.each(['month', 'rolling:2h'] as const)('stands where the cap is changed otherwise, in a %s', async (period) => {
    const id = await reached(period);
    expect(await plafond.caps.preview(definition({ period, name: 'another' }), id)).toMatchObject({ lifted: 0 });
    await plafond.caps.change(id, undefined, definition({ period, name: 'another' }), { actor: 'test', alone: true });
    expect(await exposure.run()).toBe(0);
    expect(await decided()).toHaveLength(3);
    expect(await states()).toEqual(['wanted']);
  });

  it('stands under an uplift that raises the limit less far, and falls under one that raises it further', async () => {
    await reached('month');
    const { dataSource } = plafond.database;
    const raise = (amount: bigint) =>
      inTransaction(dataSource, ({ client }) =>
        new GrantUplift(dataSource, plafond.clock).grantWithin(client, {
          accountId: 'a',
          of: { traffic: 'international' },
          amount,
          until: plafond.clock.now() + 60 * MINUTE_MS,
          reason: 'a trip',
          actor: 'test',
        }),
      );
    await raise(1_000_000n);
    expect(await decided()).toHaveLength(3);
    await raise(4_000_000n);
    expect((await decided()).slice(3)).toEqual(['restore manual 100 at 0.60']);
    expect(await exposure.run()).toBe(0);
    expect(await states()).toEqual(['lifting']);
  });

  it.each(['month', 'rolling:2h'] as const)('falls where the limit is raised above both, in a %s', async (period) => {
    const id = await reached(period);
    pass(MINUTE_MS);
    await plafond.caps.change(id, undefined, definition({ period, limit: '15.00' }), { actor: 'test', alone: true });
    expect((await decided()).slice(3)).toEqual(['restore manual 100 at 0.60']);
    expect((await plafond.decisions()).at(-1)!.explanation).toContain('a call in progress has come to 12.60 EUR more');
    expect(await states()).toEqual(['lifting']);
    expect(await exposure.run()).toBe(0);
  });
});

describe('a call of which interim records alone tell', () => {
  const interim = (row: Partial<UsageRow>) =>
    record({ record_id: 'long', started_at: at(start), duration_s: 300, amount: '3.00', state: 'interim', ...row });
  const ended = { duration_s: 330, amount: '3.30', state: 'final' };

  it.each(['month', 'rolling:2h'] as const)(
    'lifts what it had reached where its record comes to less, in a %s',
    async (period) => {
      await capOf({ period });
      await interim({});
      pass(20 * MINUTE_MS);
      await exposure.run();
      expect(await states()).toEqual(['wanted']);
      await interim(ended);
      await exposure.run();
      expect((await decided()).slice(3)).toEqual([
        'notify-operator correction 50 at 3.30',
        'restore correction 100 at 3.30',
      ]);
      expect(await states()).toEqual(['lifting']);
      expect(await plafond.query('SELECT FROM running_calls')).toEqual([]);
    },
  );

  it('lifts what it had reached of its service’s own cap', async () => {
    await capOf({ scope: { service: 'trunk' } });
    await interim({ service_id: 'trunk' });
    pass(20 * MINUTE_MS);
    await exposure.run();
    expect(await states()).toEqual(['wanted']);
    await interim({ ...ended, service_id: 'trunk' });
    await exposure.run();
    expect(await states()).toEqual(['lifting']);
  });

  it('runs on where a later one says whose it is, or where it goes', async () => {
    await plafond.addAccount({ accountId: 'b' });
    await interim({});
    await interim({ account_id: 'b', service_id: 'trunk', b_number: '+263771234567', duration_s: 600, revision: 1 });
    const rows = await plafond.query(
      'SELECT account_id, service_id, number, country FROM running_calls WHERE settled_record IS NULL',
    );
    expect(rows).toEqual([{ account_id: 'b', service_id: 'trunk', number: '+263771234567', country: 'ZW' }]);
  });

  it('lifts what it had reached of an account that it is not of any more, whichever accounts it goes to meanwhile', async () => {
    await plafond.addAccount({ accountId: 'b' });
    await capOf();
    await interim({});
    pass(20 * MINUTE_MS);
    await exposure.run();
    expect(await states()).toEqual(['wanted']);
    await interim({ account_id: 'b', amount: '0.01', revision: 1 });
    await interim({ account_id: 'a', amount: '0.01', revision: 2 });
    await interim({ account_id: 'b', amount: '0.01', revision: 3 });
    await exposure.run();
    expect(await states()).toEqual(['lifting']);
    await interim({ ...ended, account_id: 'b', amount: '0.01' });
    await exposure.run();
    expect(await plafond.query('SELECT FROM running_calls')).toEqual([]);
  });

  it('gives way to its record, and lets that settle the call that a switch had told of', async () => {
    await capOf();
    await interim({});
    await running({ id: 'c1', since: start });
    pass(20 * MINUTE_MS);
    await exposure.run();
    await running();
    await interim({ duration_s: 1_200, amount: '12.00', state: 'final' });
    expect(await exposure.run()).toBe(0);
    expect(await plafond.query('SELECT FROM running_calls WHERE settled_record IS NULL')).toEqual([]);
    expect(await states()).toEqual(['wanted']);
  });
});

describe.each(['month', 'rolling:2h'] as const)(
  'spend that a correction takes below a threshold, in a %s',
  (period) => {
    const spent = (change: Partial<UsageRow>) =>
      record({ record_id: 'spent', started_at: at(start + MINUTE_MS), duration_s: 60, ...change });
    /** Suspended by spend alone, while a call runs for so many minutes, at 0.60. */
    const suspended = async (minutes: number, since = start) => {
      await paidBefore();
      await capOf({ period });
      await running({ id: 'c1', since });
      await exposure.run();
      await spent({ amount: '10.00' });
      expect(await states()).toEqual(['wanted']);
      pass(minutes * MINUTE_MS);
      expect(await exposure.run()).toBe(0);
    };

    it('leaves standing what it still reaches with calls in progress, and what they come to less than is lifted', async () => {
      await suspended(20);
      await spent({ amount: '1.00', revision: 1 });
      expect(await decided()).toHaveLength(3);
      expect(await states()).toEqual(['wanted']);
      expect(await exposure.run()).toBe(0);
      await running();
      await record({ started_at: at(start), duration_s: 1_200, amount: '4.50' });
      await exposure.run();
      expect((await decided()).slice(3)).toEqual(['restore correction 100 at 6.10']);
      expect(await states()).toEqual(['lifting']);
    });

    it('leaves standing what it reaches with calls that have begun since', async () => {
      await suspended(20, start + 2 * MINUTE_MS);
      await spent({ amount: '1.00', revision: 1 });
      expect(await decided()).toHaveLength(3);
      expect(await states()).toEqual(['wanted']);
      await exposure.run();
      expect((await states()).at(-1)).toBe('wanted');
    });

    it('waits for whoever settles those calls, and does not count on them then', async () => {
      await suspended(20);
      let corrected: Promise<unknown> | undefined;
      await inTransaction(plafond.database.dataSource, async ({ client }) => {
        await client.query(`UPDATE running_calls SET settled_record = 'r'`);
        corrected = spent({ amount: '1.00', revision: 1 });
        await until('it waits', async () => (await plafond.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0);
      });
      await corrected;
      expect(await states()).toEqual(['lifting']);
    });

    it('lifts at once where both together come to less', async () => {
      await suspended(10);
      await spent({ amount: '1.00', revision: 1 });
      expect((await decided()).slice(3)).toEqual(['restore correction 100 at 1.60']);
      expect(await states()).toEqual(['lifting']);
      expect(await exposure.run()).toBe(0);
    });

    it('is looked at without a call whose record comes with the correction', async () => {
      await paidBefore();
      await capOf({ period });
      const long: Partial<UsageRow> = { account_id: 'a', b_number: SOMALIA, record_id: 'long', started_at: at(start) };
      await record({ ...long, duration_s: 300, amount: '10.00', state: 'interim' });
      pass(20 * MINUTE_MS);
      await record({ ...long, duration_s: 300, amount: '1.00', state: 'final' });
      expect((await decided()).slice(3)).toEqual([
        'restore correction 100 at 1.60',
        'notify-operator correction 50 at 1.60',
      ]);
      expect(await states()).toEqual(['lifting']);
    });
  },
);
