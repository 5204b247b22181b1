import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Where a subscription is used from is known also where a call to a third country begins a run: signatures are made anew, as if they
 * never had been.
 */
export class KnowWhereOneIs1700000000043 implements MigrationInterface {
  name = 'KnowWhereOneIs1700000000043';

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
