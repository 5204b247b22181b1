/** Usual prices, signs and brakes in PostgreSQL. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { dateOfDay } from '../ledger/usage-store.ts';
import { PRICE_STEP_SQL, PRICED_SQL, RANGE_SQL, UsualPrices, type PriceCount } from './price.ts';
import { PRICE_SIGNS_MS, type BrakeCause, type PriceFault, type TariffSign } from './tariff-brake.ts';

const DAY_MS = 86_400_000;
/** Prices of so many days tell what is usual. */
const DAYS = 28;

/**
 * Counts a day's prices anew from its partition of the ledger. What was charged on a range while it was braked is left out,
 * unless the billing team found it right: a wrong price must not become a usual one.
 */
const COUNT_DAY = `
  INSERT INTO tariff_prices (day, currency, segment, range, country, bucket, calls)
  SELECT u.day, a.currency, a.segment, ${RANGE_SQL}, u.country, ${PRICE_STEP_SQL}, count(*)
    FROM usage u JOIN accounts a USING (account_id)
   WHERE u.day = $1 AND ${PRICED_SQL}
     AND NOT EXISTS (SELECT FROM tariff_brakes b JOIN cases c USING (case_no)
                      WHERE b.range = ${RANGE_SQL} AND b.kind = 'price' AND c.state NOT IN ('legitimate', 'confirmed-fraud')
                        AND u.started_at >= c.from_at AND u.started_at < coalesce(b.released_at, 'infinity'))
   GROUP BY 1, 2, 3, 4, 5, 6`;

/**
 * The days before today whose usage has been quiet for an hour, and has no count yet or may have grown since; who writes usage says
 * so of its day hourly. So a wrong price that comes with the night's files is braked before it could be counted as usual. What is
 * older and has no count yet came with a history: until it is counted no price is known as wrong.
 */
const DAYS_TO_COUNT = `
  SELECT l.day - date 'epoch' AS day FROM ledger_days l LEFT JOIN tariff_days t USING (day)
   WHERE l.day >= $1 AND l.day <= $2
     AND CASE WHEN t.day IS NULL THEN l.day < $2 OR l.touched_at <= $3
              ELSE l.touched_at <= $3 AND l.touched_at + interval '2 hours' > t.counted_at AND t.counted_at <= $4 END
   ORDER BY l.day DESC`;
const QUIET_MS = 2 * 3_600_000;
/** Not oftener than that is a day counted anew. */
const COUNTED_EVERY_MS = 6 * 3_600_000;

/** The days whose prices are to be counted now, the latest first. */
export async function daysToCount(client: ClientBase, now: Instant): Promise<number[]> {
  const today = Math.floor(now / DAY_MS);
  const { rows } = await client.query<{ day: number }>(DAYS_TO_COUNT, [
    dateOfDay(today - DAYS),
    dateOfDay(today - 1),
    toDate(now - QUIET_MS),
    toDate(now - COUNTED_EVERY_MS),
  ]);
  return rows.map(({ day }) => day);
}

/** Counts prices of these days, anew where they have been before; of those alone that tell what is usual today. */
export async function countPrices(client: ClientBase, days: readonly number[], now: Instant): Promise<void> {
  const today = Math.floor(now / DAY_MS);
  for (const day of days.filter((each) => each >= today - DAYS && each < today)) {
    await client.query('DELETE FROM tariff_prices WHERE day = $1', [dateOfDay(day)]);
    await client.query(COUNT_DAY, [dateOfDay(day)]);
    await client.query(
      'INSERT INTO tariff_days VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET counted_at = excluded.counted_at',
      [dateOfDay(day), toDate(now)],
    );
  }
  await client.query('DELETE FROM tariff_prices WHERE day < $1', [dateOfDay(today - 2 * DAYS)]);
}

export async function usualPrices(client: ClientBase, now: Instant): Promise<UsualPrices> {
  const { rows } = await client.query<Omit<PriceCount, 'calls'> & { calls: string }>(
    `SELECT currency, segment, range, bucket, sum(calls) AS calls FROM tariff_prices
      WHERE day >= $1 GROUP BY currency, segment, range, bucket`,
    [dateOfDay(Math.floor(now / DAY_MS) - DAYS)],
  );
  return new UsualPrices(rows.map((row) => ({ ...row, calls: Number(row.calls) })));
}

export interface NewSign extends TariffSign {
  currency: string;
  range: string;
  recordId: string;
}

/** A range that alarms has no more use of more signs than these. */
const SIGNS_OF_RANGE_MAX = 1_000;

