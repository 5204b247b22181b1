import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Records that an importer could not look for on all days are looked for soon, and no longer by the next night alone. */
export class SettleWhatMovedSoon1700000000051 implements MigrationInterface {
  name = 'SettleWhatMovedSoon1700000000051';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE moved_records_sweep
        -- Whether importers have left something to it since the last one began.
        ADD COLUMN is_due boolean NOT NULL DEFAULT false,
        ADD COLUMN swept_at timestamptz,
        ADD COLUMN took_ms bigint NOT NULL DEFAULT 0`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE moved_records_sweep DROP COLUMN is_due, DROP COLUMN swept_at, DROP COLUMN took_ms`);
  }
}
