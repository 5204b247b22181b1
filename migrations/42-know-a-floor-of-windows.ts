import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rolling windows that stay above a threshold are not read either. */
export class KnowAFloorOfWindows1700000000042 implements MigrationInterface {
  name = 'KnowAFloorOfWindows1700000000042';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- No window in the slot ends after latest_end; -infinity: none ends in it; NULL: it is not known. None that ends from
      -- floor_from on and before floor_until falls below floor_micros while nothing is credited.
      ALTER TABLE window_bounds
        ADD COLUMN latest_end timestamptz, ADD COLUMN floor_micros bigint, ADD COLUMN floor_from timestamptz,
        ADD COLUMN floor_until timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE window_bounds
        DROP COLUMN latest_end, DROP COLUMN floor_micros, DROP COLUMN floor_from, DROP COLUMN floor_until`);
  }
}