/** Keeps signs, each once however often it is seen. */
const KEEP_SIGNS = `
  INSERT INTO tariff_signs (kind, currency, range, account_id, record_id, at, ratio)
  SELECT s.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::float8[])
         AS s (kind, currency, range, account_id, record_id, at, ratio)
         LEFT JOIN (SELECT range, count(*) AS signs FROM tariff_signs WHERE range = ANY ($3::text[]) AND seen_at IS NULL GROUP BY range) kept USING (range)
   WHERE coalesce(kept.signs, 0) < ${SIGNS_OF_RANGE_MAX}
   ORDER BY range, kind, account_id, record_id
  ON CONFLICT DO NOTHING`;

export async function keepSigns(client: ClientBase, signs: readonly NewSign[]): Promise<void> {
  if (signs.length === 0) return;
  await client.query(KEEP_SIGNS, [
    signs.map((s) => s.kind),
    signs.map((s) => s.currency),
    signs.map((s) => s.range),
    signs.map((s) => s.accountId),
    signs.map((s) => s.recordId),
    signs.map((s) => toDate(s.at)),
    signs.map((s) => s.ratio),
  ]);
}

/** Those that count still; by `tariff_signs_unseen`. */
const SIGNS_ON = `
  SELECT kind, range, account_id, at, ratio FROM tariff_signs WHERE range = ANY ($1) AND seen_at IS NULL ORDER BY sign_no`;

export async function signsOn(client: ClientBase, ranges: readonly string[]): Promise<Map<string, TariffSign[]>> {
  const { rows } = await client.query<{
    kind: TariffSign['kind'];
    range: string;
    account_id: string;
    at: Date;
    ratio: number;
  }>(SIGNS_ON, [ranges]);
  const signs = new Map<string, TariffSign[]>();
  for (const { kind, range, account_id, at, ratio } of rows) {
    const sign = { kind, accountId: account_id, at: at.getTime(), ratio };
    const same = signs.get(range);
    if (same) same.push(sign);
    else signs.set(range, [sign]);
  }
  return signs;
}

/** Ranges that have had a sign of late: calls to them are looked at whatever they cost. */
export async function suspectedRanges(client: ClientBase, now: Instant): Promise<Set<string>> {
  const { rows } = await client.query<{ range: string }>(
    'SELECT DISTINCT range FROM tariff_signs WHERE at > $1 AND seen_at IS NULL',
    [toDate(now - PRICE_SIGNS_MS)],
  );
  return new Set(rows.map(({ range }) => range));
}

/**
 * Those of a range that is braked stay, and where its brake has let go as long as anything stands that rules had barred by then: the
 * verdict, or another one that puts it right, lifts what had been barred of accounts that gave them.
 */
const FORGET_SIGNS = `
  DELETE FROM tariff_signs s
   WHERE at < $1 AND NOT EXISTS (SELECT FROM tariff_brakes b WHERE b.range = s.range AND b.released_at IS NULL)
     AND NOT EXISTS (SELECT FROM suspensions b WHERE b.account_id = s.account_id AND b.requested_at <= s.seen_at
                        AND b.requested_by = 'plafond' AND b.state IN ('awaiting-approval', 'wanted', 'applied'))`;

export async function forgetOldSigns(client: ClientBase, now: Instant): Promise<void> {
  await client.query(FORGET_SIGNS, [toDate(now - 7 * PRICE_SIGNS_MS)]);
}

/**
 * Until the transaction ends nobody else brakes a range: shards are looked at side by side, and a range gets one case. Whoever has it
 * sees all signs of those who had it before.
 */
export async function lockBrakes(client: ClientBase): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(7005)');
}

export interface Brake {
  range: string;
  caseNo: string;
  kind: BrakeCause['kind'] | 'by-hand';
}

/** The ranges on which account actions wait now. */
export async function openBrakes(client: ClientBase): Promise<Brake[]> {
  const { rows } = await client.query<{ range: string; case_no: string; kind: Brake['kind'] }>(
    'SELECT range, case_no, kind FROM tariff_brakes WHERE released_at IS NULL ORDER BY range',
  );
  return rows.map(({ range, case_no, kind }) => ({ range, caseNo: case_no, kind }));
}

const OPEN_FAULTS = `
  SELECT c.case_no, c.ranges, e.ratio, e.words
    FROM cases c, LATERAL (SELECT (facts ->> 'ratio')::float8 AS ratio, why AS words FROM case_events
                            WHERE case_no = c.case_no AND what = 'braked' ORDER BY event_no LIMIT 1) e
   WHERE c.case_no IN (SELECT case_no FROM tariff_brakes WHERE released_at IS NULL AND kind = 'price')
     AND c.state = ANY ($2) AND c.last_at > $1
   ORDER BY c.case_no`;

