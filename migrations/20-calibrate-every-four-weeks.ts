import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Where an account was silent, calibration was due again an hour after it had been done, on what an hour had noted. The first
 * one had read weeks of it: it holds again, and the next comes four weeks after the last.
 */
export class CalibrateEveryFourWeeks1700000000020 implements MigrationInterface {
  name = 'CalibrateEveryFourWeeks1700000000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO deviation_norms (fitted_at, accounts, calibrated_at, norms, calibration, from_batch)
      SELECT last.fitted_at, last.accounts, last.calibrated_at, last.norms, first.calibration, last.from_batch
        FROM (SELECT * FROM deviation_norms ORDER BY norms_no DESC LIMIT 1) last,
             (SELECT * FROM deviation_norms
               WHERE calibrated_at IS NOT NULL AND calibration #> '{settled,everyone,together,seen}' IS NOT NULL
               ORDER BY norms_no LIMIT 1) first
       WHERE last.calibrated_at > first.calibrated_at`);
  }

  async down(): Promise<void> {
    // What was fitted stays on record, and the newest holds.
  }
}
