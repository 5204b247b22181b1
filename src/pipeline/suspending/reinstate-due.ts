/**
 * Ends suspensions whose time is over: those of a period at its end, those by hand at the instant that was named.
 *
 * While any feed of which a rhythm is expected is late or silent, nobody knows what was spent: then what a rule has barred
 * stays barred, and that is told once. What a person named, and what was never approved, ends nevertheless; and a person
 * may lift by hand at any time.
 */
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { settleAlarm, type Trouble } from '../../feeds/alarms.ts';
import type { FeedFreshness } from '../../feeds/freshness.ts';
import { feedsBehind } from '../../feeds/watched-feeds.ts';
import { Clock } from '../../kernel/clock.ts';
import { covers } from '../../caps/barring.ts';
import {
  countDueByRule,
  lockDue,
  lockHoldsUnderSuspension,
  type Ending,
  type SuspensionRow,
} from '../../suspensions/store.ts';
import { endAll } from './tell-of-suspensions.ts';

const CHUNK = 500;
const BY = 'plafond';
const NOBODY_APPROVED = 'period ended before anyone approved';

@Injectable()
export class ReinstateDue {
  readonly #log = new Logger('suspensions');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Ends all that are due now; resolves to how many. Safe to run anywhere at the same time: each is ended once. */
  async run(): Promise<number> {
    const behind = await this.#waitFor();
    let ended = 0;
    for (;;) {
      const chunk = await inTransaction(this.dataSource, ({ client }) => this.#endChunk(client, behind.length === 0));
      ended += chunk;
      if (chunk < CHUNK) break;
    }
    if (ended > 0) this.#log.log(`${ended} suspensions ended with their period`);
    return ended;
  }

  /**
   * Ends holds of accounts of whom a suspension is read back that stops the same calls for as long: what is barred stays
   * barred, by one bar instead of two.
   */
  async endCoveredHolds(): Promise<number> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const covering = new Map<string, string>();
      for (const row of await lockHoldsUnderSuspension(client)) {
        if (covers(row.suspended, row.class, row.home_country)) covering.set(row.suspension_id, row.suspension);
      }
      if (covering.size === 0) return 0;
      const reason = 'a suspension bars the same calls';
      const rows = await endAll(client, [...covering.keys()], { trigger: 'correction', by: BY, reason, at }, (row) => {
        const by = covering.get(row.suspension_id)!;
        return `The hold on ${row.class} of account ${row.account_id} ends, since suspension ${by} bars the same calls.`;
      });
      return rows.length;
    });
  }

  /** The feeds that lifting waits for; tells it once where there is something to lift, and once when it goes on. */
  async #waitFor(): Promise<readonly string[]> {
    const at = this.clock.now();
    const { behind, told } = await inTransaction(this.dataSource, async ({ client }) => {
      const late = await feedsBehind(client, at);
      const due = late.length === 0 ? 0 : await countDueByRule(client, at);
      const trouble = due === 0 ? undefined : waitingFor(due, late);
      return {
        behind: late.map(({ feed }) => feed),
        told: await settleAlarm(client, 'lifting-waits', 'suspensions', trouble, 'no lifting waits for a feed', at),
      };
    });
    for (const each of told) this.#log.warn(each);
    return behind;
  }

  async #endChunk(client: ClientBase, rules: boolean): Promise<number> {
    const at = this.clock.now();
    const due = await lockDue(client, at, CHUNK, rules);
    if (due.length === 0) return 0;
    const ending: Ending = {
      trigger: 'period-end',
      by: BY,
      reason: 'its time is over',
      reasonOfDecline: NOBODY_APPROVED,
      at,
    };
    const rows = await endAll(client, due, ending, explain);
    return rows.length;
  }
}

function waitingFor(due: number, behind: readonly (FeedFreshness & { feed: string })[]): Trouble {
  const feeds = behind.map(({ feed, state, words }) => `${feed} is ${state} (${words})`).join('; ');
  return {
    text:
      `${due === 1 ? '1 suspension is due to be lifted, but stays' : `${due} suspensions are due to be lifted, but stay`} until ` +
      `usage comes again: ${feeds}. ` +
      `Lift them by hand, or expect no rhythm of a feed that is over.`,
    facts: { due, feeds: behind.map(({ feed }) => feed) },
  };
}

function explain(row: SuspensionRow): string {
  const lifts = row.state === 'lifting';
  const period = row.period === '' ? 'The time that was named for it' : `The period ${row.period}`;
  return lifts
    ? `${period} has ended: the suspension of ${row.class} calls of account ${row.account_id} is lifted.`
    : `${period} has ended before anyone approved the suspension of ${row.class} calls of account ${row.account_id}: nothing was barred.`;
}
