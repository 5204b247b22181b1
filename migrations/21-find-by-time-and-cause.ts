import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What grows for years is found by its time or its cause, not by going through all of it. A million rows take about a second;
 * nobody else writes to these tables meanwhile. (CONCURRENTLY would wait for the processes that wait for the migration.)
 */
export class FindByTimeAndCause1700000000021 implements MigrationInterface {
  name = 'FindByTimeAndCause1700000000021';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The import in which rejects were sent again: asked for when that import is forgotten.
      CREATE INDEX rejects_by_resending ON rejects (resent_in) WHERE resent_in IS NOT NULL;
      -- The newest of a feed: when it may be reconciled again.
      CREATE INDEX reconciliations_by_time ON reconciliations (feed, at);
      CREATE INDEX suspensions_of_decision ON suspensions (decision_id);
      CREATE INDEX crossings_of_account ON crossings (account_id, period_end);
      CREATE INDEX decisions_by_time ON decisions (at);`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX decisions_by_time, crossings_of_account, suspensions_of_decision, reconciliations_by_time,
                 rejects_by_resending`);
  }
}
