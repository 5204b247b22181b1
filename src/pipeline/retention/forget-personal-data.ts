/**
 * Personal data expire: nightly, what tells of people and is older than is kept is dropped, or masked where the row still says
 * what was done. The table in ledger/README.md is this list in words. Evidence is kept longer: remove-old-evidence.ts.
 */
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { Clock, toDate } from '../../kernel/clock.ts';
import { refuseWrongClock } from './refuse-wrong-clock.ts';

const DAY_MS = 86_400_000;
/** Shorter than this nothing is forgotten: a warning's link is good for 31 days, and tells of a period of as many. */
const KEPT_DAYS_MIN = 62;
const BATCH_ROWS = 2_000;

/**
 * Each forgets at most $2 rows that are older than $1, and none that it has forgotten before; rows that somebody holds are left
 * to the next night. Dropped rows are the first of their number, masked ones come by a partial index that they leave.
 */
const FORGET: Readonly<Record<string, string>> = {
  'what messages said, and to whom': `
    UPDATE warnings w SET address = '', subject = '', text = '', html = '', facts = '[]', gateway_ids = '{}'
      FROM (SELECT warning_id FROM warnings WHERE settled_at < $1 AND address <> ''
             ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE w.warning_id = old.warning_id`,
  'attempts at messages': `
    DELETE FROM warning_attempts a
     USING (SELECT warning_id, attempt FROM warning_attempts WHERE at < $1
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE (a.warning_id, a.attempt) = (old.warning_id, old.attempt)`,
  'receipts and bounces': `
    DELETE FROM warning_receipts r
     USING (SELECT receipt_no FROM warning_receipts WHERE at < $1
             ORDER BY receipt_no LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE r.receipt_no = old.receipt_no`,
  'who answered, from where': `
    UPDATE answers a SET address = '', user_agent = '', shown = '', phone = '', amount_micros = NULL
      FROM (SELECT answer_id FROM answers WHERE at < $1 AND shown <> ''
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE a.answer_id = old.answer_id`,
  'numbers that customers asked to be called at': `
    UPDATE decisions d SET explanation = regexp_replace(d.explanation, '\\+\\d{7,15}', '(a number)', 'g')
      FROM (SELECT decision_id FROM decisions
             WHERE at < $1 AND type = 'notify-operator' AND trigger = 'manual' AND explanation ~ '\\+\\d{7}'
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE d.decision_id = old.decision_id`,
  'messages to operators': `
    DELETE FROM operator_messages m
     USING (SELECT message_no FROM operator_messages WHERE settled_at < $1
             ORDER BY message_no LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE m.message_no = old.message_no`,
  'what operators were told, and what silences withheld': `
    DELETE FROM operator_events e
     USING (SELECT event_id FROM operator_events WHERE at < $1 AND grouped_at IS NOT NULL
             ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE e.event_id = old.event_id`,
  'alarms that are over': `
    DELETE FROM alarms a
     USING (SELECT alarm_id FROM alarms WHERE cleared_at < $1
             ORDER BY alarm_id LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE a.alarm_id = old.alarm_id`,
  silences: `
    DELETE FROM silences s
     USING (SELECT silence_id FROM silences WHERE ends_at < $1
               AND NOT EXISTS (SELECT FROM operator_events e WHERE e.silence_id = silences.silence_id)
             ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE s.silence_id = old.silence_id`,
  forecasts: `
    DELETE FROM forecasts f
     USING (SELECT account_id, cap_id, service_id FROM forecasts WHERE at < $1
                OR NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = forecasts.account_id)
             ORDER BY account_id, cap_id, service_id LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE (f.account_id, f.cap_id, f.service_id) = (old.account_id, old.cap_id, old.service_id)`,
  'what was usual for accounts that were removed': `
    WITH old AS (
      SELECT account_id FROM deviation_signatures s WHERE $1::timestamptz IS NOT NULL
         AND NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = s.account_id)
       ORDER BY account_id LIMIT $2 FOR UPDATE SKIP LOCKED
    ), events AS (DELETE FROM signature_events e USING old WHERE e.account_id = old.account_id),
       corrected AS (DELETE FROM corrected_accounts c USING old WHERE c.account_id = old.account_id)
    DELETE FROM deviation_signatures s USING old WHERE s.account_id = old.account_id`,
  'names, addresses and numbers in the record of changes': `
    UPDATE changes c
       SET before = CASE c.subject WHEN 'allowed-numbers' THEN NULL ELSE c.before - $3::text[] END,
           after = CASE c.subject WHEN 'allowed-numbers' THEN NULL ELSE c.after - $3::text[] END
      FROM (SELECT change_id FROM changes WHERE at < $1 AND subject IN ('account', 'allowed-numbers', 'receiver')
               AND (subject = 'allowed-numbers' OR coalesce(after, before) ?| '{email,msisdn,address}')
               AND coalesce(after, before) IS NOT NULL
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED) old
     WHERE c.change_id = old.change_id`,
};
const PERSONAL_KEYS = ['name', 'email', 'msisdn', 'address'];

@Injectable()
export class ForgetPersonalData {
  readonly #log = new Logger('retention');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Forgets what is old now, in short transactions. Safe to run anywhere at the same time, and to be cut off anywhere. */
  async run(): Promise<void> {
    await refuseWrongClock(this.dataSource);
    const days = Math.max(this.config.retentionDays, KEPT_DAYS_MIN);
    const before = toDate(this.clock.now() - days * DAY_MS);
    for (const [what, sql] of Object.entries(FORGET)) {
      const parameters = [before, BATCH_ROWS, ...(sql.includes('$3') ? [PERSONAL_KEYS] : [])];
      const once = async ({ client }: { client: ClientBase }) => (await client.query(sql, parameters)).rowCount ?? 0;
      let rows = 0;
      for (let more = BATCH_ROWS; more === BATCH_ROWS; rows += more) more = await inTransaction(this.dataSource, once);
      if (rows > 0) this.#log.log(`forgot ${what}: ${rows} older than ${days} days, or of removed accounts`);
    }
  }
}
