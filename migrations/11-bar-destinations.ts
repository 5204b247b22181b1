import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A hold bars one country or the numbers that begin alike, beside the classes that a suspension bars. */
export class BarDestinations1700000000011 implements MigrationInterface {
  name = 'BarDestinations1700000000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE suspensions DROP CONSTRAINT suspensions_class_check;
      ALTER TABLE suspensions ADD CONSTRAINT suspensions_class_check CHECK (
        class IN ('international', 'premium', 'outgoing') OR class ~ '^country:[A-Z]{2}$' OR class ~ '^prefix:[+][0-9]{1,15}$')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE suspensions DROP CONSTRAINT suspensions_class_check;
      ALTER TABLE suspensions ADD CONSTRAINT suspensions_class_check CHECK (class IN ('international', 'premium', 'outgoing'))`);
  }
}