interface FaultRow {
  case_no: string;
  ranges: string[];
  ratio: number;
  words: string;
}

/** Prices that went wrong within the last day, and that nobody has found to be right. */
export async function priceFaults(client: ClientBase, now: Instant): Promise<PriceFault[]> {
  const since = toDate(now - PRICE_SIGNS_MS);
  const { rows } = await client.query<FaultRow>(OPEN_FAULTS, [since, ['open', 'rating-error']]);
  return rows.map(faultOf);
}

/** Those of them of which nobody has said anything: their cases may still be about more, and are locked. */
export async function lockOpenFaults(client: ClientBase, now: Instant): Promise<PriceFault[]> {
  const since = toDate(now - PRICE_SIGNS_MS);
  const { rows } = await client.query<FaultRow>(`${OPEN_FAULTS} FOR NO KEY UPDATE OF c`, [since, ['open']]);
  return rows.map(faultOf);
}

function faultOf({ case_no: caseNo, ...rest }: FaultRow): PriceFault {
  return { caseNo, ...rest };
}

/** Until a day's prices have been counted, and tell by themselves what is usual. */
const FOUND_RIGHT_MS = 2 * DAY_MS;

/** How many times what was usual a price of the range was found right in these days; 1 where none was. */
export async function ratioFoundRight(client: ClientBase, range: string, now: Instant): Promise<number> {
  const { rows } = await client.query<{ ratio: number }>(
    `SELECT coalesce(max((e.facts ->> 'ratio')::float8), 1) AS ratio
       FROM tariff_brakes b JOIN cases c USING (case_no) JOIN case_events e USING (case_no)
      WHERE b.range = $1 AND b.kind = 'price' AND b.released_at > $2 AND c.state IN ('legitimate', 'confirmed-fraud') AND e.what = 'braked'`,
    [range, toDate(now - FOUND_RIGHT_MS)],
  );
  return rows[0]!.ratio;
}

/** Brakes a range; answers whether it was not braked already. */
export async function insertBrake(client: ClientBase, brake: Brake, at: Instant): Promise<boolean> {
  const { rowCount } = await client.query(
    `INSERT INTO tariff_brakes (range, case_no, kind, braked_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [brake.range, brake.caseNo, brake.kind, toDate(at)],
  );
  return rowCount === 1;
}

/** Lets go of what a case had braked; answers the ranges. Their signs have been seen and count no more. */
export async function releaseBrakes(client: ClientBase, caseNo: string, by: string, at: Instant): Promise<string[]> {
  const { rows } = await client.query<{ range: string }>(
    'UPDATE tariff_brakes SET released_at = $2, released_by = $3 WHERE case_no = $1 AND released_at IS NULL RETURNING range',
    [caseNo, toDate(at), by],
  );
  const ranges = rows.map(({ range }) => range);
  await client.query('UPDATE tariff_signs SET seen_at = $2 WHERE range = ANY ($1) AND seen_at IS NULL', [
    ranges,
    toDate(at),
  ]);
  return ranges;
}

const BRAKE_AGAIN = `
  UPDATE tariff_brakes b SET released_at = NULL, released_by = NULL
   WHERE case_no = $1 AND released_at IS NOT NULL
     AND NOT EXISTS (SELECT FROM tariff_brakes o WHERE o.range = b.range AND o.released_at IS NULL)
  RETURNING range, kind`;

/** Brakes anew what a case had braked, as if it had never let go, but for ranges that another one brakes by now. */
export async function brakeAgain(client: ClientBase, caseNo: string): Promise<Omit<Brake, 'caseNo'>[]> {
  await lockBrakes(client);
  const { rows } = await client.query<Omit<Brake, 'caseNo'>>(BRAKE_AGAIN, [caseNo]);
  return rows;
}

/** Whether a case has braked a range for its price, and has kept prices from being counted by that. */
export async function leavesPricesOut(client: ClientBase, caseNo: string): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT FROM tariff_brakes WHERE case_no = $1 AND kind = 'price'`, [caseNo]);
  return rowCount! > 0;
}

/** Notes for which brake's case decisions wait. */
export async function keepBraked(
  client: ClientBase,
  waiting: readonly { decisionId: string; caseNo: string }[],
): Promise<void> {
  if (waiting.length === 0) return;
  await client.query(
    `INSERT INTO braked_decisions (decision_id, case_no)
     SELECT * FROM unnest($1::uuid[], $2::bigint[]) ON CONFLICT (decision_id) DO NOTHING`,
    [waiting.map(({ decisionId }) => decisionId), waiting.map(({ caseNo }) => caseNo)],
  );
}
