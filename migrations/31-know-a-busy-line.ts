import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A busy line at home that is tried again, and a talk at its end, are no machine that runs away: signatures are made anew, as if they
 * never had been.
 */
export class KnowABusyLine1700000000031 implements MigrationInterface {
  name = 'KnowABusyLine1700000000031';

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
