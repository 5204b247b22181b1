import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Signatures that are made anew hold each record against what was hot at its time. Of number blocks from before it is not known
 * since when they are: they are for all usage, as they were; and those whose time was over, for none.
 */
export class KnowWhenNumbersWereHot1700000000030 implements MigrationInterface {
  name = 'KnowWhenNumbersWereHot1700000000030';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM hot_numbers WHERE expires_at <= now();
      -- From this batch on usage is held against it.
      ALTER TABLE hot_numbers ADD COLUMN from_batch bigint NOT NULL DEFAULT 0;
      ALTER TABLE hot_numbers ALTER COLUMN from_batch DROP DEFAULT;

      -- What was hot once, and for which batches.
      CREATE TABLE cooled_numbers (
        range         text COLLATE "C" NOT NULL,
        from_batch    bigint NOT NULL,
        before_batch  bigint NOT NULL,
        PRIMARY KEY (range, from_batch)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE cooled_numbers;
      ALTER TABLE hot_numbers DROP COLUMN from_batch`);
  }
}
