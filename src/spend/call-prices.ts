/** What a call in progress is priced by: what the account last paid towards its destination, else what others pay. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { dateOfDay, dayOf } from '../ledger/usage-store.ts';

const MONTH_MS = 31 * 86_400_000;
/** The last records of which the price is taken. */
const RECORDS = 5;
/** `+` and five digits, about where tariffs are cut; as usual prices are kept (`tariff_prices`). */
const RANGE_CHARACTERS = 6;
/** Steps in which usual prices are kept: of a tenth of the natural logarithm of micros a minute. */
const STEPS = 10;

/** Of an account's last calls to the same range, and to the same country; by the index on (account_id, started_at). */
const lastPaid = (where: string) => `
  LATERAL (SELECT sum(amount_micros)::bigint AS micros, sum(duration_s)::int AS seconds
             FROM (SELECT u.amount_micros, u.duration_s FROM usage u
                    WHERE u.account_id = d.account_id AND u.started_at > d.since AND u.day >= (d.since AT TIME ZONE 'UTC')::date AND u.kind = 'voice'
                      AND u.duration_s > 0 AND u.amount_micros > 0 AND ${where}
                    ORDER BY u.started_at DESC LIMIT ${RECORDS}) last)`;

/** The middle of usual prices among those of a country. */
const usual = (where: string) => `
  round(exp(sum(bucket * calls) FILTER (WHERE ${where})::double precision
            / nullif(sum(calls) FILTER (WHERE ${where}), 0) / ${STEPS}))::bigint`;

/**
 * Prices the calls that have no price yet, each by the first that is known (`PRICE_FROM`). Every account's destination is
 * looked up once, however many calls go there; what others pay, only where the account itself never paid, by the index
 * `tariff_prices_of_country`. A call that nobody's price was known for is held against the account's own records again, those
 * of about its own time: the record of a call before it may have come meanwhile.
 */
const PRICE = `
  WITH calls AS (
    SELECT c.source, c.call_id, c.account_id, a.currency, a.segment, c.country, left(c.number, ${RANGE_CHARACTERS}) AS range,
           CASE WHEN c.price_from IS NULL THEN $1::timestamptz ELSE c.started_at - interval '1 hour' END AS since
      FROM running_calls c JOIN accounts a USING (account_id)
     WHERE (c.price_from IS NULL OR c.price_from = 'unknown') AND c.settled_record IS NULL),
  own AS MATERIALIZED (
    SELECT d.*, paid.micros, paid.seconds, near.micros AS near_micros, near.seconds AS near_seconds
      FROM (SELECT account_id, currency, segment, country, range, min(since) AS since FROM calls GROUP BY 1, 2, 3, 4, 5) d,
           ${lastPaid(`left(u.b_number, ${RANGE_CHARACTERS}) = d.range`)} paid,
           ${lastPaid('u.country = d.country')} near),
  others AS MATERIALIZED (
    SELECT d.*, pay.*
      FROM (SELECT DISTINCT currency, segment, country, range FROM own
             WHERE since = $1::timestamptz AND near_micros IS NULL AND micros IS NULL) d,
           LATERAL (SELECT ${usual('t.range = d.range AND t.segment = d.segment')} AS segment_range,
                           ${usual('t.range = d.range')} AS provider_range,
                           ${usual('t.segment = d.segment')} AS segment_country,
                           ${usual('true')} AS provider_country
                      FROM tariff_prices t
                     WHERE t.country = d.country AND t.currency = d.currency AND t.day >= $2::date) pay)
  UPDATE running_calls r SET price_micros = p.micros, price_s = p.seconds, price_from = p.word
    FROM (SELECT c.source, c.call_id, best.*
            FROM calls c JOIN own USING (account_id, country, range)
                 LEFT JOIN others o ON (o.currency, o.segment, o.country, o.range) = (c.currency, c.segment, c.country, c.range),
                 LATERAL (SELECT * FROM (VALUES (own.micros, own.seconds, 'own-range'),
                                                (own.near_micros, own.near_seconds, 'own-country'),
                                                (o.segment_range, 60, 'segment'), (o.provider_range, 60, 'provider'),
                                                (o.segment_country, 60, 'segment-country'),
                                                (o.provider_country, 60, 'provider-country'), (0, 0, 'unknown'))
                                          AS known (micros, seconds, word) WHERE known.micros IS NOT NULL LIMIT 1) best) p
   WHERE r.source = p.source AND r.call_id = p.call_id AND r.price_from IS DISTINCT FROM p.word`;

export async function priceNewCalls(client: ClientBase, at: Instant): Promise<void> {
  const { rows } = await client.query(
    `SELECT FROM running_calls WHERE (price_from IS NULL OR price_from = 'unknown') AND settled_record IS NULL LIMIT 1`,
  );
  if (rows.length === 0) return;
  await client.query(PRICE, [toDate(at - MONTH_MS), dateOfDay(dayOf(at - MONTH_MS))]);
}
