import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Evidence may go when it is old, and only where its chain says so; attempts at pages are counted for a minute; and
 * what operators were told is evidence. */
export class ExpireEvidenceAndAttempts1700000000013 implements MigrationInterface {
  name = 'ExpireEvidenceAndAttempts1700000000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(REMOVAL);
    await runner.query(ATTEMPTS);
    await runner.query(TOLD);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE operator_messages DROP COLUMN decisions;
      DROP TABLE answer_attempts;
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

const ATTEMPTS = `
  -- Who opens or answers by a link of a warning, and how often within a minute, for all processes together. Unlogged: after a
  -- crash the count begins anew.
  CREATE UNLOGGED TABLE answer_attempts (
    who       text COLLATE "C" PRIMARY KEY,
    since     timestamptz NOT NULL,
    attempts  integer NOT NULL
  );
  CREATE INDEX answer_attempts_by_age ON answer_attempts (since);
`;

const TOLD = `
  -- Of which decisions a message tells: when it is sent, or is given up, that goes into the evidence of their accounts.
  ALTER TABLE operator_messages ADD COLUMN decisions uuid[] NOT NULL DEFAULT '{}';
`;
