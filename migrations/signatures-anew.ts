import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What changes how signatures come from usage, and no table: they are made anew from the ledger, beside the work, as if it always
 * had been so; on the way back as well.
 */
export abstract class SignaturesAnew implements MigrationInterface {
  abstract readonly name: string;

  up(runner: QueryRunner): Promise<void> {
    return this.#makeAnew(runner);
  }

  down(runner: QueryRunner): Promise<void> {
    return this.#makeAnew(runner);
  }

  async #makeAnew(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO outbox (job, payload, created_at)
      SELECT 'rebuild-signatures', '{}', now()
       WHERE EXISTS (SELECT FROM deviation_signatures)
         AND NOT EXISTS (SELECT FROM outbox WHERE job = 'rebuild-signatures')`);
  }
}
