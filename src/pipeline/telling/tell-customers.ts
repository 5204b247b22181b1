/** The messages that tell customers of what was decided: what they say is frozen here; a worker finds the words for it. */
import type { ClientBase } from 'pg';
import type { Instant } from '../../kernel/clock.ts';
import type { SpentOn } from '../../spend/spent-on.ts';
import { spentInSteps, usuallySpent } from '../../spend/spent-in-steps.ts';
import type { SpendSeries } from '../../warnings/chart/spend-chart.ts';
import { planMessages, type Correspondence, type PlannedMessage } from '../../warnings/plan.ts';
import { correspondenceOf, keepMessages } from '../../warnings/planned.ts';
import { grouped } from '../grouped.ts';
import type { Matter } from '../deciding/matter.ts';

const NOTHING_BEFORE: Correspondence = { waiting: [], lastAt: {} };

/** What a customer is shown of a matter beside its words, by decision. */
export interface Shown {
  spent: ReadonlyMap<string, readonly SpentOn[]>;
  series: ReadonlyMap<string, SpendSeries>;
}

/** Plans and keeps the messages; answers them by the decisions that each covers. */
export async function tellCustomers(
  client: ClientBase,
  made: readonly Matter[],
  { spent, series }: Shown,
  at: Instant,
): Promise<PlannedMessage[]> {
  const telling = made.filter(({ words }) => words !== undefined);
  if (telling.length === 0) return [];
  const accounts = grouped(telling, ({ account }) => account.accountId);
  const before = await correspondenceOf(client, [...accounts.keys()], at);
  const planned = [...accounts].flatMap(([accountId, matters]) => {
    const news = matters.map(({ decision, words }) => ({
      decision,
      facts: {
        ...words!,
        mostSpentOn: (spent.get(decision.id) ?? []).slice(0, 3),
        series: series.get(decision.id),
      },
    }));
    return planMessages(matters[0]!.account, news, before.get(accountId) ?? NOTHING_BEFORE, at);
  });
  await keepMessages(client, planned);
  return planned;
}

/** What the chart of each matter shows that a customer is told by mail: a query a traffic for what was spent, and one for what is usual. */
export async function seriesOf(
  client: ClientBase,
  all: readonly Matter[],
  at: Instant,
): Promise<Map<string, SpendSeries>> {
  const matters = all.filter(({ words, account }) => words !== undefined && account.email !== '');
  const series = new Map<string, SpendSeries>();
  const usual = await usuallySpent(
    client,
    matters.flatMap(({ decision, account, stretch, words }) =>
      words!.period === 'rolling' ? [] : [{ key: decision.id, ...stretch, period: words!.period, calendar: account }],
    ),
  );
  for (const [traffic, same] of grouped(matters, ({ stretch }) => stretch.traffic)) {
    const questions = same.map(({ decision, stretch }) => ({ key: decision.id, ...stretch }));
    const steps = await spentInSteps(client, traffic, questions);
    for (const { decision, stretch, words } of same) {
      const until = Math.min(Math.max(at, stretch.from), stretch.to);
      series.set(decision.id, {
        from: stretch.from,
        to: stretch.to,
        until,
        spent: steps.get(decision.id)!,
        limit: words!.limit,
        usual: usual.get(decision.id),
      });
    }
  }
  return series;
}
