import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Calls to premium numbers weigh more at the scales of hours and less at that of days: signatures are made anew, as if they always had. */
export class WeighPremiumByTheHour1700000000018 implements MigrationInterface {
  name = 'WeighPremiumByTheHour1700000000018';

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
