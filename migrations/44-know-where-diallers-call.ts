import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Up to three number blocks at home are followed in place of one: signatures are made anew, as if they always had been.
 */
export class KnowWhereDiallersCall1700000000044 implements MigrationInterface {
  name = 'KnowWhereDiallersCall1700000000044';

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
