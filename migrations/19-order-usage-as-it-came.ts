import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The ledger knows in which order usage came, not only by which import; what was fitted, from where on it holds; and which
 * accounts' usage was corrected, so that their signatures are made anew. Of usage from before, its imports say the order, and
 * what was fitted last holds for it; corrections of before are not known.
 */
export class OrderUsageAsItCame1700000000019 implements MigrationInterface {
  name = 'OrderUsageAsItCame1700000000019';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- A batch takes 64 numbers when the shards of its accounts are its own: one for each delivery that it may hold.
      CREATE SEQUENCE usage_batches INCREMENT 64 MINVALUE 64;
      ALTER TABLE usage ADD COLUMN arrived bigint NOT NULL DEFAULT 0;
      ALTER TABLE usage ALTER COLUMN arrived DROP DEFAULT;
      ALTER TABLE signature_events ADD COLUMN arrived bigint NOT NULL DEFAULT 0;
      ALTER TABLE signature_events ALTER COLUMN arrived DROP DEFAULT;

      ALTER TABLE movement_log ADD COLUMN batch bigint NOT NULL DEFAULT 0;
      ALTER TABLE movement_log ALTER COLUMN batch DROP DEFAULT;

      -- From this batch on usage is held against it; null: against nothing any more.
      ALTER TABLE deviation_norms ADD COLUMN from_batch bigint;
      UPDATE deviation_norms SET from_batch = 0 WHERE norms_no = (SELECT max(norms_no) FROM deviation_norms);

      -- Accounts whose signature remembers what was corrected since: upkeep makes it anew.
      CREATE TABLE corrected_accounts (
        account_id   text COLLATE "C" PRIMARY KEY,
        corrected_at timestamptz NOT NULL
      );
      CREATE INDEX corrected_accounts_by_age ON corrected_accounts (corrected_at);`);
    await runner.query(`
      INSERT INTO outbox (job, payload, created_at)
      SELECT 'rebuild-signatures', '{}', now()
       WHERE EXISTS (SELECT FROM deviation_signatures)
         AND NOT EXISTS (SELECT FROM outbox WHERE job = 'rebuild-signatures')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE corrected_accounts;
      ALTER TABLE deviation_norms DROP COLUMN from_batch;
      ALTER TABLE movement_log DROP COLUMN batch;
      ALTER TABLE signature_events DROP COLUMN arrived;
      ALTER TABLE usage DROP COLUMN arrived;
      DROP SEQUENCE usage_batches;`);
  }
}
