import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A verdict that usage was fraud or wrongly rated is noted with a signature's events: what waits to be learnt is forgotten with
 * it. Each look at usage asks for such cases: they are few, and have an index of their own.
 */
export class ForgetWhatWasFraud1700000000023 implements MigrationInterface {
  name = 'ForgetWhatWasFraud1700000000023';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE signature_events DROP CONSTRAINT signature_events_what_check,
        ADD CONSTRAINT signature_events_what_check CHECK (what IN ('taken-in', 'dropped'));
      CREATE INDEX cases_not_learnt ON cases (account_id, state_at) WHERE kind = 'account' AND state IN ('confirmed-fraud', 'rating-error');

      -- What was settled so before is made anew: more of it is left out.
      INSERT INTO corrected_accounts (account_id, corrected_at)
      SELECT DISTINCT account_id, now() FROM cases WHERE kind = 'account' AND state IN ('confirmed-fraud', 'rating-error')
      ON CONFLICT DO NOTHING`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX cases_not_learnt;
      DELETE FROM signature_events WHERE what = 'dropped';
      ALTER TABLE signature_events DROP CONSTRAINT signature_events_what_check,
        ADD CONSTRAINT signature_events_what_check CHECK (what IN ('taken-in'))`);
  }
}
