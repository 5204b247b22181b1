/**
 * Holds a cap against what is spent already: after it was made or changed, or after accounts came under other caps.
 * Only the period that runs now acts; what is past is past.
 */
import type { ClientBase } from 'pg';
import { accountsById } from '../accounts/store.ts';
import type { Cap } from '../caps/cap.ts';
import { CapBook } from '../caps/cap-book.ts';
import { Evaluation, windowPeriod, type Crossing } from '../caps/evaluation.ts';
import { allCaps, crossingsOf, keepCrossings } from '../caps/store.ts';
import { toDate, type Instant } from '../kernel/clock.ts';
import { calendarPeriod, rollingHours } from '../kernel/period.ts';
import { toDates } from '../ledger/usage-store.ts';
import { trafficSql } from '../spend/traffic-sql.ts';

const LONGEST_PERIOD_MS = 32 * 86_400_000;

/**
 * Subjects whose counter may be in the running period and either reaches the lowest threshold or had reached one.
 * `$1` limits the accounts; NULL means all.
 */
const COUNTERS_TO_HOLD = `
  SELECT c.account_id, c.service_id, (extract(epoch FROM c.period_start) * 1000)::bigint AS from_ms, c.spend_micros
    FROM counters c
   WHERE c.traffic = $2 AND c.period = $3 AND c.period_start > $4 AND c.period_start <= $5
     AND ($1::text[] IS NULL OR c.account_id = ANY ($1))
     AND (c.spend_micros >= $6 OR EXISTS (SELECT FROM crossings x WHERE x.account_id = c.account_id AND x.cap_id = $7))`;

const WINDOWS_TO_HOLD = (cap: Cap) => `
  SELECT u.account_id, CASE WHEN $6 THEN u.service_id ELSE '' END AS service_id, sum(u.amount_micros)::bigint AS spend_micros
    FROM usage u
   WHERE u.started_at > $2 AND u.started_at <= $3 AND u.day BETWEEN $4 AND $5 AND ${trafficSql(cap.traffic)}
     AND ($1::text[] IS NULL OR u.account_id = ANY ($1))
   GROUP BY 1, 2 HAVING sum(u.amount_micros) >= $7`;

/** What holding `cap` against the spend of now crosses, for `accountIds` or for everyone it holds for. */
export async function holdCap(
  client: ClientBase,
  cap: Cap,
  accountIds: readonly string[] | undefined,
  now: Instant,
): Promise<Crossing[]> {
  const lowest = cap.thresholds[0]!.amount;
  const hours = rollingHours(cap.period);
  const subjects =
    hours === undefined
      ? await client.query<{ account_id: string; service_id: string; from_ms: string; spend_micros: string }>(
          COUNTERS_TO_HOLD,
          [
            accountIds ?? null,
            cap.traffic,
            cap.period,
            toDate(now - LONGEST_PERIOD_MS),
            toDate(now),
            lowest.toString(),
            cap.id,
          ],
        )
      : await client.query<{ account_id: string; service_id: string; from_ms?: string; spend_micros: string }>(
          WINDOWS_TO_HOLD(cap),
          [
            accountIds ?? null,
            ...toDates(now - hours * 3_600_000, now),
            cap.scope.kind === 'service',
            lowest.toString(),
          ],
        );
  const ids = [...new Set(subjects.rows.map((row) => row.account_id))];
  const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
  const book = new CapBook(await allCaps(client));
  const evaluation = new Evaluation();
  evaluation.recall(await crossingsOf(client, ids));
  const crossings: Crossing[] = [];
  for (const row of subjects.rows) {
    const account = accounts.get(row.account_id);
    if (!account) continue;
    const serviceId = row.service_id;
    const holding = serviceId === '' ? book.ofAccount(account) : book.ofService(serviceId, account);
    if (!holding.some(({ id }) => id === cap.id)) continue;
    const period =
      hours === undefined
        ? calendarPeriod(cap.period as 'day' | 'week' | 'month', now, account)
        : windowPeriod(now, hours, account);
    if (row.from_ms !== undefined && Number(row.from_ms) !== period.from) continue;
    crossings.push(...evaluation.hold(account, { cap, serviceId }, period, BigInt(row.spend_micros), now));
  }
  await keepCrossings(client, evaluation.touched());
  return crossings;
}
