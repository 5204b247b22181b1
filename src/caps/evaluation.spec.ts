import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import type { Account } from '../accounts/account.ts';
import { NO_DESTINATION } from '../destinations/classify.ts';
import { parseInstant, type Instant } from '../kernel/clock.ts';
import { formatAmount, parseAmount } from '../kernel/money.ts';
import { standing, type Movement, type Version } from '../ledger/version.ts';
import { RollingWindow } from '../spend/rolling-window.ts';
import { CapBook } from './cap-book.ts';
import { capDefinition, capOf } from './cap.ts';
import { bearingSince, windowPeriod } from './cap-periods.ts';
import type { CrossingState } from './crossing.ts';
import { Evaluation } from './evaluation.ts';
import { stepsOf, stepsOfBatch } from './steps.ts';
import { Meters } from './meters.ts';
import { SAMPLE_ACCOUNT } from '../../test/samples/account.ts';

const account = (accountId: string): Account => ({ ...SAMPLE_ACCOUNT, accountId });
const ACCOUNTS = new Map(['1001', '1002'].map((id) => [id, account(id)]));

/** A cap of 100.00 on all traffic with thresholds at 50, 80 and 100 %; its id is its period. */
function cap(period: string, thresholds = [50, 80, 100]) {
  const definition = { name: period, traffic: 'all', period, limit: '100.00', currency: 'EUR' };
  const actions = ['warn', 'suspend:outgoing'];
  return capOf(
    period,
    1,
    capDefinition.parse({ ...definition, thresholds: thresholds.map((percent) => ({ percent, actions })) }),
  );
}

const at = (text: string): Instant => parseInstant(`${text.replace(' ', 'T')}:00+01:00`)!;

/** Usage as it comes in, on a ledger in memory. */
class Book {
  evaluation = new Evaluation();
  now: Instant = 0;
  readonly held = new Map<string, Version>();
  readonly #meters: Meters;
  #revision = 0;

  constructor(...caps: ReturnType<typeof cap>[]) {
    this.#meters = new Meters(new CapBook(caps));
  }

