import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a cap for many needs counted is counted before it holds, and importers count it meanwhile. */
export class CountAheadOfCaps1700000000027 implements MigrationInterface {
  name = 'CountAheadOfCaps1700000000027';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- What is counted though no cap asks for it yet. A row that nobody holds the lock of caps for was left by a process that died.
      CREATE TABLE counting_ahead (
        scope_kind  text COLLATE "C" NOT NULL CHECK (scope_kind IN ('everyone', 'segment')),
        scope_value text COLLATE "C" NOT NULL,
        traffic     text COLLATE "C" NOT NULL,
        period      text COLLATE "C" NOT NULL,
        currency    text COLLATE "C" NOT NULL,
        definition  jsonb NOT NULL,
        PRIMARY KEY (scope_kind, scope_value, traffic, period, currency)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE counting_ahead');
  }
}
