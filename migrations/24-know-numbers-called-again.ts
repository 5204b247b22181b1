import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A number that was called before weighs less, however lately, and numbers of one block weigh more from abroad as well: signatures are made
 * anew, as if they always had.
 */
export class KnowNumbersCalledAgain1700000000024 implements MigrationInterface {
  name = 'KnowNumbersCalledAgain1700000000024';

  async up(runner: QueryRunner): Promise<void> {
    await this.#makeAnew(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.#makeAnew(runner);
  }

  async #makeAnew(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO outbox (job, payload, created_at)
      SELECT 'rebuild-signatures', '{}', now()
       WHERE EXISTS (SELECT FROM deviation_signatures)
         AND NOT EXISTS (SELECT FROM outbox WHERE job = 'rebuild-signatures')`);
  }
}
