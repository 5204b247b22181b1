import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where very many accounts are to be held against a cap at once, importers go on meanwhile. */
export class LetCapsComeToHold1700000000029 implements MigrationInterface {
  name = 'LetCapsComeToHold1700000000029';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Which accounts have still to be held against which caps, and what the cap was before where it has changed.
      CREATE TABLE caps_to_hold (
        account_id      text COLLATE "C" NOT NULL,
        cap_id          uuid NOT NULL,
        before_version  integer,
        PRIMARY KEY (account_id, cap_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE caps_to_hold');
  }
}
