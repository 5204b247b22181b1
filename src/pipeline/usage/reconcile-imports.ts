/** After a nightly file: its days are held against what near real time had, and what is beyond tolerance is told. */
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { settleAlarm, type Trouble } from '../../feeds/alarms.ts';
import { Clock, parseInstant, Stopwatch, toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount, type Micros } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import {
  keepReconciliation,
  reconcile,
  type ReconciliationLine,
  type ReconciliationOutcome,
} from '../../ledger/reconciliation.ts';
import {
  canCompare,
  DEFAULT_TOLERANCE,
  isBeyond,
  totalsOf,
  type CurrencyTotals,
  type Tolerance,
} from '../../ledger/tolerance.ts';
import { dayOf } from '../../ledger/usage-store.ts';

const SAMPLE_SIZE = 100;
/** Usage that is pushed final in small parts is reconciled anew after so many times as long as it took before. */
const PAUSE_TIMES = 20;

/**
 * The newest import of each feed that waits, and whose parts have all come; by the index `import_days_pending`. What is pushed
 * rests after the feed's last reconciliation: by the index `reconciliations_by_time`, once a feed.
 */
const WAITING = `
  WITH resting AS MATERIALIZED (
    SELECT f.feed
      FROM feeds f, LATERAL (SELECT r.at, r.took_ms FROM reconciliations r WHERE r.feed = f.feed ORDER BY r.at DESC LIMIT 1) last
     WHERE last.at + ${PAUSE_TIMES} * last.took_ms * interval '1 millisecond' > $1)
  SELECT max(d.import_id) AS import_id
    FROM import_days d JOIN imports i USING (import_id) JOIN feeds f USING (feed) LEFT JOIN feeds_seen s USING (feed)
   WHERE d.reconciled_in IS NULL AND i.state = 'done'
     AND (f.settle_after_s IS NULL OR s.last_import_at + f.settle_after_s * interval '1 second' <= $1)
     AND (i.source <> 'http' OR i.feed NOT IN (SELECT feed FROM resting))
   GROUP BY i.feed ORDER BY 1`;

