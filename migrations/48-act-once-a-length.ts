import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Windows that stay above a threshold act once a length: what was known of such windows said nothing of when they act next,
 * so it is forgotten, and they are read with the next usage in them.
 */
export class ActOnceALength1700000000048 implements MigrationInterface {
  name = 'ActOnceALength1700000000048';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `UPDATE window_bounds SET floor_micros = NULL, floor_from = NULL, floor_until = NULL WHERE floor_micros IS NOT NULL`,
    );
  }

  async down(): Promise<void> {
    // What is known of windows stays true.
  }
}