  /** A version of a record that supersedes all before it; answers what it crosses, in short. */
  take(recordId: string, startedAt: string, amount: string, accountId = '1001'): string[] {
    const movement = this.#move(recordId, startedAt, amount, accountId);
    return stepsOf(movement, ACCOUNTS, this.#meters)
      .flatMap((step) => this.evaluation.apply(step, this.now))
      .map(
        ({ direction, again, threshold, period, spend, account: { accountId: who } }) =>
          `${who === '1001' ? '' : `${who} `}${direction}${again ? ' again' : ''} ${threshold.percent} in ${shortly(period.name)} with ${formatAmount(spend)}`,
      );
  }

  /** Versions of one delivery. */
  takeAll(versions: readonly (readonly [recordId: string, startedAt: string, amount: string])[]): void {
    const movements = versions.map((each) => this.#move(...each, '1001'));
    for (const step of stepsOfBatch(movements, ACCOUNTS, this.#meters)) this.evaluation.apply(step, this.now);
  }

  #move(recordId: string, startedAt: string, amount: string, accountId: string): Movement {
    const version: Version = {
      recordId,
      origin: 'default',
      accountId,
      serviceId: '',
      startedAt: at(startedAt),
      durationSeconds: 0,
      kind: 'data',
      units: undefined,
      aNumber: '',
      amount: parseAmount(amount)!,
      state: 'final',
      revision: this.#revision++,
      cost: undefined,
      originCountry: '',
      tariff: '',
      receivedAt: 0,
      destination: NO_DESTINATION,
    };
    const from = this.held.get(recordId);
    expect(standing(from, version)).toMatch(/counted|superseded/);
    this.held.set(recordId, version);
    return { from, to: version };
  }
}

/** A window's end by its day and hour. */
const shortly = (name: string) => name.replace(/^\d{4}-\d{2}-(\d{2}T\d{2}:\d{2}).*$/, '$1');

describe('a calendar cap', () => {
  let book: Book;
  beforeEach(() => {
    book = new Book(cap('month'));
  });

  it('acts on each threshold once, with what was spent by then', () => {
    expect(book.take('r1', '2010-03-01 10:00', '49.99')).toEqual([]);
    expect(book.take('r2', '2010-03-02 10:00', '0.01')).toEqual(['rose 50 in 2010-03 with 50.00']);
    expect(book.take('r3', '2010-03-03 10:00', '0.01')).toEqual([]);
    expect(book.take('r4', '2010-03-04 10:00', '60.00')).toEqual([
      'rose 80 in 2010-03 with 110.01',
      'rose 100 in 2010-03 with 110.01',
    ]);
    expect(book.take('r5', '2010-03-05 10:00', '500.00')).toEqual([]);
  });

  it('counts each period and each account for itself', () => {
    // In Amsterdam April begins at 23:00 by the clock of March, which is an hour behind by then.
    expect(book.take('r1', '2010-03-31 22:59', '60.00')).toEqual(['rose 50 in 2010-03 with 60.00']);
    expect(book.take('r2', '2010-03-31 23:00', '60.00')).toEqual(['rose 50 in 2010-04 with 60.00']);
    expect(book.take('r4', '2010-03-31 12:00', '60.00', '1002')).toEqual(['1002 rose 50 in 2010-03 with 60.00']);
  });

  it('falls by a correction, the highest first, and rises again as a second time', () => {
    book.take('r1', '2010-03-01 10:00', '85.00');
    expect(book.take('r1', '2010-03-01 10:00', '40.00')).toEqual([
      'fell 80 in 2010-03 with 40.00',
      'fell 50 in 2010-03 with 40.00',
    ]);
    expect(book.take('r2', '2010-03-02 10:00', '20.00')).toEqual(['rose again 50 in 2010-03 with 60.00']);
    expect(book.take('r3', '2010-03-03 10:00', '60.00')).toEqual([
      'rose again 80 in 2010-03 with 120.00',
      'rose 100 in 2010-03 with 120.00',
    ]);
  });

  it('falls by a credit', () => {
    book.take('r1', '2010-03-01 10:00', '50.00');
    expect(book.take('c1', '2010-03-02 10:00', '-0.01')).toEqual(['fell 50 in 2010-03 with 49.99']);
  });

  it('grows with a call that still runs, by what each version adds', () => {
    expect(book.take('r1', '2010-03-01 10:00', '30.00')).toEqual([]);
    expect(book.take('r1', '2010-03-01 10:00', '60.00')).toEqual(['rose 50 in 2010-03 with 60.00']);
    expect(book.take('r1', '2010-03-01 10:00', '75.00')).toEqual([]);
    expect(book.take('r1', '2010-03-01 10:00', '80.00')).toEqual(['rose 80 in 2010-03 with 80.00']);
  });

  it('takes a version that moved to another period from the one and gives it to the other', () => {
    book.take('r1', '2010-03-31 22:00', '60.00');
    expect(book.take('r1', '2010-04-01 01:00', '60.00')).toEqual([
      'fell 50 in 2010-03 with 0.00',
      'rose 50 in 2010-04 with 60.00',
    ]);
  });

  it('takes a version that moved to another account from the one and gives it to the other', () => {
    book.take('r1', '2010-03-01 10:00', '60.00');
    expect(book.take('r1', '2010-03-01 10:00', '60.00', '1002')).toEqual([
      'fell 50 in 2010-03 with 0.00',
      '1002 rose 50 in 2010-03 with 60.00',
    ]);
  });

  it('takes no notice of a version that changes nothing, or of an account that is gone', () => {
    book.take('r1', '2010-03-01 10:00', '60.00');
    expect(book.take('r1', '2010-03-01 11:00', '60.00')).toEqual([]);
    expect(book.take('r1', '2010-03-01 11:00', '60.00', 'gone')).toEqual(['fell 50 in 2010-03 with 0.00']);
  });

  it('goes on from what was recalled', () => {
    const state: CrossingState = {
      accountId: '1001',
      capId: 'month',
      percent: 50,
      period: { name: '2010-03', from: at('2010-03-01 00:00'), to: at('2010-04-01 00:00') - 3_600_000 },
      crossedAt: 0,
      recordId: 'r0',
      uncrossedAt: undefined,
      done: ['warn', 'suspend:outgoing'],
    };
    book.evaluation.recall([state]);
    expect(book.take('r1', '2010-03-01 10:00', '60.00')).toEqual([]);
    expect(book.evaluation.touched()).toEqual([]);
    book.take('r2', '2010-03-01 10:00', '30.00');
    expect(book.evaluation.touched()).toMatchObject([{ percent: 80, recordId: 'r2', uncrossedAt: undefined }]);
  });

  it('leaves crossed what spend reaches, each first time once, whatever comes', () => {
    const step = fc.record({ record: fc.nat(4), amount: fc.integer({ min: -20, max: 60 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const fresh = new Book(cap('month'));
        const rose = new Map<string, number>();
        for (const { record, amount } of steps) {
          for (const crossing of fresh.take(`r${record}`, '2010-03-01 10:00', `${amount}.00`)) {
            const first = /^rose (\d+)/.exec(crossing)?.[1];
            if (first) rose.set(first, (rose.get(first) ?? 0) + 1);
          }
        }
        const spend = [...fresh.held.values()].reduce((sum, { amount }) => sum + amount, 0n);
        const standingStill = fresh.evaluation.touched().filter((state) => state.uncrossedAt === undefined);
        expect(standingStill.map(({ percent }) => percent).toSorted((a, b) => a - b)).toEqual(
          [50, 80, 100].filter((percent) => spend >= BigInt(percent) * 1_000_000n),
        );
        expect([...rose.values()].filter((times) => times > 1)).toEqual([]);
      }),
    );
  });
});

describe('a cap that is held against what is spent already', () => {
  const march = { name: '2010-03', from: at('2010-03-01 00:00'), to: at('2010-04-01 00:00') };
  it('crosses what spend reaches, once; falls where it does not any more; and rises again', () => {
    const evaluation = new Evaluation();
    const hold = (spend: string) =>
      evaluation
        .hold(ACCOUNTS.get('1001')!, { cap: cap('month'), serviceId: '' }, march, parseAmount(spend)!, 0)
        .map(({ direction, again, threshold }) => `${direction}${again ? ' again' : ''} ${threshold.percent}`);
    expect(hold('49.99')).toEqual([]);
    expect(hold('80.00')).toEqual(['rose 50', 'rose 80']);
    expect(hold('80.00')).toEqual([]);
    expect(hold('60.00')).toEqual(['fell 80']);
    expect(hold('100.00')).toEqual(['rose again 80', 'rose 100']);
  });
});

describe('a rolling cap', () => {
  let book: Book;
  beforeEach(() => {
    book = new Book(cap('rolling:24h', [100]));
  });

  it('counts what started within its length before a record, that record included', () => {
    book.take('r1', '2010-03-01 10:00', '60.00');
    expect(book.take('r2', '2010-03-02 10:00', '60.00')).toEqual([]);
    expect(book.take('r3', '2010-03-03 09:59', '40.00')).toEqual(['rose 100 in 03T09:59 with 100.00']);
  });

  it('acts once, until everything that was in the window has left it', () => {
    expect(book.take('r1', '2010-03-01 10:00', '100.00')).toEqual(['rose 100 in 01T10:00 with 100.00']);
    expect(book.take('r2', '2010-03-02 09:00', '60.00')).toEqual([]);
    expect(book.take('r3', '2010-03-02 10:00', '39.99')).toEqual([]);
    expect(book.take('r4', '2010-03-02 10:01', '0.01')).toEqual(['rose 100 in 02T10:01 with 100.00']);
  });

  it('finds a window that a late record fills, and names it by where it ends', () => {
    book.take('r1', '2010-03-01 10:00', '50.00');
    book.take('r2', '2010-03-01 20:00', '40.00');
    expect(book.take('late', '2010-03-01 15:00', '10.00')).toEqual(['rose 100 in 01T20:00 with 100.00']);
  });

  it('keeps a late record from acting in the windows around one that acted', () => {
    book.take('r1', '2010-03-02 10:00', '100.00');
    expect(book.take('late', '2010-03-01 12:00', '100.00')).toEqual([]);
    expect(book.take('later', '2010-02-28 10:00', '100.00')).toEqual(['rose 100 in 28T10:00 with 100.00']);
  });

  it('falls by a correction of a record in the window that acted, though nothing starts there any more', () => {
    book.take('r1', '2010-03-01 09:00', '60.00');
    book.take('r2', '2010-03-01 10:00', '40.00');
    expect(book.take('r2', '2010-03-05 10:00', '40.00')).toEqual(['fell 100 in 01T10:00 with 60.00']);
  });

  it('rises again within its length as a second time, and falls once more by the window that rose', () => {
    book.take('r1', '2010-03-01 10:00', '100.00');
    expect(book.take('r1', '2010-03-01 10:00', '50.00')).toEqual(['fell 100 in 01T10:00 with 50.00']);
    expect(book.take('r2', '2010-03-01 12:00', '50.00')).toEqual(['rose again 100 in 01T12:00 with 100.00']);
    expect(book.take('r2', '2010-03-01 12:00', '49.00')).toEqual(['fell 100 in 01T12:00 with 99.00']);
  });

  it('acts again where one that fell had kept another from acting, which still reaches the threshold', () => {
    book.take('r1', '2010-03-01 10:00', '100.00');
    book.take('r2', '2010-03-01 12:00', '50.00');
    expect(book.take('r1', '2010-03-01 10:00', '80.00')).toEqual([
      'fell 100 in 01T10:00 with 80.00',
      'rose again 100 in 01T12:00 with 130.00',
    ]);
    expect(book.take('r2', '2010-03-01 12:00', '10.00')).toEqual(['fell 100 in 01T12:00 with 90.00']);
  });

  it('warns where one around it rose too late for that, and fell', () => {
    book.now = at('2010-03-02 11:00');
    book.take('r1', '2010-03-01 10:00', '100.00');
    book.take('r1', '2010-03-01 10:00', '50.00');
    expect(book.take('r2', '2010-03-02 09:30', '50.00')).toEqual(['rose 100 in 02T09:30 with 100.00']);
  });

  it('does not look at its windows where a final version says what the one before said', () => {
    book.take('r1', '2010-03-01 10:00', '100.00');
    const steps = stepsOf(
      { from: book.held.get('r1'), to: { ...book.held.get('r1')!, revision: 99 } },
      ACCOUNTS,
      new Meters(new CapBook([cap('rolling:24h')])),
    );
    expect(steps).toEqual([]);
  });

  it('asks no more than twice what a window spends that a record touches, where a day of a busy trunk comes backwards', () => {
    const asked = jest.spyOn(RollingWindow.prototype, 'spendAt');
    const busy = new Book(cap('rolling:24h', [100]));
    const minutes = 300;
    for (let minute = minutes; minute > 0; minute--) {
      busy.take(`r${minute}`, `2010-03-01 0${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, '0')}`, '0.01');
    }
    expect(asked).toHaveBeenCalledTimes(2 * ((minutes * (minutes + 1)) / 2));
    asked.mockRestore();
  });

  it('acts anew where spend goes on above, once all that was in the window that acted has left', () => {
    book.take('r1', '2010-03-01 10:00', '100.00');
    expect(book.take('r2', '2010-03-01 22:00', '90.00')).toEqual([]);
    expect(book.take('r3', '2010-03-02 09:59', '90.00')).toEqual([]);
    expect(book.take('r4', '2010-03-02 10:00', '1.00')).toEqual(['rose 100 in 02T10:00 with 181.00']);
  });

  const dayHour = (hour: number) =>
    `2010-03-${String(1 + Math.floor(hour / 24)).padStart(2, '0')} ${String(hour % 24).padStart(2, '0')}:00`;

  it('stands for each window that reaches the limit, and never twice within its length, whatever comes', () => {
    const step = fc.record({ record: fc.nat(9), hour: fc.nat(160), amount: fc.integer({ min: -40, max: 90 }) });
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }), (batches) => {
        const any = new Book(cap('rolling:24h', [50, 100]));
        const DAY = 86_400_000;
        for (const batch of batches) {
          any.takeAll(batch.map(({ record, hour, amount }) => [`r${record}`, dayHour(hour), `${amount}.00`]));
          const held = [...any.held.values()].filter(({ amount }) => amount !== 0n);
          const spendAt = (end: Instant) =>
            held.reduce((sum, v) => (v.startedAt > end - DAY && v.startedAt <= end ? sum + v.amount : sum), 0n);
          for (const percent of [50, 100]) {
            const limit = BigInt(percent) * 1_000_000n;
            const acted = any.evaluation
              .touched()
              .filter((state) => state.percent === percent && state.uncrossedAt === undefined)
              .map(({ period }) => (period.from + period.to) / 2);
            const near = (end: Instant) => acted.filter((each) => Math.abs(each - end) < DAY).length;
            expect(acted.filter((end) => spendAt(end) < limit || near(end) !== 1)).toEqual([]);
            const reaching = held.map(({ startedAt }) => startedAt).filter((end) => spendAt(end) >= limit);
            expect(reaching.filter((end) => near(end) === 0)).toEqual([]);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('needs to know of no more crossings than bear on what moves, however late it is corrected', () => {
    const rolling = cap('rolling:24h', [100]);
    const step = fc.record({ record: fc.nat(12), hour: fc.nat(200), amount: fc.integer({ min: -40, max: 150 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const knowing = new Book(rolling);
        const asking = new Book(rolling);
        const kept = new Map<string, CrossingState>();
        for (const { record, hour, amount } of steps) {
          const args = [`r${record}`, dayHour(hour), `${amount}.00`] as const;
          const before = asking.held.get(args[0])?.startedAt ?? Infinity;
          const since = bearingSince(Math.min(before, at(args[1])), rolling);
          const { windows } = asking.evaluation;
          asking.evaluation = new Evaluation();
          for (const [key, window] of windows) asking.evaluation.windows.set(key, window);
          const bearing = [...kept.values()].filter(({ period }) => period.to > since);
          asking.evaluation.recall(bearing.map((state) => ({ ...state })));
          expect(asking.take(...args)).toEqual(knowing.take(...args));
          for (const state of asking.evaluation.touched()) kept.set(state.period.name, state);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is a period from its beginning to when it may act again', () => {
    const end = at('2010-03-02 10:00');
    expect(windowPeriod(end, 24, ACCOUNTS.get('1001')!)).toEqual({
      name: '2010-03-02T10:00:00+01:00',
      from: at('2010-03-01 10:00'),
      to: at('2010-03-03 10:00'),
    });
  });
});
