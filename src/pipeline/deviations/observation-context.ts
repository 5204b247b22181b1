/** What a look at usage goes by: it changes seldom, so a process keeps it, and each turn asks only whether it has changed. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { accountsNotToLearn } from '../../cases/store.ts';
import { thresholdsOf, type Thresholds } from '../../deviations/calibration.ts';
import { Fits, HotList } from '../../deviations/model.ts';
import { PolicyBook } from '../../deviations/policy.ts';
import { policyBook } from '../../deviations/policy-store.ts';
import { UsualPrices } from '../../deviations/price.ts';
import { hotRanges, latestFits, UNFITTED, type Fitted } from '../../deviations/signature-store.ts';
import { suspectedRanges, usualPrices } from '../../deviations/tariff-store.ts';
import type { Instant } from '../../kernel/clock.ts';
import { Remembered } from '../../kernel/remembered.ts';

export interface ObservationContext {
  policies: PolicyBook;
  /** those that are remembered, to be asked for by {@link accountsOf} */
  accounts: Remembered<string, Account>;
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

/** What was read when the marks were these. */
interface Known {
  marks: Partial<Record<Mark, string | null>>;
  policies: PolicyBook;
  /** as they were at the policies' revision, which every change of an account counts up as well */
  accounts: Remembered<string, Account>;
  fitted: readonly Fitted[];
  fits: Fits<Fitted>;
  prices: UsualPrices;
  notLearnt: ReadonlySet<string>;
}

const NOTHING: Known = {
  marks: {},
  policies: new PolicyBook([]),
  accounts: new Remembered(0),
  fitted: [UNFITTED],
  fits: new Fits([UNFITTED]),
  prices: new UsualPrices([]),
  notLearnt: new Set(),
};

export class ObservationContexts {
  /** Replaced as a whole: several turns read at a time, and what one has read goes by no other's marks. */
  #known = NOTHING;
  readonly #thresholds = new Map<number, Thresholds>();

  /** `fitsKept`: of what was fitted the latest; fewer than all do for usage that has only waited to be looked at. */
  constructor(private readonly fitsKept: number | 'all' = 4) {}

  /** As it stands in the transaction of `client`. */
  async at(client: ClientBase, now: Instant): Promise<ObservationContext> {
    const { rows } = await client.query<Record<Mark, string | null>>(MARKS);
    const marks = rows[0]!;
    const before = this.#known;
    const changed = (mark: Mark) => marks[mark] !== before.marks[mark];
    const known: Known = { ...before, marks };
    if (changed('policies')) {
      known.accounts = new Remembered(REMEMBERED);
      known.policies = await policyBook(client);
    }
    if (changed('fitted')) {
      const fitted = await latestFits(client, this.fitsKept);
      known.fitted = fitted.length > 0 ? fitted : [UNFITTED];
    }
    if (changed('fitted') || changed('hot')) known.fits = new Fits(known.fitted, new HotList(await hotRanges(client)));
    if (changed('prices')) known.prices = await usualPrices(client, now);
    if (changed('settled')) known.notLearnt = await accountsNotToLearn(client);
    this.#known = known;
    return {
      ...known,
      thresholdsFor: (falseBudget) => this.#thresholdsFor(falseBudget),
      suspected: await suspectedRanges(client, now),
    };
  }

  #thresholdsFor(falseBudget: number): Thresholds {
    let thresholds = this.#thresholds.get(falseBudget);
    if (!thresholds) this.#thresholds.set(falseBudget, (thresholds = thresholdsOf(falseBudget)));
    return thresholds;
  }
}

/** Those of these accounts that exist. */
export async function accountsOf(
  client: ClientBase,
  { accounts }: Pick<ObservationContext, 'accounts'>,
  ids: Iterable<string>,
): Promise<ReadonlyMap<string, Account>> {
  const found = new Map<string, Account>();
  const unknown = new Set<string>();
  for (const id of ids) {
    if (found.has(id)) continue;
    const account = accounts.get(id);
    if (account) found.set(id, account);
    else unknown.add(id);
  }
  for (const account of await accountsById(client, [...unknown])) {
    accounts.set(account.accountId, account);
    found.set(account.accountId, account);
  }
  return found;
}
