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
                    WHERE u.account_id = c.account_id AND u.started_at > $1 AND u.day >= $2::date AND u.kind = 'voice'
                      AND u.duration_s > 0 AND u.amount_micros > 0 AND ${where}
                    ORDER BY u.started_at DESC LIMIT ${RECORDS}) last)`;

/** The middle of usual prices of a range: of the account's segment, or of all. */
const usual = (where: string) => `
  LATERAL (SELECT round(exp(sum(bucket * calls)::double precision / nullif(sum(calls), 0) / ${STEPS}))::bigint AS micros
             FROM tariff_prices t
            WHERE t.currency = a.currency AND t.range = left(c.number, ${RANGE_CHARACTERS}) AND t.day >= $2::date AND ${where})`;

/** Prices the calls that have none yet, once. */
const PRICE = `
  UPDATE running_calls r SET price_micros = p.micros, price_s = p.seconds, price_from = p.word
    FROM (SELECT c.source, c.call_id, best.*
            FROM running_calls c JOIN accounts a USING (account_id),
                 ${lastPaid(`left(u.b_number, ${RANGE_CHARACTERS}) = left(c.number, ${RANGE_CHARACTERS})`)} own,
                 ${lastPaid('u.country = c.country')} near,
                 ${usual('t.segment = a.segment')} segment,
                 ${usual('true')} provider,
                 LATERAL (SELECT * FROM (VALUES (own.micros, own.seconds, 'own-range'), (near.micros, near.seconds, 'own-country'),
                                                (segment.micros, 60, 'segment'), (provider.micros, 60, 'provider'), (0, 0, 'unknown'))
                                          AS known (micros, seconds, word) WHERE known.micros IS NOT NULL LIMIT 1) best
           WHERE c.price_from IS NULL AND c.settled_record IS NULL) p
   WHERE r.source = p.source AND r.call_id = p.call_id`;

export async function priceNewCalls(client: ClientBase, at: Instant): Promise<void> {
  const { rows } = await client.query('SELECT FROM running_calls WHERE price_from IS NULL LIMIT 1');
  if (rows.length === 0) return;
  await client.query(PRICE, [toDate(at - MONTH_MS), dateOfDay(dayOf(at - MONTH_MS))]);
}
