/** Customers whose bars were approved after they were decided: told then, once, by what was kept of the decision. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { isHoldScope } from '../../caps/barring.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Instant } from '../../kernel/clock.ts';
import { enqueue } from '../../queues/outbox.ts';
import type { SuspensionRow } from '../../suspensions/store.ts';
import { freezeFacts, thawFacts } from '../../warnings/facts.ts';
import type { PlannedMessage } from '../../warnings/plan.ts';
import { grouped, inChunks } from '../grouped.ts';
import type { Matter, Stretch, Words } from '../deciding/matter.ts';
import { seriesOf, tellCustomers } from './tell-customers.ts';

/** What is kept of a matter for the day when its bars are approved, as text. Whose it is, is read from the account then. */
export function keptForApproval(decisionId: string, words: Words, { serviceId, traffic, from, to }: Stretch): string {
  const facts = { ...words, accountName: '', mostSpentOn: [] };
  return JSON.stringify({ stretch: { serviceId, traffic, from, to }, told: freezeFacts([{ decisionId, facts }]) });
}

/** A suspension that was approved, with the decision that says so. */
export interface Approved {
  row: SuspensionRow;
  account: Account;
  decision: Decision;
}

/** Writes the messages and has those that are due delivered; answers them by the suspensions that each tells of. */
export async function tellOfApprovals(
  client: ClientBase,
  approved: readonly Approved[],
  at: Instant,
): Promise<ReadonlyMap<string, readonly PlannedMessage[]>> {
  // What one decision bars, however many destinations that are, is told in one go.
  const groups = [...grouped(approved, ({ row }) => row.decision_id ?? row.suspension_id).values()];
  const matters = groups.flatMap((group) => matterOf(group) ?? []);
  const series = await seriesOf(client, matters, at);
  const messages = await tellCustomers(client, matters, { spent: new Map(), series }, at);
  const due = messages.filter(({ dueAt }) => dueAt <= at).map(({ id }) => id);
  await enqueue(
    client,
    inChunks(due, 50).map((warnings) => ({ job: 'deliver-warnings' as const, payload: { warnings } })),
  );
  return new Map(
    groups.flatMap((group) => {
      const telling = messages.filter(({ covers }) => covers.includes(group[0]!.decision.id));
      return group.map(({ row }) => [row.suspension_id, telling] as const);
    }),
  );
}

/** undefined where nothing was to be told of it. */
function matterOf(group: readonly Approved[]): Matter | undefined {
  const { row, account, decision } = group[0]!;
  if (row.told_when_approved === null) return undefined;
  const { stretch, told } = JSON.parse(row.told_when_approved) as { stretch: Matter['stretch']; told: string };
  const { accountName, locale, timeZone } = { ...account, accountName: account.name };
  const facts = { ...thawFacts(told)[0]!.facts, accountName, locale, timeZone };
  const until = row.ends_at?.getTime();
  const scopes = group.map((each) => each.row.class);
  const words: Words = isHoldScope(row.class)
    ? { ...facts, kind: 'hold', held: { scopes, until, terms: row.terms } }
    : { ...facts, kind: 'suspend', suspended: { class: row.class, until, terms: row.terms } };
  return {
    decision,
    account,
    cause: row.suspension_id,
    known: {},
    stretch: { ...stretch, accountId: account.accountId },
    bars: [],
    words,
  };
}
