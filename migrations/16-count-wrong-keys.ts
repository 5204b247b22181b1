import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What counted attempts at pages for all processes together counts wrong keys as well. */
export class CountWrongKeys1700000000016 implements MigrationInterface {
  name = 'CountWrongKeys1700000000016';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE answer_attempts RENAME TO attempts;
      ALTER INDEX answer_attempts_pkey RENAME TO attempts_pkey;
      ALTER INDEX answer_attempts_by_age RENAME TO attempts_by_age`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER INDEX attempts_by_age RENAME TO answer_attempts_by_age;
      ALTER INDEX attempts_pkey RENAME TO answer_attempts_pkey;
      ALTER TABLE attempts RENAME TO answer_attempts`);
  }
}
