import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What near real time said at its highest is what a final version is held against, whichever came first. */
export class KnowTheHighestNearRealTime1700000000056 implements MigrationInterface {
  name = 'KnowTheHighestNearRealTime1700000000056';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Of the provisional version whose amount stands in near_amount_micros; NULL: of an interim one, or of a time when it was not kept.
      ALTER TABLE usage ADD COLUMN near_revision integer`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE usage DROP COLUMN near_revision');
  }
}