@Injectable()
export class ReconcileImports implements OnModuleDestroy {
  readonly #log = new Logger('reconciliation');
  readonly #stopwatch = new Stopwatch();
  #stopping = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** A file may cover more days than can be compared before this process has to end: the next start compares them. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  /** Reconciles what imports have brought since, each feed's together. Safe to run anywhere at the same time. */
  async run(): Promise<void> {
    const waiting = await inTransaction(this.dataSource, ({ client }) =>
      client.query<{ import_id: string }>(WAITING, [toDate(this.clock.now())]),
    );
    try {
      for (const { import_id } of waiting.rows) await this.#reconcile(import_id);
    } catch (error) {
      if (!this.#stopping || !(error instanceof Refusal)) throw error;
      this.#log.log(error.message);
    }
  }

  /** Reconciles the days of an import and of earlier ones of its feed that wait, under its number: each of them once. */
  async #reconcile(importId: string): Promise<void> {
    const at = this.clock.now();
    const since = this.#stopwatch.now();
    const said = await inTransaction(this.dataSource, async ({ client }) => {
      const pending = await lockPending(client, importId);
      if (!pending) return [];
      const { feed, feedsOfOrigin, tolerance, importIds, pushed } = pending;
      const found = await reconcile(client, pending, SAMPLE_SIZE, () => {
        if (this.#stopping)
          throw new Refusal('unavailable', 'stopping', 'this process ends, and the next compares this anew');
      });
      let outcome: ReconciliationOutcome = totalsOf(found.lines).some(canCompare)
        ? 'within-tolerance'
        : 'nothing-to-compare';
      const told: string[] = [];
      for (const day of found.days) {
        const ofDay = found.lines.filter((line) => line.day === day);
        const beyondIn = (lines: readonly ReconciliationLine[]) =>
          totalsOf(lines)
            .filter(canCompare)
            .filter((totals) => isBeyond(totals, tolerance));
        const beyond = beyondIn(pushed ? ofDay.filter((line) => !isStillToCome(line, feed)) : ofDay);
        const trouble = beyond.length === 0 ? undefined : troubleOf(feed, day, importId, beyond);
        const allClear = `near-real-time and nightly usage of ${day} agree (feed ${feed})`;
        // Where all of the origin agrees now, another feed may have told of the day before this one had brought its part.
        for (const each of trouble || beyondIn(ofDay).length > 0 ? [feed] : feedsOfOrigin) {
          told.push(...(await settleAlarm(client, 'reconciliation', `${each} ${day}`, trouble, allClear, at)));
        }
        if (trouble) outcome = 'beyond-tolerance';
      }
      const took_ms = this.#stopwatch.now() - since;
      await keepReconciliation(client, { importId, feed, outcome, importIds, took_ms, ...found }, at);
      return told;
    });
    for (const each of said) this.#log.warn(each);
  }
}

interface Pending {
  feed: string;
  feedsOfOrigin: string[];
  origin: string;
  tolerance: Tolerance;
  importIds: string[];
  days: number[];
  begunAt: Instant;
  /** nothing of it was a file */
  pushed: boolean;
}

/** What waits of a feed up to an import; by the index `import_days_pending`. */
const LOCK_PENDING = `
  SELECT d.import_id, d.day::text AS day, (extract(epoch FROM i.started_at) * 1000)::bigint AS started_ms, i.source
    FROM import_days d JOIN imports i USING (import_id)
   WHERE d.reconciled_in IS NULL AND i.feed = $1 AND i.state = 'done' AND d.import_id <= $2
   ORDER BY d.import_id, d.day FOR UPDATE OF d`;

/** What waits to be reconciled with this import, if anything still does. */
async function lockPending(client: ClientBase, importId: string): Promise<Pending | undefined> {
  const { rows: feeds } = await client.query<{
    feed: string;
    feeds_of_origin: string[];
    origin: string;
    tolerance_percent: string | null;
    tolerance_amount: string | null;
  }>(
    `SELECT f.feed, ARRAY (SELECT o.feed FROM feeds o WHERE o.origin = f.origin) AS feeds_of_origin, f.origin,
            round(f.tolerance_percent, 6)::text AS tolerance_percent, f.tolerance_amount::text AS tolerance_amount
       FROM imports i JOIN feeds f USING (feed) WHERE i.import_id = $1`,
    [importId],
  );
  const found = feeds[0];
  if (!found) return undefined;
  const { rows } = await client.query<{ import_id: string; day: string; started_ms: string; source: string }>(
    LOCK_PENDING,
    [found.feed, importId],
  );
  if (!rows.some((row) => row.import_id === importId)) return undefined;
  return {
    feed: found.feed,
    feedsOfOrigin: found.feeds_of_origin,
    origin: found.origin,
    tolerance: {
      percent: amountOf(found.tolerance_percent) ?? DEFAULT_TOLERANCE.percent,
      amount: amountOf(found.tolerance_amount) ?? DEFAULT_TOLERANCE.amount,
    },
    importIds: [...new Set(rows.map((row) => row.import_id))],
    days: [...new Set(rows.map((row) => dayOf(parseInstant(`${row.day}T00:00:00Z`)!)))],
    begunAt: Math.max(...rows.map((row) => Number(row.started_ms))),
    pushed: rows.every((row) => row.source === 'http'),
  };
}

/** A near-real-time feed may push some usage final at once: of its own, what is not final yet is still to come. */
function isStillToCome({ comparison, feed }: ReconciliationLine, pushingFeed: string): boolean {
  return comparison === 'only-near' && feed === pushingFeed;
}

function amountOf(text: string | null): Micros | undefined {
  return text === null ? undefined : parseAmount(text);
}

function troubleOf(feed: string, day: string, importId: string, beyond: readonly CurrencyTotals[]): Trouble {
  const told = beyond.map(({ currency, sums }) => {
    const money = (micros: Micros) => `${formatAmount(micros)} ${currency}`;
    const { equal, different, 'only-near': near, 'only-nightly': nightly } = sums;
    return [
      near.records > 0 && `${near.records} only near real time (${money(near.near)})`,
      nightly.records > 0 && `${nightly.records} only nightly (${money(nightly.nightly)})`,
      different.records > 0 &&
        `${different.records} with another amount (nightly less near real time: ${money(different.nightly - different.near)})`,
      `${equal.records} equal`,
    ]
      .filter(Boolean)
      .join(', ');
  });
  return {
    text: `near-real-time and nightly usage of ${day} differ (feed ${feed}, import ${importId}): ${told.join('; ')}`,
    facts: { feed, day, import_id: importId },
  };
}
