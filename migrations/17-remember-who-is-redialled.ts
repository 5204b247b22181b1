import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Signatures know the number that was weighed last: those of before can't be read any more, and are made anew from the ledger. */
export class RememberWhoIsRedialled1700000000017 implements MigrationInterface {
  name = 'RememberWhoIsRedialled1700000000017';

  async up(runner: QueryRunner): Promise<void> {
    await this.#makeAnew(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.#makeAnew(runner);
  }

  async #makeAnew(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO outbox (job, payload, created_at)
      SELECT 'rebuild-signatures', '{}', now() WHERE EXISTS (SELECT FROM deviation_signatures)`);
  }
}
