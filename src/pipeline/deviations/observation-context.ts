/** What a look at usage goes by: it changes seldom, so a process keeps it, and each turn asks only whether it has changed. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { accountsNotToLearn } from '../../cases/store.ts';
import { thresholdsOf, type Thresholds } from '../../deviations/calibration.ts';
import { Fits, HotList } from '../../deviations/model.ts';
import type { PolicyBook } from '../../deviations/policy.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import { UsualPrices } from '../../deviations/price.ts';
import { hotRanges, latestFits, UNFITTED, type Fitted } from '../../deviations/signature-store.ts';
import { suspectedRanges, usualPrices } from '../../deviations/tariff-store.ts';
import type { Instant } from '../../kernel/clock.ts';
import { Remembered } from '../../kernel/remembered.ts';

export interface ObservationContext {
  policies: PolicyBook;
  fits: Fits<Fitted>;
  thresholdsFor(falseBudget: number): Thresholds;
  prices: UsualPrices;
  /** number ranges that had a sign of a wrong price of late */
  suspected: ReadonlySet<string>;
  /** accounts with a case of which usage is not learnt */
  notLearnt: ReadonlySet<string>;
}

/** Rows that are few, or an end of an index. */
const MARKS = `
  SELECT (SELECT revision FROM cap_book)::text AS policies,
         (SELECT max(norms_no) FROM deviation_norms)::text AS fitted,
         greatest((SELECT max(from_batch) FROM hot_numbers), (SELECT max(before_batch) FROM cooled_numbers))::text AS hot,
         (SELECT counted_at::text FROM tariff_days ORDER BY counted_at DESC LIMIT 1) AS prices,
         (SELECT count(*) || ' ' || coalesce(max(state_at), 'epoch') FROM cases
           WHERE kind = 'account' AND state IN ('confirmed-fraud', 'rating-error')) AS settled`;

const REMEMBERED = 200_000;

type Mark = 'policies' | 'fitted' | 'hot' | 'prices' | 'settled';

export class ObservationContexts {
  #marks: Partial<Record<Mark, string | null>> = {};
  #policies: PolicyBook | undefined;
  /** as they were at the policies' revision, which every change of an account counts up as well */
  #accounts = new Remembered<string, Account>(REMEMBERED);
  #fitted: readonly Fitted[] = [UNFITTED];
  #fits = new Fits(this.#fitted);
  #prices = new UsualPrices([]);
  #notLearnt: ReadonlySet<string> = new Set();
  readonly #thresholds = new Map<number, Thresholds>();

  /** `fitsKept`: of what was fitted the latest; fewer than all do for usage that has only waited to be looked at. */
  constructor(private readonly fitsKept: number | 'all' = 4) {}

  /** As it stands in the transaction of `client`. */
  async at(client: ClientBase, now: Instant): Promise<ObservationContext> {
    const { rows } = await client.query<Record<Mark, string | null>>(MARKS);
    const marks = rows[0]!;
    const changed = (mark: Mark) => marks[mark] !== this.#marks[mark];
    if (!this.#policies || changed('policies')) {
      this.#accounts = new Remembered(REMEMBERED);
      this.#policies = await policyBook(client);
    }
    if (changed('fitted')) {
      const fitted = await latestFits(client, this.fitsKept);
      this.#fitted = fitted.length > 0 ? fitted : [UNFITTED];
    }
    if (changed('fitted') || changed('hot')) this.#fits = new Fits(this.#fitted, new HotList(await hotRanges(client)));
    if (changed('prices')) this.#prices = await usualPrices(client, now);
    if (changed('settled')) this.#notLearnt = await accountsNotToLearn(client);
    this.#marks = marks;
    return {
      policies: this.#policies,
      fits: this.#fits,
      thresholdsFor: (falseBudget) => this.#thresholdsFor(falseBudget),
      prices: this.#prices,
      suspected: await suspectedRanges(client, now),
      notLearnt: this.#notLearnt,
    };
  }

  /** Those of these accounts that exist; to be asked after {@link at}. */
  async accountsOf(client: ClientBase, ids: Iterable<string>): Promise<ReadonlyMap<string, Account>> {
    const found = new Map<string, Account>();
    const unknown = new Set<string>();
    for (const id of ids) {
      if (found.has(id)) continue;
      const account = this.#accounts.get(id);
      if (account) found.set(id, account);
      else unknown.add(id);
    }
    for (const account of await accountsById(client, [...unknown])) {
      this.#accounts.set(account.accountId, account);
      found.set(account.accountId, account);
    }
    return found;
  }

  #thresholdsFor(falseBudget: number): Thresholds {
    let thresholds = this.#thresholds.get(falseBudget);
    if (!thresholds) this.#thresholds.set(falseBudget, (thresholds = thresholdsOf(falseBudget)));
    return thresholds;
  }
}
