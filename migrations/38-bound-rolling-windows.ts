import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rolling windows are read from the ledger only where they may reach a threshold. */
export class BoundRollingWindows1700000000038 implements MigrationInterface {
  name = 'BoundRollingWindows1700000000038';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- What no window that ends within a window's length from slot_start can exceed. Where there is none it is not known,
      -- so any may go at any time.
      CREATE TABLE window_bounds (
        account_id   text COLLATE "C" NOT NULL,
        service_id   text COLLATE "C" NOT NULL,
        traffic      text COLLATE "C" NOT NULL,
        hours        integer NOT NULL,
        slot_start   timestamptz NOT NULL,
        spend_micros bigint NOT NULL,
        PRIMARY KEY (account_id, slot_start, hours, traffic, service_id)
      ) WITH (fillfactor = 50)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE window_bounds');
  }
}
