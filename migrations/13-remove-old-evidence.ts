import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Evidence may go when it is old, and only where its chain says so. */
export class RemoveOldEvidence1700000000013 implements MigrationInterface {
  name = 'RemoveOldEvidence1700000000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(REMOVAL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER evidence_is_removed_by_its_chain ON evidence;
      DROP FUNCTION refuse_removal;
      DROP TRIGGER evidence_is_append_only ON evidence;
      CREATE TRIGGER evidence_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()`);
  }
}

const REMOVAL = `
  DROP TRIGGER evidence_is_append_only ON evidence;
  CREATE TRIGGER evidence_is_append_only BEFORE UPDATE OR TRUNCATE ON evidence
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

  -- The beginning of a chain may go when a later entry says up to where, with the hash of the last that goes.
  CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (
      SELECT FROM (SELECT account_id, max(seq) AS through FROM removed GROUP BY 1) gone
       WHERE NOT EXISTS (
         SELECT FROM evidence e JOIN removed last ON (last.account_id, last.seq) = (gone.account_id, gone.through)
          WHERE e.account_id = gone.account_id AND e.seq > gone.through AND e.kind = 'evidence-removed'
            AND (e.body->>'through')::bigint = gone.through AND e.body->>'hash' = last.hash))
    THEN
      RAISE EXCEPTION 'evidence is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER evidence_is_removed_by_its_chain AFTER DELETE ON evidence REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
`;
