/**
 * The same calls by several feeds, each in a format of its own, near real time and nightly, in any order, with versions that
 * are rated anew, move to another time or account, are credited, sent again, rejected, mended and sent back. A model that
 * knows nothing but what was sent says what each account's months come to and what reconciliation has to find.
 */
import { expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import * as fc from 'fast-check';
import { ReconciliationsController } from '../../src/admin/usage/reconciliations.controller.ts';
import type { Account } from '../../src/accounts/account.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { feedDefinition } from '../../src/feeds/feed.ts';
import { saveFeed } from '../../src/feeds/feed-store.ts';
import { parseInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { ReconcileImports } from '../../src/pipeline/usage/reconcile-imports.ts';
import { SettleMovedRecords } from '../../src/pipeline/usage/settle-moved-records.ts';
import { spendOf } from '../../src/spend/spend-of-account.ts';
import { ACCOUNT, TestPlafond } from '../harness/plafond.ts';
import { RANDOM_FEEDS, type Said } from './feeds-at-random.ts';

// Most days differ here, and each would be told.
Logger.overrideLogger(false);

const HOUR_MS = 3_600_000;
const BEGIN = parseInstant('2026-03-16T12:00:00Z')!;
const RATED_FIRST = 827_000_000;
const COUNTRIES = { '+31201234567': 'NL', '+252612345678': 'SO', '+4930123456': 'DE' } as const;
const NUMBERS = Object.keys(COUNTRIES) as (keyof typeof COUNTRIES)[];
/** All east of UTC: there a day reaches into the same days of the ledger, so one that is compared is compared in all zones. */
const ACCOUNTS: Record<string, Partial<Account>> = {
  a: { cycleDay: 1, timeZone: 'Europe/Amsterdam' },
  b: { cycleDay: 15, timeZone: 'Europe/Athens' },
  /** made late: until then its usage is rejected */
  late: { cycleDay: 1, timeZone: 'Asia/Kolkata' },
};
/** What a feed wrote where it did not know the account; who mends it takes it out. */
const WRONG = 'nobody-';
/** How far a version's start may have moved. */
const MOVES_H = [0, 0, 0, 0, 2, -14, -26, 3 * 24, -9 * 24] as const;

interface Sent {
  call: number;
  state: number;
  revision: number;
  /** another content of the same version */
  variant: number;
  wrong: boolean;
}

const sent: fc.Arbitrary<Sent> = fc.record({
  call: fc.nat(7),
  state: fc.nat(1),
  revision: fc.nat(2),
  variant: fc.constantFrom(0, 0, 0, 0, 1),
  wrong: fc.constantFrom(false, false, false, false, true),
});
const chapter = fc.record({
  feed: fc.constantFrom(...Object.keys(RANDOM_FEEDS), 'near', 'near', 'near', 'near-cgrates', 'near-cgrates'),
  rows: fc.array(sent, { minLength: 1, maxLength: 12 }),
  hours: fc.constantFrom(0, 1, 1, 4, 16, 30),
  makesLate: fc.constantFrom(false, false, true),
  sendsBack: fc.constantFrom(false, true),
  night: fc.constantFrom(false, false, true),
});
const story = fc.array(chapter, { minLength: 1, maxLength: 12 });
type Chapter = typeof chapter extends fc.Arbitrary<infer T> ? T : never;

function saidOf({ call, state, revision, variant, wrong }: Sent, feed: string): Said {
  const { states } = RANDOM_FEEDS[feed]!;
  const stands = states[state % states.length]!;
  const mix = (salt: number) => {
    let hash = 2166136261;
    for (const part of [call, stands.length, revision, variant, salt])
      hash = Math.imul(hash ^ (part + 1), 16777619) >>> 0;
    return hash >>> 8;
  };
  // Most versions of a call cost the same, so that some compare equal.
  const cents = mix(1) % 3 > 0 ? 250 + call : 30 + (mix(2) % 900);
  const account = ['a', 'a', 'a', 'b', 'late'][(call + (mix(3) % 7 === 0 ? 1 : 0)) % 5]!;
  return {
    id: `c${call}`,
    account: (wrong ? WRONG : '') + account,
    startedAt: BEGIN + (call - 5) * 17 * HOUR_MS - 90 * 60_000 + MOVES_H[mix(4) % MOVES_H.length]! * HOUR_MS,
    number: NUMBERS[(call + (mix(5) % 9 === 0 ? 1 : 0)) % 3]!,
    tariff: mix(6) % 4 === 0 ? 'peak' : `t${call % 2}`,
    cents: stands === 'final' && mix(7) % 6 === 0 && cents !== 100 ? -cents : cents,
    state: stands,
    ratedAt: revision === 0 ? 0 : RATED_FIRST + revision * 7_200,
  };
}

/** A version that came to count, by which feed and import. */
interface Arrival extends Said {
  feed: string;
  importId: string;
}

const rankOf = ({ state, ratedAt }: Said) => ['interim', 'provisional', 'final'].indexOf(state) * 1e10 + ratedAt;

/** What holds of a call, and beside a final version what near real time says at its highest. */
interface Held {
  holds: Arrival;
  near: Arrival | undefined;
}

/** By what came in which order, and nothing else. */
function heldBy(arrivals: readonly Arrival[]): Held[] {
  const held = new Map<string, Held>();
  for (const arrival of arrivals) {
    const known = held.get(arrival.id);
    if (!known) held.set(arrival.id, { holds: arrival, near: undefined });
    else if (rankOf(arrival) > rankOf(known.holds)) {
      if (arrival.state === 'final' && known.holds.state !== 'final') known.near = known.holds;
      known.holds = arrival;
    } else if (known.holds.state === 'final' && arrival.state === 'provisional') {
      if (!known.near || rankOf(arrival) > rankOf(known.near)) known.near = arrival;
    }
  }
  return [...held.values()];
}

const dateIn = (zone: string, at: number) => new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(at);
const dayOf = ({ account, startedAt }: Said) => dateIn(ACCOUNTS[account]!.timeZone!, startedAt);

function monthOf(said: Said): string {
  const [year, month, day] = dayOf(said).split('-').map(Number) as [number, number, number];
  const began = day >= ACCOUNTS[said.account]!.cycleDay! ? month : month - 1;
  return new Date(Date.UTC(year, began - 1, 1)).toISOString().slice(0, 7);
}

const money = (cents: number) => formatAmount(BigInt(cents) * 10_000n);

/** What a day's records of a destination and a tariff compare to. */
class Compared {
  equal: Held[] = [];
  different: Held[] = [];
  onlyNear: Held[] = [];
  onlyNightly: Held[] = [];

  add(held: Held): void {
    const { holds, near } = held;
    if (holds.state !== 'final') this.onlyNear.push(held);
    else if (!near) this.onlyNightly.push(held);
    else if (near.cents === holds.cents) this.equal.push(held);
    else this.different.push(held);
  }

  shown(): object {
    const sum = (some: Held[], of: (held: Held) => number = ({ holds }) => holds.cents) =>
      some.reduce((total, each) => total + of(each), 0);
    const one = (some: Held[]) => ({ records: some.length, amount: money(sum(some)) });
    const near = sum(this.different, (held) => held.near!.cents);
    const nightly = sum(this.different);
    return {
      matched_equal: one(this.equal),
      matched_different: {
        records: this.different.length,
        near_real_time: money(near),
        nightly: money(nightly),
        difference: money(nightly - near),
      },
      only_near_real_time: one(this.onlyNear),
      only_nightly: one(this.onlyNightly),
    };
  }
}

class Story {
  readonly #plafond: TestPlafond;
  readonly #arrivals: Arrival[] = [];
  readonly #made = new Set<string>();
  /** by import, the rows that were set aside, in their order */
  readonly #rejected = new Map<string, { feed: string; rows: Said[] }>();
  /** by feed, the imports that reconciliation has not looked at, and when the last of them began */
  readonly #pending = new Map<string, { imports: Set<string>; begunAt: number }>();
  #reported = '0';
  compared = 0;

  constructor(plafond: TestPlafond) {
    this.#plafond = plafond;
  }

  async begin(): Promise<void> {
    const { dataSource } = this.#plafond.database;
    for (const [feed, { definition }] of Object.entries(RANDOM_FEEDS)) {
      const form = feedDefinition.parse(definition);
      await inTransaction(dataSource, ({ client }) => saveFeed(client, feed, false, form, undefined, BEGIN));
    }
    await this.#make('a');
    await this.#make('b');
    await this.#plafond.addCap({ traffic: 'all', limit: '5.00', thresholds: [{ percent: 100, actions: ['warn'] }] });
  }

  async #make(accountId: string): Promise<void> {
    if (this.#made.has(accountId)) return;
    this.#made.add(accountId);
    await this.#plafond.addAccount({ accountId, ...ACCOUNTS[accountId] });
  }

  async tell({ feed, rows, hours, makesLate, sendsBack, night }: Chapter): Promise<void> {
    const { clock } = this.#plafond;
    const said = rows.map((row) => saidOf(row, feed)).filter(({ startedAt }) => startedAt <= clock.now());
    if (said.length > 0) await this.#deliver(feed, said);
    if (makesLate) await this.#make('late');
    if (sendsBack) await this.#sendBack();
    clock.advanceTo(clock.now() + hours * HOUR_MS + 1_000);
    if (night) await this.night();
  }

  async #deliver(feed: string, said: readonly Said[]): Promise<void> {
    const { write, as, source } = RANDOM_FEEDS[feed]!;
    const text = write(said);
    const bytes = (async function* () {
      yield Buffer.from(text);
    })();
    const result = await this.#plafond.usage.record({ feed, source, format: as, bytes, requestedBy: 'test' });
    const others = said.length * (feed.endsWith('cgrates') ? 1 : 0);
    expect([result.received, result.skipped]).toEqual([said.length + others, others]);
    expect(result.rejected).toBe(this.#arrive(feed, result.importId, said));
  }

  /** Answers how many are rejected. */
  #arrive(feed: string, importId: string, said: readonly Said[]): number {
    const rejected = said.filter(({ account }) => !this.#made.has(account));
    if (rejected.length > 0) this.#rejected.set(importId, { feed, rows: rejected });
    this.#arrivals.push(
      ...said.filter(({ account }) => this.#made.has(account)).map((each) => ({ ...each, feed, importId })),
    );
    if (RANDOM_FEEDS[feed]!.states[0] !== 'final') return rejected.length;
    const pending = this.#pending.get(feed) ?? { imports: new Set(), begunAt: 0 };
    pending.imports.add(importId);
    this.#pending.set(feed, { ...pending, begunAt: this.#plafond.clock.now() });
    return rejected.length;
  }

  /** Mends what was set aside as far as it can be known, and sends all of it again. */
  async #sendBack(): Promise<void> {
    const rejected = [...this.#rejected];
    for (const [importId, { feed, rows }] of rejected) {
      const open = await this.#plafond.query<{ line: string; text: string }>(
        'SELECT line, text FROM rejects WHERE import_id = $1 AND resent_in IS NULL ORDER BY line',
        [importId],
      );
      expect(open).toHaveLength(rows.length);
      const mended = rows.map((row) => ({ ...row, account: row.account.replace(WRONG, '') }));
      const good = mended.flatMap((row, at) => (this.#made.has(row.account) ? [{ row, at }] : []));
      if (good.length === 0) continue;
      const sentBack = good.map(({ at }) => ({
        line: Number(open[at]!.line),
        text: open[at]!.text.replace(WRONG, ''),
      }));
      const result = await this.#plafond.rejects.resend(importId, sentBack, 'test');
      expect([result.received, result.rejected]).toEqual([good.length, 0]);
      this.#arrive(
        feed,
        result.importId,
        good.map(({ row }) => row),
      );
      const left = rows.filter((_, at) => !good.some((each) => each.at === at));
      if (left.length > 0) this.#rejected.set(importId, { feed, rows: left });
      else this.#rejected.delete(importId);
    }
  }

  async night(): Promise<void> {
    const { dataSource } = this.#plafond.database;
    await new SettleMovedRecords(dataSource, this.#plafond.clock).run();
    await new ReconcileImports(dataSource, this.#plafond.clock).run();
    const held = heldBy(this.#arrivals);
    await this.#checkMonths(held.map(({ holds }) => holds));
    await this.#checkReports(held);
    expect(await this.#plafond.differences()).toEqual([]);
  }

  async #checkMonths(holds: readonly Arrival[]): Promise<void> {
    for (const accountId of this.#made) {
      const account = { ...ACCOUNT, accountId, ...ACCOUNTS[accountId] };
      const months = new Map<string, number>();
      for (const each of holds.filter((one) => one.account === accountId))
        months.set(monthOf(each), (months.get(monthOf(each)) ?? 0) + each.cents);
      const found = await inTransaction(this.#plafond.database.dataSource, ({ client }) =>
        spendOf(client, account, { traffic: 'all', period: 'month', from: undefined, to: undefined }),
      );
      const shown = found.map(({ from, spend }) => [dateIn(account.timeZone, from).slice(0, 7), formatAmount(spend)]);
      expect(shown.filter(([, spend]) => spend !== '0.00').toSorted()).toEqual(
        [...months]
          .filter(([, cents]) => cents !== 0)
          .map(([month, cents]) => [month, money(cents)])
          .toSorted(),
      );
    }
  }

  async #checkReports(held: readonly Held[]): Promise<void> {
    const reports = new ReconciliationsController(this.#plafond.database.dataSource);
    const found = await this.#plafond.query<{ import_id: string; feed: string }>(
      'SELECT import_id, feed FROM reconciliations WHERE import_id > $1 ORDER BY import_id',
      [this.#reported],
    );
    this.#reported = found.at(-1)?.import_id ?? this.#reported;
    for (const { import_id, feed } of found) {
      const { imports, begunAt } = this.#pending.get(feed)!;
      this.#pending.delete(feed);
      const report = await reports.show(import_id);
      expect(report.imports.every((each) => imports.has(each))).toBe(true);
      const ofImports = held.filter(({ holds }) => holds.state === 'final' && imports.has(holds.importId));
      const days = [...new Set(ofImports.map(({ holds }) => dayOf(holds)))].toSorted();
      expect(report.days).toEqual(days);
      // A day that was not over is compared up to the last that came of it; others tell what that is.
      const isOver = ({ holds }: Held) => dayOf(holds) < dateIn(ACCOUNTS[holds.account]!.timeZone!, begunAt);
      const unfinished = new Set(held.filter((each) => !isOver(each)).map(({ holds }) => dayOf(holds)));
      const groups = new Map<string, Compared>();
      const unequal: string[] = [];
      for (const each of held.filter(({ holds }) => days.includes(dayOf(holds)) && !unfinished.has(dayOf(holds)))) {
        const { holds, near } = each;
        const key = `${dayOf(holds)} ${COUNTRIES[holds.number as keyof typeof COUNTRIES]} ${holds.tariff} EUR`;
        groups.set(key, groups.get(key) ?? new Compared());
        groups.get(key)!.add(each);
        if (holds.state !== 'final' || near?.cents !== holds.cents) unequal.push(holds.id);
      }
      const shown = report.by_tariff
        .filter(({ day }) => !unfinished.has(day))
        .map(({ day, country, tariff, currency, ...compared }) => [
          `${day} ${country} ${tariff} ${currency}`,
          compared,
        ]);
      expect(Object.fromEntries(shown)).toEqual(
        Object.fromEntries([...groups].map(([key, compared]) => [key, compared.shown()])),
      );
      const sampled = report.sample.filter(({ day }) => !unfinished.has(day)).map(({ record_id }) => record_id);
      expect(sampled.toSorted()).toEqual(unequal.toSorted());
      this.compared += groups.size;
    }
  }
}

it('whatever the feeds and formats: months are what holds, and reconciliation finds what was lost or rated otherwise', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(story, async (chapters) => {
      const plafond = await TestPlafond.at(BEGIN);
      try {
        const told = new Story(plafond);
        await told.begin();
        for (const each of chapters) await told.tell(each);
        await told.night();
        compared += told.compared;
      } finally {
        await plafond.close();
      }
    }),
    { numRuns: 40, seed: 11, endOnFailure: true },
  );
  expect(compared).toBeGreaterThan(100);
});
