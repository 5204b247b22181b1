import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What corrections of usage and changes of caps need to find again. */
export class FollowCorrections1700000000010 implements MigrationInterface {
  name = 'FollowCorrections1700000000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CROSSINGS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX crossings_of_cap');
  }
}

const CROSSINGS = `
  -- Of whom a cap has a threshold crossed that still acts.
  CREATE INDEX crossings_of_cap ON crossings (cap_id, period_end) WHERE uncrossed_at IS NULL;
`;
