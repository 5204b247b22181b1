import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Number blocks that were hot once are forgotten with the usage that was held against them. */
export class ForgetCooledNumbers1700000000034 implements MigrationInterface {
  name = 'ForgetCooledNumbers1700000000034';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Of those from before it is not known when they cooled: no later than now.
      ALTER TABLE cooled_numbers ADD COLUMN cooled_at timestamptz NOT NULL DEFAULT now();
      ALTER TABLE cooled_numbers ALTER COLUMN cooled_at DROP DEFAULT`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE cooled_numbers DROP COLUMN cooled_at');
  }
}
