import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Deliveries of one feed at the same moment wrote one row, each waiting until the one before had committed. */
export class MarkFeedsSideBySide1700000000015 implements MigrationInterface {
  name = 'MarkFeedsSideBySide1700000000015';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- When usage of a feed last arrived, and the latest start it held: what is latest of its slots. Imports that follow
      -- one another have different slots.
      CREATE TABLE feed_marks (
        feed            text COLLATE "C" NOT NULL REFERENCES feeds ON DELETE CASCADE,
        slot            smallint NOT NULL,
        last_import_at  timestamptz NOT NULL,
        watermark       timestamptz,
        PRIMARY KEY (feed, slot)
      ) WITH (fillfactor = 20);
      INSERT INTO feed_marks SELECT feed, 0, last_import_at, watermark FROM feeds WHERE last_import_at IS NOT NULL;
      ALTER TABLE feeds DROP COLUMN last_import_at, DROP COLUMN watermark;
      CREATE VIEW feeds_seen AS
        SELECT feed, max(last_import_at) AS last_import_at, max(watermark) AS watermark FROM feed_marks GROUP BY feed`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE feeds ADD COLUMN last_import_at timestamptz, ADD COLUMN watermark timestamptz;
      UPDATE feeds f SET last_import_at = s.last_import_at, watermark = s.watermark FROM feeds_seen s WHERE s.feed = f.feed;
      DROP VIEW feeds_seen;
      DROP TABLE feed_marks`);
  }
}
