import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The signs of a brake stay when it lets go, and count no more: a verdict that puts the first one right finds by them what rules
 * had barred before the brake.
 */
export class KeepSeenSigns1700000000049 implements MigrationInterface {
  name = 'KeepSeenSigns1700000000049';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tariff_signs ADD COLUMN seen_at timestamptz;
      ALTER TABLE tariff_signs DROP CONSTRAINT tariff_signs_range_kind_account_id_record_id_key;
      CREATE UNIQUE INDEX tariff_signs_unseen ON tariff_signs (range, kind, account_id, record_id) WHERE seen_at IS NULL;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM tariff_signs WHERE seen_at IS NOT NULL;
      DROP INDEX tariff_signs_unseen;
      ALTER TABLE tariff_signs DROP COLUMN seen_at;
      ALTER TABLE tariff_signs ADD UNIQUE (range, kind, account_id, record_id);`);
  }
}
