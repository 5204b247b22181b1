import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What corrections of usage and changes of caps need to find again. */
export class FollowCorrections1700000000010 implements MigrationInterface {
  name = 'FollowCorrections1700000000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CROSSINGS);
    await runner.query(MOVED_RECORDS);
    await runner.query(RECONCILIATION);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX crossings_of_cap;
      DROP TABLE moved_records_sweep;
      ALTER TABLE reconciliation_lines DROP COLUMN tariff;
      ALTER TABLE usage DROP COLUMN tariff;
      ALTER TABLE feeds DROP COLUMN settle_after_s`);
  }
}

const CROSSINGS = `
  -- Of whom a cap has a threshold crossed that still acts.
  CREATE INDEX crossings_of_cap ON crossings (cap_id, period_end) WHERE uncrossed_at IS NULL;
`;

const MOVED_RECORDS = `
  -- Up to which import records were looked for that stand on several days.
  CREATE TABLE moved_records_sweep (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    import_id bigint NOT NULL
  );
  INSERT INTO moved_records_sweep (import_id) VALUES (0);
`;

const RECONCILIATION = `
  -- By which tariff the origin rated a record, where it says so.
  ALTER TABLE usage ADD COLUMN tariff text COLLATE "C" NOT NULL DEFAULT '';
  ALTER TABLE reconciliation_lines ADD COLUMN tariff text COLLATE "C" NOT NULL DEFAULT '';
  ALTER TABLE reconciliation_lines DROP CONSTRAINT reconciliation_lines_pkey;
  ALTER TABLE reconciliation_lines ADD PRIMARY KEY (import_id, day, currency, country, tariff, feed, comparison);
  -- A nightly file may come in parts: how long none has to come before they are held against anything.
  ALTER TABLE feeds ADD COLUMN settle_after_s integer CHECK (settle_after_s > 0);
`;
